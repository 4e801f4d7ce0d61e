package passport_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
)

// An account is what users have elsewhere: another type than theirs.
type account struct{ Name string }

type accountResult = passport.Result[*account]

// A site that joins accounts, at /link and /link/end.
type linking struct {
	*app
	joined []string // "user account", in order
	err    error    // what joining returns
}

// away is a strategy of accounts by X-Account; it sends the browser away
// without one, and bounces what another origin posts to /link/end.
type away struct {
	decide func(*http.Request) (accountResult, error)
}

func (s away) Authenticate(r *http.Request) (accountResult, error) { return s.decide(r) }
func (away) Navigates(r *http.Request) bool                        { return r.URL.Path == "/link/end" }
func (away) Bounces(r *http.Request) bool                          { return r.URL.Path == "/link/end" }

func byHeader(r *http.Request) (res accountResult, err error) {
	switch name := r.Header.Get("X-Account"); name {
	case "":
		return res.WithHeader("X-Asked", "1").Redirect("https://idp.example/")
	case "nobody":
		return res.Success(nil)
	case "wrong":
		return res.Fail(&passport.Failure{Code: "wrong", Message: "Wrong account."})
	case "absent":
		return res.Pass()
	case "down":
		return res, errDown
	case "panic":
		panic("boom")
	case "detour":
		return res, &passport.Detour{URL: "/nickname", Key: "k"}
	default:
		return res.WithHeader("X-Asked", "2").WithValue("k", "v").Success(&account{name})
	}
}

func newLinking(t *testing.T, o *passport.LoginOptions, changes ...func(*passport.Config[*user])) *linking {
	s := &linking{app: newApp(t, changes...).routes()}
	s.mux.Handle("/link", passport.Link(s.Authenticator, away{byHeader}, s.join, o))
	s.mux.Handle("/link/end", passport.Link(s.Authenticator, away{byHeader}, s.join, o))
	return s
}

func (s *linking) join(_ context.Context, u *user, a *account) error {
	if a.Name == "boom" {
		panic("boom")
	}
	if s.err != nil {
		return s.err
	}
	s.joined = append(s.joined, u.ID+" "+a.Name)
	return nil
}

// TestLink: an account is joined to whom the session says is signed in, and to
// nobody else; who is signed in stays as it is. C26
func TestLink(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		by     string // whose session; empty: nobody's
		method string
		path   string
		header []string
		err    error
		status int
		to     string
		joined []string
	}{
		"joined":             {"alice", "POST", "/link", []string{"X-Account", "gh"}, nil, 303, "/", []string{"alice gh"}},
		"at the end":         {"alice", "GET", "/link/end", []string{"X-Account", "gh"}, nil, 303, "/", []string{"alice gh"}},
		"at the end, abroad": {"alice", "GET", "/link/end", []string{"X-Account", "gh", "Sec-Fetch-Site", "cross-site"}, nil, 303, "/", []string{"alice gh"}},
		"begins":             {"alice", "POST", "/link", nil, nil, 303, "https://idp.example/", nil},
		"by GET":             {"alice", "GET", "/link", []string{"X-Account", "gh"}, nil, 405, "", nil},
		"by HEAD":            {"alice", "HEAD", "/link/end", []string{"X-Account", "gh"}, nil, 405, "", nil},
		"of another origin":  {"alice", "POST", "/link", []string{"X-Account", "gh", "Sec-Fetch-Site", "cross-site"}, nil, 403, "", nil},
		"nobody":             {"", "POST", "/link", []string{"X-Account", "gh"}, nil, 401, "", nil},
		"nobody, end":        {"", "GET", "/link/end", []string{"X-Account", "gh"}, nil, 401, "", nil},
		"nobody, browser":    {"", "GET", "/link/end", []string{"X-Account", "gh", "Accept", "text/html"}, nil, 303, "/sign-in", nil},
		"nobody begins":      {"", "POST", "/link", nil, nil, 401, "", nil},
		"bounced":            {"", "POST", "/link/end", []string{"Sec-Fetch-Site", "cross-site"}, nil, 303, "https://idp.example/", nil},
		"bounced, decides":   {"", "POST", "/link/end", []string{"Sec-Fetch-Site", "cross-site", "X-Account", "gh"}, nil, 401, "", nil},
		"no account":         {"alice", "POST", "/link", []string{"X-Account", "nobody"}, nil, 401, "", nil},
		"wrong":              {"alice", "POST", "/link", []string{"X-Account", "wrong"}, nil, 401, "", nil},
		"wrong, browser":     {"alice", "GET", "/link/end", []string{"X-Account", "wrong", "Accept", "text/html"}, nil, 401, "", nil},
		"absent":             {"alice", "POST", "/link", []string{"X-Account", "absent"}, nil, 401, "", nil},
		"down":               {"alice", "POST", "/link", []string{"X-Account", "down"}, nil, 500, "", nil},
		"panic":              {"alice", "POST", "/link", []string{"X-Account", "panic"}, nil, 500, "", nil},
		"detour":             {"alice", "POST", "/link", []string{"X-Account", "detour"}, nil, 403, "", nil},
		"taken":              {"alice", "POST", "/link", []string{"X-Account", "gh"}, &passport.Failure{Code: "taken", Status: 409}, 409, "", nil},
		"not stored":         {"alice", "POST", "/link", []string{"X-Account", "gh"}, errDown, 500, "", nil},
		"joining panics":     {"alice", "POST", "/link", []string{"X-Account", "boom"}, nil, 500, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLinking(t, nil, func(c *passport.Config[*user]) { c.LoginPage = "/sign-in" })
			s.err = test.err
			b := s.browser()
			if test.by != "" {
				b.login("key", test.by)
			}
			before := b.cookies[sessionCookie]
			w := b.send(test.method, test.path, test.header...)
			if to := w.Header().Get("Location"); w.Code != test.status || to != test.to {
				t.Errorf("got %d %q %s, want %d %q", w.Code, to, w.Body, test.status, test.to)
			}
			if diff := cmp.Diff(test.joined, s.joined); diff != "" {
				t.Errorf("joined (-want +got):\n%s", diff)
			}
			if after := b.cookies[sessionCookie]; after != before {
				t.Error("the session is another one")
			}
			if test.by != "" && b.who() != test.by {
				t.Errorf("%s is signed in", b.who())
			}
			if v := b.send("GET", "/get?key=k").Body.String(); v != "" {
				t.Errorf("%q was left in the session", v)
			}
			guarded(t, w)
		})
	}
}

// guarded: E04
func guarded(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestLinkOptions: redirects, messages, Then, and the headers of a success
// alone.
func TestLinkOptions(t *testing.T) {
	t.Parallel()
	s := newLinking(t, &passport.LoginOptions{
		SuccessRedirect: "/accounts", SuccessMessage: "Joined.", FailureRedirect: "/accounts?failed",
	}, func(c *passport.Config[*user]) { c.LoginPage = "/sign-in" })
	s.mux.HandleFunc("GET /flashes", func(w http.ResponseWriter, r *http.Request) {
		messages, _ := s.Flashes(w, r)
		w.Write([]byte(strings.Join(messages, "|")))
	})
	s.mux.Handle("GET /page", s.Require()(http.NotFoundHandler()))
	b := s.browser()
	b.send("GET", "/page", "Accept", "text/html") // leaves a return-to, which is not for here
	stale := b.cookies["__Host-session-return"]
	b.login("key", "alice")
	b.cookies["__Host-session-return"] = stale
	for name, want := range map[string][3]string{
		"gh":     {"/accounts", "Joined.", "2"},
		"wrong":  {"/accounts?failed", "Wrong account.", ""},
		"absent": {"/accounts?failed", "Sign in to go on.", ""},
	} {
		w := b.send("POST", "/link", "X-Account", name)
		got := [3]string{w.Header().Get("Location"), b.send("GET", "/flashes").Body.String(), w.Header().Get("X-Asked")}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if w := b.send("POST", "/link", "X-Account", "wrong", "Accept", "application/json"); w.Code != 401 || code(t, w) != "wrong" {
		t.Errorf("a program: got %d", w.Code)
	}
	if w := b.send("POST", "/link", "X-Account", "down"); w.Code != 500 {
		t.Errorf("an outage: got %d, want 500", w.Code)
	}

	s = newLinking(t, &passport.LoginOptions{Then: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	})})
	if w := s.as("alice").send("POST", "/link", "X-Account", "gh"); w.Code != http.StatusAccepted || w.Header().Get("X-Asked") != "2" {
		t.Errorf("Then: got %d", w.Code)
	}
}

// TestLinkAttempt: every decision is told once. F14
func TestLinkAttempt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		outcome passport.Outcome
		code    string
		cause   error
	}{
		"gh":     {passport.Succeeded, "", nil},
		"":       {passport.Redirected, "", nil},
		"wrong":  {passport.Failed, "wrong", nil},
		"absent": {passport.Passed, "no-credentials", nil},
		"nobody": {passport.Failed, "nil-user", nil},
		"down":   {passport.Broken, "internal", errDown},
		"detour": {passport.Detoured, "detour", nil},
	} {
		s := newLinking(t, nil)
		b := s.as("alice")
		s.took()
		b.send("POST", "/link", "X-Account", name)
		var got []passport.Attempt
		for _, a := range s.took() {
			if a.Event == passport.EventLink {
				got = append(got, a)
			}
		}
		if len(got) != 1 {
			t.Fatalf("%s: %d attempts", name, len(got))
		}
		a := got[0]
		if a.Outcome != want.outcome || a.Code != want.code || a.UserID != "alice" || a.Session == "" || want.cause != nil && !errors.Is(a.Cause, want.cause) ||
			(a.Cause == nil) != (want.code == "") {
			t.Errorf("%s: got %+v, want %+v", name, a, want)
		}
	}
}

// TestLinkMeanwhile: whose sessions were ended while the provider was asked
// gets no account joined, and neither does who has become somebody else. C26
func TestLinkMeanwhile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(*linking, *browser)
		status    int
		joined    []string
	}{
		"nothing":          {func(*linking, *browser) {}, 303, []string{"alice gh"}},
		"signed out":       {func(_ *linking, b *browser) { b.clone().send("POST", "/logout") }, 401, nil},
		"revoked":          {func(s *linking, _ *browser) { _, _ = s.keeper.RevokeUser(context.Background(), "alice") }, 401, nil},
		"changed password": {func(s *linking, _ *browser) { s.users.set(user{ID: "alice", Stamp: "2"}) }, 401, nil},
		"somebody else":    {func(_ *linking, b *browser) { b.clone().login("key", "bob") }, 401, nil},
		"the store fails":  {func(s *linking, _ *browser) { s.store.down("Find") }, 503, nil},
		"gone":             {func(s *linking, _ *browser) { s.users.delete("alice") }, 401, nil},
	} {
		s := &linking{app: newApp(t, func(c *passport.Config[*user]) {
			c.Serializer = passport.StampBy(c.Serializer, func(u *user) string { return u.Stamp })
		}).routes()}
		b := s.as("alice")
		s.mux.Handle("/link", passport.Link(s.Authenticator, away{func(r *http.Request) (accountResult, error) {
			test.meanwhile(s, b)
			return byHeader(r)
		}}, s.join, nil))
		if w := b.send("POST", "/link", "X-Account", "gh"); w.Code != test.status {
			t.Errorf("%s: got %d, want %d", name, w.Code, test.status)
		}
		if diff := cmp.Diff(test.joined, s.joined); diff != "" {
			t.Errorf("%s: joined (-want +got):\n%s", name, diff)
		}
	}
}

// TestLinkEnv: the strategy is told what it decides for, and for whom.
func TestLinkEnv(t *testing.T) {
	t.Parallel()
	s := newApp(t).routes()
	var got []string
	s.mux.Handle("/link", passport.Link(s.Authenticator, away{func(r *http.Request) (res accountResult, err error) {
		env := passport.EnvOf(r.Context())
		got = []string{env.Strategy(), string(env.Purpose()), env.UserID()}
		return res.Pass()
	}}, func(context.Context, *user, *account) error { return nil }, nil))
	s.as("alice").send("POST", "/link")
	if diff := cmp.Diff([]string{"link", "link", "alice"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLinkWiring: what cannot work panics at start, and answers 500 where it
// only shows later. E15, F16
func TestLinkWiring(t *testing.T) {
	t.Parallel()
	s := newApp(t)
	join := func(context.Context, *user, *account) error { return nil }
	for name, f := range map[string]func(){
		"no strategy":   func() { passport.Link[*user, *account](s.Authenticator, nil, join, nil) },
		"nil strategy":  func() { passport.Link(s.Authenticator, passport.StrategyFunc[*account](nil), join, nil) },
		"no function":   func() { passport.Link[*user](s.Authenticator, away{byHeader}, nil, nil) },
		"no serializer": func() { passport.Link(passport.New(passport.Config[*user]{}), away{byHeader}, join, nil) },
	} {
		if panics(f) == nil {
			t.Errorf("%s: no panic", name)
		}
	}
	if w := serve(passport.Link(s.Authenticator, away{byHeader}, join, nil), "POST", "/link", "X-Account", "gh"); w.Code != 500 {
		t.Errorf("outside of Handler: got %d, want 500", w.Code)
	}
}

// TestWithValue: what a strategy leaves is in the new session, unless the
// options say otherwise, and what a refused sign-in leaves is nowhere.
func TestWithValue(t *testing.T) {
	t.Parallel()
	s := newApp(t).routes()
	with := result{}.WithValue("a", "strategy")
	one, two := with.WithValue("b", "strategy"), with.WithValue("b", "other")
	s.UseFunc("one", func(*http.Request) (result, error) { return one.Success(alice) })
	s.UseFunc("two", func(*http.Request) (result, error) { return two.Fail(errCause) })
	s.mux.Handle("/one", s.LoginHandler("one", &passport.LoginOptions{Values: map[string]any{"a": "option", "c": "option"}}))
	s.mux.Handle("/two", s.LoginHandler("two", nil))
	b := s.browser()
	b.send("POST", "/two")
	if len(b.cookies) != 0 {
		t.Error("a refusal made a session")
	}
	b.send("POST", "/one")
	for key, want := range map[string]string{"a": "option", "b": "strategy", "c": "option"} {
		if got := b.send("GET", "/get?key="+key).Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}
