package passport

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Handler restores the user of the session before next runs. It belongs
// around everything that asks for a user.
//
// The session is loaded only when its cookie is there. A store that fails
// answers 503, and a user who cannot be looked up too: the session stays. A
// user who is gone, or whose stamp changed, is signed out. An unsafe request
// from another origin that carries a session is refused with 403
// ([http.CrossOriginProtection]). A signed-in request gets Cache-Control:
// no-store and Vary: Cookie, which next may change. The ResponseWriter is
// handed on as it is.
func (a *Authenticator[U]) Handler(next http.Handler) http.Handler {
	if next == nil {
		panic("passport: Handler needs a handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.serve()
		if st, _ := a.met(r.Context()); st != nil && st.handled {
			next.ServeHTTP(w, r) // around itself, or WithUser
			return
		}
		skip, err := a.skips(r)
		if err == nil && skip {
			next.ServeHTTP(w, r)
			return
		}
		var st *state[U]
		if err == nil {
			r, st, err = a.restore(w, r)
		}
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
		if st.session.Changed() {
			a.log.ErrorContext(r.Context(), "passport: the handler changed the session and did not save it", "route", route(r))
		}
	})
}

func (a *Authenticator[U]) skips(r *http.Request) (skip bool, err error) {
	if a.skip == nil {
		return false, nil
	}
	defer a.rescue(r.Context(), "Config.Skip", &err)
	return a.skip(r), nil
}

// restore puts the state into the request's context and the session's user
// into the state.
func (a *Authenticator[U]) restore(w http.ResponseWriter, r *http.Request) (*http.Request, *state[U], error) {
	st := a.newState(r.Context())
	st.handled = true
	r = r.WithContext(st)
	st.env.request = r
	if a.keeper == nil {
		return r, st, nil
	}
	start := time.Now()
	res, found, err := a.restoreSession(w, r, st)
	if found || err != nil {
		a.attemptResult(r, &st.env, EventRestore, res, err, start)
	}
	if res.outcome == Failed {
		err = a.endRestored(r, st, res.failure)
	}
	return r, st, err
}

// restoreSession loads the session, and tells whether it has a user.
func (a *Authenticator[U]) restoreSession(w http.ResponseWriter, r *http.Request, st *state[U]) (res Result[U], found bool, err error) {
	defer a.rescue(r.Context(), "restoring the session", &err)
	record, found, err := a.keeper.Load(r)
	if err != nil {
		return res, false, unavailable(err)
	}
	st.session.Open(a.keeper, record)
	if !found {
		return res, false, nil
	}
	if err := a.cross.Check(r); err != nil {
		return res, false, crossOrigin(err)
	}
	if record.User == "" {
		return res, false, nil
	}
	st.env.user = record.User
	res, err = a.restoreUser(w, r, st, record)
	return res, true, err
}

// restoreUser finds the session's user. Failed: there is none any more.
func (a *Authenticator[U]) restoreUser(w http.ResponseWriter, r *http.Request, st *state[U], record sessions.Record) (Result[U], error) {
	res := Result[U]{strategy: sessionName}
	user, err := a.serializer.Deserialize(r.Context(), record.User)
	switch {
	case err == nil && a.isNil(user):
		err = ErrNoUser
	case err == nil && !a.stampFits(user, record.Stamp):
		err = errStamp
	}
	if err != nil {
		refused, ok := AsRefusal(err)
		if !ok {
			return res, unavailable(err)
		}
		return res.Fail(refused)
	}
	st.user = user
	header := w.Header()
	personal(header)
	if !slices.Contains(header["Vary"], "Cookie") {
		header.Add("Vary", "Cookie")
	}
	return res.Success(user)
}

// errStamp ends a session that was made under another stamp.
var errStamp = fmt.Errorf("%w: the stamp has changed", ErrNoUser)

// endRestored ends the session of a user who is gone. Nobody is signed in,
// also where the store cannot delete it now. The cookie stays: another request
// may be setting a new one just now.
func (a *Authenticator[U]) endRestored(r *http.Request, st *state[U], why error) (err error) {
	defer a.rescue(r.Context(), "ending the session", &err)
	st.env.user = ""
	a.log.InfoContext(r.Context(), "passport: session ended", "session", st.session.Handle(), "cause", why.Error())
	if err := st.session.End(r.Context(), nil); err != nil {
		a.log.ErrorContext(r.Context(), "passport: could not end the session", "error", err)
		st.session.Open(a.keeper, sessions.Record{})
	}
	return nil
}

// unavailable marks an outage of what keeps sessions and users.
func unavailable(err error) error {
	if f, ok := errors.AsType[*Failure](err); ok && f.status() >= http.StatusInternalServerError {
		return err
	}
	return fmt.Errorf("%w: %w", errUnavailable, err)
}

func crossOrigin(err error) *Failure {
	return &Failure{Code: CodeCrossOrigin, Status: http.StatusForbidden, Err: err}
}
