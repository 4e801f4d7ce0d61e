package vault

import (
	"errors"
	"net/http"

	"github.com/gopassport/passport/internal/loopback"
)

// Client returns a client that sends the access token of a user at a provider
// with each request, fresh. It is bound to these two: make one where you need
// it, which costs next to nothing. base sends the requests; nil is
// oauth.Client(nil), with its limits for answers. base is not changed.
//
// The token leaves by https alone, or to this machine, and follows no redirect
// to another host. The errors of Token come wrapped in a *url.Error.
func (v *Vault) Client(user, provider string, base *http.Client) *http.Client {
	if base == nil {
		base = v.base
	}
	client := *base
	client.Transport = &transport{v, user, provider, base.Transport}
	return &client
}

type transport struct {
	v              *Vault
	user, provider string
	base           http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.roundTrip(r)
	if err != nil && r.Body != nil {
		_ = r.Body.Close() // as its contract says; twice does no harm
	}
	return res, err
}

func (t *transport) roundTrip(r *http.Request) (*http.Response, error) {
	if err := mayCarry(r); err != nil {
		return nil, err
	}
	tokens, err := t.v.Token(r.Context(), t.user, t.provider)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+tokens.Access)
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(r)
}

// mayCarry tells why a request may not have a token.
func mayCarry(r *http.Request) error {
	if r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !loopback.Host(r.URL.Hostname())) {
		return errors.New("vault: a token leaves by https alone")
	}
	// A redirect is sent by the transport as any request is: net/http leaves
	// headers of its own out at another host, but not those that we add.
	if from := r.Response; from != nil && from.Request.URL.Host != r.URL.Host {
		return errors.New("vault: a token follows no redirect to another host")
	}
	return nil
}
