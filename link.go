package passport

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/gopassport/passport/internal/absent"
)

// linkName is the strategy of Link, in attempts and for [Env.Strategy].
const linkName = "link"

// Link joins an account that s knows to the user who is signed in, and signs
// nobody in: it is what Passport.js calls authorize. link is told whose account
// it is; its errors are those of every function of the application.
//
//	connect := passport.Link(a, oauth.New(github, identity, nil), users.Join, nil)
//	mux.Handle("POST /connect/github", connect)         // begins
//	mux.Handle("GET /connect/github/callback", connect) // ends
//
// It goes below Handler and is for sessions: a request without a signed-in one
// is refused with 401. It answers POST, and GET where s is a [Navigator] that
// wants it; requests of another origin are refused. Of what surrounds a
// sign-in, o has the redirects, the messages and Then; the session stays as it
// is. The browser goes to SuccessRedirect or "/", wherever it was on its way
// to, and is never sent to the login page for what s refused. A [Detour] is
// refused with 403.
func Link[U, A any](a *Authenticator[U], s Strategy[A], link func(ctx context.Context, user U, account A) error, o *LoginOptions) http.Handler {
	mustStrategy("Link", s)
	switch {
	case link == nil:
		panic("passport: Link needs a function that joins an account to a user")
	case a.serializer == nil:
		panic(errNoSerializer.Error())
	}
	l := &linker[U, A]{a: a, strategy: s, join: link, isNil: absent.User[A]()}
	l.navigator, _ = s.(Navigator)
	if o != nil {
		l.o = *o
	}
	return l
}

type linker[U, A any] struct {
	a         *Authenticator[U]
	strategy  Strategy[A]
	navigator Navigator
	join      func(context.Context, U, A) error
	isNil     func(A) bool
	o         LoginOptions
}

func (l *linker[U, A]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, a := time.Now(), l.a
	guardHeaders(w.Header())
	r, st := a.enter(r)
	res, env, err := l.decide(w, r, st)
	if err == nil && res.outcome == Succeeded {
		err = l.link(w, r, res.user)
	}
	t := Attempt{Event: EventLink, Strategy: res.strategy, Outcome: outcomeOf(res.outcome, err), UserID: st.env.user}
	if err == nil && t.Outcome != Redirected {
		err = res.Err()
	}
	a.attempt(r, env, t, err, start)
	switch {
	case err == nil && t.Outcome == Redirected:
		a.Refuse(w, r, res.Err())
		return
	case err != nil && a.isNil(st.user):
		a.Refuse(w, r, err)
		return
	case err != nil:
		a.turnAway(w, r, err, l.o.FailureRedirect, l.o.FailureMessage)
		return
	}
	a.addHeader(w.Header(), res.details().header)
	if l.o.Then != nil {
		l.o.Then.ServeHTTP(w, r)
		return
	}
	a.flash(w, r, l.o.SuccessMessage)
	a.redirect(w, r, cmp.Or(l.o.SuccessRedirect, "/"))
}

// decide asks the strategy, for somebody who is signed in. What a provider
// posts comes without the session, and is only sent on.
func (l *linker[U, A]) decide(w http.ResponseWriter, r *http.Request, st *state[U]) (res Result[A], env *Env, err error) {
	env = &st.env
	if err = l.a.mayAsk(w, r, l.navigator); err != nil {
		return res, env, err
	}
	bounced, err := l.a.mayDecide(r, st, l.strategy)
	if err == nil && !bounced && l.a.isNil(st.user) {
		err = res.Err()
	}
	if err != nil {
		return res, env, err
	}
	return decide(env, r, []link[A]{{linkName, l.strategy, "Link"}}, EventLink, l.isNil)
}

// link joins the account to the user, if he is signed in still: a provider
// takes its time, and whose sessions were ended meanwhile must stay out.
func (l *linker[U, A]) link(w http.ResponseWriter, r *http.Request, account A) (err error) {
	defer l.a.rescue(r.Context(), "Link", &err)
	res, _, err := l.a.restoreSession(w, r, l.a.newState(r.Context()))
	if err == nil && res.outcome != Succeeded {
		err = &Failure{Code: CodeSessionEnded}
	}
	if err != nil {
		return err
	}
	return l.join(r.Context(), res.user, account)
}
