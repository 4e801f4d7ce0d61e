package oauth

import (
	"net/http"

	"github.com/gopassport/passport"
)

// Plant makes the cookie and the state of an attempt for any purpose and user.
func Plant(p Provider, env *passport.Env, purpose passport.Event, user string) (setCookie, state string) {
	a := newAttempt(p, env)
	a.purpose, a.user = string(purpose), user
	c, err := a.cookie(env)
	if err != nil {
		panic(err)
	}
	return c.String(), a.flow.State
}

// Opens tells whether the value of a cookie is an attempt.
func Opens(p Provider, env *passport.Env, value string) bool {
	_, ok := openAttempt(p, env, value)
	return ok
}

// MayBegin is mayBegin, for the purposes that no handler has yet.
func MayBegin(r *http.Request, purpose passport.Event, user string) bool {
	return mayBegin(r, purpose, user)
}

// ReadAnswer is readAnswer, for its fuzz target.
func ReadAnswer(encoded string, extras []string) (code, state, iss string, extra map[string]string, err error) {
	a, err := readAnswer(encoded, extras)
	return a.code, a.state, a.iss, a.extra, err
}
