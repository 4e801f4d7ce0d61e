package passport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// Event says what an [Attempt] was for.
type Event string

// The events.
const (
	EventLogin        Event = "login"        // LoginHandler, Login, Complete
	EventLogout       Event = "logout"       // LogoutHandler, Logout
	EventLink         Event = "link"         // joining an account to a user
	EventRequire      Event = "require"      // Require, Optional, Check, RequireFunc, Allow
	EventRestore      Event = "restore"      // Handler, for a session with a user, or none that can be had
	EventAuthenticate Event = "authenticate" // Authenticate, whatever follows
)

// An Attempt is one decision, as Config.OnAttempt gets it. What a client
// wrote in it is quoted and cut.
type Attempt struct {
	Event    Event
	Strategy string        // name of the strategy that decided; empty when none did
	Outcome  Outcome       // an unknown one is not signed in
	Code     string        // of the failure or outage; empty on success
	Cause    error         // for logs alone
	Duration time.Duration // of the decision, and for a login of storing it
	UserID   string        // serialized user, where the session knows or knew one
	Name     string        // what the credentials claim, at most 128 bytes before quoting
	Session  string        // the session's handle; empty without a stored one
	Request  *http.Request // do not keep it
}

// attempt reports a decision that ended with err. Its hook can neither change
// nor break it.
func (c *core) attempt(r *http.Request, env *Env, t Attempt, err error, start time.Time) {
	if c.onAttempt == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			c.logPanic(r.Context(), "OnAttempt", p)
		}
	}()
	t.Cause, t.Request, t.Duration = err, r, time.Since(start)
	if t.Session == "" {
		t.Session = env.session.Handle()
	}
	if env.run != nil {
		t.Name = env.run.claimed
	}
	if err != nil {
		t.Code = classify(err).code()
	}
	c.onAttempt(r.Context(), t)
}

// outcomeOf is what an attempt ended with.
func outcomeOf(decided Outcome, err error) Outcome {
	if err == nil {
		return decided
	}
	if _, refused := AsRefusal(err); refused {
		return Failed
	}
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.outcome
	}
	if _, ok := errors.AsType[*Detour](err); ok {
		return Detoured
	}
	return Broken
}

// rescue turns a panic of the application's functions into an error, so that
// nobody is signed in by one, and logs it once with its stack.
// http.ErrAbortHandler is no mistake and passes through.
func (c *core) rescue(ctx context.Context, what string, err *error) {
	p := recover()
	if p == nil {
		return
	}
	c.logPanic(ctx, what, p)
	*err = fmt.Errorf("passport: panic in %s", what)
}

func (c *core) logPanic(ctx context.Context, what string, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(p)
	}
	c.log.ErrorContext(ctx, "passport: panic", "in", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}

// report logs a refusal or an outage, under an id that the answer carries, and
// tells the client when to come back. A browser that went away is neither.
func (c *core) report(w http.ResponseWriter, r *http.Request, f *Failure, err error) {
	id := rand.Text()
	w.Header().Set(requestIDHeader, id)
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	level := slog.LevelInfo
	if f.status() >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = slog.LevelError
	}
	c.log.LogAttrs(r.Context(), level, "passport: refused",
		slog.String("code", f.code()),
		slog.Int("status", f.status()),
		slog.String("request_id", id),
		slog.String("method", clipped(r.Method)),
		slog.String("route", route(r)),
		slog.String("cause", clipped(err.Error())),
	)
}

// route names the request's route; its path only where no route is known.
func route(r *http.Request) string {
	if r.Pattern != "" {
		return r.Pattern
	}
	return clipped(r.URL.Path)
}

// clipped bounds what a client may have written in a log. The slog handlers
// quote it.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
