package oauth_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

const callback = "https://example.com/auth/fake/callback"

type user struct{ ID string }

// A site is an application with one provider.
type site struct {
	t        testing.TB
	fake     *oauthtest.Server
	handler  http.Handler
	provider oauth.Provider
	log      *syncBuffer
	store    *countingStore

	mu    sync.Mutex
	known []*oauth.Identity // who was verified
	err   error             // what verify returns, unless nil
}

// A setup changes a site before it is built. Zero values are left as they are.
type setup struct {
	provider oauth.Provider // default: the fake
	options  *oauth.Options
	login    *passport.LoginOptions
	wrap     func(*oauth.Strategy[*user]) passport.Strategy[*user]
	secret   byte
	strategy string // name; default fake
	routes   func(*passport.Authenticator[*user], *http.ServeMux)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// countingStore counts what is written.
type countingStore struct {
	*sessions.MemoryStore
	mu                    sync.Mutex
	creates, spent, fails int
}

func (s *countingStore) Create(ctx context.Context, r sessions.Record) error {
	s.mu.Lock()
	s.creates++
	s.mu.Unlock()
	return s.MemoryStore.Create(ctx, r)
}

func (s *countingStore) Once(ctx context.Context, key [32]byte, until time.Time) error {
	s.mu.Lock()
	s.spent++
	fail := s.fails > 0
	s.mu.Unlock()
	if fail {
		return context.DeadlineExceeded
	}
	return s.MemoryStore.Once(ctx, key, until)
}

func (s *countingStore) writes() (creates, spent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.creates, s.spent
}

func newSite(t testing.TB, c setup) *site {
	t.Helper()
	s := &site{t: t, log: new(syncBuffer), store: &countingStore{MemoryStore: sessions.NewMemoryStore(nil)}}
	if c.provider == nil {
		s.fake = oauthtest.Start(t)
		c.provider = s.fake.Provider(callback)
	}
	s.provider = c.provider
	s.build(c)
	return s
}

// build makes the application anew, over the same store.
func (s *site) build(c setup) {
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := passport.New(passport.Config[*user]{
		Sessions:  sessions.New(s.store, &sessions.Options{Logger: log}),
		Secrets:   [][]byte{bytes.Repeat([]byte{'s' + c.secret}, 32)},
		LoginPage: "/login",
		Logger:    log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	name := c.strategy
	if name == "" {
		name = "fake"
	}
	strategy := oauth.New(c.provider, s.verify, c.options)
	if c.wrap != nil {
		a.Use(name, c.wrap(strategy))
	} else {
		a.Use(name, strategy)
	}
	mux := http.NewServeMux()
	signIn := a.LoginHandler(name, c.login)
	mux.Handle("/auth/fake", signIn)
	mux.Handle("/auth/fake/callback", signIn)
	mux.Handle("/auth/other/callback", signIn)
	mux.Handle("GET /page", a.Require()(http.NotFoundHandler()))
	mux.Handle("GET /me", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = w.Write([]byte(u.ID)) }))
	mux.Handle("GET /tried", a.Require("session", name)(http.NotFoundHandler()))
	mux.Handle("GET /login", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		messages, _ := a.Flashes(w, r)
		_, _ = w.Write([]byte(strings.Join(messages, "\n")))
	}))
	mux.Handle("/decide", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := a.Authenticate(r, name)
		if err == nil {
			err = res.Err()
		}
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.Complete(w, r, res.User(), nil)
	}))
	if c.routes != nil {
		c.routes(a, mux)
	}
	s.handler = a.Handler(mux)
}

func (s *site) verify(_ context.Context, id *oauth.Identity) (*user, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = append(s.known, id)
	if s.err != nil {
		return nil, s.err
	}
	key := id.Key()
	return &user{key[:min(len(key), 200)]}, nil
}

func (s *site) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *site) verified() []*oauth.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.known)
}

// A browser keeps cookies.
type browser struct {
	site    *site
	mu      sync.Mutex
	cookies map[string]string
}

func (s *site) browser() *browser { return &browser{site: s, cookies: make(map[string]string)} }

func (b *browser) clone() *browser {
	return &browser{site: b.site, cookies: maps.Clone(b.cookies)}
}

// send sends a request as a browser that navigates on the site itself; header
// are pairs that change that.
func (b *browser) send(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	b.mu.Lock()
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" || method == http.MethodGet { // SameSite=Lax
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	b.mu.Unlock()
	w := httptest.NewRecorder()
	b.site.handler.ServeHTTP(w, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *browser) get(target string, header ...string) *httptest.ResponseRecorder {
	return b.send("GET", target, "", header...)
}

// begin begins a sign-in, and returns where the browser is sent.
func (b *browser) begin() string {
	b.site.t.Helper()
	w := b.send("POST", "/auth/fake", "")
	if w.Code != http.StatusSeeOther {
		b.site.t.Fatalf("begin: got %d %s, want 303", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// back begins, visits the provider, and returns the callback.
func (b *browser) back() *url.URL {
	b.site.t.Helper()
	return b.site.fake.Visit(b.site.t, b.begin())
}

// land follows a callback, as a navigation from the provider's site.
func (b *browser) land(u *url.URL) *httptest.ResponseRecorder {
	return b.get(u.RequestURI(), "Sec-Fetch-Site", "cross-site")
}

// me is who is signed in; empty for a stranger.
func (b *browser) me() string {
	if w := b.get("/me"); w.Code == http.StatusOK {
		return w.Body.String()
	}
	return ""
}

// open are the names of the cookies of attempts.
func (b *browser) open() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.cookies {
		if strings.Contains(name, "-flow-") {
			names = append(names, name)
		}
	}
	return names
}

// with is u with a parameter changed; "" removes it.
func with(u *url.URL, pairs ...string) *url.URL {
	changed := *u
	query := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			query.Del(pairs[i])
		}
	}
	changed.RawQuery = query.Encode()
	return &changed
}

// refused fails the test where w is not a refusal with a status and a code,
// or somebody is signed in.
func (b *browser) refused(what string, w *httptest.ResponseRecorder, status int, code string) {
	b.site.t.Helper()
	if w.Code != status {
		b.site.t.Errorf("%s: got %d %s, want %d", what, w.Code, w.Body, status)
	}
	if log := b.site.log.String(); !strings.Contains(log, "code="+code+" ") {
		b.site.t.Errorf("%s: no code %s in the log: %s", what, code, log)
	}
	if who := b.me(); who != "" {
		b.site.t.Errorf("%s: %s is signed in", what, who)
	}
}
