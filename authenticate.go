package passport

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gopassport/passport/sessions"
)

// sessionName is the strategy that is built in: the user whom Handler
// restored. Nobody signed in is Pass, so that it never lets a stranger in.
const sessionName = "session"

type sessionStrategy[U any] struct{ a *Authenticator[U] }

func (s sessionStrategy[U]) Authenticate(r *http.Request) (Result[U], error) {
	var res Result[U]
	st, _ := s.a.met(r.Context())
	if st == nil || !st.handled {
		return res, errNoHandler
	}
	if s.a.isNil(st.user) {
		return res.Pass()
	}
	return res.Success(st.user)
}

// Mistakes of wiring that only show when a request comes: 500.
var (
	errNoHandler    = errors.New("passport: the route is not below the Authenticator's Handler (or Config.Skip left the request out)")
	errNoSerializer = errors.New("passport: a login needs Config.Serializer")
)

// Authenticate asks the strategies of the names in order, and writes nothing.
// No names: the session. Fail and Pass try the next; Success, Redirect and an
// error end the chain. The error is nil for every decision, also for one that
// lets nobody in, which [Result.Err] tells; it is not nil when something is
// broken or a strategy asked for a [Detour].
func (a *Authenticator[U]) Authenticate(r *http.Request, names ...string) (Result[U], error) {
	start := time.Now()
	met, st := a.enter(r)
	links, err := a.chain(names)
	var res Result[U]
	env := &st.env
	if err == nil {
		res, env, err = decide(env, met, links, EventAuthenticate, a.isNil)
		handBack(r, met)
	}
	a.attemptResult(met, env, EventAuthenticate, res, err, start)
	return res, err
}

// decide runs a chain for the Authenticator of env. The result of an error
// lets nobody in. The session alone takes no Env of its own.
func decide[U any](env *Env, r *http.Request, links []link[U], purpose Event, isNil func(U) bool) (Result[U], *Env, error) {
	env.core.serve()
	var t tally[U]
	asked := r
	if len(links) != 1 || links[0].name != sessionName {
		asked, env = env.deciding(r, purpose)
		defer handBack(r, asked)
	}
	for _, l := range links {
		if env.run != nil {
			env.run.strategy = l.name
		}
		res, err := l.try(env.core, asked)
		if done, err := t.add(res, err, isNil); done {
			return t.result, env, err
		}
	}
	return t.refusal(), env, nil
}

// try asks one strategy. Its panic is an error.
func (l link[U]) try(c *core, r *http.Request) (res Result[U], err error) {
	defer c.rescue(r.Context(), l.what, &err)
	res.strategy = l.name
	res, err = l.strategy.Authenticate(r)
	res.strategy = l.name
	return res, err
}

// serve notes that requests have come.
func (c *core) serve() {
	if !c.served.Load() {
		c.served.Store(true)
	}
}

// attemptResult reports a decision with the error it will be answered with.
func (a *Authenticator[U]) attemptResult(r *http.Request, env *Env, event Event, res Result[U], err error, start time.Time) {
	if a.onAttempt == nil {
		return
	}
	t := Attempt{Event: event, Strategy: res.strategy, Outcome: outcomeOf(res.outcome, err)}
	if err == nil && t.Outcome != Redirected {
		err = res.Err()
	}
	if res.outcome != Succeeded || res.strategy == sessionName {
		t.UserID = env.UserID() // a decision that is not the session's has another user
	}
	a.attempt(r, env, t, err, start)
}

// User is the user of the request: whom the last decision of Require, Login
// and the like let in, or else whom the session belongs to.
func (a *Authenticator[U]) User(ctx context.Context) (U, bool) {
	var nobody U
	st, res := a.met(ctx)
	switch {
	case st == nil:
		return nobody, false
	case res != nil:
		return res.user, res.outcome == Succeeded
	}
	return st.user, !a.isNil(st.user)
}

// WithUser returns a context in which user is signed in, and nobody where
// user is nil, without a session: for tests of handlers, work in the
// background, and protocols other than HTTP.
func (a *Authenticator[U]) WithUser(ctx context.Context, user U) context.Context {
	st := a.newState(ctx)
	st.handled, st.user = true, user
	return st
}

// Info is what the strategy that let the request in attached to its decision;
// nil if nothing.
func (a *Authenticator[U]) Info(ctx context.Context) any {
	if _, res := a.met(ctx); res != nil {
		return res.Info()
	}
	return nil
}

// Strategy is the name of the strategy that let the request in: "session"
// where the session did, and empty for a stranger.
func (a *Authenticator[U]) Strategy(ctx context.Context) string {
	st, res := a.met(ctx)
	switch {
	case st == nil, res == nil && a.isNil(st.user):
		return ""
	case res != nil:
		return res.strategy
	}
	return sessionName
}

// Session is the session of the request's cookie, whoever a decision let in;
// an empty one for a stranger. Outside of Handler it cannot be saved
// ([sessions.ErrNoKeeper]).
func (a *Authenticator[U]) Session(ctx context.Context) *sessions.Session {
	if st, _ := a.met(ctx); st != nil {
		return &st.session
	}
	return new(sessions.Session)
}

// UpdateSession changes the session in change and saves it before it returns.
// Where another request changed the same keys meanwhile, change is called
// again on what is stored now: let it read, compute and set. With an error, of
// change or of the store, nothing that change did stays in the session; Refuse
// answers that of a store with 503, and with 401 where the session has ended.
//
// What was changed before the call is saved first, and its error returned.
func (a *Authenticator[U]) UpdateSession(w http.ResponseWriter, r *http.Request, change func(*sessions.Session) error) error {
	const tries = 10
	s := a.Session(r.Context())
	if err := s.Save(r.Context(), w); err != nil {
		return notStored(err)
	}
	for try := 1; ; try++ {
		if err := change(s); err != nil {
			s.Revert()
			return err
		}
		err := s.Save(r.Context(), w)
		if err == nil {
			return nil
		}
		s.Revert()
		if try == tries || !errors.Is(err, sessions.ErrConflict) {
			return notStored(err)
		}
	}
}
