package gothprovider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/github"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

const callback = "https://example.com/callback"

// A stranger is a provider that goth does not have. Its fields are what it
// does; nil ones do what is right, at a server.
type stranger struct {
	goth.Provider
	callback  string
	client    *http.Client
	server    string
	location  func(s *stranger, state string) string
	authorize func(s *stranger, params goth.Params) error
	user      func(s *stranger) (goth.User, error)
}

func (s *stranger) BeginAuth(state string) (goth.Session, error) {
	location := "https://stranger.example/authorize?" + url.Values{"state": {state}, "redirect_uri": {s.callback}}.Encode()
	if s.location != nil {
		location = s.location(s, state)
	}
	return &session{Location: location}, nil
}

func (s *stranger) UnmarshalSession(text string) (goth.Session, error) {
	v := new(session)
	return v, json.Unmarshal([]byte(text), v)
}

func (s *stranger) FetchUser(goth.Session) (goth.User, error) {
	if s.user != nil {
		return s.user(s)
	}
	return goth.User{UserID: "42"}, nil
}

// redeem sends a token request, as a form.
func (s *stranger) redeem(client *http.Client, params goth.Params) error {
	res, err := client.PostForm(s.server, url.Values{"grant_type": {"authorization_code"}, "code": {params.Get("code")}})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

// A session is the stranger's.
type session struct{ Location string }

func (v *session) GetAuthURL() (string, error) { return v.Location, nil }
func (v *session) Marshal() string             { b, _ := json.Marshal(v); return string(b) }
func (v *session) Authorize(p goth.Provider, params goth.Params) (string, error) {
	s := p.(*stranger)
	if s.authorize != nil {
		return "", s.authorize(s, params)
	}
	return "", s.redeem(s.client, params)
}

// strange makes a Provider of a stranger.
func strange(t testing.TB, template *stranger, c gothprovider.Config) *gothprovider.Provider {
	t.Helper()
	c.RedirectURL = callback
	if c.Issuer == "" {
		c.Issuer = "https://stranger.example"
	}
	p, err := gothprovider.New(func(callback string, client *http.Client) goth.Provider {
		s := *template
		s.callback, s.client = callback, client
		return &s
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newFlow is a flow at its end, with what Begin left.
func newFlow(t testing.TB, p oauth.Provider) *oauth.Flow {
	t.Helper()
	f := &oauth.Flow{
		State: strings.Repeat("s", 43), Verifier: strings.Repeat("v", 43), Nonce: strings.Repeat("n", 43), Code: "the-code",
	}
	if _, err := p.Begin(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

// githubAt is goth's GitHub at a server as oauthtest's.
func githubAt(server string, scopes ...string) func(string, *http.Client) goth.Provider {
	return func(callback string, client *http.Client) goth.Provider {
		p := github.NewCustomisedURL(oauthtest.ClientID, oauthtest.ClientSecret, callback,
			server+"/authorize", server+"/token", server+"/api/user", server+"/api/user/emails", scopes...)
		p.HTTPClient = client
		return p
	}
}

type user struct{ ID string }

// A site is an application on a server, with one provider.
type site struct {
	url string
	log *logBuffer

	mu    sync.Mutex
	known []*oauth.Identity
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newSite starts one. provider makes its provider, of the redirect URL.
func newSite(t testing.TB, provider func(redirectURL string) oauth.Provider, o *oauth.Options) *site {
	t.Helper()
	s := &site{log: new(logBuffer)}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := passport.New(passport.Config[*user]{
		Sessions: sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{InsecureHTTP: true, Logger: log}),
		Secrets:  [][]byte{make([]byte, 32)},
		Logger:   log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	a.Use("goth", oauth.New(provider(s.url+"/callback"), func(_ context.Context, id *oauth.Identity) (*user, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known = append(s.known, id)
		return &user{id.Key()}, nil
	}, o))
	mux := http.NewServeMux()
	signIn := a.LoginHandler("goth", nil)
	mux.Handle("POST /begin", signIn)
	mux.Handle("GET /callback", signIn)
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = w.Write([]byte(u.ID)) }))
	handler = a.Handler(mux)
	return s
}

func (s *site) identities() []*oauth.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// signIn signs in as a browser does, and returns the status and the whole text
// of the last answer. on changes requests on their way.
func (s *site) signIn(t testing.TB, on func(*http.Request)) (int, string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if on != nil {
			on(r)
		}
		return nil
	}}
	defer client.CloseIdleConnections()
	res, err := client.Post(s.url+"/begin", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	_ = res.Header.Write(&head)
	return res.StatusCode, head.String() + "\n" + string(body)
}
