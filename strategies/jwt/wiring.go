package jwt

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/bearertoken"
	"github.com/gopassport/passport/internal/challenge"
)

const (
	defaultLeeway = 30 * time.Second
	maxLeeway     = 5 * time.Minute
	maxToken      = 16 << 10
)

// newVerifier fills in the defaults, and panics on what cannot be meant.
func newVerifier(c Config) *verifier {
	switch {
	case c.Leeway > maxLeeway:
		panic("jwt: Config.Leeway is at most 5 minutes")
	case c.Leeway == 0:
		c.Leeway = defaultLeeway
	case c.Leeway < 0:
		c.Leeway = 0
	}
	if c.MaxToken < 0 || c.MaxToken > maxToken {
		panic("jwt: Config.MaxToken is at most 16384; leave it 0 for the default")
	}
	if c.MaxToken == 0 {
		c.MaxToken = maxToken
	}
	if c.Realm == "" {
		c.Realm = "Users"
	}
	if c.ResourceMetadata != "" {
		if u, err := url.Parse(c.ResourceMetadata); err != nil || u.Host == "" {
			panic("jwt: Config.ResourceMetadata is a URL, such as https://api.example.com/.well-known/oauth-protected-resource")
		}
	}
	if c.Cookie != "" && !challenge.Token(c.Cookie) {
		panic("jwt: Config.Cookie is no name of a cookie")
	}
	v := &verifier{
		c: c, issuers: make(map[string]*Issuer), cache: newCache(c.CacheTokens),
		places: bearertoken.Places{
			Form: c.Form, Query: c.InsecureQuery, Cookie: c.Cookie, Cross: http.NewCrossOriginProtection(),
		},
		answers: bearertoken.NewAnswers(c.Realm, c.Scope, c.ResourceMetadata),
	}
	for _, origin := range c.TrustedOrigins {
		if err := v.places.Cross.AddTrustedOrigin(origin); err != nil {
			panic("jwt: Config.TrustedOrigins: " + err.Error())
		}
	}
	for _, is := range c.Issuers {
		v.trust(is)
	}
	if v.c.Issuers = nil; len(v.issuers) == 0 {
		panic("jwt: Config.Issuers is empty: no token would be taken")
	}
	return v
}

// trust adds an issuer to the table.
func (v *verifier) trust(is Issuer) {
	switch {
	case is.Name == "" || strings.Contains(is.Name, " "):
		panic("jwt: Issuer.Name is the iss of its tokens, and has no space")
	case v.issuers[is.Name] != nil:
		panic("jwt: two Issuers with the Name " + is.Name)
	case absent.Nil(is.Keys):
		panic("jwt: Issuer.Keys is nil: the issuer " + is.Name + " has no keys")
	case len(is.Audience) == 0 && len(is.Clients) == 0:
		panic("jwt: Issuer.Audience is empty: tokens of " + is.Name + " for anyone would be taken")
	case slices.Contains(is.Audience, "") || slices.Contains(is.Clients, ""):
		panic("jwt: an empty name in Issuer.Audience or Issuer.Clients")
	}
	switch is.Type {
	case "":
		is.Type = TypeAccessToken
	case TypeAccessToken, TypeJWT:
	default:
		panic("jwt: Issuer.Type is TypeAccessToken or TypeJWT")
	}
	if is.ScopeClaim == "" {
		is.ScopeClaim = "scope"
	}
	if new(registered).claim(is.ScopeClaim, new(Issuer)) != nil {
		panic("jwt: Issuer.ScopeClaim is " + is.ScopeClaim + ", which says something else")
	}
	is.Audience, is.Clients = slices.Clone(is.Audience), slices.Clone(is.Clients)
	if v.issuers[is.Name] = &is; len(v.issuers) == 1 {
		v.only = &is
	} else {
		v.only = nil
	}
}
