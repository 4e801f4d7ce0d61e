package oidcprovider

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// A LogoutToken says whose sessions end (OpenID Connect Back-Channel Logout
// 1.0 section 2.4). Subject or SID may be empty, not both.
type LogoutToken struct {
	Issuer, Subject, SID string

	id     string // jti
	issued int64  // iat, in seconds
	until  time.Time
}

// backChannelTimeout bounds a logout, what is asked of the provider included.
const backChannelTimeout = 10 * time.Second

// maxLogout bounds the body of a logout request, in bytes.
const maxLogout = 64 << 10

// logoutEvent is what the events claim has to have.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// BackChannelHandler ends sessions when the provider says so (OpenID Connect
// Back-Channel Logout 1.0): those that were begun with the sid of its token,
// or, if it has none, all that were begun with its sub. Register its URL at
// the provider as the backchannel_logout_uri, and with sessions required: it
// takes POST alone, needs no cookie, and may be below the Authenticator's
// Handler or beside it.
//
// userID says whose account a token's Issuer and Subject are, as Serializer
// has it. passport.ErrNoUser says that there is none. Where the provider sends
// tokens with a SID alone, it has to find the account by that.
//
// A logout token needs a signature as an ID token does, the type logout+jwt,
// JWT or none, iss, aud, exp, an iat of the last quarter of an hour, events,
// sub or sid, no nonce, and a jti that was not used before, which the Manager's
// store remembers; where a store was down, it may come again for the sessions
// that are left. The answer is 200, or 400 for a token that is not good and
// for sessions that could not be ended (section 2.7 knows no other); the
// logger, slog.Default() if it is nil, hears why. It panics on wiring mistakes.
func BackChannelHandler(p *Provider, m *sessions.Manager, userID func(ctx context.Context, t LogoutToken) (string, error), logger *slog.Logger) http.Handler {
	if p == nil || m == nil || userID == nil {
		panic("oidcprovider: BackChannelHandler needs a provider, a Manager, and a function that says whose account a subject is")
	}
	if logger == nil {
		logger = slog.Default()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), backChannelTimeout)
		defer cancel()
		raw, err := logoutToken(r)
		ended := 0
		if err == nil {
			ended, err = p.signOut(ctx, m, userID, raw)
		}
		if err != nil {
			logger.ErrorContext(ctx, "oidcprovider: a back-channel logout failed", "issuer", p.Issuer(), "error", err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_request"}`)
			return
		}
		logger.InfoContext(ctx, "oidcprovider: signed out by the provider", "issuer", p.Issuer(), "sessions", ended)
	})
}

// logoutToken is the one parameter of the request.
func logoutToken(r *http.Request) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return "", errors.New("oidcprovider: a logout request that is no form")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxLogout+1))
	if err != nil || len(body) > maxLogout {
		return "", errors.New("oidcprovider: a logout request that cannot be read, or is too long")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", errors.New("oidcprovider: a logout request that has not one logout_token")
	}
	return form.Get("logout_token"), nil
}

// signOut ends the sessions that a logout token is about, and counts them.
func (p *Provider) signOut(ctx context.Context, m *sessions.Manager, userID func(context.Context, LogoutToken) (string, error), raw string) (ended int, err error) {
	t, err := p.logoutToken(ctx, raw)
	if err != nil {
		return 0, err
	}
	user, err := userID(ctx, *t)
	if errors.Is(err, passport.ErrNoUser) && t.Subject != "" {
		err = nil // the user "" has no sessions
	}
	if err != nil {
		return 0, err
	}
	key := sha256.Sum256([]byte(strings.Join([]string{"backchannel-logout", t.Issuer, p.config().ClientID, t.id}, "\x00")))
	used := m.Once(ctx, key, t.until)
	if used != nil && !errors.Is(used, sessions.ErrUsed) {
		return 0, used
	}
	ended, err = t.end(ctx, m, user, used != nil)
	if err == nil && ended == 0 {
		err = used
	}
	return ended, err
}

// end ends the sessions of a user that the token names, until there are none:
// one that signs in once more meanwhile has another handle. A token that comes
// again may be the provider's second try, after a store that was down, or
// somebody's who has seen it: no session that is younger than it ends.
func (t *LogoutToken) end(ctx context.Context, m *sessions.Manager, user string, again bool) (ended int, err error) {
	for {
		records, err := m.List(ctx, user)
		if err != nil {
			return ended, err
		}
		records = slices.DeleteFunc(records, func(r sessions.Record) bool { return !t.ends(r, again) })
		if len(records) == 0 {
			return ended, nil
		}
		for _, record := range records {
			switch err := m.Revoke(ctx, user, record.ID.Handle()); {
			case err == nil:
				ended++
			case !errors.Is(err, sessions.ErrNotFound):
				return ended, err
			}
		}
		if err := ctx.Err(); err != nil {
			return ended, err
		}
	}
}

// ends tells whether a session was begun with the provider's session, or by the
// subject, that the token names, and, for a token that comes again, before it.
func (t *LogoutToken) ends(r sessions.Record, again bool) bool {
	var view sessions.Session
	view.Open(nil, r)
	s, ok := SessionKey.Get(&view)
	return ok && s.Issuer == t.Issuer && (t.Subject == "" || s.Subject == t.Subject) && (t.SID == "" || s.SID == t.SID) &&
		(!again || s.IssuedAt <= t.issued)
}

// logoutToken verifies a logout token (Back-Channel Logout section 2.6).
func (p *Provider) logoutToken(ctx context.Context, raw string) (*LogoutToken, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return nil, err
	}
	_, claims, err := p.verify(ctx, m, raw, "logout+jwt", "JWT", "")
	if err != nil {
		return nil, err
	}
	if _, there := claims["nonce"]; there {
		return nil, bad("has a nonce")
	}
	if event, ok := claims.Object("events")[logoutEvent].(map[string]any); !ok || event == nil {
		return nil, bad("is about no logout")
	}
	t := &LogoutToken{Issuer: claims.String("iss"), Subject: claims.String("sub"), SID: claims.String("sid"), id: claims.String("jti")}
	for _, name := range []string{"sub", "sid"} {
		if value, there := claims[name]; there && value != "" && claims.String(name) == "" {
			return nil, bad("has a %s that is no text", name)
		}
	}
	if t.id == "" || t.Subject == "" && t.SID == "" {
		return nil, bad("has no jti, or names nobody")
	}
	iat, _ := instant(claims, "iat") // there is one
	t.issued = iat.Unix()
	// It is refused as too old after that.
	t.until = time.Now().Add(maxOld + leeway)
	return t, nil
}
