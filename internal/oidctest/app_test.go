// Package oidctest_test signs in by package oidcprovider with two OpenID
// providers that nobody here wrote: zitadel/oidc's op, in this process, and
// npm's oidc-provider, beside it. An API takes the latter's access tokens by
// package jwt.
package oidctest_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

const (
	clientID     = "the-app"
	clientSecret = "the-secret-of-the-app"
)

type user struct{ ID string }

// An app signs in with one provider.
type app struct {
	t   *testing.T
	URL string

	mu      sync.Mutex
	handler http.Handler
	known   []*oauth.Identity
	log     bytes.Buffer
}

// newApp starts the server of an app. What it answers comes with use.
func newApp(t *testing.T) *app {
	t.Helper()
	a := &app{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		handler := a.handler
		a.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func (a *app) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.Write(p)
}

func (a *app) logged() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.String()
}

// use makes it sign in with the provider that has an issuer.
func (a *app) use(issuer string, params func(*http.Request) oauth.Params) {
	a.t.Helper()
	log := slog.New(slog.NewTextHandler(a, nil))
	p, err := oidcprovider.New(oidcprovider.Config{
		Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, RedirectURL: a.URL + "/callback",
		Scopes: []string{"email", "profile"}, KeepIDToken: true,
	})
	if err != nil {
		a.t.Fatal(err)
	}
	manager := sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{InsecureHTTP: true, Logger: log})
	auth := passport.New(passport.Config[*user]{
		Sessions: manager, Secrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Logger: log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	auth.Use("oidc", oauth.New(p, func(_ context.Context, id *oauth.Identity) (*user, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.known = append(a.known, id)
		return &user{id.Subject}, nil
	}, &oauth.Options{Params: params}))
	mux := http.NewServeMux()
	signIn := auth.LoginHandler("oidc", nil)
	mux.Handle("POST /begin", signIn)
	mux.Handle("GET /callback", signIn)
	mux.Handle("POST /logout", oidcprovider.LogoutHandler(auth, &oidcprovider.LogoutOptions{
		PostLogoutURL: a.URL + "/bye", State: func(*http.Request) string { return "the-state" }, Logger: log,
	}, p))
	mux.Handle("/backchannel", oidcprovider.BackChannelHandler(p, manager, func(_ context.Context, t oidcprovider.LogoutToken) (string, error) {
		return t.Subject, nil
	}, log))
	mux.Handle("GET /me", auth.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = io.WriteString(w, u.ID) }))
	mux.Handle("GET /bye", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "bye "+r.URL.RawQuery) }))
	mux.Handle("GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "home") }))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handler = auth.Handler(mux)
}

// last is who was signed in last.
func (a *app) last() *oauth.Identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) == 0 {
		return nil
	}
	return a.known[len(a.known)-1]
}

// A browser keeps cookies and follows redirects. It remembers the addresses
// that it was sent to.
type browser struct {
	app     *app
	client  *http.Client
	visited []*url.URL
}

func (a *app) browser() *browser {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	b := &browser{app: a, client: &http.Client{Jar: jar}}
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		b.visited = append(b.visited, r.URL)
		return nil
	}
	return b
}

func (b *browser) do(method, target string, form url.Values) (status int, body string) {
	b.app.t.Helper()
	r, err := http.NewRequestWithContext(b.app.t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.app.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.app.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.app.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// signIn signs in somebody; query is that of the beginning.
func (b *browser) signIn(query string) (status int) {
	b.app.t.Helper()
	b.visited = nil
	status, _ = b.do(http.MethodPost, b.app.URL+"/begin?"+query, nil)
	return status
}

// me is who is signed in; empty for a stranger.
func (b *browser) me() string {
	b.app.t.Helper()
	if status, body := b.do(http.MethodGet, b.app.URL+"/me", nil); status == http.StatusOK {
		return body
	}
	return ""
}

// wants fails the test unless it is who that is signed in.
func (b *browser) wants(what, who string) {
	b.app.t.Helper()
	if got := b.me(); got != who {
		b.app.t.Errorf("%s: got %q, want %q\n%s", what, got, who, b.app.logged())
	}
}

// callback is the address of the callback that was visited.
func (b *browser) callback() url.Values {
	for _, u := range b.visited {
		if u.Path == "/callback" {
			return u.Query()
		}
	}
	return nil
}

// asks are the parameters of a beginning, from its query.
func asks(r *http.Request) oauth.Params {
	query := r.URL.Query()
	p := oauth.Params{LoginHint: query.Get("as"), Prompt: query.Get("prompt")}
	if query.Has("fresh") {
		p.MaxAge = 1e9
	}
	if query.Has("acr") {
		p.ACRValues = query["acr"]
	}
	return p
}
