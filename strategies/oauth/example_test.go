package oauth_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// A Person is what the application knows of somebody.
type Person struct{ ID string }

func Example() {
	github, err := oauth.NewProvider(oauth.GitHub(), oauth.Config{
		ClientID:     "the id that GitHub gave us",
		ClientSecret: "and the secret",
		RedirectURL:  "https://example.com/auth/github/callback",
	})
	if err != nil {
		panic(err)
	}
	a := passport.New(passport.Config[*Person]{
		Serializer: passport.SerializeBy(
			func(p *Person) string { return p.ID },
			func(_ context.Context, id string) (*Person, error) { return &Person{id}, nil },
		),
		LoginPage: "/login",
		Logger:    slog.New(slog.DiscardHandler),
	})
	people := oauth.Accounts[*Person]{ByIdentity: byIdentity, Create: create}
	a.Use("github", oauth.New(github, people.Resolve, nil))

	mux := http.NewServeMux()
	signIn := a.LoginHandler("github", nil)
	mux.Handle("POST /auth/github", signIn)
	mux.Handle("GET /auth/github/callback", signIn)
	handler := a.Handler(mux)

	// The button on the login page is a form that posts.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/auth/github", nil))
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(w.Code, to.Host+to.Path, to.Query().Get("code_challenge_method"), len(to.Query().Get("state")))

	// Whoever comes back with a state of another browser is refused.
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/auth/github/callback?code=c&state="+to.Query().Get("state"), nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "invalid-state"))
	// Output:
	// 303 github.com/login/oauth/authorize S256 43
	// 403 true
}

func byIdentity(context.Context, *oauth.Identity) (*Person, error) { return nil, passport.ErrNoUser }

func create(_ context.Context, id *oauth.Identity) (*Person, error) { return &Person{id.Key()}, nil }

func ExampleAccounts() {
	// The table of the application: ann registered with a password, and has
	// proven that the address is hers.
	ann := &Person{"ann"}
	joined := map[string]*Person{}
	people := oauth.Accounts[*Person]{
		ByIdentity: func(_ context.Context, id *oauth.Identity) (*Person, error) {
			if p, ok := joined[id.Key()]; ok {
				return p, nil
			}
			return nil, passport.ErrNoUser
		},
		ByEmail: func(_ context.Context, email string) (*Person, bool, error) {
			if email == "ann@example.com" {
				return ann, true, nil
			}
			return nil, false, passport.ErrNoUser
		},
		Join: func(_ context.Context, p *Person, id *oauth.Identity) error {
			joined[id.Key()] = p
			return nil
		},
		Create:         func(context.Context, *oauth.Identity) (*Person, error) { return &Person{"new"}, nil },
		TrustedIssuers: []string{oauth.GitHub().Issuer},
	}
	ctx := context.Background()
	for _, id := range []*oauth.Identity{
		{Issuer: "https://gitlab.com", Subject: "7", Email: "ann@example.com", EmailStatus: oauth.EmailVerified},
		{Issuer: oauth.GitHub().Issuer, Subject: "1", Email: "ann@example.com", EmailStatus: oauth.EmailUnverified},
		{Issuer: oauth.GitHub().Issuer, Subject: "2", Email: "ann@example.com", EmailStatus: oauth.EmailVerified},
		{Issuer: oauth.GitHub().Issuer, Subject: "3", Email: "bob@example.com", EmailStatus: oauth.EmailVerified},
	} {
		p, err := people.Resolve(ctx, id)
		fmt.Println(p, err)
	}
	// Output:
	// <nil> passport: link-required: oauth: the identity has to be joined to its account by its owner
	// <nil> passport: link-required: oauth: the identity has to be joined to its account by its owner
	// &{ann} <nil>
	// &{new} <nil>
}
