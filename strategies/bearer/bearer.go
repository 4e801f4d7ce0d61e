// Package bearer lets requests in that carry an opaque bearer token (RFC
// 6750): one that says nothing by itself, and is looked up.
//
//	a.Use("bearer", bearer.New(tokens.Owner, nil)) // func(ctx, token) (*User, error)
//
// Where another server issues the tokens, it is asked about them (RFC 7662):
//
//	in, err := bearer.NewIntrospector(bearer.Introspection{
//		Endpoint: "https://login.example.com/introspect",
//		ClientID: id, ClientSecret: secret,
//		Issuer:   "https://login.example.com",
//		Audience: []string{"https://api.example.com"},
//	})
//	a.Use("bearer", bearer.Introspected(in, users.FromToken, nil))
//
// What a refused client is told is the same for every token, whatever is
// wrong with it. For tokens that are signed, and need no look-up, there is
// package jwt; for keys that people make for their programs, package apikey.
package bearer

import (
	"context"
	"errors"
	"net/http"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/bearertoken"
)

// The codes of this strategy's failures, besides passport's own.
const (
	CodeInvalidToken      = "invalid-token"      // 401
	CodeInvalidRequest    = "invalid-request"    // 400
	CodeTooLarge          = "too-large"          // 413
	CodeInsufficientScope = "insufficient-scope" // 403
)

// ErrInsufficientScope is for verify functions: the token is good, and does
// not allow this. It is answered with 403, and Options.Scope in the challenge.
var ErrInsufficientScope = errors.New("bearer: insufficient scope")

// Options of [New] and [Introspected]. The zero value works.
type Options struct {
	// Realm stands in challenges. Default "Users".
	Realm string
	// Scope is what a challenge asks for, by space, where nothing was sent or it
	// does not suffice. Default: none.
	Scope string
	// ResourceMetadata is the URL of the protected resource metadata (RFC
	// 9728), which challenges name. Default: they name none.
	ResourceMetadata string
	// Form also takes the token from the field access_token of a form (RFC 6750
	// section 2.2), of at most 64 KiB and of requests other than GET and HEAD.
	Form bool
	// InsecureQuery also takes it from the query, where it ends up in logs,
	// histories and referrers (RFC 6750 section 5.3).
	InsecureQuery bool
	// MaxToken bounds a token, in bytes. Default 4 KiB.
	MaxToken int
}

// A Strategy decides about opaque bearer tokens. It is safe for concurrent
// use.
type Strategy[U any] struct {
	verify  func(ctx context.Context, token string) (user U, info any, err error)
	places  bearertoken.Places
	answers bearertoken.Answers
	scope   string
	max     int
	isNil   func(U) bool
}

// New returns a Strategy that asks verify whose a token is; o may be nil. Keep
// tokens as their SHA-256 and look them up by it: a copy of the database has
// no token then, and no comparison takes longer for a token that is nearly
// right.
//
// What verify refuses with, as every function of the application may, is
// answered with 401 invalid_token; [ErrInsufficientScope] with 403; a
// *passport.Failure with its own status. Any other error means that something
// is broken. It panics on wiring mistakes.
func New[U any](verify func(ctx context.Context, token string) (U, error), o *Options) *Strategy[U] {
	if verify == nil {
		panic("bearer: New needs a function that says whose a token is")
	}
	return newStrategy(func(ctx context.Context, token string) (U, any, error) {
		user, err := verify(ctx, token)
		return user, nil, err
	}, o)
}

func newStrategy[U any](verify func(context.Context, string) (U, any, error), o *Options) *Strategy[U] {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Realm == "" {
		opts.Realm = "Users"
	}
	if opts.MaxToken < 0 {
		panic("bearer: Options.MaxToken cannot be negative; leave it 0 for the default")
	}
	if opts.MaxToken == 0 {
		opts.MaxToken = 4 << 10
	}
	return &Strategy[U]{
		verify:  verify,
		places:  bearertoken.Places{Form: opts.Form, Query: opts.InsecureQuery},
		answers: bearertoken.NewAnswers(opts.Realm, opts.Scope, opts.ResourceMetadata),
		scope:   opts.Scope,
		max:     opts.MaxToken,
		isNil:   absent.User[U](),
	}
}

// Authenticate decides about requests that carry a token, and passes all
// others, with a challenge.
func (s *Strategy[U]) Authenticate(r *http.Request) (passport.Result[U], error) {
	res := passport.Result[U]{}.WithChallenge(s.answers.Challenge())
	token, found, err := s.places.Find(r)
	if err == nil && !found {
		return res.Pass()
	}
	if found && !bearertoken.Token68(token) {
		err = bearertoken.ErrNoToken
	}
	var user U
	var info any
	if err != nil {
		err = s.answers.Malformed(err)
	} else {
		user, info, err = s.check(r.Context(), token)
	}
	if f, refused := passport.AsRefusal(err); refused {
		return bearertoken.Fail(res, f)
	}
	if err != nil {
		return res, err
	}
	if info != nil {
		res = res.WithInfo(info)
	}
	return res.Success(user)
}

// Verify decides about a token that did not come in a request's usual places,
// such as the first message of a websocket. Refusals are a *passport.Failure
// below 500; other errors mean that something is broken. Without an error
// there is a user.
func (s *Strategy[U]) Verify(ctx context.Context, token string) (U, error) {
	user, _, err := s.check(ctx, token)
	return user, err
}

func (s *Strategy[U]) check(ctx context.Context, token string) (user U, info any, err error) {
	var nobody U
	if token == "" || len(token) > s.max {
		return nobody, nil, s.answers.InvalidToken(errors.New("bearer: the token is empty or too long"))
	}
	user, info, err = s.verify(ctx, token)
	if err == nil && s.isNil(user) {
		err = s.answers.InvalidToken(&passport.Failure{Code: passport.CodeNilUser})
	}
	switch {
	case err == nil:
		return user, info, nil
	case errors.Is(err, ErrInsufficientScope):
		return nobody, nil, s.answers.InsufficientScope(s.scope, err)
	}
	return nobody, nil, s.answers.Refusal(err)
}
