package passport_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// TestRestore: a user who is gone is signed out; one who cannot be looked up
// now is neither signed out nor let in.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*app)
		status int
		who    string
		ended  bool
	}{
		"as it was": {func(*app) {}, 200, "alice", false},
		// B25, E14: the cookie is proven stale.
		"user deleted":          {func(a *app) { a.users.delete("alice") }, 200, "nobody", true},
		"user disabled":         {func(a *app) { a.users.fail(&passport.Failure{Code: "disabled", Status: 403}) }, 200, "nobody", true},
		"no rows":               {func(a *app) { a.users.fail(fmt.Errorf("users: %w", sql.ErrNoRows)) }, 200, "nobody", true},
		"nil user":              {func(a *app) { a.users.fail(errNilUser) }, 200, "nobody", true},                                // E16
		"user database down":    {func(a *app) { a.users.fail(errDown) }, 503, "", false},                                        // B25
		"user database slow":    {func(a *app) { a.users.fail(context.DeadlineExceeded) }, 503, "", false},                       // B25
		"an outage of its own":  {func(a *app) { a.users.fail(&passport.Failure{Code: "moving", Status: 599}) }, 599, "", false}, // B25
		"store down":            {func(a *app) { a.store.down("Find") }, 503, "", false},                                         // B26, B27, E14
		"store down, user gone": {func(a *app) { a.users.delete("alice"); a.store.down("Delete") }, 200, "nobody", false},
		"row deleted":           {func(a *app) { a.keeper.RevokeUser(t.Context(), "alice") }, 200, "nobody", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *config) {
				load := c.Serializer
				c.Serializer = passport.SerializeBy((*user).Key, func(ctx context.Context, id string) (*user, error) {
					u, err := load.Deserialize(ctx, id)
					if errors.Is(err, errNilUser) {
						return nil, nil
					}
					return u, err
				})
			}).routes()
			b := a.as("alice")
			test.change(a)
			w := b.send("GET", "/who", "Accept", "text/html")
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			if got := w.Body.String(); test.who != "" && got != test.who {
				t.Errorf("it is %s, want %s", got, test.who)
			}
			if strings.Contains(w.Body.String(), "alice") && test.who != "alice" || strings.Contains(w.Body.String(), "db-7") {
				t.Errorf("body: %s", w.Body)
			}
			// Another request may be setting a new one just now.
			if set := w.Header().Get("Set-Cookie"); set != "" {
				t.Errorf("Set-Cookie: %q", set)
			}
			if test.ended != (a.store.rows() == 0) && name != "row deleted" {
				t.Errorf("%d sessions are stored", a.store.rows())
			}
			if test.status >= 500 { // nothing was lost
				a.users.fail(nil)
				a.store.up()
				if got := b.who(); got != "alice" {
					t.Errorf("afterwards it is %s", got)
				}
			}
		})
	}
}

var errNilUser = errors.New("stands for a nil user without an error")

// TestStranger: who does nothing leaves nothing, neither a cookie nor a row,
// and costs no query. B42
func TestStranger(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) { c.LoginPage = "/login-page" }).routes()
	a.mux.Handle("/optional", a.Optional("key", "session")(http.HandlerFunc(a.who)))
	for _, cookie := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 5000)} {
		for _, path := range []string{"/", "/who", "/me", "/optional", "/get?key=k"} {
			b := a.browser()
			if cookie != "" {
				b.cookies[sessionCookie] = cookie
			}
			for _, method := range []string{"GET", "HEAD"} {
				w := b.send(method, path)
				if set := w.Header()["Set-Cookie"]; set != nil {
					t.Errorf("%s %s: sets %q", method, path, set)
				}
			}
			// A refused browser is remembered by itself: the return-to. E02
			w := b.send("GET", path, "Accept", "text/html")
			set := w.Header()["Set-Cookie"]
			if path == "/me" && (len(set) != 1 || !strings.HasPrefix(set[0], "__Host-session-return=")) || path != "/me" && set != nil {
				t.Errorf("%s: sets %q", path, set)
			}
		}
	}
	for _, call := range a.store.seen() {
		if call != "Find" { // of the cookie that might have been one
			t.Errorf("the store was asked to %s", call)
		}
	}
	if n := a.store.rows(); n != 0 {
		t.Errorf("%d sessions for strangers", n)
	}
}

// TestPersonalResponses: what is one person's does not get into a cache, and
// the handler may say so in its own way. E03
func TestPersonalResponses(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.HandleFunc("/own", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=60")
	})
	a.mux.Handle("/api", a.Require("key")(http.HandlerFunc(a.who)))
	strict := newBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store, private")
		a.ServeHTTP(w, r)
	}))
	b := a.as("alice")
	strict.cookies = b.cookies
	for name, test := range map[string]struct {
		w           *httptest.ResponseRecorder
		cache, vary string
	}{
		"signed in":              {b.send("GET", "/who"), "no-store", "Cookie"},
		"stranger":               {a.browser().send("GET", "/who"), "", ""},
		"the handler's choice":   {b.send("GET", "/own"), "private, max-age=60", "Cookie"},
		"a stricter one outside": {strict.send("GET", "/who"), "no-store, private", "Cookie"},
		"a key":                  {a.browser().send("GET", "/api", "X-Key", "bob"), "no-store", ""},
		"a refusal":              {a.browser().send("GET", "/me"), "no-store", ""},
	} {
		if got := test.w.Header().Get("Cache-Control"); got != test.cache {
			t.Errorf("%s: Cache-Control %q, want %q", name, got, test.cache)
		}
		if got := strings.Join(test.w.Header()["Vary"], ","); got != test.vary {
			t.Errorf("%s: Vary %q, want %q", name, got, test.vary)
		}
	}
}

// TestSessionCookieResponses: every response that sets the session cookie is
// kept out of caches. B40
func TestSessionCookieResponses(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	b := a.browser()
	for _, step := range [][]string{
		{"POST", "/set?key=k&value=v"}, {"POST", "/login/key", "X-Key", "alice"}, {"POST", "/login/otp", "X-Otp", "alice"}, {"POST", "/logout"},
	} {
		w := b.send(step[0], step[1], step[2:]...)
		if !strings.HasPrefix(w.Header().Get("Set-Cookie"), sessionCookie+"=") {
			t.Errorf("%s sets no cookie: %d %s", step[1], w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || !slices.Contains(w.Header()["Vary"], "Cookie") {
			t.Errorf("%s: %v", step[1], w.Header())
		}
	}
}

// TestSkip: what needs no user asks no store; a route that requires one all
// the same is a mistake, not open. E15
func TestSkip(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) {
		c.Skip = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static/") }
	}).routes()
	a.mux.HandleFunc("/static/who", a.who)
	a.mux.Handle("/static/me", a.Require()(http.HandlerFunc(a.who)))
	b := a.as("alice")
	before := len(a.store.seen())
	if w := b.send("GET", "/static/who"); w.Body.String() != "nobody" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("%s %v", w.Body, w.Header())
	}
	if w := b.send("GET", "/static/me"); w.Code != 500 || len(a.log.lines("Config.Skip")) != 1 {
		t.Errorf("%d, log: %s", w.Code, a.log)
	}
	if after := len(a.store.seen()); after != before {
		t.Errorf("%d calls of the store", after-before)
	}
}

// TestSkipIsNoDoor: however a path is spelled, and whatever comes beside it, a
// page that requires a user is not opened by a Skip for other paths. E10
func TestSkipIsNoDoor(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/me", "/static/../me", "/static/%2e%2e/me", "/static/..%2fme", "/static/./../me", "//me", "/static//../me",
		"/me;/static/", "/me/../static/../me", "/me?/static/", "/me?x=/static/app.css", "/%6de", "/static/..;/me", "/ME",
		`/static/..\me`, "/static/%00/../me", "/me/.", "/me%2f..%2fme", "/static/me",
	} {
		a := newApp(t, func(c *config) {
			c.Skip = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static/") }
		})
		opened := false
		open := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { opened = true })
		a.mux.Handle("/me", a.Require()(open))
		a.mux.Handle("/static/me", a.Require()(open))
		bare := a.Handler(a.Require()(open)) // a router that cleans nothing
		for _, h := range []http.Handler{a, bare} {
			r := httptest.NewRequest("GET", "/", nil)
			u, err := url.ParseRequestURI(target)
			if err != nil {
				continue // and net/http has answered 400
			}
			r.URL, r.RequestURI = u, target
			r.Header.Set("User-Agent", "/static/")
			r.Header.Set("X-Original-Url", "/static/app.css")
			r.Header.Set("X-Forwarded-Uri", "/static/app.css")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if opened {
				t.Fatalf("%s is opened: %d", target, w.Code)
			}
			if left := strings.HasPrefix(u.Path, "/static/"); left && w.Code == http.StatusUnauthorized {
				t.Errorf("%s: a route that is left out asks for a sign-in, which helps nobody", target)
			}
		}
	}
}

// TestWriterIsHandedOn: the ResponseWriter is the server's own, with all that
// it can do.
func TestWriterIsHandedOn(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	w := httptest.NewRecorder()
	a.Handler(a.Optional("key")(http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
		if got != http.ResponseWriter(w) {
			t.Errorf("%T", got)
		}
	}))).ServeHTTP(w, a.browser().request("GET", "/"))
}

// TestUnsavedChange: a handler that forgets to save is told, with its route.
func TestUnsavedChange(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.mux.HandleFunc("GET /forgets/{id}", func(_ http.ResponseWriter, r *http.Request) {
		a.Session(r.Context()).Set("k", "v")
	})
	a.mux.HandleFunc("GET /saves", func(w http.ResponseWriter, r *http.Request) {
		sessions.Key[string]("k").Set(a.Session(r.Context()), "v")
		if err := a.Session(r.Context()).Save(r.Context(), w); err != nil {
			t.Error(err)
		}
	})
	a.browser().send("GET", "/forgets/7")
	a.browser().send("GET", "/saves")
	lines := a.log.lines("did not save")
	if len(lines) != 1 || !strings.Contains(lines[0], `GET /forgets/{id}`) || !strings.Contains(lines[0], "level=ERROR") {
		t.Errorf("log: %s", a.log)
	}
}
