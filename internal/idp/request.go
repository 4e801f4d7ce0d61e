package idp

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A request is one sign-in under way.
type request struct {
	id      string
	req     *oidc.AuthRequest
	subject string    // empty: nobody has said who he is
	at      time.Time // when he did
}

var _ op.AuthRequest = request{}

func (r request) GetID() string          { return r.id }
func (r request) GetACR() string         { return "" }
func (r request) GetAMR() []string       { return nil }
func (r request) GetAudience() []string  { return []string{r.req.ClientID} }
func (r request) GetAuthTime() time.Time { return r.at }
func (r request) GetClientID() string    { return r.req.ClientID }
func (r request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.req.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.req.CodeChallenge, Method: r.req.CodeChallengeMethod}
}
func (r request) GetNonce() string                   { return r.req.Nonce }
func (r request) GetRedirectURI() string             { return r.req.RedirectURI }
func (r request) GetResponseType() oidc.ResponseType { return r.req.ResponseType }
func (r request) GetResponseMode() oidc.ResponseMode { return r.req.ResponseMode }
func (r request) GetScopes() []string                { return r.req.Scopes }
func (r request) GetState() string                   { return r.req.State }
func (r request) GetSubject() string                 { return r.subject }
func (r request) Done() bool                         { return r.subject != "" }

// A grant is what a refresh token is good for.
type grant struct {
	client, subject string
	scopes          []string
	at              time.Time
}

var _ op.RefreshTokenRequest = (*grant)(nil)

func (g *grant) GetAMR() []string                 { return nil }
func (g *grant) GetAudience() []string            { return []string{g.client} }
func (g *grant) GetAuthTime() time.Time           { return g.at }
func (g *grant) GetClientID() string              { return g.client }
func (g *grant) GetScopes() []string              { return g.scopes }
func (g *grant) GetSubject() string               { return g.subject }
func (g *grant) SetCurrentScopes(scopes []string) { g.scopes = scopes }

// A client is a Client as op sees it.
type client struct{ Client }

var _ op.Client = client{}

func (c client) GetID() string                      { return c.ID }
func (c client) RedirectURIs() []string             { return c.RedirectURLs }
func (c client) PostLogoutRedirectURIs() []string   { return c.LogoutRedirect }
func (client) ApplicationType() op.ApplicationType  { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod          { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType   { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) LoginURL(id string) string            { return "/login?id=" + id }
func (client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (client) IDTokenLifetime() time.Duration       { return 10 * time.Minute }
func (client) DevMode() bool                        { return true } // http on this machine
func (client) IsScopeAllowed(string) bool           { return false }
func (client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (client) ClockSkew() time.Duration             { return 0 }
func (client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func same(scopes []string) []string { return scopes }

func (client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return same }
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }
