package issuer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/formbody"
	"github.com/gopassport/passport/internal/problem"
	"github.com/gopassport/passport/sessions"
)

// The codes of the refusals of [Endpoints], besides passport's own: all 400.
// With underscores they are the errors of RFC 6749 section 5.2 and RFC 7009
// section 2.2.1.
const (
	CodeInvalidRequest       = "invalid-request"
	CodeInvalidGrant         = "invalid-grant"
	CodeInvalidScope         = "invalid-scope"
	CodeUnsupportedGrantType = "unsupported-grant-type"
	CodeUnsupportedTokenType = "unsupported-token-type"
)

// ErrInvalidScope is for EndpointsConfig.Grant: the user may not have the
// scope that was asked for.
var ErrInvalidScope = errors.New("issuer: the scope exceeds what is granted")

// A refusal is what an endpoint answers as RFC 6749 has it. It is no
// passport.Failure, and does not unwrap to one: it ends no family.
type refusal struct {
	code, message string
	cause         error // for logs
}

func (e *refusal) Error() string { return e.cause.Error() }

func refuse(code, message string, cause error) error { return &refusal{code, message, cause} }

func malformed(cause string) error {
	return refuse(CodeInvalidRequest, "The request is malformed.", errors.New("issuer: "+cause))
}

// unavailable is an outage of the store or of the application.
func unavailable(err error) error {
	_, ours := errors.AsType[*refusal](err)
	_, chosen := errors.AsType[*passport.Failure](err)
	if ours || chosen || errors.Is(err, ErrInvalidScope) {
		return err
	}
	return &passport.Failure{Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
}

// fields are what the forms of the endpoints may have. Others are ignored.
type fields struct{ grantType, refreshToken, token, scope, clientID string }

const maxForm = 16 << 10 // bytes

// parse reads a form, if there is any.
func parse(r *http.Request) (f fields, err error) {
	if r.Header.Get("Content-Type") == "" && r.ContentLength == 0 {
		return f, nil
	}
	if !formbody.Is(r) {
		return f, malformed("the body is no application/x-www-form-urlencoded in UTF-8")
	}
	form, err := formbody.Values(r, maxForm)
	for name, into := range map[string]*string{
		"grant_type": &f.grantType, "refresh_token": &f.refreshToken, "token": &f.token, "scope": &f.scope, "client_id": &f.clientID,
	} {
		if err == nil {
			*into, err = formbody.Field(form, name)
		}
	}
	for _, why := range []error{formbody.ErrTooLarge, formbody.ErrMalformed, formbody.ErrRepeated} {
		if errors.Is(err, why) {
			return f, malformed(err.Error())
		}
	}
	if err == nil && !isScope(f.scope) {
		return f, refuse(CodeInvalidScope, "The scope is malformed.", errors.New("issuer: the scope is malformed"))
	}
	return f, err
}

// parseAny is parse where the body may be somebody else's, in another format.
func parseAny(r *http.Request) (fields, error) {
	if !formbody.Is(r) {
		return fields{}, nil
	}
	return parse(r)
}

// isScope tells whether s is one (RFC 6749 section 3.3), or empty.
func isScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= 1<<10
}

// An action is what one endpoint does, once its form is parsed.
type action func(http.ResponseWriter, *http.Request, fields) error

// endpoint is what all handlers have in common.
func (e *Endpoints[U]) endpoint(parse func(*http.Request) (fields, error), do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if err := e.serve(w, r, parse, do); err != nil {
			e.fail(w, r, err)
		}
	})
}

// serve returns before anything is written, or without an error. A panic of
// the application's functions is one.
func (e *Endpoints[U]) serve(w http.ResponseWriter, r *http.Request, parse func(*http.Request) (fields, error), do action) (err error) {
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			panic(p)
		}
		if p != nil {
			e.log.ErrorContext(r.Context(), "issuer: panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("issuer: panic in a function of the application")
		}
	}()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return &passport.Failure{Code: passport.CodeMethodNotAllowed, Status: http.StatusMethodNotAllowed}
	}
	if e.c.Cookie != "" {
		if err := e.cross.Check(r); err != nil {
			return &passport.Failure{Code: passport.CodeCrossOrigin, Status: http.StatusForbidden, Err: err}
		}
	}
	form, err := parse(r)
	if err != nil {
		return err
	}
	return do(w, r, form)
}

// fail answers a refusal, and has the Authenticator answer everything else.
func (e *Endpoints[U]) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrInvalidScope) {
		err = refuse(CodeInvalidScope, "The scope exceeds what is granted.", err)
	}
	f, ok := errors.AsType[*refusal](err)
	if !ok {
		e.c.Auth.Refuse(w, r, err)
		return
	}
	id := rand.Text()
	w.Header().Set("X-Request-Id", id)
	e.log.LogAttrs(r.Context(), slog.LevelInfo, "issuer: refused",
		slog.String("code", f.code), slog.String("request_id", id), slog.String("cause", f.Error()))
	problem.Write(w, r, problem.Details{
		Status: http.StatusBadRequest, Code: f.code, Detail: f.message, RequestID: id,
		Error: strings.ReplaceAll(f.code, "-", "_"),
	})
}

// token is the refresh token of the form or the cookie.
func (e *Endpoints[U]) token(r *http.Request, inForm string) (string, error) {
	var found []string
	if inForm != "" {
		found = append(found, inForm)
	}
	if e.c.Cookie != "" {
		for _, c := range r.CookiesNamed(e.cookie("").Name) {
			found = append(found, c.Value)
		}
	}
	switch len(found) {
	case 0:
		return "", malformed("no token")
	case 1:
		return found[0], nil
	}
	return "", malformed("more than one token")
}

// cookie is what the token travels in: to this host alone, by https, out of
// the reach of scripts, and never with a request of another site.
func (e *Endpoints[U]) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: "__Host-" + e.c.Cookie, Value: value, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// forget expires the cookie of a family that has ended.
func (e *Endpoints[U]) forget(w http.ResponseWriter) {
	if e.c.Cookie == "" {
		return
	}
	c := e.cookie("")
	c.MaxAge, c.Expires = -1, time.Unix(1, 0)
	sessions.SetCookie(w, c)
}
