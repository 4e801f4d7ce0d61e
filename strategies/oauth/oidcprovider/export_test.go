package oidcprovider

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
)

// VerifyLogout verifies a logout token.
func VerifyLogout(ctx context.Context, p *Provider, raw string) error {
	_, err := p.logoutToken(ctx, raw)
	return err
}

// Dials tells whether a guard lets a connection go to an address.
func Dials(a netip.Addr, loopback, private bool) bool {
	g := guard{loopback, private}
	return g.control("tcp", netip.AddrPortFrom(a, 443).String(), nil) == nil
}

// GuardedClient is what a Config without a Client gets.
func GuardedClient(c Config) *http.Client { return guardedClient(c) }

// ParseMetadata is what is read of a discovery document, for its fuzz target.
func ParseMetadata(p *Provider, doc []byte) (urls []string, err error) {
	v, err := oauth.ParseJSON(doc)
	if err != nil {
		return nil, err
	}
	object, _ := v.(map[string]any)
	m, err := p.parse(object)
	if err != nil {
		return nil, err
	}
	return []string{m.authorization, m.token, m.jwks, m.userinfo, m.endSession}, nil
}

// Publish lets a provider have keys, which it has just fetched.
func Publish(p *Provider, public ...any) {
	keys := make([]key, len(public))
	for i := range public {
		keys[i].Key = public[i]
	}
	p.keys.value, p.keys.at, p.keys.tried = keys, time.Now(), time.Now()
}

// Usable tells whether signatures may be verified with a key.
func Usable(public any) bool { return usable(&jose.JSONWebKey{Key: public}) }
