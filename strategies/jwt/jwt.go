// Package jwt lets requests in that carry a signed bearer token: a JSON Web
// Token (RFC 7519) in the profile for access tokens (RFC 9068, RFC 6750).
//
//	keys, err := jwks.New(jwks.Config{URL: "https://login.example.com/keys"})
//	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{
//		Name:     "https://login.example.com",
//		Audience: []string{"https://api.example.com"},
//		Keys:     keys,
//	}}}, users.FromClaims)) // func(ctx, *Claims) (*User, error)
//
//	mux.Handle("/api/", a.Require("jwt")(api))
//
// The keys say which algorithm a token is signed with, and the token only
// which key. The signature is checked before a claim counts. Then a token
// needs an issuer and an audience that are known, an expiry, a subject, and
// the type at+jwt with what RFC 9068 asks for, unless Issuer.Type says
// otherwise. Its JSON has to be unambiguous: UTF-8, no member twice, names
// with their case. Claims are decoded once, into the application's own struct.
//
// Optional abilities: claims may embed a [Token]; the Info of any strategy
// that has a method HasScope(...string) bool can be asked by [RequireScope].
package jwt

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/bearertoken"
)

// Config of [New]. It needs at least one of Issuers; all else has a default.
type Config struct {
	// Issuers are those whose tokens are taken. A token's iss chooses among
	// them, and nothing else.
	Issuers []Issuer
	// Leeway is how far clocks may differ. Default 30 s, at most 5 min;
	// negative: none.
	Leeway time.Duration
	// MaxToken bounds a token, in bytes. Default 16 KiB, which is also the most.
	// A header has 4 KiB at most.
	MaxToken int
	// Realm stands in challenges. Default "Users".
	Realm string
	// Scope is what a challenge asks for where nothing was sent. Default: it
	// asks for none.
	Scope string
	// ResourceMetadata is the URL of the protected resource metadata (RFC 9728),
	// which challenges name: see [Metadata]. Default: they name none.
	ResourceMetadata string
	// Form also takes the token from the field access_token of a form (RFC 6750
	// section 2.2), of at most 64 KiB and of requests other than GET and HEAD.
	// Default: it does not.
	Form bool
	// Cookie also takes the token from the cookie of that name. Unsafe requests
	// of another origin are refused with it (http.CrossOriginProtection).
	// Default: none.
	Cookie string
	// TrustedOrigins ("https://app.example.com") may send unsafe requests with
	// the cookie.
	TrustedOrigins []string
	// InsecureQuery also takes the token from the query, access_token, where it
	// ends up in logs, histories and referrers (RFC 6750 section 5.3).
	InsecureQuery bool
	// Revoked is asked about every token that is right, by every
	// request. [ErrRevoked], and what refuses elsewhere, refuses it: both are
	// ErrRevoked in the cause. Any other error is answered with 503. Default:
	// nothing is revoked.
	Revoked func(context.Context, *Token) error
	// CacheTokens is how many tokens, whose signature was right, are remembered
	// by their SHA-256, at 200 bytes each: it saves what the check of an RSA or
	// EC signature costs. All other checks run for every request, and the key is
	// looked up: a token whose key changed or left is checked anew. Default 0,
	// none; negative is 0.
	CacheTokens int
}

// An Issuer signs tokens.
type Issuer struct {
	// Name is the iss of its tokens, compared as it is.
	Name string
	// Audience: a token's aud names one of them. It may be empty for an issuer
	// that sets none, such as Amazon Cognito, where Clients is not.
	Audience []string
	// Clients, if not empty, are those whose tokens are taken, by client_id.
	Clients []string
	// Keys are those that the issuer signs with.
	Keys KeySource
	// Type is the typ of its tokens. Default [TypeAccessToken].
	Type Type
	// ScopeClaim is the claim with the scopes: a string with spaces between
	// them, or a list. Default "scope"; "scp" for Microsoft Entra. None of those
	// that a [Token] has otherwise.
	ScopeClaim string
}

// A Type is what the header of a token says that it is, without case.
type Type string

const (
	// TypeAccessToken is at+jwt, or application/at+jwt. Such a token has sub,
	// client_id, iat and jti (RFC 9068 section 2).
	TypeAccessToken Type = "at+jwt"
	// TypeJWT is for issuers whose access tokens say JWT, or nothing. They look
	// like ID tokens, and are told from them by the audience: it must not be the
	// id of a client. Logout tokens, and ID tokens that say so by at_hash, c_hash
	// or nonce, are refused.
	TypeJWT Type = "JWT"
)

// A Strategy verifies the tokens of requests. It is safe for concurrent use.
type Strategy[U, C any] struct {
	*verifier
	verify func(context.Context, *C) (U, error)
	isNil  func(U) bool
}

// New returns a Strategy. verify says whose a token is; its errors are those
// of every function of the application, and what refuses is answered as an
// invalid token. C is the application's own struct of claims, decoded by
// encoding/json/v2's rules: names match with their case. New panics on wiring
// mistakes, and asks nothing of the network.
func New[U, C any](c Config, verify func(context.Context, *C) (U, error)) *Strategy[U, C] {
	if verify == nil {
		panic("jwt: New needs a function that says whose claims they are")
	}
	if e, ok := any(new(C)).(embedder); ok {
		e.embedded() // panics where there is none
	}
	v := newVerifier(c)
	v.spares = !v.reads(new(C))
	return &Strategy[U, C]{verifier: v, verify: verify, isNil: absent.User[U]()}
}

// Authenticate decides about the token of the request, and passes where there
// is none. The Info of a Success is its *[Token].
func (s *Strategy[U, C]) Authenticate(r *http.Request) (passport.Result[U], error) {
	res := passport.Result[U]{}.WithChallenge(s.answers.Challenge())
	token, found, err := s.places.Find(r)
	if err == nil && !found {
		return res.Pass()
	}
	var user U
	var t *Token
	if err != nil {
		err = s.answers.Malformed(err)
	} else {
		user, t, err = s.decide(r.Context(), token)
		if errors.Is(err, ErrMalformed) && !bearertoken.Token68(token) {
			err = s.answers.Malformed(bearertoken.ErrNoToken)
		}
	}
	if f, refused := passport.AsRefusal(err); refused {
		return bearertoken.Fail(res, f)
	}
	if err != nil {
		return res, err
	}
	return res.WithInfo(t).Success(user)
}

// Verify decides about a token from elsewhere: a message, a websocket. A
// refusal is a *passport.Failure below 500, which wraps one of the errors of
// this package or what verify returned; any other error means that something
// is broken. With an error the user is the zero U.
func (s *Strategy[U, C]) Verify(ctx context.Context, token string) (U, error) {
	user, _, err := s.decide(ctx, token)
	return user, err
}

func (s *Strategy[U, C]) decide(ctx context.Context, token string) (user U, t *Token, err error) {
	claims := new(C)
	t, err = s.check(ctx, token, claims)
	switch _, chosen := errors.AsType[*passport.Failure](err); {
	case chosen:
		return user, nil, s.answers.Refusal(err)
	case errors.Is(err, ErrExpired):
		return user, nil, s.answers.Expired(err)
	case err != nil:
		return user, nil, s.answers.InvalidToken(err)
	}
	found, err := s.verify(ctx, claims)
	if err == nil && s.isNil(found) {
		err = &passport.Failure{Code: passport.CodeNilUser}
	}
	if err != nil {
		return user, nil, s.answers.Refusal(err)
	}
	return found, t, nil
}
