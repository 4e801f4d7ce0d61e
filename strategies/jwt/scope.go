package jwt

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gopassport/passport"
)

// RequireScope lets requests through whose token has all the scopes, and
// answers 403 with the challenge insufficient_scope (RFC 6750 section 3.1)
// otherwise. It goes behind Require:
//
//	mux.Handle("POST /notes", a.Require("jwt")(jwt.RequireScope(a, "notes:write")(create)))
//
// A request that something else than a token let in, such as a session, has no
// scopes. Where both are to be let in, ask [Token.HasScope] in a function of
// [passport.Authenticator.Allow].
func RequireScope[U any](a *passport.Authenticator[U], scopes ...string) passport.Middleware {
	if len(scopes) == 0 {
		panic("jwt: RequireScope needs a scope")
	}
	needed := strings.Join(scopes, " ")
	plain := (&challenges{}).scope(needed)
	return a.Allow(func(ctx context.Context, _ U) error {
		info := a.Info(ctx)
		if s, ok := info.(interface{ HasScope(...string) bool }); ok && s.HasScope(scopes...) {
			return nil
		}
		asked := plain
		if t, ok := info.(*Token); ok && t.challenges != nil {
			asked = t.challenges.scope(needed)
		}
		res, _ := passport.Result[U]{}.WithHeader("WWW-Authenticate", asked).Fail(&passport.Failure{
			Code: CodeInsufficientScope, Status: http.StatusForbidden,
			Message: "The token does not allow this.", Err: errors.New("jwt: the scope is missing: " + needed),
		})
		return res.Err()
	})
}

// scope is the challenge of a token that may do less.
func (c *challenges) scope(needed string) string {
	return c.bearer("error", "insufficient_scope", "error_description", "The token does not allow this", "scope", needed)
}
