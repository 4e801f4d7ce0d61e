package oidcprovider

import (
	"context"
	"crypto"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
)

const (
	leeway = time.Minute      // between the clocks of the provider and ours
	maxOld = 15 * time.Minute // of a token that has just been issued
)

// bad is the error of a token that cannot be used.
func bad(format string, args ...any) error {
	return fmt.Errorf("%w: its token "+format, append([]any{oauth.ErrBadAnswer}, args...)...)
}

// idToken verifies an ID token (OpenID Connect Core section 3.1.3.7).
func (p *Provider) idToken(ctx context.Context, m *metadata, raw, access, nonce string, was asked) (oauth.Claims, error) {
	token, claims, err := p.verify(ctx, m, raw, "", "JWT")
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(claims.String("nonce")), []byte(nonce)) != 1 {
		return nil, bad("has another nonce")
	}
	if hash, there := claims["at_hash"]; there && (hash == "" || token.VerifyAccessToken(access) != nil) {
		return nil, bad("belongs to another access token")
	}
	if _, there := claims["events"]; there {
		return nil, bad("is no ID token")
	}
	return claims, was.check(claims)
}

// verify returns the claims of a token, of one of some types, if the provider
// has signed it for this application. go-oidc verifies the signature; what the
// claims have to be is checked in one place, on the very bytes that were
// signed: see standard.
func (p *Provider) verify(ctx context.Context, m *metadata, raw string, types ...string) (*oidc.IDToken, oauth.Claims, error) {
	head, err := p.header(raw, types)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := p.issuerOf(m, head)
	if err != nil {
		return nil, nil, err
	}
	kid, alg := head.Signatures[0].Header.KeyID, head.Signatures[0].Header.Algorithm
	config := &oidc.Config{
		SupportedSigningAlgs: p.config().Algorithms,
		SkipIssuerCheck:      true, SkipClientIDCheck: true, SkipExpiryCheck: true, // standard does
	}
	set := &keySet{head: head}
	var token *oidc.IDToken
	var tried []key
	for _, age := range []time.Duration{fresh, again} {
		keys, keysErr := p.keys.get(ctx, age)
		if keysErr != nil {
			return nil, nil, keysErr
		}
		if tried != nil && &tried[0] == &keys[0] {
			break // they were not fetched anew
		}
		tried = keys
		set.keys = candidates(keys, []string{issuer, m.issuer}, kid, alg)
		if len(set.keys) == 0 {
			err = bad("is signed with a key that the provider does not publish")
			continue // it may do so by now
		}
		token, err = oidc.NewVerifier(issuer, set, config).Verify(ctx, raw)
		if err == nil || kid != "" {
			break
		}
	}
	if ended := ctx.Err(); err != nil && ended != nil {
		return nil, nil, ended
	}
	if err != nil {
		return nil, nil, bad("does not verify: %+.200q", err.Error())
	}
	claims, err := parseClaims(set.payload)
	if err != nil {
		return nil, nil, err
	}
	return token, claims, p.standard(claims, issuer)
}

// A keySet is what go-oidc asks who signed a token, which is parsed already.
type keySet struct {
	head    *jose.JSONWebSignature
	keys    []crypto.PublicKey
	payload []byte // of the token, once one of the keys has signed it
}

// VerifySignature implements [oidc.KeySet]. The provider says how many keys
// there are and how large, so that time may run out here.
func (s *keySet) VerifySignature(ctx context.Context, _ string) (payload []byte, err error) {
	for _, k := range s.keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.payload, err = s.head.Verify(k); err == nil {
			return s.payload, nil
		}
	}
	return nil, err
}

// header looks at what is not signed yet: nothing is asked of the provider for
// a token that cannot be good.
func (p *Provider) header(raw string, types []string) (*jose.JSONWebSignature, error) {
	head, err := jose.ParseSignedCompact(raw, p.algs)
	if err != nil {
		return nil, bad("is none, or not signed as it should be: %+.100q", err.Error())
	}
	extra := head.Signatures[0].Protected.ExtraHeaders
	if _, critical := extra["crit"]; critical {
		return nil, bad("has critical headers")
	}
	kind, isText := extra[jose.HeaderType].(string)
	if _, there := extra[jose.HeaderType]; there && !isText || !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, kind) }) {
		return nil, bad("is of the type %+.100q", fmt.Sprint(extra[jose.HeaderType]))
	}
	return head, nil
}

// tenantPart stands in the issuer of a provider with many, for the tid claim of
// each token.
const tenantPart = "{tenantid}"

var tenantID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// issuerOf is the iss that a token has to have.
func (p *Provider) issuerOf(m *metadata, head *jose.JSONWebSignature) (string, error) {
	if !p.config().template {
		return m.issuer, nil
	}
	claims, err := parseClaims(head.UnsafePayloadWithoutVerification()) // which is verified next
	if err != nil {
		return "", err
	}
	tenant := claims.String("tid")
	if !tenantID.MatchString(tenant) {
		return "", bad("has no tid")
	}
	return strings.ReplaceAll(m.issuer, tenantPart, tenant), nil
}

// read are the claims that are read here, each by its very name.
func read() []string {
	return []string{
		"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "auth_time", "acr", "amr", "sid", "events", "tid", "hd", "xms_edov",
		"email", "email_verified", "name", "preferred_username", "picture",
	}
}

// parseClaims refuses what another program might read otherwise.
func parseClaims(payload []byte) (oauth.Claims, error) {
	v, err := oauth.ParseJSON(payload)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, bad("has no object in it")
	}
	names := read()
	for name := range object {
		if !slices.Contains(names, name) && slices.ContainsFunc(names, func(r string) bool { return strings.EqualFold(r, name) }) {
			return nil, bad("has a claim %+.50q", name)
		}
	}
	return object, nil
}

// standard checks what ID tokens and logout tokens have in common.
func (p *Provider) standard(claims oauth.Claims, issuer string) error {
	client, now := p.config().ClientID, time.Now()
	if claims.String("iss") != issuer {
		return bad("is of another issuer: %+.100q", claims.String("iss"))
	}
	audiences, ok := claims["aud"].([]any)
	if !ok {
		audiences = []any{claims["aud"]}
	}
	if !slices.Contains(audiences, any(client)) {
		return bad("is for somebody else")
	}
	if azp, there := claims["azp"]; (there || len(audiences) > 1) && azp != client {
		return bad("was issued to somebody else")
	}
	exp, err := instant(claims, "exp")
	if err != nil {
		return err
	}
	if !now.Before(exp) {
		return bad("has expired")
	}
	iat, err := instant(claims, "iat")
	if err != nil {
		return err
	}
	if iat.After(now.Add(leeway)) || iat.Before(now.Add(-maxOld)) {
		return bad("was issued %v ago", now.Sub(iat).Round(time.Second))
	}
	if _, there := claims["nbf"]; there {
		nbf, err := instant(claims, "nbf")
		if err != nil {
			return err
		}
		if nbf.After(now.Add(leeway)) {
			return bad("is not valid yet")
		}
	}
	return nil
}

// instant is a claim that has to be there, and a number of seconds.
func instant(claims oauth.Claims, name string) (time.Time, error) {
	n, _ := claims[name].(json.Number)
	seconds, err := n.Float64()
	if err != nil || math.Abs(seconds) > 1<<40 {
		return time.Time{}, bad("has no %s that is a time", name)
	}
	whole := math.Floor(seconds)
	return time.Unix(int64(whole), int64((seconds-whole)*1e9)), nil
}
