package jwt

import (
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport/internal/bearertoken"
)

// A Token is what the registered claims of a token that was verified say. The
// result's Info is the *Token, which is that of the claims where these embed one:
//
//	type Claims struct {
//		jwt.Token
//		Email string `json:"email"`
//	}
//
// Issuer and Subject together say who it is: another issuer's user 1 is
// somebody else (RFC 7519 section 4.1.2).
type Token struct {
	Issuer    string    `json:"-"` // iss
	Subject   string    `json:"-"` // sub; never empty
	Audience  []string  `json:"-"` // aud
	Expires   time.Time `json:"-"` // exp
	IssuedAt  time.Time `json:"-"` // iat; zero if absent
	NotBefore time.Time `json:"-"` // nbf; zero if absent
	ID        string    `json:"-"` // jti; may be empty where Issuer.Type is JWT
	ClientID  string    `json:"-"` // client_id; may be empty where Issuer.Type is JWT
	Scopes    []string  `json:"-"` // scope, or the claim that Issuer.ScopeClaim names

	answers *bearertoken.Answers // of the strategy that verified it
}

// HasScope tells whether the token has all the scopes. A nil Token has none.
func (t *Token) HasScope(scopes ...string) bool {
	for _, s := range scopes {
		if t == nil || !slices.Contains(t.Scopes, s) {
			return false
		}
	}
	return t != nil
}

// Key names the subject among those of all issuers: the issuer, a space, and
// the subject. No two have the same, since an issuer's name has no space.
func (t *Token) Key() string { return t.Issuer + " " + t.Subject }

// An embedder is a struct of claims with a Token in it.
type embedder interface{ embedded() *Token }

func (t *Token) embedded() *Token {
	if t == nil {
		panic("jwt: the claims embed a *Token; embed a Token")
	}
	return t
}

// tokenOf is the Token in the claims, or a new one. It is empty: what a decoder
// of the application's own may have put there is gone.
func tokenOf(claims any) *Token {
	e, ok := claims.(embedder)
	if !ok {
		return new(Token)
	}
	t := e.embedded()
	*t = Token{}
	return t
}

// words are what spaces separate in a scope.
func words(s string) []string {
	return slices.DeleteFunc(strings.Split(s, " "), func(w string) bool { return w == "" })
}
