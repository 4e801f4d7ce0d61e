// Package oauth signs people in with an account that they have elsewhere: by
// the code flow of OAuth 2 and OpenID Connect.
//
//	github, err := oauth.NewProvider(oauth.GitHub(), oauth.Config{
//		ClientID:     id,
//		ClientSecret: secret,
//		RedirectURL:  "https://example.com/auth/github/callback",
//	})
//	a.Use("github", oauth.New(github, accounts.Resolve, nil))
//
//	signIn := a.LoginHandler("github", nil)
//	mux.Handle("POST /auth/github", signIn)         // begins
//	mux.Handle("GET /auth/github/callback", signIn) // ends
//
// One strategy begins and ends: the path of the redirect URL tells which. A
// sign-in begins with a POST, or a GET by which the person follows a link on
// the site itself; any other GET is sent to the login page.
//
// Between the two, a sealed cookie of ten minutes holds everything: nothing is
// stored for a stranger. The state is bound to that browser, the strategy, the
// provider, the redirect URL, the code verifier (PKCE, always), the nonce, the
// return-to, what it is for, and for a link whom. It is spent on the server
// before the code is redeemed, so that fifty callbacks at once make one
// request to the provider. A browser has eight sign-ins under way at most; the
// oldest is dropped.
//
// Of the callback code, state, iss and error are read and nothing else. A
// provider that answers by a form (form_post) does so without our cookies: the
// POST is answered with 303 to the same path. Mount it as well:
//
//	mux.Handle("POST /auth/apple/callback", signIn)
//
// Where such a provider is on the same site, name its origin in
// passport.Config.TrustedOrigins.
//
// A [Provider] may have more abilities: [IssuerSender], [ExtraReader],
// [AuthenticationChecker], [ChallengeOmitter], [Refresher].
//
// The provider's tokens are dropped, unless [Options.KeepTokens] asks for
// them. Package vault keeps them, encrypted, and refreshes them.
package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
)

// Options of [New]. The zero value works.
type Options struct {
	// Params says what a request that begins a sign-in asks the provider for
	// besides: scopes, prompt, login_hint. Many requests call it at once.
	// Default: nothing.
	Params func(*http.Request) Params
	// Timeout bounds all that one request asks the provider. Default 10 s.
	Timeout time.Duration
	// KeepTokens leaves the provider's tokens in the Identity. Default: they
	// are dropped, as a sign-in has no more use for them.
	KeepTokens bool
}

// A Strategy signs in with one provider. It is safe for concurrent use.
type Strategy[U any] struct {
	provider Provider
	verify   func(context.Context, *Identity) (U, error)
	o        Options
	callback *url.URL // the redirect URL
	extras   []string // names of the callback's parameters besides
	cross    *http.CrossOriginProtection
}

var (
	_ passport.Navigator = (*Strategy[int])(nil)
	_ passport.Bouncer   = (*Strategy[int])(nil)
)

// New returns a Strategy that signs in with a provider; o may be nil. verify
// says whose identity it is, as [Accounts.Resolve] does; its errors are those
// of every function of the application. New panics on wiring mistakes, and
// asks nothing of the network.
//
// The result's Info is the *[Identity].
func New[U any](p Provider, verify func(context.Context, *Identity) (U, error), o *Options) *Strategy[U] {
	if absent.Nil(p) || verify == nil {
		panic("oauth: New needs a provider and a function that says whose an identity is")
	}
	s := &Strategy[U]{provider: p, verify: verify, cross: http.NewCrossOriginProtection()}
	if o != nil {
		s.o = *o
	}
	if s.o.Timeout < 0 {
		panic("oauth: Options.Timeout cannot be negative; leave it 0 for the default")
	}
	if s.o.Timeout == 0 {
		s.o.Timeout = defaultTimeout
	}
	if err := CheckRedirectURL(p.RedirectURL(), true); err != nil {
		panic("oauth: the provider's RedirectURL " + err.Error())
	}
	s.callback, _ = url.Parse(p.RedirectURL()) // as CheckRedirectURL did
	if p.Issuer() == "" {
		panic("oauth: the provider has no Issuer")
	}
	if e, ok := p.(ExtraReader); ok {
		s.extras = slices.Clone(e.ExtraParams())
	}
	return s
}

// Authenticate begins a sign-in, or ends one. It passes in
// [passport.Authenticator.Require]: a social login is not something that a
// request carries.
func (s *Strategy[U]) Authenticate(r *http.Request) (passport.Result[U], error) {
	var res passport.Result[U]
	env := passport.EnvOf(r.Context())
	if env == nil || env.Purpose() == "" || env.Purpose() == passport.EventRequire {
		return res.Pass()
	}
	var err error
	switch {
	case !s.isCallback(r):
		res, err = s.begin(r, env)
	case r.Method == http.MethodPost:
		res, err = s.bounce(r, env)
	case r.Method == http.MethodGet:
		res, err = s.end(r, env)
	}
	if f, refused := passport.AsRefusal(err); refused {
		return res.Fail(f)
	}
	return res, err
}

// isCallback compares with the path that the browser asked for: a router may
// have cut r.URL.
func (s *Strategy[U]) isCallback(r *http.Request) bool {
	if r.URL.Path == s.callback.Path {
		return true
	}
	u, err := url.ParseRequestURI(r.RequestURI)
	return err == nil && u.Path == s.callback.Path
}

// Navigates implements [passport.Navigator]: a GET ends a sign-in at the
// callback, and may begin one elsewhere, which Authenticate decides.
func (s *Strategy[U]) Navigates(*http.Request) bool { return true }

// Bounces implements [passport.Bouncer]: a POST of the provider is sent on to
// the callback by GET.
func (s *Strategy[U]) Bounces(r *http.Request) bool { return s.isCallback(r) }
