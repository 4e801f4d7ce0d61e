package passport

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gopassport/passport/internal/clientaddr"
	"github.com/gopassport/passport/sessions"
)

// Env is what a strategy sees of the Authenticator that runs it. It reaches
// through decorators and [Any]: whatever strategy asks, it is told the name
// that the route was wired with.
type Env struct {
	core    *core
	request *http.Request
	session *sessions.Session
	user    string // of the session
	run     *run   // nil outside of a decision
}

// A run is one decision under way.
type run struct {
	strategy string
	purpose  Event
	claimed  string // the name that the credentials claim
	returnTo string // of the sign-in that ends
	resumed  bool   // whether returnTo counts, empty or not
}

type envKey struct{}

// EnvOf returns the Env of the Authenticator that runs the strategy, or else of
// the innermost one whose Handler serves ctx's request; nil outside of both.
// It does not allocate.
func EnvOf(ctx context.Context) *Env {
	env, _ := ctx.Value(envKey{}).(*Env)
	return env
}

// Strategy is the name under which the running strategy was registered.
func (e *Env) Strategy() string {
	if e.run == nil {
		return ""
	}
	return e.run.strategy
}

// Purpose is what the decision is for: EventLogin, EventLink, EventRequire or
// EventAuthenticate; empty outside of one.
func (e *Env) Purpose() Event {
	if e.run == nil {
		return ""
	}
	return e.run.purpose
}

// UserID is the serialized user of the session; empty for a stranger.
func (e *Env) UserID() string { return e.user }

// ReturnTo is where the browser will be sent after signing in: a path on this
// origin, or empty.
func (e *Env) ReturnTo() string { return local(e.core.jar().Peek(e.request, returnToCookie)) }

// Resume says where the browser was on its way to when the sign-in began, or
// that it was on none: that counts, and not what ReturnTo is by now.
func (e *Env) Resume(returnTo string) {
	if e.run != nil {
		e.run.returnTo, e.run.resumed = local([]byte(returnTo)), true
	}
}

// Cookie is an empty cookie beside the session's, with its attributes, whose
// name ends in suffix.
func (e *Env) Cookie(suffix string) *http.Cookie { return e.core.cookie(suffix) }

// Client is the address that the request comes from, as Config.TrustedProxies
// has it; the zero Addr when it is not known.
func (e *Env) Client() netip.Addr { return clientaddr.Of(e.request, e.core.proxies) }

// maxClaim bounds a claimed name, in bytes.
const maxClaim = 128

// Claim records the name that the credentials claim, for the [Attempt] that
// reports the decision. It is quoted and cut to 128 bytes.
func (e *Env) Claim(name string) {
	if e.run == nil {
		return
	}
	if len(name) > maxClaim {
		name = name[:maxClaim]
	}
	quoted := strconv.QuoteToGraphic(name)
	e.run.claimed = quoted[1 : len(quoted)-1]
}

// Seal encrypts value so that it can travel through the browser, until a
// time. Only the same strategy of an Authenticator with the same secrets
// opens it.
func (e *Env) Seal(value []byte, until time.Time) string {
	return e.core.sealer.Seal(e.scope(), value, until)
}

// Open is the inverse of Seal. An error says that sealed is not what Seal
// made, or too old.
func (e *Env) Open(sealed string) ([]byte, error) {
	return e.core.sealer.Open(e.scope(), sealed)
}

// Once spends a one-time value of this strategy: see [sessions.Once].
func (e *Env) Once(ctx context.Context, key [32]byte, until time.Time) error {
	return e.core.spend(ctx, e.scope(), key[:], until)
}

// scope keeps what strategies, and Authenticators, seal and spend apart.
func (e *Env) scope() string {
	return e.core.scope + e.Strategy()
}

// spend spends key for one purpose.
func (c *core) spend(ctx context.Context, purpose string, key []byte, until time.Time) (err error) {
	defer c.rescue(ctx, "Once", &err)
	return c.once.Once(ctx, onceKey(purpose, key), until)
}

func onceKey(purpose string, key []byte) [32]byte {
	return sha256.Sum256(append([]byte(purpose+"\x00"), key...))
}

// A state is what one Authenticator knows of one request. It is the request's
// context, so that a request costs one copy and one value.
type state[U any] struct {
	context.Context
	env     Env
	session sessions.Session
	user    U      // of the session
	handled bool   // below Handler, or WithUser
	changes uint32 // of who is signed in
}

// Value answers for the Authenticator and for EnvOf.
func (s *state[U]) Value(key any) any {
	switch k := key.(type) {
	case *Authenticator[U]:
		if &k.core == s.env.core {
			return s
		}
	case envKey:
		if s.env.request != nil {
			return &s.env
		}
	}
	return s.Context.Value(key)
}

// become changes who is signed in.
func (s *state[U]) become(user U) {
	s.user, s.env.user = user, s.session.Record().User
	s.changes++
}

// An admission is a decision that is not the session's, for what is behind
// it: requests that were made of one do not share theirs.
type admission[U any] struct {
	context.Context
	state   *state[U]
	result  Result[U]
	changes uint32 // a sign-in or sign-out since then counts more
}

// Value answers for the Authenticator.
func (d *admission[U]) Value(key any) any {
	if k, ok := key.(*Authenticator[U]); ok && &k.core == d.state.env.core {
		return d
	}
	return d.Context.Value(key)
}

// A decision is the context of strategies that decide, each with its Env.
type decision struct {
	context.Context
	env Env
	run run
}

// Value answers for EnvOf.
func (d *decision) Value(key any) any {
	if _, ok := key.(envKey); ok {
		return &d.env
	}
	return d.Context.Value(key)
}

// met finds what a knows of the request: nil where it was not met yet, and a
// result where a decision hides the session's user.
func (a *Authenticator[U]) met(ctx context.Context) (*state[U], *Result[U]) {
	switch v := ctx.Value(a).(type) {
	case *state[U]:
		return v, nil
	case *admission[U]:
		if v.changes == v.state.changes {
			return v.state, &v.result
		}
		return v.state, nil
	}
	return nil, nil
}

// enter returns the request with a's state in its context. Below Handler that
// is the request itself.
func (a *Authenticator[U]) enter(r *http.Request) (*http.Request, *state[U]) {
	outer, _ := a.met(r.Context())
	if outer != nil && outer.env.request != nil {
		return r, outer
	}
	st := a.newState(r.Context())
	if outer != nil { // of WithUser
		st.handled, st.user = outer.handled, outer.user
	}
	r = r.WithContext(st)
	st.env.request = r
	return r, st
}

func (a *Authenticator[U]) newState(ctx context.Context) *state[U] {
	st := &state[U]{Context: ctx}
	st.env.core, st.env.session = &a.core, &st.session
	return st
}

// deciding returns the request that strategies get, and its Env.
func (e *Env) deciding(r *http.Request, purpose Event) (*http.Request, *Env) {
	d := &decision{Context: r.Context(), env: *e, run: run{purpose: purpose}}
	d.env.run = &d.run
	d.env.request = r.WithContext(d)
	return d.env.request, &d.env
}

// handBack gives the caller's request what a strategy read of its copy.
func handBack(to, from *http.Request) {
	if to == from || to.Body == nil || to.Body == http.NoBody {
		return
	}
	to.Body, to.Form, to.PostForm, to.MultipartForm = from.Body, from.Form, from.PostForm, from.MultipartForm
}
