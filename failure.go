package passport

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"
)

// What functions of the application may return to refuse, in plain Go.
var (
	// ErrInvalidCredentials: the credentials are wrong.
	ErrInvalidCredentials = errors.New("passport: invalid credentials")
	// ErrNoUser: there is no such user, or not any more.
	ErrNoUser = errors.New("passport: no such user")
	// ErrForbidden: the user is known, and may not. For [Authenticator.Allow].
	ErrForbidden = errors.New("passport: forbidden")
	// ErrPass: not mine; ask the next strategy, or the next of [Serializers].
	ErrPass = errors.New("passport: not mine")
)

// The codes of the failures that the framework makes. Codes are stable, each
// has a page under docs/errors.
const (
	CodeInvalidCredentials = "invalid-credentials"
	CodeNoCredentials      = "no-credentials"
	CodeNilUser            = "nil-user"
	CodeCrossOrigin        = "cross-origin"
	CodeMethodNotAllowed   = "method-not-allowed"
	CodeForbidden          = "forbidden"
	CodeSessionEnded       = "session-ended"
	CodeTooManySessions    = "too-many-sessions"
	CodeDetour             = "detour"
	CodeUnavailable        = "unavailable"
	CodeInternal           = "internal"
)

// A Failure is a refusal, or with a Status of 500 and more an outage, as it
// will be answered. As an error from any function of the application it is
// used as it stands.
type Failure struct {
	// Code names the cause for programs; stable. Default: invalid-credentials;
	// forbidden, unavailable or internal with a status of 403, 503 or 500.
	Code string
	// Message may be shown to people. It is the same for every cause that a
	// stranger must not tell apart. Default: a fixed text for the status.
	Message string
	// Challenge is the WWW-Authenticate header of a 401. Default: that of
	// [Result.WithChallenge].
	Challenge string
	// Status is the HTTP status, 400 to 599. Default: 401.
	Status int
	// RetryAfter, if positive, is sent in whole seconds, rounded up.
	RetryAfter time.Duration
	// Err is the cause, for logs alone.
	Err error
}

// Error is the code and the cause: for logs, not for people.
func (f *Failure) Error() string {
	if f == nil {
		return "passport: a nil *Failure was returned as an error"
	}
	if f.Err == nil {
		return "passport: " + f.code()
	}
	return "passport: " + f.code() + ": " + f.Err.Error()
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error {
	if f == nil {
		return nil
	}
	return f.Err
}

func (f *Failure) code() string {
	if f.Code != "" {
		return f.Code
	}
	switch status := f.status(); {
	case status == http.StatusForbidden:
		return CodeForbidden
	case status == http.StatusServiceUnavailable:
		return CodeUnavailable
	case status >= http.StatusInternalServerError:
		return CodeInternal
	}
	return CodeInvalidCredentials
}

func (f *Failure) status() int {
	if f.Status < 400 || f.Status > 599 {
		return http.StatusUnauthorized
	}
	return f.Status
}

// A Detour is an error that says: the user is known, but not yet signed in,
// since something comes first: a nickname, a second factor, new terms. The
// session gets a new id, keeps Value under Key for 15 minutes at most, and
// belongs to nobody; the browser is sent to URL with 303. What comes last signs
// the user in, as a strategy of its own that finds the value there, and the
// next Login drops the key.
type Detour struct {
	URL   string
	Key   string
	Value any
}

// Error names the way, not the value.
func (d *Detour) Error() string { return "passport: detour to " + d.URL }

// Unavailable is an error of something that is there, and cannot answer now,
// such as password.BusyError: 503, with a Retry-After of what the method
// returns.
type Unavailable interface {
	error
	Unavailable() (retryAfter time.Duration)
}

// asFailure is the Failure that cause is, or one that has it as its cause.
func asFailure(cause error) *Failure {
	if f, ok := errors.AsType[*Failure](cause); ok && f != nil {
		return f
	}
	return &Failure{Code: CodeInvalidCredentials, Err: cause}
}

// AsRefusal tells a refusal, as which a function of the application may
// return any error that the package comment names, from an outage. With an
// outage the Failure is nil, or has a status of 500 and more.
func AsRefusal(err error) (*Failure, bool) {
	if errors.Is(err, errUnavailable) {
		return nil, false // whatever the store's own error looks like
	}
	if f, ok := errors.AsType[*Failure](err); ok && f != nil {
		return f, f.status() < http.StatusInternalServerError
	}
	switch {
	case errors.Is(err, ErrInvalidCredentials), errors.Is(err, ErrNoUser), errors.Is(err, sql.ErrNoRows):
		return &Failure{Code: CodeInvalidCredentials, Err: err}, true
	case errors.Is(err, ErrForbidden):
		return &Failure{Code: CodeForbidden, Status: http.StatusForbidden, Err: err}, true
	}
	return nil, false
}

// classify is err as it will be answered.
func classify(err error) *Failure {
	if f, _ := AsRefusal(err); f != nil {
		return f
	}
	if _, ok := errors.AsType[*Detour](err); ok {
		return &Failure{Code: CodeDetour, Status: http.StatusForbidden, Err: err}
	}
	if e, ok := errors.AsType[*refusal](err); ok && e.outcome == Passed {
		return &Failure{Code: CodeNoCredentials, Status: http.StatusUnauthorized, Err: err}
	}
	if u, ok := errors.AsType[Unavailable](err); ok {
		return &Failure{Code: CodeUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: u.Unavailable(), Err: err}
	}
	status, code := http.StatusInternalServerError, CodeInternal
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errUnavailable) {
		status, code = http.StatusServiceUnavailable, CodeUnavailable
	}
	return &Failure{Code: code, Status: status, Err: err}
}

// errUnavailable marks what the session store or a serializer could not
// answer: 503, the session stays.
var errUnavailable = errors.New("passport: sessions are unavailable")
