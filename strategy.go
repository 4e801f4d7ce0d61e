package passport

import (
	"context"
	"net/http"

	"github.com/gopassport/passport/internal/absent"
)

// A Strategy looks at one request and decides. It never writes the response:
// only the Authenticator does. One Strategy value serves many requests at
// once.
//
// The request's context is the deadline, and carries the [Env]. Returning an
// error means that something is broken: it ends the chain, so that an outage
// never falls through to a weaker strategy. An error that is a refusal (see
// [Failure]) counts as [Result.Fail] of it.
type Strategy[U any] interface {
	Authenticate(r *http.Request) (Result[U], error)
}

// StrategyFunc makes a Strategy of a function.
type StrategyFunc[U any] func(r *http.Request) (Result[U], error)

// Authenticate calls f.
func (f StrategyFunc[U]) Authenticate(r *http.Request) (Result[U], error) { return f(r) }

// A Navigator is a Strategy that also decides GET requests at
// [Authenticator.LoginHandler]: the callback of a social login, a link in an
// e-mail. Without it LoginHandler answers POST alone, since a GET can be
// caused by any page on the web.
type Navigator interface {
	// Navigates reports whether this GET belongs to a sign-in.
	Navigates(r *http.Request) bool
}

// A Bouncer is a Strategy that also gets POST requests of another origin at
// [Authenticator.LoginHandler]: what a provider sends through the browser. The
// browser withholds its cookies there, so that it can only be sent on.
type Bouncer interface {
	// Bounces reports whether this POST is answered by a Redirect.
	Bounces(r *http.Request) bool
}

// mayAsk wants a method that signs in.
func (a *Authenticator[U]) mayAsk(w http.ResponseWriter, r *http.Request, n Navigator) (err error) {
	defer a.rescue(r.Context(), "Navigates", &err)
	if r.Method == http.MethodPost || r.Method == http.MethodGet && n != nil && n.Navigates(r) {
		return nil
	}
	return notAllowed(w)
}

// mayDecide is mayChange before s decides, and tells whether the request only
// bounces. That a Bouncer signs nobody in is seen to by Login, which checks
// again.
func (a *Authenticator[U]) mayDecide(r *http.Request, st *state[U], s any) (bounces bool, err error) {
	defer a.rescue(r.Context(), "Bounces", &err)
	err = a.mayChange(r, st)
	if f, ok := err.(*Failure); ok && f.Code == CodeCrossOrigin { //nolint:errorlint // mayChange wraps none
		if b, ok := s.(Bouncer); ok && b.Bounces(r) {
			return true, nil
		}
	}
	return false, err
}

// Credentials makes a Strategy of two functions: extract finds credentials of
// one kind in the request, or says that there are none (Pass); verify says
// whose they are. Its errors are those of every function of the application:
// [ErrInvalidCredentials], [ErrNoUser], sql.ErrNoRows or a *[Failure] below
// 500 refuse, anything else is broken.
func Credentials[C, U any](
	extract func(*http.Request) (C, bool),
	verify func(context.Context, C) (U, error),
) Strategy[U] {
	if extract == nil || verify == nil {
		panic("passport: Credentials needs an extract and a verify function")
	}
	return StrategyFunc[U](func(r *http.Request) (Result[U], error) {
		var res Result[U]
		credentials, ok := extract(r)
		if !ok {
			return res.Pass()
		}
		user, err := verify(r.Context(), credentials)
		if err != nil {
			return res, err
		}
		return res.Success(user)
	})
}

// HeaderCredential extracts the value of a header for [Credentials]. A header
// that is absent or empty is no credential.
func HeaderCredential(name string) func(*http.Request) (string, bool) {
	return func(r *http.Request) (string, bool) {
		value := r.Header.Get(name)
		return value, value != ""
	}
}

// Any is a Strategy that tries others in order, as [Authenticator.Require]
// does with several names: the first success, redirect or error ends it.
func Any[U any](strategies ...Strategy[U]) Strategy[U] {
	for _, s := range strategies {
		mustStrategy("Any", s)
	}
	isNil := absent.User[U]()
	return StrategyFunc[U](func(r *http.Request) (Result[U], error) {
		var t tally[U]
		for _, s := range strategies {
			res, err := s.Authenticate(r)
			if done, err := t.add(res, err, isNil); done {
				return t.result, err
			}
		}
		return t.refusal(), nil
	})
}
