package jwt

import (
	"context"
	"errors"
	"strings"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/bearertoken"
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
	cause := errors.New("jwt: the scope is missing: " + needed)
	plain := bearertoken.Answers{}.InsufficientScope(needed, cause)
	return a.Allow(func(ctx context.Context, _ U) error {
		info := a.Info(ctx)
		if s, ok := info.(interface{ HasScope(...string) bool }); ok && s.HasScope(scopes...) {
			return nil
		}
		f := plain
		if t, ok := info.(*Token); ok && t.answers != nil {
			f = t.answers.InsufficientScope(needed, cause)
		}
		res, _ := bearertoken.Fail(passport.Result[U]{}, f)
		return res.Err()
	})
}
