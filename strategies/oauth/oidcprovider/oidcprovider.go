// Package oidcprovider signs people in with any OpenID Connect provider.
//
//	google, err := oidcprovider.Google(oidcprovider.Config{
//		ClientID:     id,
//		ClientSecret: secret,
//		RedirectURL:  "https://example.com/auth/google/callback",
//		Scopes:       []string{"email", "profile"},
//	}, "")
//	a.Use("google", oauth.New(google, accounts.Resolve, nil))
//
// [New] takes the issuer of any other. It asks nothing of the network: the
// provider's metadata is read when it is first needed, and again every hour. One
// that is down does not keep the application from starting, and is found when
// it is up again.
//
// An ID token counts only if all of this holds (OpenID Connect Core section
// 3.1.3.7): a signature of the provider's keys by an asymmetric algorithm that
// is allowed, no critical header that nobody reads, no member twice or in
// another case, iss exact, aud and azp the application, exp to come, iat
// between a quarter of an hour ago and a minute ahead, the nonce of the
// sign-in, at_hash that of the access token, and auth_time and acr as they were
// asked for. What userinfo tells is taken if it is of the same sub, and never
// in the place of what the token says.
//
// [LogoutHandler] signs out there too, and [BackChannelHandler] here when
// somebody signs out there: [SessionKey] has which session is whose.
//
// A [Provider] has every optional ability of an oauth.Provider:
// [oauth.IssuerSender], [oauth.ExtraReader], [oauth.AuthenticationChecker],
// [oauth.Refresher].
package oidcprovider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
)

// Config is what a [Provider] is made of. Issuer, ClientID and RedirectURL have
// to be there.
type Config struct {
	// Issuer is the provider's, exactly as its metadata has it: a slash at the
	// end counts.
	Issuer string
	// ClientID and ClientSecret are what the provider gave the application. A
	// public client has no secret.
	ClientID, ClientSecret string
	// RedirectURL is the absolute URL of the callback, as it is registered
	// there, without a query: https, or http on localhost.
	RedirectURL string
	// Scopes to ask for besides openid, such as email and profile. Default:
	// none.
	Scopes []string
	// AuthParams are further parameters of every authorization URL. Those that
	// belong to the flow are an error: oauth.Params asks for max_age and
	// acr_values, and has the answer checked.
	AuthParams map[string]string
	// AuthStyle is how the secret is sent. Default: in the header if the
	// metadata allows that, in the form otherwise; never by trying.
	AuthStyle oauth2.AuthStyle
	// Algorithms that ID tokens may be signed with. Default: RS256, ES256 and
	// EdDSA. Also possible: RS384, RS512, ES384, ES512, PS256, PS384, PS512.
	Algorithms []string
	// UserInfo asks the userinfo endpoint at every sign-in. Default: only where
	// the scope email or profile was asked for and the ID token has no e-mail
	// address or name, and the provider has such an endpoint.
	UserInfo bool
	// Check sees every identity last, with its claims. It may change what is
	// said of the e-mail address. It refuses by an error that wraps
	// [oauth.ErrRefused], or a *passport.Failure; any other is an outage. Nil:
	// nothing more is checked.
	Check func(ctx context.Context, id *oauth.Identity) error
	// KeepIDToken keeps the ID token in the session, where [LogoutHandler] hands
	// it back as id_token_hint. It adds a few kilobytes to the session.
	KeepIDToken bool

	// InsecureHTTP lets the provider and the callback be at http:// addresses
	// that are not on this machine, such as in a network of containers.
	InsecureHTTP bool
	// PrivateNetwork lets the provider be at private addresses, such as
	// 10.0.0.1. An Issuer on localhost allows loopback addresses. Default:
	// whatever the metadata names, connections to them are refused. The
	// addresses of a link (169.254.0.0/16) always are.
	PrivateNetwork bool
	// Client asks the provider. Default: one like oauth.Client(nil), which
	// refuses addresses as PrivateNetwork says. Another one should be made by
	// [oauth.Client], and refuses none. Where the environment names a proxy, it
	// is the proxy that connects.
	Client *http.Client

	// What the constructors of particular providers set.
	extras   []string                                          // parameters of the callback
	finish   func(id *oauth.Identity, extra map[string]string) // with those
	secret   func() (string, error)                            // in the place of ClientSecret
	template bool                                              // the metadata's issuer has {tenantid}
}

func (c Config) masked() string { return "[OpenID Connect config of " + c.ClientID + "]" }

// Format implements [fmt.Formatter] for every verb. It shows no secret.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.masked()) }

// MarshalJSON implements [json.Marshaler]. It shows no secret.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.masked()) }

// A Provider is an OpenID Connect provider: see [New]. It is safe for
// concurrent use.
type Provider struct {
	config func() Config // a function, into which no %+v looks
	algs   []jose.SignatureAlgorithm
	client *http.Client
	meta   cell[*metadata]
	keys   cell[[]key]
}

var (
	_ oauth.Provider              = (*Provider)(nil)
	_ oauth.IssuerSender          = (*Provider)(nil)
	_ oauth.ExtraReader           = (*Provider)(nil)
	_ oauth.AuthenticationChecker = (*Provider)(nil)
	_ oauth.Refresher             = (*Provider)(nil)
)

// New returns a Provider. It asks nothing of the network; an error says what
// of the Config cannot be.
func New(c Config) (*Provider, error) {
	if c.ClientID == "" {
		return nil, errors.New("oidcprovider: Config.ClientID is empty")
	}
	if err := checkIssuer(c.Issuer, c.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("oidcprovider: Config.Issuer %w", err)
	}
	if err := oauth.CheckRedirectURL(c.RedirectURL, c.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("oidcprovider: Config.RedirectURL %w", err)
	}
	if err := oauth.CheckParams(c.AuthParams); err != nil {
		return nil, fmt.Errorf("oidcprovider: Config.AuthParams %w", err)
	}
	if c.Algorithms == nil {
		c.Algorithms = []string{string(jose.RS256), string(jose.ES256), string(jose.EdDSA)}
	}
	p := new(Provider)
	for _, alg := range c.Algorithms {
		if !asymmetric(jose.SignatureAlgorithm(alg)) {
			return nil, fmt.Errorf("oidcprovider: Config.Algorithms has %+.100q, which is no asymmetric algorithm", alg)
		}
		p.algs = append(p.algs, jose.SignatureAlgorithm(alg))
	}
	if len(p.algs) == 0 {
		return nil, errors.New("oidcprovider: Config.Algorithms is empty; leave it nil for the default")
	}
	if p.client = c.Client; p.client == nil {
		p.client = guardedClient(c)
	}
	c.Client, c.AuthParams = nil, maps.Clone(c.AuthParams)
	p.config = func() Config { return c }
	p.meta.fetch = p.discover
	p.keys.fetch = p.fetchKeys
	return p, nil
}

func asymmetric(alg jose.SignatureAlgorithm) bool {
	return slices.Contains([]jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
	}, alg)
}

// checkIssuer: an issuer is a URL without a query (OpenID Connect Discovery
// section 3).
func checkIssuer(issuer string, plain bool) error {
	if strings.ContainsAny(issuer, " ?#") {
		return errors.New("has a query, a fragment or a space")
	}
	return oauth.CheckURL(issuer, plain)
}

// Issuer implements [oauth.Provider].
func (p *Provider) Issuer() string { return p.config().Issuer }

// RedirectURL implements [oauth.Provider].
func (p *Provider) RedirectURL() string { return p.config().RedirectURL }

// ExtraParams implements [oauth.ExtraReader].
func (p *Provider) ExtraParams() []string { return p.config().extras }

// ChecksAuthentication implements [oauth.AuthenticationChecker].
func (p *Provider) ChecksAuthentication() bool { return true }

// SendsIssuer implements [oauth.IssuerSender]: the metadata says so (RFC 9207
// section 3).
func (p *Provider) SendsIssuer(ctx context.Context) (bool, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return false, err
	}
	return m.sendsIssuer, nil
}

// Begin implements [oauth.Provider].
func (p *Provider) Begin(ctx context.Context, f *oauth.Flow) (string, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return "", err
	}
	c, query := p.config(), maps.Clone(m.query)
	f.AddTo(query)
	query.Set("response_type", "code")
	query.Set("client_id", c.ClientID)
	query.Set("redirect_uri", c.RedirectURL)
	query.Set("nonce", f.Nonce)
	query.Set("scope", strings.Join(scopes(c, f.Params.Scopes), " "))
	f.Memo = ask(f.Params, query)
	return m.start + query.Encode(), nil
}

// scopes are openid and those that the application names, each once.
func scopes(c Config, more []string) (all []string) {
	for _, scope := range slices.Concat([]string{"openid"}, c.Scopes, more) {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

// Finish implements [oauth.Provider].
func (p *Provider) Finish(ctx context.Context, f *oauth.Flow) (*oauth.Identity, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return nil, err
	}
	c := p.config()
	client, err := p.oauth2(m)
	if err != nil {
		return nil, err
	}
	token, err := oauth.Redeem(ctx, p.client, client, f)
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	was := recall(f.Memo)
	claims, err := p.idToken(ctx, m, raw, token.AccessToken, f.Nonce, was)
	if err != nil {
		return nil, err
	}
	tokens := oauth.Issued(token)
	granted := tokens.Scopes
	if granted == nil {
		granted = scopes(c, was.Scopes)
	}
	if c.UserInfo || m.userinfo != "" && lacks(claims, granted) {
		if err := p.userInfo(ctx, m, token.AccessToken, claims); err != nil {
			return nil, err
		}
	}
	id := claims.Identity()
	id.Issuer = claims.String("iss")
	if c.finish != nil {
		c.finish(id, f.Extra)
	}
	if c.Check != nil {
		if err := c.Check(ctx, id); err != nil {
			return nil, err
		}
	}
	id.Tokens = tokens
	iat, _ := instant(claims, "iat") // there is one
	session := Session{Issuer: id.Issuer, Client: c.ClientID, Subject: id.Subject, SID: claims.String("sid"), IssuedAt: iat.Unix()}
	if c.KeepIDToken {
		session.IDToken = raw
	}
	id.SessionValues = map[string]any{string(SessionKey): session}
	return id, nil
}

// Refresh implements [oauth.Refresher].
func (p *Provider) Refresh(ctx context.Context, t *oauth.Tokens) (*oauth.Tokens, error) {
	m, err := p.meta.get(ctx, fresh)
	if err != nil {
		return nil, err
	}
	client, err := p.oauth2(m)
	if err != nil {
		return nil, err
	}
	return oauth.Renew(ctx, p.client, client, t)
}

// oauth2 is how tokens are asked for.
func (p *Provider) oauth2(m *metadata) (*oauth2.Config, error) {
	c := p.config()
	style := c.AuthStyle
	switch {
	case style != oauth2.AuthStyleAutoDetect:
	case c.ClientSecret != "" && m.basicAuth && c.secret == nil:
		style = oauth2.AuthStyleInHeader
	default:
		style = oauth2.AuthStyleInParams
	}
	if c.secret != nil {
		secret, err := c.secret()
		if err != nil {
			return nil, err
		}
		c.ClientSecret = secret
	}
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL,
		Endpoint: oauth2.Endpoint{TokenURL: m.token, AuthStyle: style},
	}, nil
}
