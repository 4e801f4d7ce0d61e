package oidcprovider_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// A Person is what the application knows of somebody.
type Person struct{ ID string }

func Example() {
	// A provider of this machine, in the place of one on the internet.
	fake := oauthtest.Start(exampleTB{})

	provider, err := oidcprovider.New(oidcprovider.Config{
		Issuer:       fake.URL,
		ClientID:     oauthtest.ClientID,
		ClientSecret: oauthtest.ClientSecret,
		RedirectURL:  "https://example.com/auth/callback",
		Scopes:       []string{"email"},
	})
	if err != nil {
		panic(err)
	}
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	a := passport.New(passport.Config[*Person]{
		Sessions: manager,
		Serializer: passport.SerializeBy(
			func(p *Person) string { return p.ID },
			func(_ context.Context, id string) (*Person, error) { return &Person{id}, nil },
		),
	})
	a.Use("oidc", oauth.New(provider, func(_ context.Context, id *oauth.Identity) (*Person, error) {
		fmt.Println(id.Subject, id.Email, id.EmailStatus)
		return &Person{id.Subject}, nil
	}, nil))

	mux := http.NewServeMux()
	signIn := a.LoginHandler("oidc", nil)
	mux.Handle("POST /auth", signIn)
	mux.Handle("GET /auth/callback", signIn)
	mux.Handle("POST /logout", oidcprovider.LogoutHandler(a, &oidcprovider.LogoutOptions{PostLogoutURL: "https://example.com/"}, provider))
	mux.Handle("POST /auth/ended", oidcprovider.BackChannelHandler(provider, manager,
		func(_ context.Context, t oidcprovider.LogoutToken) (string, error) { return t.Subject, nil }, nil))
	handler := a.Handler(mux)

	// What a browser does.
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/auth", nil))
	back := fake.Visit(exampleTB{}, w.Header().Get("Location"))
	r := httptest.NewRequest("GET", back.String(), nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	r = httptest.NewRequest("POST", "/logout", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(w.Code, to.Path, to.Query().Get("post_logout_redirect_uri"))
	// Output:
	// ann ann@example.com verified
	// 303 /
	// 303 /logout https://example.com/
}

// exampleTB is the t of an application's test, which an example does not have.
type exampleTB struct{ testing.TB }

func (exampleTB) Helper()                  {}
func (exampleTB) Cleanup(func())           {}
func (exampleTB) Context() context.Context { return context.Background() }
func (exampleTB) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }
