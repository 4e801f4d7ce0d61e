package oauth

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// A Provider is somewhere to sign in. [NewProvider] makes one of a [Service];
// packages below this one make others. It is safe for concurrent use, and
// making one asks nothing of the network: a provider that is down does not
// keep the application from starting.
//
// It may have more abilities, each a one-method interface: [IssuerSender],
// [ExtraReader], [AuthenticationChecker], [ChallengeOmitter], [Refresher].
type Provider interface {
	// Issuer names the provider, the same for ever: it is half of the key of
	// its accounts, and what an iss parameter has to be, byte for byte.
	Issuer() string
	// RedirectURL is the absolute URL of the callback, as it is registered at
	// the provider, without a query. It never depends on a request.
	RedirectURL() string
	// Begin returns where the browser goes to sign in. It has to place the
	// State and the Challenge of the Flow in its query, as [Flow.AddTo] does.
	Begin(ctx context.Context, f *Flow) (location string, err error)
	// Finish redeems the code, once, and says who it is. ctx has a deadline.
	// An error that wraps [ErrRefused] refuses the sign-in; one that wraps
	// [ErrBadAnswer] answers 502; any other is an outage of the provider, 503.
	Finish(ctx context.Context, f *Flow) (*Identity, error)
}

// An IssuerSender is a Provider that knows whether each of its answers
// carries an iss parameter (RFC 9207): one that does not is refused then. An
// iss that comes is checked in any case.
type IssuerSender interface {
	SendsIssuer(ctx context.Context) (bool, error)
}

// An ExtraReader is a Provider whose Finish needs more of the callback than
// its code: parameters of these names.
type ExtraReader interface {
	ExtraParams() []string
}

// An AuthenticationChecker is a Provider that checks when and how somebody was
// authenticated: with any other, Params.MaxAge and Params.ACRValues are an
// error, since what is asked for and not checked is worth nothing.
type AuthenticationChecker interface {
	ChecksAuthentication() bool
}

// A ChallengeOmitter is a Provider that may sign in without PKCE: its Begin need
// not place the Challenge then. A stolen code is worth something there.
type ChallengeOmitter interface {
	OmitsChallenge() bool
}

// A Flow is one sign-in under way, as a [Provider] sees it.
type Flow struct {
	// State, Verifier (RFC 7636) and Nonce (OpenID Connect) are fresh in each
	// flow: 256 bits each, 43 characters of base64url.
	State, Verifier, Nonce string
	// Params is what this request asks for besides. For Begin alone.
	Params Params
	// Memo is what Begin leaves for Finish. It travels sealed in a cookie, has
	// about 1 KiB at most, and no NUL.
	Memo string
	// Code is the code of the callback. For Finish alone.
	Code string
	// Extra has the callback's parameters that an [ExtraReader] names. For
	// Finish alone.
	Extra map[string]string
}

// Challenge is the code_challenge of the Verifier, by method S256.
func (f *Flow) Challenge() string { return oauth2.S256ChallengeFromVerifier(f.Verifier) }

// Params is what a request asks of the provider beyond its configuration.
type Params struct {
	// Scopes are asked for besides the configured ones.
	Scopes []string
	// Prompt and LoginHint are those of OpenID Connect. Empty: not sent.
	Prompt, LoginHint string
	// MaxAge is how long ago the person may have been authenticated, in whole
	// seconds: a provider with an older session of his asks him again. One
	// second is the shortest, which asks always. 0: it does not matter. For an
	// [AuthenticationChecker] alone.
	MaxAge time.Duration
	// ACRValues are the authentication contexts (acr) that will do, such as a
	// second factor: one of them has to be what the provider says. Nil: it does
	// not matter. For an [AuthenticationChecker] alone.
	ACRValues []string
	// Extra parameters of the authorization URL. Those that belong to the flow,
	// such as state or redirect_uri, are an error.
	Extra map[string]string
}

// reserved are the parameters of an authorization URL that belong to the flow.
func reserved(name string) bool {
	return slices.Contains([]string{
		"acr_values", "client_id", "code_challenge", "code_challenge_method", "max_age", "nonce", "redirect_uri", "request", "request_uri", "response_type", "scope", "state",
	}, strings.ToLower(name))
}

// CheckParams tells which of some further parameters of an authorization URL
// belongs to the flow, such as state, or max_age, whose answer has to be
// checked. It is for the configuration of a [Provider] of one's own.
func CheckParams(further map[string]string) error {
	for name := range further {
		if reserved(name) {
			return fmt.Errorf("has %s, which belongs to the flow", quoted(name))
		}
	}
	return nil
}

// AddTo adds the flow's parameters, and those of this request, to the query of
// an authorization URL: all but scope, and nonce, max_age and acr_values, which
// are for OpenID Connect.
func (f *Flow) AddTo(query url.Values) {
	for name, value := range f.Params.Extra {
		if !reserved(name) {
			query.Set(name, value)
		}
	}
	if f.Params.Prompt != "" {
		query.Set("prompt", f.Params.Prompt)
	}
	if f.Params.LoginHint != "" {
		query.Set("login_hint", f.Params.LoginHint)
	}
	query.Set("state", f.State)
	query.Set("code_challenge", f.Challenge())
	query.Set("code_challenge_method", "S256")
}
