package jwt

import (
	"errors"
	"net/http"

	"github.com/gopassport/passport"
)

// The codes of this strategy's failures, besides passport's own. With
// underscores they are the error codes of RFC 6750 section 3.1, which has none
// for a form that is too large.
const (
	CodeInvalidToken      = "invalid-token"      // 401
	CodeInvalidRequest    = "invalid-request"    // 400
	CodeTooLarge          = "too-large"          // 413
	CodeInsufficientScope = "insufficient-scope" // 403
)

// Why a token is refused: the cause of a failure, for logs and to branch on.
// There is one at a time, the first of this order; what the claims say counts
// for nothing before the signature is right.
var (
	// ErrMalformed: it is no signed token in compact form, or exceeds a limit.
	ErrMalformed = errors.New("jwt: malformed")
	// ErrHeader: the header asks for what is not done here, or has another type.
	ErrHeader = errors.New("jwt: header not acceptable")
	// ErrIssuer: the issuer is not one that is trusted.
	ErrIssuer = errors.New("jwt: unknown issuer")
	// ErrNoKey: the issuer has no key, or not just one, that the header fits.
	ErrNoKey = errors.New("jwt: no such key")
	// ErrSignature: the signature is wrong.
	ErrSignature = errors.New("jwt: wrong signature")
	// ErrClaims: the claims are malformed, or one is missing.
	ErrClaims = errors.New("jwt: claims not acceptable")
	// ErrExpired: it has expired.
	ErrExpired = errors.New("jwt: expired")
	// ErrNotYet: it is from the future, or not valid yet.
	ErrNotYet = errors.New("jwt: not valid yet")
	// ErrAudience: it is meant for somebody else.
	ErrAudience = errors.New("jwt: other audience")
	// ErrBound: it is bound to a key that the client has to prove (RFC 9449,
	// RFC 8705), and is no bearer token.
	ErrBound = errors.New("jwt: bound to a key of the client")
	// ErrRevoked: it was revoked. For Config.Revoked.
	ErrRevoked = errors.New("jwt: revoked")
)

// A reason is a sentinel with what is wrong, which holds nothing of the token.
// A flood of bad tokens makes many, and logs may drop them: it is a text only
// where it is read.
type reason struct {
	sentinel error
	what     string
}

func because(sentinel error, what string) error { return &reason{sentinel, what} }

func (r *reason) Error() string { return r.sentinel.Error() + ": " + r.what }
func (r *reason) Unwrap() error { return r.sentinel }

// unavailable is the failure of what cannot tell now.
func unavailable(cause error) error {
	return &passport.Failure{Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Err: cause}
}
