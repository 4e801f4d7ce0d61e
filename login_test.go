package passport_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// signers adds every way to sign in that an application has.
func (a *app) signers() *app {
	as := func(r *http.Request) *user {
		u, err := a.users.byID(r.Context(), r.FormValue("as"))
		if err != nil {
			panic(err)
		}
		return u
	}
	login := func(w http.ResponseWriter, r *http.Request) {
		if err := a.Login(w, r, as(r), nil); err != nil {
			a.Refuse(w, r, err)
		}
	}
	a.UseFunc("detour", func(r *http.Request) (result, error) {
		return result{}, &passport.Detour{URL: "/totp", Key: "pending", Value: r.FormValue("as")}
	})
	a.mux.Handle("/detour", a.LoginHandler("detour", nil))
	a.mux.HandleFunc("/direct", login)
	a.mux.HandleFunc("/complete", func(w http.ResponseWriter, r *http.Request) { a.Complete(w, r, as(r), nil) })
	a.mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) { // passport.authenticate with a callback
		res, err := a.Authenticate(r, "key")
		if err == nil {
			err = res.Err()
		}
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.Complete(w, r, res.User(), nil)
	})
	a.mux.Handle("/exchange", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, u *user) { // a token for a session
		a.Complete(w, r, u, nil)
	}, "key"))
	a.mux.Handle("/then", a.LoginHandler("key", &passport.LoginOptions{Then: http.HandlerFunc(login)}))
	return a
}

// TestLoginRotates: whatever signs in, or changes who is signed in, gives a
// new id in the same step that ends the old one. A cookie from before is worth
// nothing afterwards. B04, B05
func TestLoginRotates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		start string // signed in as; empty: a stranger
		steps [][]string
		user  string
	}{
		"LoginHandler":          {"", [][]string{{"/login/key", "X-Key", "bob"}}, "bob"},
		"Login":                 {"", [][]string{{"/direct?as=bob"}}, "bob"},
		"Complete":              {"", [][]string{{"/complete?as=bob"}}, "bob"},
		"Authenticate":          {"", [][]string{{"/callback", "X-Key", "bob"}}, "bob"},
		"token to session":      {"", [][]string{{"/exchange", "X-Key", "bob"}}, "bob"},
		"same user":             {"alice", [][]string{{"/login/key", "X-Key", "alice"}}, "alice"},
		"other user":            {"alice", [][]string{{"/login/key", "X-Key", "bob"}}, "bob"},
		"same user, Login":      {"alice", [][]string{{"/direct?as=alice"}}, "alice"},
		"step-up":               {"alice", [][]string{{"/login/otp", "X-Otp", "alice"}}, "alice"},
		"re-authentication":     {"alice", [][]string{{"/login/pwd", "X-Pwd", "alice"}, {"/login/pwd", "X-Pwd", "alice"}}, "alice"},
		"token over a session":  {"alice", [][]string{{"/exchange", "X-Key", "bob"}}, "bob"},
		"impersonation begins":  {"root", [][]string{{"/direct?as=alice"}}, "alice"},
		"impersonation ends":    {"root", [][]string{{"/direct?as=alice"}, {"/direct?as=root"}}, "root"},
		"detour":                {"", [][]string{{"/detour?as=bob"}}, "nobody"},
		"detour from a session": {"alice", [][]string{{"/detour?as=bob"}}, "nobody"},
		"detour, Login":         {"", [][]string{{"/detour?as=bob"}, {"/direct?as=bob"}}, "bob"},
		"twice in one request":  {"", [][]string{{"/then?as=alice", "X-Key", "root"}}, "alice"},
		"out and in":            {"alice", [][]string{{"/logout"}, {"/login/key", "X-Key", "alice"}}, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes().signers()
			b := a.browser()
			if test.start != "" {
				b.login("key", test.start)
			}
			b.send("POST", "/set?key=planted&value=evil")
			thieves := []*browser{b.clone()}
			for i, step := range test.steps {
				before := b.cookies[sessionCookie]
				if w := b.send("POST", step[0], step[1:]...); w.Code >= 400 {
					t.Fatalf("%s: %d %s", step[0], w.Code, w.Body)
				}
				if b.cookies[sessionCookie] == before {
					t.Errorf("%s left the cookie as it was", step[0])
				}
				if i < len(test.steps)-1 {
					thieves = append(thieves, b.clone())
				}
			}
			if got := b.who(); got != test.user {
				t.Errorf("signed in as %s, want %s", got, test.user)
			}
			for _, thief := range thieves {
				if got := thief.who(); got != "nobody" {
					t.Errorf("an old cookie is %s", got)
				}
				if w := thief.send("GET", "/get?key=planted"); w.Body.Len() != 0 {
					t.Errorf("an old cookie has %s", w.Body)
				}
			}
			if n := a.store.rows(); n != 1 {
				t.Errorf("%d sessions are stored", n)
			}
			if w := b.send("GET", "/get?key=planted"); w.Body.Len() != 0 { // B07
				t.Errorf("what was planted before is still there: %s", w.Body)
			}
		})
	}
}

// TestUserAfterStore: nobody is the user before the new session is stored.
// B04
func TestUserAfterStore(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.mux.HandleFunc("/direct", func(w http.ResponseWriter, r *http.Request) {
		a.keeper.hook = func(method string) {
			if u, ok := a.User(r.Context()); ok {
				t.Errorf("%s: the user is %s already", method, u.ID)
			}
		}
		if err := a.Login(w, r, alice, nil); err != nil {
			t.Error(err)
		}
		a.keeper.hook = nil
		if u, ok := a.User(r.Context()); !ok || u.ID != "alice" {
			t.Error("not signed in afterwards")
		}
	})
	a.browser().send("POST", "/direct")
}

// TestKeepAndValues: only what the options name is carried over, with what
// they add; nothing else. B07
func TestKeepAndValues(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options *passport.LoginOptions
		want    map[string]string
	}{
		"nil":    {nil, map[string]string{}},
		"Keep":   {&passport.LoginOptions{Keep: []string{"cart", "absent"}}, map[string]string{"cart": "book"}},
		"Values": {&passport.LoginOptions{Values: map[string]any{"welcome": "yes"}}, map[string]string{"welcome": "yes"}},
		"both": {
			&passport.LoginOptions{Keep: []string{"cart", "note"}, Values: map[string]any{"note": "new"}},
			map[string]string{"cart": "book", "note": "new"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes()
			a.mux.Handle("/in", a.LoginHandler("key", test.options))
			b := a.browser()
			for _, kv := range []string{"key=cart&value=book", "key=note&value=old", "key=role&value=admin"} {
				b.send("POST", "/set?"+kv)
			}
			b.send("POST", "/in", "X-Key", "alice")
			got := make(map[string]string)
			for _, key := range []string{"cart", "note", "role", "welcome", "absent"} {
				if w := b.send("GET", "/get?key="+key); w.Body.Len() > 0 {
					got[key] = w.Body.String()
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("values (-want +got):\n", diff)
			}
		})
	}
}

// TestDetour: the value waits in a session in which nobody is signed in, and
// the next login drops it.
func TestDetour(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) { c.LoginPage = "/page" }).routes().signers()
	b := a.browser()
	b.send("GET", "/me?tab=2", "Accept", "text/html")
	w := b.send("POST", "/detour?as=bob")
	if w.Code != 303 || w.Header().Get("Location") != "/totp" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if got := b.send("GET", "/get?key=pending").Body.String(); got != "bob" || b.who() != "nobody" {
		t.Errorf("%s waits, %s is signed in", got, b.who())
	}
	if len(a.store.of("bob")) != 0 {
		t.Error("bob has a session")
	}
	w = b.send("POST", "/complete?as=bob")
	if got := w.Header().Get("Location"); got != "/me?tab=2" {
		t.Errorf("the return-to was lost on the way: %s", got)
	}
	if got := b.send("GET", "/get?key=pending").Body.String(); got != "" {
		t.Errorf("%s still waits", got)
	}
	w = a.browser().send("POST", "/detour?as=bob", "Accept", "application/json")
	if w.Code != 403 || code(t, w) != "detour" || !strings.Contains(w.Body.String(), `"location":"/totp"`) {
		t.Errorf("JSON: %d %s", w.Code, w.Body)
	}
}

// TestDetourOfNothing: a Detour that has no key is a mistake: 500, nothing
// stored. One whose session ended meanwhile is refused.
func TestDetourOfNothing(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	var during func()
	d := &passport.Detour{URL: "/x"}
	a.UseFunc("detour", func(*http.Request) (result, error) { during(); return result{}, d })
	a.mux.Handle("/detour", a.LoginHandler("detour", nil))
	during = func() {}
	b := a.browser()
	if w := b.send("POST", "/detour"); w.Code != 500 || a.store.rows() != 0 {
		t.Errorf("without a key: %d, %d rows", w.Code, a.store.rows())
	}
	d = &passport.Detour{URL: "/x", Key: "k"}
	b.login("key", "alice")
	during = func() { a.keeper.RevokeUser(t.Context(), "alice") }
	if w := b.send("POST", "/detour"); w.Code != 401 || code(t, w) != "session-ended" || a.store.rows() != 0 {
		t.Errorf("the session ended: %d %s, %d rows", w.Code, w.Body, a.store.rows())
	}
}

// TestAbsoluteEnd: a step-up keeps the end of the session it grew out of, a
// full sign-in starts a new one. B13
func TestAbsoluteEnd(t *testing.T) {
	t.Parallel()
	const later = 5 * time.Hour
	for name, test := range map[string]struct {
		steps   [][2]string // after the sign-in by pwd of alice
		renewed bool
		factors string
	}{
		"second factor":             {[][2]string{{"otp", "alice"}}, false, "pwd otp"},
		"no factor":                 {[][2]string{{"key", "alice"}}, false, "pwd"},
		"all factors again":         {[][2]string{{"pwd", "alice"}}, true, "pwd"},
		"one of two factors again":  {[][2]string{{"otp", "alice"}, {"pwd", "alice"}}, false, "pwd"},
		"the second factor again":   {[][2]string{{"otp", "alice"}, {"otp", "alice"}}, false, "otp"},
		"another user":              {[][2]string{{"otp", "bob"}}, true, "otp"},
		"another user and a factor": {[][2]string{{"pwd", "bob"}, {"otp", "bob"}}, true, "pwd otp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t).routes()
				b := a.browser()
				b.login("pwd", "alice")
				first := a.store.of("alice")[0]
				time.Sleep(later)
				for _, step := range test.steps {
					b.login(step[0], step[1])
				}
				r := a.store.of(test.steps[0][1])[0]
				moved := time.Duration(r.Absolute-first.Absolute) * time.Millisecond
				if want := map[bool]time.Duration{true: later}[test.renewed]; moved != want {
					t.Errorf("the end moved by %v, want %v", moved, want)
				}
				if r.Factors != test.factors {
					t.Errorf("factors %q, want %q", r.Factors, test.factors)
				}
				shown := time.Now()
				if name == "no factor" {
					shown = shown.Add(-later)
				}
				if got := time.UnixMilli(r.AuthTime); !got.Equal(shown) {
					t.Errorf("authenticated at %v", got)
				}
				time.Sleep(time.Until(time.UnixMilli(r.Absolute)))
				if got := b.who(); got != "nobody" {
					t.Errorf("after the end it is %s", got)
				}
			})
		})
	}
}

// TestRemember: the browser that asks for it keeps its cookie, also over a
// step-up.
func TestRemember(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.Handle("/in", a.LoginHandler("pwd", &passport.LoginOptions{
		Remember: func(r *http.Request) bool { return r.FormValue("remember") == "on" },
	}))
	for _, test := range []struct {
		query    string
		remember bool
	}{{"", false}, {"?remember=on", true}} {
		b := a.browser()
		for _, w := range []*httptest.ResponseRecorder{
			b.send("POST", "/in"+test.query, "X-Pwd", "alice"), b.send("POST", "/login/otp", "X-Otp", "alice"),
		} {
			if got := strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age"); got != test.remember {
				t.Errorf("%q: %q", test.query, w.Header()["Set-Cookie"])
			}
		}
	}
}

// TestMethods: only POST signs in or out, whatever a link, a prefetch or a
// preflight asks. E06
func TestMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "post"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes()
			in, out := a.as("alice"), a.browser()
			in.send("POST", "/set?key=k&value=v")
			before := len(a.store.seen())
			for _, w := range []*httptest.ResponseRecorder{
				out.send(method, "/login/key", "X-Key", "bob", "Accept", "text/html"),
				in.send(method, "/login/key", "X-Key", "bob"),
				in.send(method, "/logout"),
			} {
				if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || w.Header()["Set-Cookie"] != nil {
					t.Errorf("%d %v", w.Code, w.Header())
				}
			}
			for _, call := range a.store.seen()[before:] {
				if call != "Find" {
					t.Errorf("the store was asked to %s", call)
				}
			}
			if in.who() != "alice" || out.who() != "nobody" {
				t.Errorf("now %s and %s", in.who(), out.who())
			}
		})
	}
}

// navigator signs in by GET where the query has a code.
type navigator struct{ *app }

func (n navigator) Navigates(r *http.Request) bool { return r.URL.Query().Has("code") }

func (n navigator) Authenticate(r *http.Request) (res result, err error) {
	if r.Method == http.MethodPost {
		return res.Redirect("https://idp.example/authorize")
	}
	u, err := n.users.byID(r.Context(), r.URL.Query().Get("code"))
	if err != nil {
		return res, err
	}
	return res.Success(u)
}

func TestNavigator(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.Use("idp", navigator{a})
	a.mux.Handle("/idp", a.LoginHandler("idp", &passport.LoginOptions{FailureRedirect: "/sorry", SuccessRedirect: "/home"}))
	for _, test := range []struct {
		method, target string
		status         int
		location, user string
	}{
		{"POST", "/idp", 303, "https://idp.example/authorize", "nobody"},
		{"GET", "/idp", 405, "", "nobody"},
		{"HEAD", "/idp?code=alice", 405, "", "nobody"},
		{"GET", "/idp?code=alice", 303, "/home", "alice"},
		{"GET", "/idp?code=mallory", 303, "/sorry", "nobody"},
	} {
		b := a.browser()
		w := b.send(test.method, test.target)
		if w.Code != test.status || w.Header().Get("Location") != test.location || b.who() != test.user {
			t.Errorf("%s %s: %d %v, %s", test.method, test.target, w.Code, w.Header(), b.who())
		}
	}
}

// TestLoginAnswers: where a sign-in leads, for a page and for a program: by 303
// alone. C32
func TestLoginAnswers(t *testing.T) {
	t.Parallel()
	options := map[string]*passport.LoginOptions{
		"nil":       nil,
		"redirects": {SuccessRedirect: "/home", FailureRedirect: "/login?again", SuccessMessage: "Hello.", FailureMessage: "No."},
		"then": {SuccessRedirect: "/home", SuccessMessage: "Hello.", Then: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "then")
		})},
		"default message": {FailureRedirect: "/login"},
	}
	for _, test := range []struct {
		options, key, accept string
		status               int
		location             string
		flashes              []string
	}{
		{"nil", "alice", "text/html", 303, "/", nil},
		{"nil", "mallory", "text/html", 401, "", nil},
		{"nil", "", "application/json", 401, "", nil},
		{"redirects", "alice", "text/html", 303, "/home", []string{"Hello."}},
		{"redirects", "mallory", "text/html", 303, "/login?again", []string{"No."}},
		{"redirects", "", "text/html", 303, "/login?again", []string{"No."}},
		{"redirects", "mallory", "application/json", 401, "", nil},
		{"redirects", "down", "text/html", 500, "", nil},
		{"then", "alice", "text/html", 200, "", nil},
		{"default message", "mallory", "text/html", 303, "/login", []string{"The credentials are not valid."}},
		{"default message", "", "", 303, "/login", []string{"Sign in to go on."}},
		{"default message", "locked", "", 303, "/login", []string{"Too many tries."}},
	} {
		name := test.options + " " + test.key + " " + test.accept
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes()
			a.Use("it", passport.Credentials(passport.HeaderCredential("X-Key"), func(ctx context.Context, id string) (*user, error) {
				switch id {
				case "down":
					return nil, errDown
				case "locked":
					return nil, &passport.Failure{Code: "locked", Status: 429, Message: "Too many tries."}
				}
				return a.users.byID(ctx, id)
			}))
			a.mux.Handle("/in", a.LoginHandler("it", options[test.options]))
			var got []string
			a.mux.HandleFunc("/flashes", func(w http.ResponseWriter, r *http.Request) { got, _ = a.Flashes(w, r) })
			b := a.browser()
			w := b.send("POST", "/in", "X-Key", test.key, "Accept", test.accept)
			if w.Code != test.status || w.Header().Get("Location") != test.location {
				t.Errorf("%d %q, want %d %q: %s", w.Code, w.Header().Get("Location"), test.status, test.location, w.Body)
			}
			if test.key == "alice" != (b.who() == "alice") {
				t.Errorf("signed in: %s", b.who())
			}
			b.send("GET", "/flashes")
			if diff := cmp.Diff(test.flashes, got); diff != "" {
				t.Error("messages (-want +got):\n", diff)
			}
			for header, want := range map[string]string{ // E04
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q", header, got)
				}
			}
		})
	}
}

// TestThenIsSignedIn: what answers instead of a redirect knows the user.
func TestThenIsSignedIn(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.mux.Handle("/in", a.LoginHandler("key", &passport.LoginOptions{Then: http.HandlerFunc(a.who)}))
	if w := a.browser().send("POST", "/in", "X-Key", "bob"); w.Body.String() != "bob" {
		t.Errorf("it is %s", w.Body)
	}
}

// TestOrigin: the session keeps where it was made, for its owner's list.
func TestOrigin(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.browser().send("POST", "/login/key", "X-Key", "alice", "User-Agent", "Tests/1", "X-Forwarded-For", "203.0.113.7")
	want := &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Tests/1"}
	if diff := cmp.Diff(want, a.store.of("alice")[0].Origin); diff != "" {
		t.Error("origin (-want +got):\n", diff)
	}
}

// TestDoubleClick: two sign-ins from one page both work; the second takes the
// place of nothing. A step-up whose session has ended does not.
func TestDoubleClick(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	b := a.browser()
	b.send("POST", "/set?key=k&value=v")
	second := b.clone()
	b.login("key", "alice")
	second.login("key", "alice")
	if b.who() != "alice" || second.who() != "alice" {
		t.Error("one of the two is not signed in")
	}
}

func TestStepUpOfAnEndedSession(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.UseFunc("slow", func(r *http.Request) (result, error) {
		a.keeper.RevokeUser(r.Context(), "alice") // while the strategy works
		return result{}.WithFactor("otp").Success(alice)
	})
	a.mux.Handle("/slow", a.LoginHandler("slow", nil))
	a.routes()
	b := a.as("alice")
	w := b.send("POST", "/slow")
	if w.Code != 401 || code(t, w) != passport.CodeSessionEnded || w.Header()["Set-Cookie"] != nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if b.who() != "nobody" || a.store.rows() != 0 {
		t.Errorf("%s, %d rows", b.who(), a.store.rows())
	}
}

// TestSecureCookieHint: plain http is hinted at once, and not on localhost.
func TestSecureCookieHint(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	for _, target := range []string{"https://example.com", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:80", "http://www.localhost"} {
		a.browser().send("POST", target+"/login/key", "X-Key", "alice")
	}
	if lines := a.log.lines("plain http"); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
	for range 3 {
		a.browser().send("POST", "http://example.com/login/key", "X-Key", "alice")
	}
	if lines := a.log.lines("plain http"); len(lines) != 1 || !strings.Contains(lines[0], "InsecureHTTP") {
		t.Errorf("%q", lines)
	}
}
