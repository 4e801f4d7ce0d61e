package passport

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport/internal/clientaddr"
	"github.com/gopassport/passport/internal/problem"
	"github.com/gopassport/passport/sessions"
)

// LoginOptions says what surrounds a sign-in. Nil is the zero value.
type LoginOptions struct {
	// SuccessRedirect is where the browser goes afterwards, unless it was on
	// its way elsewhere (see Config.LoginPage). Default "/".
	SuccessRedirect string
	// FailureRedirect is where a browser goes that was refused. Empty, and for
	// clients that speak JSON: the refusal's status.
	FailureRedirect string
	// SuccessMessage is left for Flashes.
	SuccessMessage string
	// FailureMessage is left for Flashes, with a FailureRedirect. Default: the
	// failure's own Message.
	FailureMessage string
	// Then answers instead of a redirect. It runs signed in; behind a social
	// login at an address with the code, which is spent.
	Then http.Handler
	// Remember chooses the longer lifetime and a cookie that outlives the
	// browser. Nil: never.
	Remember func(*http.Request) bool
	// Factor names how the user was authenticated, as in RFC 8176, where the
	// strategy does not say.
	Factor string
	// Keep names the values of the old session that are carried over;
	// everything else is dropped.
	Keep []string
	// Values are written into the new session, in the same step.
	Values map[string]any
}

// Login signs user in: it puts a new session, under a new id, in the place of
// the old one, in one step, and then sets its cookie. Only what o keeps is
// carried over. [Authenticator.Complete] also answers. An unsafe request of
// another origin is refused.
//
// Where the same user was signed in with other factors, the session keeps its
// absolute end, and a new factor joins them; where one of several is shown
// again, only that one still counts.
//
// On an error nobody is signed in and nothing changed; Refuse answers it. A
// request that was signed in, and whose session ended meanwhile, is refused.
func (a *Authenticator[U]) Login(w http.ResponseWriter, r *http.Request, user U, o *LoginOptions) error {
	r, st := a.enter(r)
	return a.signIn(w, r, st, &st.env, Result[U]{user: user}, time.Now(), o)
}

// signIn is Login by the decision of a strategy.
func (a *Authenticator[U]) signIn(w http.ResponseWriter, r *http.Request, st *state[U], env *Env, res Result[U], start time.Time, o *LoginOptions) error {
	err := a.login(w, r, st, res, o)
	a.attempt(r, env, Attempt{Event: EventLogin, Strategy: res.strategy, Outcome: outcomeOf(Succeeded, err), UserID: st.env.user}, err, start)
	if err == nil {
		a.log.InfoContext(r.Context(), "passport: signed in",
			"strategy", res.strategy, "user", st.env.user, "session", st.session.Handle())
	}
	return err
}

func (a *Authenticator[U]) login(w http.ResponseWriter, r *http.Request, st *state[U], res Result[U], o *LoginOptions) (err error) {
	defer a.rescue(r.Context(), "Login", &err)
	if err := a.mayChange(r, st); err != nil {
		return err
	}
	user := res.user
	if a.isNil(user) {
		return &Failure{Code: CodeNilUser}
	}
	if o == nil {
		o = new(LoginOptions)
	}
	id, err := a.serialize(r.Context(), user)
	if err != nil {
		return err
	}
	values := o.Values
	if more := res.details().values; more != nil {
		values = maps.Clone(more)
		maps.Copy(values, o.Values)
	}
	next := sessions.Record{
		User: id, AuthTime: time.Now().UnixMilli(), Remember: o.Remember != nil && o.Remember(r), Origin: a.origin(r),
	}
	if sum, ok := a.stamp(user); ok {
		next.Stamp = string(sum[:])
	}
	stepUp(&next, st.session.Record(), cmp.Or(res.factor, o.Factor))
	if err = st.session.Rotate(r.Context(), w, next, o.Keep, values); err != nil {
		return notStored(err)
	}
	st.become(user)
	a.hintInsecure(w, r)
	return nil
}

// notStored says why a session was not stored.
func notStored(err error) error {
	switch {
	case errors.Is(err, sessions.ErrGone):
		return &Failure{Code: CodeSessionEnded, Err: err}
	case errors.Is(err, sessions.ErrLimit):
		return &Failure{Code: CodeTooManySessions, Message: "You are signed in on too many devices.", Status: http.StatusForbidden, Err: err}
	case errors.Is(err, sessions.ErrTooLarge), errors.Is(err, sessions.ErrNoKeeper):
		return err // a mistake, not an outage
	}
	return unavailable(err)
}

// stepUp fills in how the user was authenticated. A user who has a session and
// shows all of its factors again begins a new one; otherwise its end stays. A
// factor that is new joins those it has; without one, only those that were
// shown now still count.
func stepUp(next *sessions.Record, old sessions.Record, factor string) {
	next.Factors = factor
	if old.AuthTime != 0 && old.User == "" { // on the way that a Detour began
		next.Remember = next.Remember || old.Remember
		return
	}
	had, shown := strings.Fields(old.Factors), strings.Fields(factor)
	if old.User != next.User || subset(had, shown) {
		return
	}
	next.Absolute = old.Absolute
	next.Remember = next.Remember || old.Remember
	switch {
	case len(shown) == 0:
		next.Factors, next.AuthTime = old.Factors, old.AuthTime
	case !subset(shown, had):
		had = slices.DeleteFunc(had, func(f string) bool { return slices.Contains(shown, f) })
		next.Factors = strings.Join(append(had, shown...), " ")
	}
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func (c *core) origin(r *http.Request) *sessions.Origin {
	o := &sessions.Origin{Agent: r.UserAgent()}
	if addr := clientaddr.Of(r, c.proxies); addr.IsValid() {
		o.Address = addr.String()
	}
	return o
}

// hintInsecure says once why a login does not last on plain http.
func (c *core) hintInsecure(w http.ResponseWriter, r *http.Request) {
	if !problem.IsPlain(r) || !slices.ContainsFunc(w.Header()["Set-Cookie"], func(line string) bool { return strings.Contains(line, "; Secure") }) {
		return
	}
	c.hint.Do(func() {
		c.log.WarnContext(r.Context(), "passport: a Secure cookie left on a plain http request; a browser keeps it only over https or on localhost",
			"host", clipped(r.Host), "mend", "serve https, or set sessions.Options.InsecureHTTP for development")
	})
}

// Logout ends the session of the request, for every instance, and expires its
// cookie. With an error the person is still signed in.
func (a *Authenticator[U]) Logout(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	r, st := a.enter(r)
	was := Attempt{Event: EventLogout, UserID: st.env.user, Session: st.session.Handle()}
	err := a.logout(w, r, st)
	was.Outcome = outcomeOf(Succeeded, err)
	a.attempt(r, &st.env, was, err, start)
	return err
}

func (a *Authenticator[U]) logout(w http.ResponseWriter, r *http.Request, st *state[U]) (err error) {
	defer a.rescue(r.Context(), "Logout", &err)
	if err := a.mayChange(r, st); err != nil {
		return err
	}
	if err := st.session.End(r.Context(), w); err != nil {
		return unavailable(err)
	}
	var nobody U
	st.become(nobody)
	return nil
}

// LoginHandler signs in by the strategy of that name: it answers POST, and
// GET where the strategy is a [Navigator] that wants it. Requests of another
// origin are refused.
//
// After a success the browser is sent on with 303: where it was on its way to
// when it was sent to the login page, or else to o.SuccessRedirect. After a
// refusal it is sent to o.FailureRedirect, or gets the status. A [Detour] is
// followed.
func (a *Authenticator[U]) LoginHandler(name string, o *LoginOptions) http.Handler {
	if a.serializer == nil {
		panic(errNoSerializer.Error())
	}
	links := a.mustChain([]string{name})
	navigator, _ := links[0].strategy.(Navigator)
	var opts LoginOptions
	if o != nil {
		opts = *o
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		guardHeaders(w.Header())
		if err := a.mayAsk(w, r, navigator); err != nil {
			a.Refuse(w, r, err)
			return
		}
		r, st := a.enter(r)
		if _, err := a.mayDecide(r, st, links[0].strategy); err != nil {
			a.attemptResult(r, &st.env, EventLogin, Result[U]{}, err, start)
			a.Refuse(w, r, err)
			return
		}
		res, env, err := decide(&st.env, r, links, EventLogin, a.isNil)
		if err == nil && res.outcome == Succeeded {
			a.complete(w, r, st, env, res, start, &opts)
			return
		}
		a.attemptResult(r, env, EventLogin, res, err, start)
		if err == nil {
			err = res.Err()
		}
		a.failed(w, r, st, env, err, &opts)
	})
}

// mayChange checks a request that signs in or out before anything else.
func (a *Authenticator[U]) mayChange(r *http.Request, st *state[U]) error {
	switch {
	case a.serializer == nil:
		return errNoSerializer
	case !st.handled:
		return errNoHandler
	}
	if err := a.strict.Check(r); err != nil {
		return crossOrigin(err)
	}
	return nil
}

// Complete is the second half of LoginHandler: it signs user in and answers.
// Headers that the strategy's Result asks for are up to the caller.
func (a *Authenticator[U]) Complete(w http.ResponseWriter, r *http.Request, user U, o *LoginOptions) {
	r, st := a.enter(r)
	a.complete(w, r, st, &st.env, Result[U]{user: user}, time.Now(), o)
}

// complete sends the headers of a success only when it was stored.
func (a *Authenticator[U]) complete(w http.ResponseWriter, r *http.Request, st *state[U], env *Env, res Result[U], start time.Time, o *LoginOptions) {
	if o == nil {
		o = new(LoginOptions)
	}
	guardHeaders(w.Header())
	if err := a.signIn(w, r, st, env, res, start, o); err != nil {
		a.failed(w, r, st, env, err, o)
		return
	}
	a.addHeader(w.Header(), res.details().header)
	if o.Then != nil {
		o.Then.ServeHTTP(w, r)
		return
	}
	a.flash(w, r, o.SuccessMessage)
	to := a.takeReturnTo(w, r)
	if env.run != nil && env.run.resumed {
		to = env.run.returnTo
	}
	a.redirect(w, r, cmp.Or(to, o.SuccessRedirect, "/"))
}

// failed answers a sign-in that did not happen.
func (a *Authenticator[U]) failed(w http.ResponseWriter, r *http.Request, st *state[U], env *Env, err error, o *LoginOptions) {
	if d, ok := errors.AsType[*Detour](err); ok {
		if err = a.detour(w, r, st, env, d, o); err == nil {
			return
		}
	}
	to := o.FailureRedirect
	if to == "" && classify(err).status() == http.StatusUnauthorized && problem.IsNavigation(r) && !isPage(r, a.loginPage) {
		to = a.loginPage // and not back to this request, which signs in
	}
	a.turnAway(w, r, err, to, o.FailureMessage)
}

// turnAway sends a browser that was refused to a page, with a message; "", and
// what is no matter of such a page, gets its status.
func (a *Authenticator[U]) turnAway(w http.ResponseWriter, r *http.Request, err error, to, message string) {
	f := classify(err)
	refused, _ := errors.AsType[*refusal](err)
	if to == "" || f.code() == CodeCrossOrigin || f.status() >= http.StatusInternalServerError || problem.WantsJSON(r) ||
		refused != nil && refused.outcome == Redirected {
		a.refuse(w, r, err, "")
		return
	}
	if refused != nil {
		a.addHeader(w.Header(), refused.header)
	}
	a.report(w, r, f, err)
	if message == "" {
		message = f.message()
	}
	a.flash(w, r, message)
	a.redirect(w, r, to)
}

// pendingFor is how long a Detour may take.
const pendingFor = 15 * time.Minute

// detour leaves the value in a session with a new id, in which nobody is
// signed in, and sends the browser on its way. That the record has an AuthTime
// and no user tells that somebody is about to be.
func (a *Authenticator[U]) detour(w http.ResponseWriter, r *http.Request, st *state[U], env *Env, d *Detour, o *LoginOptions) (err error) {
	defer a.rescue(r.Context(), "Detour", &err)
	if d.Key == "" {
		return errors.New("passport: a Detour needs a Key")
	}
	now := time.Now()
	pending := sessions.Record{
		AuthTime: now.UnixMilli(), Absolute: now.Add(pendingFor).UnixMilli(),
		Remember: o.Remember != nil && o.Remember(r), Origin: a.origin(r),
	}
	if old := st.session.Record(); old.Version > 0 {
		pending.Absolute = min(pending.Absolute, old.Absolute)
	}
	if err := st.session.Rotate(r.Context(), w, pending, o.Keep, map[string]any{d.Key: d.Value}); err != nil {
		return notStored(err)
	}
	var nobody U
	st.become(nobody)
	if env.run != nil && env.run.returnTo != "" {
		a.jar().Leave(w, returnToCookie, []byte(env.run.returnTo))
	}
	if problem.WantsJSON(r) {
		f := &Failure{Code: CodeDetour, Status: http.StatusForbidden, Err: d}
		a.report(w, r, f, d)
		writeProblem(w, r, f, d.URL)
		return nil
	}
	a.redirect(w, r, d.URL)
	return nil
}

// LogoutOptions says what follows a sign-out. Nil is the zero value.
type LogoutOptions struct {
	// Redirect is where the browser goes afterwards. Default "/".
	Redirect string
	// Message is left for Flashes.
	Message string
}

// LogoutHandler signs out: it answers POST alone, refuses requests of another
// origin, ends the session for every instance, and sends the browser on with
// 303. A store that fails answers 503: the person is still signed in.
func (a *Authenticator[U]) LogoutHandler(o *LogoutOptions) http.Handler {
	if a.serializer == nil {
		panic(errNoSerializer.Error())
	}
	var opts LogoutOptions
	if o != nil {
		opts = *o
	}
	if opts.Redirect == "" {
		opts.Redirect = "/"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guardHeaders(w.Header())
		if r.Method != http.MethodPost {
			a.Refuse(w, r, notAllowed(w))
			return
		}
		if err := a.Logout(w, r); err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.flash(w, r, opts.Message)
		a.redirect(w, r, opts.Redirect)
	})
}
