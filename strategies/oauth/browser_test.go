package oauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	chromium "github.com/gopassport/passport/internal/browser"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

// TestOtherPages: what a page elsewhere can do with a browser that is on the
// site too. The site is on localhost, the other pages and the provider are on
// 127.0.0.1, which is another site; see testdata/pages.mjs. C28, E07, E10
func TestOtherPages(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	site := fmt.Sprintf("http://localhost:%d", port)
	seen := &watched{next: pages(t, site)}
	server.Config.Handler = seen
	server.Start()
	t.Cleanup(server.Close)

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch {
		case r.URL.Path == "/seen": // by the site
			_ = json.NewEncoder(w).Encode(seen.take())
		case r.URL.Query().Has("to"):
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		default:
			_, _ = io.WriteString(w, "<!doctype html><title>Elsewhere</title>")
		}
	}))
	t.Cleanup(other.Close)
	t.Log(chromium.Run(t, "testdata/pages.mjs", site, other.URL))
}

// watched remembers what asked to begin a sign-in, and what it got.
type watched struct {
	next http.Handler
	mu   sync.Mutex
	seen []visit
}

// A visit is a request for /auth/…, the callback included.
type visit struct {
	Method, Path, Site, Purpose string
	Status                      int
	Begun                       bool
}

func (s *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := visit{Method: r.Method, Path: r.URL.Path, Site: r.Header.Get("Sec-Fetch-Site"), Purpose: r.Header.Get("Sec-Purpose")}
	rec := httptest.NewRecorder()
	s.next.ServeHTTP(rec, r)
	v.Status = rec.Code
	v.Begun = slices.ContainsFunc(rec.Result().Cookies(), func(c *http.Cookie) bool { return strings.Contains(c.Name, "-flow-") && c.MaxAge > 0 })
	if strings.Contains(r.URL.Path, "/auth/") {
		s.mu.Lock()
		s.seen = append(s.seen, v)
		s.mu.Unlock()
	}
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// take is what was seen since the last time.
func (s *watched) take() []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := slices.Clone(s.seen)
	s.seen = nil
	return seen
}

// pages is a site with a password, such as it is, and a provider.
func pages(t *testing.T, site string) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	a := passport.New(passport.Config[*user]{
		Sessions:  sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: log}),
		Secrets:   [][]byte{make([]byte, 32)},
		LoginPage: "/login",
		Logger:    log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	a.UseFunc("name", func(r *http.Request) (res passport.Result[*user], err error) {
		return res.Success(&user{r.PostFormValue("name")})
	})
	a.Use("fake", oauth.New(oauthtest.Start(t).Provider(site+callbackPath), func(_ context.Context, id *oauth.Identity) (*user, error) {
		return &user{id.Subject}, nil
	}, nil))
	mux := http.NewServeMux()
	signIn := a.LoginHandler("fake", nil)
	mux.Handle("/auth/fake", signIn)
	mux.Handle("/auth/fake/callback", signIn)
	const linked = "/auth/link/callback"
	link := passport.Link(a, oauth.New(oauthtest.Start(t).Provider(site+linked), func(_ context.Context, id *oauth.Identity) (*oauth.Identity, error) {
		return id, nil
	}, nil), func(context.Context, *user, *oauth.Identity) error { return nil }, nil)
	mux.Handle("/auth/link", link)
	mux.Handle(linked, link)
	mux.Handle("/login", a.LoginHandler("name", nil))
	mux.Handle("/logout", a.LogoutHandler(nil))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		u, _ := a.User(r.Context())
		if u == nil {
			u = &user{"nobody"}
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>%s</title><a id="begin" href="/auth/fake">Sign in</a>
<form id="sign-in" method="post" action="/login"><input name="name" value="bob"></form>
<form id="sign-out" method="post" action="/logout"></form>
<form id="link" method="post" action="/auth/link"></form>
<form id="post" method="post" action="/auth/fake"></form>`, u.ID)
	})
	return a.Handler(mux)
}
