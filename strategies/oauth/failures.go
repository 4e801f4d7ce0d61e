package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gopassport/passport"
)

// The codes of this strategy's failures, besides passport's own.
const (
	CodeBadRequest          = "bad-request"          // 400
	CodeInvalidState        = "invalid-state"        // 403
	CodeIssuerMismatch      = "issuer-mismatch"      // 403
	CodeAccessDenied        = "access-denied"        // 401
	CodeProviderRefused     = "provider-refused"     // 401
	CodeProviderAnswer      = "provider-answer"      // 502
	CodeProviderUnavailable = "provider-unavailable" // 503
	CodeLinkRequired        = "link-required"        // 409
)

// What [Provider.Finish] says in its errors.
var (
	// ErrRefused: the provider does not take the code.
	ErrRefused = errors.New("oauth: the provider refused")
	// ErrBadAnswer: the provider's answer cannot be used.
	ErrBadAnswer = errors.New("oauth: the provider's answer cannot be used")
)

func badRequest(cause string) error {
	return &passport.Failure{
		Code: CodeBadRequest, Status: http.StatusBadRequest,
		Message: "The answer of the provider is malformed.", Err: errors.New("oauth: " + cause),
	}
}

// invalidState is the one answer to everything about a state.
func invalidState(cause string) error {
	return &passport.Failure{
		Code: CodeInvalidState, Status: http.StatusForbidden,
		Message: "This sign-in was not begun in this browser, is over, or took too long. Begin again.",
		Err:     errors.New("oauth: " + cause),
	}
}

func issuerMismatch(cause string) error {
	return &passport.Failure{Code: CodeIssuerMismatch, Status: http.StatusForbidden, Err: errors.New("oauth: " + cause)}
}

func unavailable(cause error) error {
	return &passport.Failure{Code: CodeProviderUnavailable, Status: http.StatusServiceUnavailable, Err: cause}
}

// denied is the failure of an error that the browser brought back. What the
// provider says of it is for the log alone.
func denied(a answer) error {
	f := &passport.Failure{
		Code: CodeProviderRefused, Message: "The provider refused the sign-in.",
		Err: fmt.Errorf("oauth: the provider answered %s: %s", quoted(a.failure), quoted(a.description)),
	}
	if a.failure == "access_denied" {
		f.Code, f.Message = CodeAccessDenied, "The sign-in was cancelled."
	}
	return f
}

// finishError is the failure of what [Provider.Finish] returned.
func finishError(ctx context.Context, err error) error {
	if _, own := errors.AsType[*passport.Failure](err); own {
		return err
	}
	if ended := ctx.Err(); errors.Is(ended, context.Canceled) {
		return fmt.Errorf("oauth: %w", ended) // the browser went away
	}
	switch {
	case errors.Is(err, ErrRefused):
		return &passport.Failure{Code: CodeProviderRefused, Message: "The provider refused the sign-in.", Err: err}
	case errors.Is(err, ErrBadAnswer):
		return &passport.Failure{Code: CodeProviderAnswer, Status: http.StatusBadGateway, Err: err}
	}
	return unavailable(err)
}

// withoutURL is err without the address that net/http puts into it, whose
// query may hold a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// quoted bounds what others wrote in a log.
func quoted(s string) string {
	const limit = 100
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strconv.QuoteToASCII(s)
}
