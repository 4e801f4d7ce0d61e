package passport

import (
	"context"
	"net/http"
	"time"
)

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Require lets a request through when one of the strategies knows its user,
// in order; no names: the session. Everything else is refused: see
// [Authenticator.Refuse]. It panics when a name is not registered.
//
// A decision that is not the session's hides the session's user.
func (a *Authenticator[U]) Require(names ...string) Middleware {
	return a.middleware(a.mustChain(names), false)
}

// Optional is Require that lets a request without credentials through as
// nobody. Credentials that are wrong are refused all the same.
func (a *Authenticator[U]) Optional(names ...string) Middleware {
	return a.middleware(a.mustChain(names), true)
}

func (a *Authenticator[U]) middleware(links []link[U], optional bool) Middleware {
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("passport: Require and Optional need a handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r, ok := a.check(w, r, links, optional); ok {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// RequireFunc is Require around a function that is handed the user.
func (a *Authenticator[U]) RequireFunc(h func(http.ResponseWriter, *http.Request, U), names ...string) http.Handler {
	if h == nil {
		panic("passport: RequireFunc needs a function")
	}
	links := a.mustChain(names)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r, ok := a.check(w, r, links, false); ok {
			user, _ := a.User(r.Context())
			h(w, r, user)
		}
	})
}

// Check is Require for routers whose middleware has another shape: it returns
// the request to go on with, or answers the refusal and returns false. A name
// that is not registered answers 500.
func (a *Authenticator[U]) Check(w http.ResponseWriter, r *http.Request, names ...string) (*http.Request, bool) {
	links, err := a.chain(names)
	if err != nil {
		a.Refuse(w, r, err)
		return r, false
	}
	return a.check(w, r, links, false)
}

func (a *Authenticator[U]) check(w http.ResponseWriter, r *http.Request, links []link[U], optional bool) (*http.Request, bool) {
	start := time.Now()
	r, st := a.enter(r)
	res, env, err := decide(&st.env, r, links, EventRequire, a.isNil)
	a.attemptResult(r, env, EventRequire, res, err, start)
	if err == nil && res.outcome != Succeeded && !(optional && res.outcome == Passed) {
		err = res.Err()
	}
	if err != nil {
		a.Refuse(w, r, err)
		return r, false
	}
	if _, hidden := a.met(r.Context()); hidden != nil || res.strategy != sessionName {
		r = r.WithContext(&admission[U]{r.Context(), st, res, st.changes})
	}
	a.addHeader(w.Header(), res.details().header)
	if res.outcome == Succeeded {
		personal(w.Header())
	}
	return r, true
}

// Allow lets a user through of whom check returns nil. ErrForbidden answers
// 403; other errors are those of every function of the application. It goes
// behind Require: a request without a user is refused with 401.
func (a *Authenticator[U]) Allow(check func(ctx context.Context, user U) error) Middleware {
	if check == nil {
		panic("passport: Allow needs a function")
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("passport: Allow needs a handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			r, st := a.enter(r)
			err := a.allowed(r, check)
			a.attempt(r, &st.env, Attempt{Event: EventRequire, Outcome: outcomeOf(Succeeded, err), UserID: st.env.user}, err, start)
			if err != nil {
				a.Refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (a *Authenticator[U]) allowed(r *http.Request, check func(context.Context, U) error) (err error) {
	defer a.rescue(r.Context(), "Allow", &err)
	user, ok := a.User(r.Context())
	if !ok {
		return (Result[U]{}).Err()
	}
	return check(r.Context(), user)
}
