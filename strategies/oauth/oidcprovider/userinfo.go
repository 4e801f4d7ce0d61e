package oidcprovider

import (
	"context"
	"fmt"
	"slices"

	"github.com/gopassport/passport/strategies/oauth"
)

// lacks tells whether the scopes have claims in them that the ID token has not.
func lacks(claims oauth.Claims, granted []string) bool {
	has := func(scope, claim string) bool { return !slices.Contains(granted, scope) || claims.String(claim) != "" }
	return !has("email", "email") || !has("profile", "name")
}

// userInfo adds to the claims what the userinfo endpoint tells of the same
// person (OpenID Connect Core section 5.3), but nothing about the token, and
// nothing that the token says itself.
func (p *Provider) userInfo(ctx context.Context, m *metadata, access string, claims oauth.Claims) error {
	if m.userinfo == "" {
		return fmt.Errorf("%w: its metadata has no userinfo_endpoint", oauth.ErrBadAnswer)
	}
	info, err := p.object(ctx, p.client, m.userinfo, access)
	if err != nil {
		return fmt.Errorf("oidcprovider: the userinfo: %w", err)
	}
	if info.String("sub") != claims.String("sub") {
		return fmt.Errorf("%w: its userinfo is of somebody else", oauth.ErrBadAnswer)
	}
	// An address and what is said of it belong together.
	address := []string{"email", "email_verified", "xms_edov"}
	if claims.String("email") == "" {
		for _, name := range address {
			delete(claims, name)
			if value, there := info[name]; there {
				claims[name] = value
			}
		}
	}
	token := []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "auth_time", "acr", "amr", "sid", "events", "tid", "hd"}
	for name, value := range info {
		if _, there := claims[name]; !there && !slices.Contains(token, name) && !slices.Contains(address, name) {
			claims[name] = value
		}
	}
	return nil
}
