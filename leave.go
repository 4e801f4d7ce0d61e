package passport

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gopassport/passport/internal/onetime"
	"github.com/gopassport/passport/internal/returnto"
	"github.com/gopassport/passport/sessions"
)

// What waits in the browser, sealed, and is taken once.
const (
	returnToCookie = "return"
	flashCookie    = "flash"
)

func (c *core) jar() onetime.Jar {
	return onetime.Jar{Sealer: c.sealer, Cookie: c.cookie, Spend: c.spend}
}

// spendHere is spend in this process, since a stranger can have any number of
// messages and must not write to the database by them.
func (c *core) spendHere(ctx context.Context, purpose string, id []byte, until time.Time) error {
	err := c.here.Once(ctx, onceKey(purpose, id), until)
	if errors.Is(err, sessions.ErrFull) {
		return nil // a message twice is better than none
	}
	return err
}

// cookie is a cookie beside the session's, with its attributes.
func (c *core) cookie(suffix string) *http.Cookie {
	if like, ok := c.keeper.(interface{ Cookie(string) *http.Cookie }); ok {
		return like.Cookie(suffix)
	}
	return &http.Cookie{
		Name: "__Host-passport-" + suffix, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// leaveReturnTo remembers what the browser asked for.
func (c *core) leaveReturnTo(w http.ResponseWriter, r *http.Request) {
	to := r.RequestURI // what the browser sent: a router may have cut r.URL
	if !returnto.Local(to) {
		to = r.URL.RequestURI()
	}
	if returnto.Local(to) {
		c.jar().Leave(w, returnToCookie, []byte(to))
	}
}

// takeReturnTo is where the browser was on its way to, once. An outage costs
// the way, not the sign-in.
func (c *core) takeReturnTo(w http.ResponseWriter, r *http.Request) string {
	to, err := c.jar().Take(w, r, returnToCookie)
	if err != nil {
		c.log.WarnContext(r.Context(), "passport: could not spend the return-to", "error", err)
	}
	return local(to)
}

// local is to, if it is a path on this origin.
func local(to []byte) string {
	if !returnto.Local(string(to)) {
		return ""
	}
	return string(to)
}

// isPage tells whether the request is for the page itself, so that nobody is
// sent in a circle.
func isPage(r *http.Request, page string) bool {
	u, err := url.Parse(page)
	return err == nil && (u.Host == "" || u.Host == r.Host) && u.Path == r.URL.Path
}

// Flash leaves messages for the next page that calls Flashes, in the place of
// any that no page has taken yet. It sets a cookie: call it before the first
// byte of the response. False: together they exceed what a cookie holds, about
// 2,900 bytes.
func (a *Authenticator[U]) Flash(w http.ResponseWriter, messages ...string) bool {
	value, _ := json.Marshal(messages)
	return a.jar().Leave(w, flashCookie, value)
}

// flash leaves one message of the options, if there is any.
func (a *Authenticator[U]) flash(w http.ResponseWriter, r *http.Request, message string) {
	if message != "" && !a.Flash(w, message) {
		a.log.ErrorContext(r.Context(), "passport: a message is too long for a cookie", "bytes", len(message))
	}
}

// Flashes returns the messages that were left, at most once on each instance of
// the site: a second request that asks at the same time gets none. It removes
// their cookie: call it before the first byte of the response.
func (a *Authenticator[U]) Flashes(w http.ResponseWriter, r *http.Request) ([]string, error) {
	jar := a.jar()
	jar.Spend = a.spendHere
	value, err := jar.Take(w, r, flashCookie)
	if err != nil || value == nil {
		return nil, err
	}
	var messages []string
	err = json.Unmarshal(value, &messages)
	return messages, err
}
