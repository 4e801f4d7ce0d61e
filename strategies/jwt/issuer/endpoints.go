package issuer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/challenge"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

// EndpointsConfig of [NewEndpoints]. Auth, Serializer, Issuer and Families are
// needed.
type EndpointsConfig[U any] struct {
	// Auth knows who asks for tokens. Its Handler belongs around the endpoints.
	Auth *passport.Authenticator[U]
	// Serializer is that of Auth: what it makes of a user is the sub of the
	// tokens, and at each refresh it finds the user again. A user who is gone
	// ends the family; so does a changed stamp, where it is a
	// passport.Stamper.
	Serializer passport.Serializer[U]
	Issuer     *Issuer
	Families   *refresh.Families

	// Grant says what the user's token is to say, at the first token and at each
	// refresh: roles that were taken away are gone with the next refresh. The
	// Scope of the grant it gets is what the client asked for: it has to return
	// what the user may, or [ErrInvalidScope]. At a refresh that Scope is what the
	// client may have at most, and what is returned beyond it is left out: new
	// roles come with the next sign-in. What refuses elsewhere ends the family.
	// Default: tokens have no scope.
	Grant func(ctx context.Context, user U, g Grant) (Grant, error)

	// Cookie is for browsers: the refresh token travels in the cookie of that
	// name behind the prefix __Host-, which no script sees, and not in bodies.
	// Requests of another origin are refused with it. Default: no cookie.
	Cookie string
	// TrustedOrigins ("https://app.example.com") may send requests with the
	// cookie.
	TrustedOrigins []string

	// Logger gets refusals. Default slog.Default().
	Logger *slog.Logger
}

// Endpoints are the handlers that an API's clients get their tokens from. They
// answer POST alone, in JSON, and are never cached. Refusals are problems (RFC
// 9457) with the error of RFC 6749 section 5.2 as a member.
//
//	e := issuer.NewEndpoints(issuer.EndpointsConfig[*User]{…})
//	mux.Handle("POST /tokens", a.Require("session", "local")(e.Mint()))
//	mux.Handle("POST /tokens/refresh", e.Refresh())
//	mux.Handle("POST /tokens/revoke", e.Revoke())
type Endpoints[U any] struct {
	c       EndpointsConfig[U]
	stamper passport.Stamper[U]
	isNil   func(U) bool
	cross   *http.CrossOriginProtection
	log     *slog.Logger
}

// NewEndpoints returns Endpoints. It panics on wiring mistakes.
func NewEndpoints[U any](c EndpointsConfig[U]) *Endpoints[U] {
	if c.Auth == nil || absent.Nil(c.Serializer) || c.Issuer == nil || c.Families == nil {
		panic("issuer: EndpointsConfig needs Auth, Serializer, Issuer and Families")
	}
	if c.Cookie != "" && (!challenge.Token(c.Cookie) || strings.HasPrefix(c.Cookie, "__")) {
		panic("issuer: EndpointsConfig.Cookie is a name of letters, digits and hyphens; the prefix __Host- is put before it")
	}
	e := &Endpoints[U]{c: c, isNil: absent.User[U](), cross: http.NewCrossOriginProtection(), log: c.Logger}
	e.stamper, _ = c.Serializer.(passport.Stamper[U])
	if e.log == nil {
		e.log = slog.Default()
	}
	for _, origin := range c.TrustedOrigins {
		if err := e.cross.AddTrustedOrigin(origin); err != nil {
			panic("issuer: EndpointsConfig.TrustedOrigins: " + err.Error())
		}
	}
	return e
}

// Mint gives the user whom Require let in a first access token and a refresh
// token. What Require takes decides who can get one: the session, a password,
// a second factor; never a bearer token, or whoever has one for a moment has it
// for months. A family that a session asked for ends with the session's
// absolute lifetime at the latest, though not with a sign-out.
//
// Its tokens say how and when the person signed in, where the session knows it.
// Of another strategy they say when, which is now; how is known to Grant alone,
// which may set Factors where Authenticator.Strategy is "local".
//
// The form may have a scope; a body that is no form, such as a sign-in in JSON,
// asks for none. The answer is that of RFC 6749 section 5.1.
func (e *Endpoints[U]) Mint() http.Handler { return e.endpoint(parseAny, e.mint) }

func (e *Endpoints[U]) mint(w http.ResponseWriter, r *http.Request, form fields) error {
	ctx := r.Context()
	user, ok := e.c.Auth.User(ctx)
	if !ok {
		return (passport.Result[U]{}).Err()
	}
	id, err := e.c.Serializer.Serialize(ctx, user)
	if err != nil {
		return err
	}
	family := refresh.Family{User: id, Stamp: e.stamp(user), AuthTime: time.Now(), Agent: r.UserAgent()}
	if e.c.Auth.Strategy(ctx) == "session" {
		s := e.c.Auth.Session(ctx).Record()
		family.Factors, family.AuthTime, family.Expires = s.Factors, time.Time{}, time.UnixMilli(s.Absolute)
		if s.AuthTime != 0 {
			family.AuthTime = time.UnixMilli(s.AuthTime)
		}
	}
	if env := passport.EnvOf(ctx); env != nil && env.Client().IsValid() {
		family.Address = env.Client().String()
	}
	g, err := e.grant(ctx, user, family, form.scope)
	if err != nil {
		return err
	}
	family.Scope, family.Client, family.Factors = g.Scope, g.Client, g.Factors
	access, _, err := e.c.Issuer.Issue(g)
	if err != nil {
		return err
	}
	token, family, err := e.c.Families.Begin(ctx, family)
	if err != nil {
		return unavailable(err)
	}
	e.answer(w, access, g.Scope, token, family.Expires)
	return nil
}

// Refresh answers a refresh token with the next one and an access token: a
// form with grant_type=refresh_token and refresh_token, or the cookie, and
// maybe a scope within the one that was granted (RFC 6749 section 6). It can
// be the TokenURL of a golang.org/x/oauth2 client.
func (e *Endpoints[U]) Refresh() http.Handler { return e.endpoint(parse, e.refresh) }

func (e *Endpoints[U]) refresh(w http.ResponseWriter, r *http.Request, form fields) error {
	switch form.grantType {
	case "refresh_token":
	case "":
		return malformed("no grant_type")
	default:
		return refuse(CodeUnsupportedGrantType, "The grant type is not refresh_token.", errors.New("issuer: another grant_type"))
	}
	token, err := e.token(r, form.refreshToken)
	if err != nil {
		return err
	}
	var g Grant
	next, family, err := e.c.Families.Refresh(r.Context(), token, func(ctx context.Context, family refresh.Family) error {
		if form.clientID != "" && form.clientID != family.Client {
			return refuse(CodeInvalidGrant, "The refresh token is not valid. Sign in again.", errors.New("issuer: the token is of another client"))
		}
		scope, ok := within(form.scope, family.Scope)
		if !ok {
			return ErrInvalidScope
		}
		user, err := e.c.Serializer.Deserialize(ctx, family.User)
		if err != nil {
			return err
		}
		if e.isNil(user) {
			return passport.ErrNoUser
		}
		if subtle.ConstantTimeCompare([]byte(e.stamp(user)), []byte(family.Stamp)) != 1 {
			return passport.ErrNoUser
		}
		g, err = e.grant(ctx, user, family, scope)
		g.Scope = both(g.Scope, scope)
		return err
	})
	if errors.Is(err, refresh.ErrInvalid) {
		e.forget(w)
		return refuse(CodeInvalidGrant, "The refresh token is not valid. Sign in again.", err)
	}
	if err != nil {
		return unavailable(err)
	}
	access, _, err := e.c.Issuer.Issue(g)
	if err != nil {
		return err
	}
	e.answer(w, access, g.Scope, next, family.Expires)
	return nil
}

// Revoke ends the family of a refresh token: a form with token, or the cookie
// (RFC 7009). It answers 200 also where there was none. Access tokens go on
// until they expire, and revoking one here is refused with
// unsupported_token_type: see package revocation.
func (e *Endpoints[U]) Revoke() http.Handler { return e.endpoint(parse, e.revoke) }

func (e *Endpoints[U]) revoke(w http.ResponseWriter, r *http.Request, form fields) error {
	token, err := e.token(r, form.token)
	if err != nil {
		return err
	}
	if strings.Count(token, ".") == 2 {
		return refuse(CodeUnsupportedTokenType, "Access tokens are not revoked here.", errors.New("issuer: an access token"))
	}
	if err := e.c.Families.Revoke(r.Context(), token); err != nil {
		return unavailable(err)
	}
	e.forget(w)
	w.WriteHeader(http.StatusOK)
	return nil
}

// grant is what the token of a family says.
func (e *Endpoints[U]) grant(ctx context.Context, user U, family refresh.Family, scope string) (Grant, error) {
	g := Grant{Subject: family.User, Client: family.Client, AuthTime: family.AuthTime, Factors: family.Factors}
	if g.Client == "" {
		g.Client = e.c.Issuer.c.Client
	}
	if e.c.Grant == nil {
		return g, nil
	}
	g.Scope = scope
	return e.c.Grant(ctx, user, g)
}

// stamp is a hash of the user's stamp, so that a token's record tells nothing
// of it.
func (e *Endpoints[U]) stamp(user U) string {
	if e.stamper == nil {
		return ""
	}
	sum := sha256.Sum256([]byte("refresh\x00" + e.stamper.Stamp(user)))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// within is the scope that is asked for, or all of it where none is; false
// where it exceeds what was granted.
func within(asked, granted string) (string, bool) {
	if asked == "" {
		return granted, true
	}
	all := strings.Fields(granted)
	for s := range strings.FieldsSeq(asked) {
		if !slices.Contains(all, s) {
			return "", false
		}
	}
	return asked, true
}

// both is what is in the one scope and in the other: a refresh adds nothing to
// what was granted (RFC 6749 section 6).
func both(scope, other string) string {
	all := strings.Fields(other)
	return strings.Join(slices.DeleteFunc(strings.Fields(scope), func(s string) bool { return !slices.Contains(all, s) }), " ")
}

// answer is RFC 6749 section 5.1.
func (e *Endpoints[U]) answer(w http.ResponseWriter, access, scope, next string, until time.Time) {
	body := struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		RefreshToken string `json:"refresh_token,omitempty"`
		Scope        string `json:"scope,omitempty"`
	}{access, "Bearer", int64(e.c.Issuer.c.Lifetime.Seconds()), next, scope}
	if e.c.Cookie != "" {
		body.RefreshToken = ""
		c := e.cookie(next)
		c.Expires = until
		sessions.SetCookie(w, c)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(body)
}
