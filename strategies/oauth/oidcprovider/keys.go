package oidcprovider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
)

const (
	maxKeySet     = 512 << 10 // bytes
	maxCandidates = 16        // that a token is verified with
	minRSABits    = 2048      // RFC 7518 section 3.3
	maxRSABits    = 8192      // beyond, one verification takes seconds
)

// A key verifies signatures.
type key struct {
	jose.JSONWebKey
	issuer string // whose tokens it signs, where a provider has several issuers
}

// fetchKeys fetches the keys of the provider.
func (p *Provider) fetchKeys(ctx context.Context) ([]key, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return nil, err
	}
	client := oauth.Client(&oauth.ClientOptions{Timeout: p.client.Timeout, MaxBody: maxKeySet, Transport: transport(p.client)})
	doc, err := p.object(ctx, client, m.jwks, "")
	if err != nil {
		return nil, fmt.Errorf("oidcprovider: the keys: %w", err)
	}
	var keys []key
	for _, described := range doc.List("keys") {
		text, err := json.Marshal(described)
		if err != nil {
			return nil, err
		}
		var k jose.JSONWebKey
		if k.UnmarshalJSON(text) == nil && usable(&k) { // others may be of kinds to come (RFC 7517 section 5)
			keys = append(keys, key{k, described.String("issuer")})
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: it publishes no key that can be used", oauth.ErrBadAnswer)
	}
	return keys, nil
}

// usable tells whether signatures may be verified with a key, which it makes
// its public half.
func usable(k *jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" {
		return false
	}
	*k = k.Public()
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSABits && bits <= maxRSABits && public.E >= 3 && public.E%2 == 1 && public.E <= 1<<31-1
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// candidates are the public keys that a token of one of the issuers, with the
// header's kid and alg, may be signed with: the first few, if it has no kid and
// there are many.
func candidates(keys []key, issuers []string, kid, alg string) (public []crypto.PublicKey) {
	for _, k := range keys {
		if len(public) == maxCandidates {
			break
		}
		if (kid == "" || k.KeyID == kid) && (k.Algorithm == "" || k.Algorithm == alg) && (k.issuer == "" || slices.Contains(issuers, k.issuer)) {
			public = append(public, k.Key)
		}
	}
	return public
}
