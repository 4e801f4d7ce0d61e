package oidcprovider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gopassport/passport/strategies/oauth"
)

// metadata is what is read of the discovery document (OpenID Connect Discovery
// section 3).
type metadata struct {
	issuer                                           string
	authorization, token, jwks, userinfo, endSession string     // URLs; userinfo and endSession may be empty
	start                                            string     // of authorization, up to the query
	query                                            url.Values // of authorization, with Config.AuthParams
	basicAuth                                        bool
	sendsIssuer                                      bool
}

// discover fetches the metadata.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	doc, err := p.object(ctx, p.client, strings.TrimSuffix(p.config().Issuer, "/")+"/.well-known/openid-configuration", "")
	if err != nil {
		return nil, fmt.Errorf("oidcprovider: the metadata: %w", err)
	}
	return p.parse(doc)
}

// parse checks a discovery document.
func (p *Provider) parse(doc oauth.Claims) (*metadata, error) {
	c := p.config()
	m := &metadata{
		issuer:        doc.String("issuer"),
		authorization: doc.String("authorization_endpoint"), token: doc.String("token_endpoint"), jwks: doc.String("jwks_uri"),
		userinfo: doc.String("userinfo_endpoint"), endSession: doc.String("end_session_endpoint"),
	}
	m.sendsIssuer, _ = doc.Bool("authorization_response_iss_parameter_supported")
	methods, told := doc["token_endpoint_auth_methods_supported"].([]any)
	m.basicAuth = !told || slices.Contains(methods, any("client_secret_basic")) // which is the default
	if want := c.Issuer; m.issuer != want && !(c.template && strings.Contains(m.issuer, tenantPart)) {
		return nil, fmt.Errorf("%w: the metadata is of the issuer %+.100q, and Config.Issuer is %+.100q", oauth.ErrBadAnswer, m.issuer, want)
	}
	for name, address := range map[string]string{
		"authorization_endpoint": m.authorization, "token_endpoint": m.token, "jwks_uri": m.jwks,
		"userinfo_endpoint": m.userinfo, "end_session_endpoint": m.endSession,
	} {
		if address == "" && (name == "userinfo_endpoint" || name == "end_session_endpoint") {
			continue
		}
		if err := oauth.CheckURL(address, c.InsecureHTTP); err != nil {
			return nil, fmt.Errorf("%w: %s of the metadata %w", oauth.ErrBadAnswer, name, err)
		}
	}
	u, err := url.Parse(m.authorization)
	if err != nil {
		return nil, err
	}
	m.query = u.Query()
	for name, value := range c.AuthParams {
		m.query.Set(name, value)
	}
	u.RawQuery = ""
	m.start = u.String() + "?"
	return m, nil
}

// object fetches a JSON object.
func (p *Provider) object(ctx context.Context, client *http.Client, address, accessToken string) (oauth.Claims, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	v, err := oauth.Fetch(client, r)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: it is no JSON object", oauth.ErrBadAnswer)
	}
	return object, nil
}
