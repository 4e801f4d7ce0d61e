package bearertoken

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/formbody"
)

// Answers are what one resource refuses tokens with (RFC 6750 section 3). All
// texts are fixed: nothing in them comes from a token or a library.
type Answers struct {
	bare, badRequest, badToken, expired string
	params                              []string // of every challenge
}

// NewAnswers makes the answers of a realm. The scope that is asked for and the
// URL of the metadata (RFC 9728 section 5.1) may be empty. It panics where a
// challenge cannot be made of them.
func NewAnswers(realm, scope, metadata string) Answers {
	a := Answers{params: []string{"realm", realm}}
	if metadata != "" {
		a.params = append(a.params, "resource_metadata", metadata)
	}
	a.bare = a.challenge(scope)
	a.badRequest = a.challenge("", "error", "invalid_request", "error_description", "The request has no token in one place, in the right form")
	a.badToken = a.challenge("", "error", "invalid_token", "error_description", "The token is not valid")
	a.expired = a.challenge("", "error", "invalid_token", "error_description", "The token has expired")
	return a
}

func (a Answers) challenge(scope string, params ...string) string {
	params = append(slices.Clip(a.params), params...)
	if scope != "" {
		params = append(params, "scope", scope)
	}
	return passport.Challenge("Bearer", params...)
}

// Challenge asks for a token, of a request that has none: it says nothing of
// an error.
func (a Answers) Challenge() string { return a.bare }

// Malformed is the failure of a request that Find does not take: 400, 413, or
// 403 for a cookie. Where the request's context has ended, it is that.
func (a Answers) Malformed(err error) error {
	f := &passport.Failure{
		Code: "invalid-request", Status: http.StatusBadRequest, Challenge: a.badRequest,
		Message: "Send one token, in one place.", Err: err,
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errCrossOrigin):
		return &passport.Failure{Code: passport.CodeCrossOrigin, Status: http.StatusForbidden, Err: err}
	case errors.Is(err, formbody.ErrTooLarge):
		f.Code, f.Status, f.Message = "too-large", http.StatusRequestEntityTooLarge, "The form is too large."
	}
	return f
}

// InvalidToken is the one answer to every token that does not let anyone in:
// 401. The cause is for logs.
func (a Answers) InvalidToken(cause error) *passport.Failure {
	return &passport.Failure{
		Code: "invalid-token", Status: http.StatusUnauthorized, Challenge: a.badToken,
		Message: "The token is not valid.", Err: cause,
	}
}

// Expired is InvalidToken for one that is right, and too late.
func (a Answers) Expired(cause error) *passport.Failure {
	f := a.InvalidToken(cause)
	f.Message, f.Challenge = "The token has expired.", a.expired
	return f
}

// Refusal is the answer where err refuses a token, and otherwise err: an
// outage, or where the application sends people on. A refusal of the
// application's own gets the challenge that it lacks.
func (a Answers) Refusal(err error) error {
	f, refused := passport.AsRefusal(err)
	switch {
	case !refused:
		return err
	case f.Code == passport.CodeInvalidCredentials:
		return a.InvalidToken(err)
	case f.Challenge == "" && (f.Status == 0 || f.Status == http.StatusUnauthorized):
		asking := *f
		asking.Challenge = a.badToken
		return &asking
	}
	return f
}

// InsufficientScope is the failure of a token that lacks a scope: 403. The
// scope is what the request takes, of the application's own words.
func (a Answers) InsufficientScope(scope string, cause error) *passport.Failure {
	return &passport.Failure{
		Code: "insufficient-scope", Status: http.StatusForbidden,
		Challenge: a.challenge(scope, "error", "insufficient_scope", "error_description", "The token does not allow this"),
		Message:   "The token does not allow this.", Err: cause,
	}
}

// Fail makes the result of a failure. The framework sends challenges with a
// 401 alone; RFC 6750 section 3.1 sends one with 400 and 403 too.
func Fail[U any](res passport.Result[U], f *passport.Failure) (passport.Result[U], error) {
	if f.Challenge != "" && f.Status != 0 && f.Status != http.StatusUnauthorized {
		res = res.WithHeader("WWW-Authenticate", f.Challenge)
	}
	return res.Fail(f)
}
