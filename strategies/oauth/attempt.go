package oauth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopassport/passport"
)

const (
	life       = 10 * time.Minute
	maxOpen    = 8    // attempts of one browser
	maxCookie  = 2048 // name and value of an attempt's cookie, in bytes
	seedBytes  = 32
	stateBytes = 43 // of a state, in base64url
	nameBytes  = 8  // of the state, in its cookie's name
)

// What is sealed begins with one of these: what a browser posts is sealed too,
// and must never open as an attempt.
const (
	attemptTag = "A"
	extraTag   = "E"
)

// An attempt is one sign-in under way, as its cookie keeps it.
type attempt struct {
	seed     [seedBytes]byte
	purpose  string
	returnTo string // not of a link, which ends where it was wired to
	memo     string
	user     string // whom to link; empty otherwise
	flow     Flow   // derived from the seed, as is spend
	spend    [32]byte
}

func newAttempt(p Provider, env *passport.Env) *attempt {
	a := &attempt{purpose: string(env.Purpose()), user: linking(env)}
	if a.user == "" {
		a.returnTo = env.ReturnTo()
	}
	rand.Read(a.seed[:])
	a.derive(p)
	return a
}

// linking is the user whom a link is for.
func linking(env *passport.Env) string {
	if env.Purpose() != passport.EventLink {
		return ""
	}
	return env.UserID()
}

// derive makes of the seed what else is secret, as the one-step key derivation
// of NIST SP 800-56C (revision 2, section 4.1) does with SHA-256: no part tells
// anything of the seed or of the others. It is for this provider and redirect
// URL alone: for another one the same cookie has another state.
func (a *attempt) derive(p Provider) {
	info := "github.com/gopassport/passport oauth v2\x00" + p.Issuer() + "\x00" + p.RedirectURL()
	message := slices.Concat(make([]byte, 4), a.seed[:], []byte(info))
	next := func() [sha256.Size]byte {
		message[3]++ // the counter, of four bytes
		return sha256.Sum256(message)
	}
	var text [3 * stateBytes]byte
	for i := range 3 {
		key := next()
		base64.RawURLEncoding.Encode(text[i*stateBytes:], key[:])
	}
	all := string(text[:])
	a.flow = Flow{State: all[:stateBytes], Verifier: all[stateBytes : 2*stateBytes], Nonce: all[2*stateBytes:]}
	a.spend = next()
}

// cookie seals the attempt. The time before the dot is for dropping the
// oldest, and nothing else.
func (a *attempt) cookie(env *passport.Env) (*http.Cookie, error) {
	if strings.Contains(a.memo, "\x00") {
		return nil, errors.New("oauth: a Memo with a NUL")
	}
	now := time.Now()
	c := env.Cookie(cookieSuffix(a.flow.State))
	c.MaxAge = int(life.Seconds())
	for range 2 {
		plain := attemptTag + string(a.seed[:]) + strings.Join([]string{a.purpose, a.returnTo, a.memo, a.user}, "\x00")
		c.Value = strconv.FormatInt(now.UnixMilli(), 10) + "." + env.Seal([]byte(plain), now.Add(life))
		if len(c.Name)+len(c.Value) <= maxCookie {
			return c, nil
		}
		a.returnTo = "" // a long way costs the way, not the sign-in
	}
	return nil, errors.New("oauth: the provider's Memo, or the user's id, is too long for a cookie")
}

// openAttempt is the inverse of cookie.
func openAttempt(p Provider, env *passport.Env, value string) (*attempt, bool) {
	_, sealed, _ := strings.Cut(value, ".")
	plain, err := env.Open(sealed)
	plain, ours := bytes.CutPrefix(plain, []byte(attemptTag))
	if err != nil || !ours || len(plain) < seedBytes {
		return nil, false
	}
	fields := strings.SplitN(string(plain[seedBytes:]), "\x00", 4)
	if len(fields) != 4 {
		return nil, false
	}
	a := &attempt{purpose: fields[0], returnTo: fields[1], memo: fields[2], user: fields[3]}
	copy(a.seed[:], plain)
	a.derive(p)
	return a, true
}

// findAttempt finds the attempt that a state belongs to, in this browser.
func findAttempt(p Provider, r *http.Request, env *passport.Env, state string) (*attempt, error) {
	if len(state) != stateBytes {
		return nil, invalidState("no state, or one of another make")
	}
	for _, c := range r.CookiesNamed(env.Cookie(cookieSuffix(state)).Name) {
		a, ok := openAttempt(p, env, c.Value)
		if !ok || subtle.ConstantTimeCompare([]byte(a.flow.State), []byte(state)) != 1 {
			continue
		}
		switch {
		case a.purpose != string(env.Purpose()):
			return nil, invalidState("the state is for another purpose")
		case a.user != linking(env):
			return nil, invalidState("another user is signed in now")
		}
		return a, nil
	}
	return nil, invalidState("the state is not of this browser, or too old")
}

// cookiePrefix begins the suffix of an attempt's cookie. A part of the state
// follows.
const cookiePrefix = "flow-"

func cookieSuffix(state string) string { return cookiePrefix + state[:nameBytes] }

// gone removes the cookie of an attempt.
func gone(env *passport.Env, suffix string) string {
	c := env.Cookie(suffix)
	c.MaxAge = -1
	return c.String()
}

// oldest are the suffixes of cookies to remove so that there is room for one
// more. Whoever changed the times in them drops attempts of his own.
func oldest(r *http.Request, env *passport.Env) (suffixes []string) {
	if r.Header["Cookie"] == nil {
		return nil
	}
	type dated struct {
		suffix string
		at     int64
	}
	var open []dated
	prefix := env.Cookie(cookiePrefix).Name
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, prefix) && len(c.Name) == len(prefix)+nameBytes {
			at, _, _ := strings.Cut(c.Value, ".")
			ms, _ := strconv.ParseInt(at, 10, 64) // 0, if it is none
			open = append(open, dated{cookiePrefix + c.Name[len(prefix):], ms})
		}
	}
	slices.SortStableFunc(open, func(a, b dated) int { return int(min(max(a.at-b.at, -1), 1)) })
	for _, d := range open[:max(0, len(open)-maxOpen+1)] {
		suffixes = append(suffixes, d.suffix)
	}
	return suffixes
}
