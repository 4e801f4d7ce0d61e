package bearer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/egress"
)

// Introspection configures an [Introspector]. Endpoint, ClientID, ClientSecret
// and Audience are needed.
type Introspection struct {
	// Endpoint is the URL of the introspection endpoint, with https, or with
	// http on this machine.
	Endpoint string
	// ClientID and ClientSecret are those of this API at the server. They are
	// sent by HTTP Basic (RFC 6749 section 2.3.1).
	ClientID, ClientSecret string

	// Issuer is the iss that answers have to have. Default: none is asked for.
	Issuer string
	// Audience: an answer's aud names one of them. A token for another API of
	// the same server is refused.
	Audience []string
	// InsecureAnyAudience takes tokens for every API of the server, for one
	// whose answers have no aud. Leave Audience empty then.
	InsecureAnyAudience bool
	// InsecureAnyType takes an answer without a token_type, which may be about a
	// refresh token.
	InsecureAnyType bool
	// Scope are scopes that every token needs: [ErrInsufficientScope].
	Scope []string

	// Timeout bounds a call. Default 5 s.
	Timeout time.Duration
	// Transport sends the requests. Default: one of its own, with the proxy of
	// the environment. Redirects are not followed, and answers have at most 64
	// KiB, by whatever transport.
	Transport http.RoundTripper

	// CacheFor is how long an answer counts, at most until the token expires: so
	// long a revoked token goes on. Default 0: the server is asked every time.
	CacheFor time.Duration
	// CacheTokens bounds the cache. Default 10,000.
	CacheTokens int
}

// An Introspector asks a server about tokens (RFC 7662). It is safe for
// concurrent use.
type Introspector struct {
	o      Introspection
	client *http.Client
	basic  string
	cache  *cache
}

// A Token is what a server says of a token that is active. It is shared by
// requests: do not change it.
type Token struct {
	Subject  string   // sub
	Username string   // for people to read
	ClientID string   // client_id
	Issuer   string   // iss
	ID       string   // jti
	Audience []string // aud
	Scopes   []string // scope
	IssuedAt time.Time
	Expires  time.Time // zero: the server does not say
	Answer   []byte    // all of the answer, for members of the server's own
}

// HasScope tells whether the token has all the scopes. A nil Token has none.
func (t *Token) HasScope(scopes ...string) bool {
	return t != nil && !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(t.Scopes, s) })
}

// NewIntrospector returns an Introspector, and asks nothing of the network.
func NewIntrospector(c Introspection) (*Introspector, error) {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil, u.Host == "", u.Fragment != "", u.User != nil,
		u.Scheme != "https" && !(u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())):
		return nil, errors.New("bearer: Introspection.Endpoint has to be an https URL")
	case c.ClientID == "" || c.ClientSecret == "":
		return nil, errors.New("bearer: Introspection needs ClientID and ClientSecret: the endpoint tells nothing to strangers")
	case len(c.Audience) == 0 && !c.InsecureAnyAudience:
		return nil, errors.New("bearer: Introspection.Audience is empty: tokens for every API of the server would do; name this one's, or set InsecureAnyAudience")
	case c.Timeout < 0 || c.CacheFor < 0 || c.CacheTokens < 0:
		return nil, errors.New("bearer: a limit of Introspection is negative; leave it 0 for the default")
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	in := &Introspector{o: c, client: egress.Client(egress.Options{
		Timeout: c.Timeout, MaxBody: 64 << 10, Transport: c.Transport, Bad: errAnswer,
	})}
	in.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ClientID)+":"+url.QueryEscape(c.ClientSecret)))
	in.o.ClientSecret = ""
	if c.CacheFor > 0 {
		in.cache = newCache(c.CacheTokens)
	}
	return in, nil
}

// Introspected returns a Strategy that asks in about a token, and then verify
// whose it is; o may be nil. Its Scope is by default Introspection.Scope. The
// result's Info is the *[Token]. An endpoint that cannot be reached, or does
// not answer as RFC 7662 has it, is 503. It panics on wiring mistakes.
func Introspected[U any](in *Introspector, verify func(context.Context, *Token) (U, error), o *Options) *Strategy[U] {
	if in == nil || verify == nil {
		panic("bearer: Introspected needs an Introspector and a function that says whose a token is")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Scope == "" {
		opts.Scope = strings.Join(in.o.Scope, " ")
	}
	return newStrategy(func(ctx context.Context, token string) (user U, _ any, err error) {
		t, err := in.Introspect(ctx, token)
		if err != nil {
			return user, nil, err
		}
		user, err = verify(ctx, t)
		return user, t, err
	}, &opts)
}

// Introspect asks about a token. One that is not active, or not for this API:
// an error that wraps passport.ErrInvalidCredentials. No answer: a
// *passport.Failure with status 503.
func (in *Introspector) Introspect(ctx context.Context, token string) (*Token, error) {
	now := time.Now()
	if in.cache != nil {
		if t := in.cache.get(token, now); t != nil {
			return t, in.allows(t)
		}
	}
	body, err := in.ask(ctx, token)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, fmt.Errorf("bearer: %w", ctx.Err()) // the client went away
		}
		return nil, unavailable(err)
	}
	a, err := parse(body)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := in.check(a, now); err != nil {
		return nil, fmt.Errorf("%w: bearer: %w", passport.ErrInvalidCredentials, err)
	}
	t := a.token(body)
	if in.cache != nil {
		until := now.Add(in.o.CacheFor)
		if !t.Expires.IsZero() && t.Expires.Before(until) {
			until = t.Expires
		}
		in.cache.put(token, t, until, now)
	}
	return t, in.allows(t)
}

func (in *Introspector) allows(t *Token) error {
	if !t.HasScope(in.o.Scope...) {
		return ErrInsufficientScope
	}
	return nil
}

func unavailable(cause error) error {
	return &passport.Failure{Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Err: fmt.Errorf("bearer: introspection: %w", cause)}
}

// errAnswer: the answer is not of RFC 7662.
var errAnswer = errors.New("the answer cannot be used")

// ask posts the token. What net/http says of an error has the address, which
// is no secret, and not the body.
func (in *Introspector) ask(ctx context.Context, token string) ([]byte, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, in.o.Endpoint, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", in.basic)
	res, err := in.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: its status is %d", errAnswer, res.StatusCode)
	}
	return io.ReadAll(res.Body)
}

// String names what is asked without showing the secret.
func (c Introspection) String() string { return "bearer.Introspection(" + c.Endpoint + ")" }

// GoString is String.
func (c Introspection) GoString() string { return c.String() }

// String names what is asked without showing the secret.
func (in *Introspector) String() string { return "bearer.Introspector(" + in.o.Endpoint + ")" }

// GoString is String.
func (in *Introspector) GoString() string { return in.String() }
