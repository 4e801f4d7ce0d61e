package passport

import (
	"errors"
	"maps"
	"net/http"
	"slices"
)

// Outcome is what was decided. The set is open: one that you do not know is
// not signed in.
type Outcome uint8

// The outcomes. A Result has one of the first four; Broken and Detoured stand
// in an [Attempt] that ended with an error.
const (
	Passed     Outcome = iota // no credentials of this kind; never lets anyone in
	Succeeded                 // the user is known
	Failed                    // credentials that are wrong
	Redirected                // the browser has to go elsewhere first
	Broken                    // no decision: something is out of order
	Detoured                  // the user is known, but not yet signed in
)

// String is the outcome's name in logs: pass, success, fail, redirect, broken
// or detour.
func (o Outcome) String() string {
	names := [...]string{"pass", "success", "fail", "redirect", "broken", "detour"}
	if int(o) < len(names) {
		return names[o]
	}
	return "unknown"
}

// A Result is the decision of a [Strategy] about one request, made by one of
// four verbs: Success, Fail, Redirect, Pass. The zero Result is Pass, which
// never lets anyone in. A Result is a value: the With methods and the verbs
// return a changed copy.
type Result[U any] struct {
	outcome   Outcome
	user      U
	strategy  string
	factor    string
	challenge string
	location  string
	failure   *Failure
	more      *details // what few results have; copied on write
}

type details struct {
	info       any
	header     http.Header
	values     map[string]any
	failures   []*Failure
	challenges []string
}

// Success says that the request comes from user. A zero user, or one that is
// nil, is refused with code nil-user instead.
func (r Result[U]) Success(user U) (Result[U], error) {
	r = r.decide(Succeeded)
	r.user = user
	return r, nil
}

// Fail says that the request has credentials of this kind, and that they are
// wrong. The cause may be a *[Failure], which chooses status, code and
// message; any other is kept for logs, and answers 401 invalid-credentials.
func (r Result[U]) Fail(cause error) (Result[U], error) {
	r = r.decide(Failed)
	r.failure = asFailure(cause)
	return r, nil
}

// Redirect sends the browser to url, with 303, to go on elsewhere.
func (r Result[U]) Redirect(url string) (Result[U], error) {
	r = r.decide(Redirected)
	r.location = url
	return r, nil
}

// Pass says that the request has no credentials of this kind.
func (r Result[U]) Pass() (Result[U], error) {
	return r.decide(Passed), nil
}

// decide is r with nothing left of an earlier decision, such as that of a
// strategy that is decorated. What it asks for stays.
func (r Result[U]) decide(o Outcome) Result[U] {
	var nobody U
	r.outcome, r.user, r.failure, r.location = o, nobody, nil, ""
	if r.more != nil && r.more.failures != nil {
		r.changed().failures = nil
	}
	return r
}

// WithHeader adds a header to the response, whatever the verb.
func (r Result[U]) WithHeader(key, value string) Result[U] {
	more := r.changed()
	more.header = more.header.Clone()
	if more.header == nil {
		more.header = make(http.Header)
	}
	more.header.Add(key, value)
	return r
}

// WithChallenge says what this kind of credentials is asked for with, such as
// [Challenge]("Basic", "realm", "Users"): the WWW-Authenticate header of a 401
// (RFC 9110 section 11.6.1). It goes with Pass and with a Failure that has no
// challenge of its own.
func (r Result[U]) WithChallenge(challenge string) Result[U] {
	r.challenge = challenge
	return r
}

// WithInfo attaches anything the handler may want to know about the decision:
// scopes, claims. [Authenticator.Info] returns it.
func (r Result[U]) WithInfo(info any) Result[U] {
	r.changed().info = info
	return r
}

// WithValue leaves a value in the session that a sign-in by this Result makes,
// in the same step as its new id. [LoginOptions.Values] come before it.
func (r Result[U]) WithValue(key string, value any) Result[U] {
	more := r.changed()
	more.values = maps.Clone(more.values)
	if more.values == nil {
		more.values = make(map[string]any)
	}
	more.values[key] = value
	return r
}

// WithFactor names how the user was authenticated, by one word as in RFC 8176:
// pwd, otp, hwk. Called again, it adds one: the last step of a sign-in with
// several names them all. Login keeps them in the session.
func (r Result[U]) WithFactor(method string) Result[U] {
	if r.factor != "" {
		method = r.factor + " " + method
	}
	r.factor = method
	return r
}

// Outcome is what was decided.
func (r Result[U]) Outcome() Outcome { return r.outcome }

// Strategy is the name of the strategy that decided.
func (r Result[U]) Strategy() string { return r.strategy }

// User is the user of a Success, and the zero U otherwise.
func (r Result[U]) User() U { return r.user }

// Failure is the first failure, which chooses the response; nil unless the
// outcome is Failed.
func (r Result[U]) Failure() *Failure { return r.failure }

// Failures are the failures of all strategies that were tried, in order.
func (r Result[U]) Failures() []*Failure {
	switch {
	case r.more != nil && len(r.more.failures) > 0:
		return slices.Clone(r.more.failures)
	case r.failure != nil:
		return []*Failure{r.failure}
	}
	return nil
}

// Location is where a Redirect leads.
func (r Result[U]) Location() string { return r.location }

// Info is what the strategy attached with WithInfo, or nil.
func (r Result[U]) Info() any { return r.details().info }

// Header is what the strategy asked to be set on the response; nil if nothing.
func (r Result[U]) Header() http.Header { return r.details().header.Clone() }

// Err is nil only on Success. [Authenticator.Refuse] writes it as a response,
// with every challenge; errors.As finds the first *[Failure] in it.
func (r Result[U]) Err() error {
	if r.outcome == Succeeded {
		return nil
	}
	return &refusal{
		outcome:    r.outcome,
		location:   r.location,
		failures:   r.Failures(),
		challenges: r.challenges(),
		header:     r.details().header,
	}
}

// details are those of r, which are shared, and so for reading alone.
func (r Result[U]) details() details {
	if r.more == nil {
		return details{}
	}
	return *r.more
}

// changed returns details that belong to r alone. The receiver is the
// caller's copy.
func (r *Result[U]) changed() *details {
	more := r.details()
	r.more = &more
	return r.more
}

// challenges are what a 401 asks for, in the order of the strategies.
func (r Result[U]) challenges() []string {
	if asked := r.details().challenges; len(asked) > 0 {
		return asked
	}
	if r.failure != nil && r.failure.Challenge != "" {
		return []string{r.failure.Challenge}
	}
	if r.challenge != "" {
		return []string{r.challenge}
	}
	return nil
}

// A refusal is the error of every Result that is not a success.
type refusal struct {
	outcome    Outcome
	location   string
	failures   []*Failure
	challenges []string
	header     http.Header
}

func (e *refusal) Error() string {
	switch {
	case len(e.failures) > 0:
		return errors.Join(e.Unwrap()...).Error()
	case e.outcome == Redirected:
		return "passport: the browser has to go elsewhere first"
	}
	return "passport: no credentials"
}

// Is makes a Pass that a strategy returns as an error one that tries the next.
func (e *refusal) Is(target error) bool { return target == ErrPass && e.outcome == Passed }

func (e *refusal) Unwrap() []error {
	errs := make([]error, len(e.failures))
	for i, f := range e.failures {
		errs[i] = f
	}
	return errs
}
