package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
)

// decider is an application with a strategy for every outcome, at /login/NAME
// and /guard/NAME.
func decider(t testing.TB) *app {
	a := newApp(t, stampUsers)
	for name, decide := range map[string]func(*http.Request) (result, error){
		"success": func(*http.Request) (result, error) { return result{}.Success(alice) },
		"fail":    func(*http.Request) (result, error) { return result{}.Fail(errCause) },
		"coded": func(*http.Request) (result, error) {
			return result{}.Fail(&passport.Failure{Code: "locked", Status: 423, Err: errCause})
		},
		"refuse":   func(*http.Request) (result, error) { return result{}, passport.ErrNoUser },
		"pass":     pass,
		"redirect": func(*http.Request) (result, error) { return result{}.Redirect("https://idp.example/") },
		"broken":   func(*http.Request) (result, error) { return result{}, errDown },
		"late":     func(*http.Request) (result, error) { return result{}, context.DeadlineExceeded },
		"panic":    func(*http.Request) (result, error) { panic("boom") },
		"detour":   func(*http.Request) (result, error) { return result{}, &passport.Detour{URL: "/x", Key: "k"} },
		"nobody":   func(*http.Request) (result, error) { return result{}.Success(nil) },
	} {
		a.UseFunc(name, decide)
		a.mux.Handle("/login/"+name, a.LoginHandler(name, nil))
		a.mux.Handle("/guard/"+name, a.Require(name)(http.HandlerFunc(a.who)))
		a.mux.HandleFunc("/authenticate/"+name, func(_ http.ResponseWriter, r *http.Request) { a.Authenticate(r, name) })
	}
	a.mux.Handle("/chain", a.Require("pass", "fail", "coded")(http.HandlerFunc(a.who)))
	a.mux.Handle("/optional", a.Optional("pass")(http.HandlerFunc(a.who)))
	a.mux.Handle("/allow", a.Allow(func(context.Context, *user) error { return passport.ErrForbidden })(http.HandlerFunc(a.who)))
	a.mux.HandleFunc("/direct", func(w http.ResponseWriter, r *http.Request) { a.Login(w, r, alice, nil) })
	a.mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		res, _ := a.Authenticate(r, "success")
		a.Complete(w, r, res.User(), nil)
	})
	return a.routes()
}

// TestAttempt: every decision is told once, with all that there is to say. F14
func TestAttempt(t *testing.T) {
	t.Parallel()
	const (
		login, logout, require = passport.EventLogin, passport.EventLogout, passport.EventRequire
		restore, authenticate  = passport.EventRestore, passport.EventAuthenticate
	)
	type attempt struct {
		event    passport.Event
		strategy string
		outcome  passport.Outcome
		code     string
		cause    error
		user     string
	}
	restored := attempt{restore, "session", passport.Succeeded, "", nil, "alice"}
	for name, test := range map[string]struct {
		signedIn bool
		change   func(*app)
		request  [2]string
		want     []attempt
	}{
		"login":               {false, nil, [2]string{"POST", "/login/success"}, []attempt{{login, "success", passport.Succeeded, "", nil, "alice"}}},
		"login, wrong":        {false, nil, [2]string{"POST", "/login/fail"}, []attempt{{login, "fail", passport.Failed, "invalid-credentials", errCause, ""}}},
		"login, coded":        {false, nil, [2]string{"POST", "/login/coded"}, []attempt{{login, "coded", passport.Failed, "locked", errCause, ""}}},
		"login, refused":      {false, nil, [2]string{"POST", "/login/refuse"}, []attempt{{login, "refuse", passport.Failed, "invalid-credentials", passport.ErrNoUser, ""}}},
		"login, absent":       {false, nil, [2]string{"POST", "/login/pass"}, []attempt{{login, "", passport.Passed, "no-credentials", nil, ""}}},
		"login, elsewhere":    {false, nil, [2]string{"POST", "/login/redirect"}, []attempt{{login, "redirect", passport.Redirected, "", nil, ""}}},
		"login, broken":       {false, nil, [2]string{"POST", "/login/broken"}, []attempt{{login, "broken", passport.Broken, "internal", errDown, ""}}},
		"login, late":         {false, nil, [2]string{"POST", "/login/late"}, []attempt{{login, "late", passport.Broken, "unavailable", context.DeadlineExceeded, ""}}},
		"login, panic":        {false, nil, [2]string{"POST", "/login/panic"}, []attempt{{login, "panic", passport.Broken, "internal", nil, ""}}},
		"login, detour":       {false, nil, [2]string{"POST", "/login/detour"}, []attempt{{login, "detour", passport.Detoured, "detour", nil, ""}}},
		"login, nobody":       {false, nil, [2]string{"POST", "/login/nobody"}, []attempt{{login, "nobody", passport.Failed, "nil-user", nil, ""}}},
		"login, not stored":   {false, func(a *app) { a.store.down("Create") }, [2]string{"POST", "/login/success"}, []attempt{{login, "success", passport.Broken, "unavailable", errDown, ""}}},
		"login, signed in":    {true, nil, [2]string{"POST", "/login/success"}, []attempt{restored, {login, "success", passport.Succeeded, "", nil, "alice"}}},
		"wrong, signed in":    {true, nil, [2]string{"POST", "/login/fail"}, []attempt{restored, {login, "fail", passport.Failed, "invalid-credentials", errCause, "alice"}}},
		"Login":               {false, nil, [2]string{"POST", "/direct"}, []attempt{{login, "", passport.Succeeded, "", nil, "alice"}}},
		"callback":            {false, nil, [2]string{"POST", "/callback"}, []attempt{{authenticate, "success", passport.Succeeded, "", nil, ""}, {login, "", passport.Succeeded, "", nil, "alice"}}},
		"GET of a login":      {false, nil, [2]string{"GET", "/login/success"}, nil},
		"logout":              {true, nil, [2]string{"POST", "/logout"}, []attempt{restored, {logout, "", passport.Succeeded, "", nil, "alice"}}},
		"logout, stranger":    {false, nil, [2]string{"POST", "/logout"}, []attempt{{logout, "", passport.Succeeded, "", nil, ""}}},
		"logout, not stored":  {true, func(a *app) { a.store.down("Delete") }, [2]string{"POST", "/logout"}, []attempt{restored, {logout, "", passport.Broken, "unavailable", errDown, "alice"}}},
		"require":             {true, nil, [2]string{"GET", "/me"}, []attempt{restored, {require, "session", passport.Succeeded, "", nil, "alice"}}},
		"require, stranger":   {false, nil, [2]string{"GET", "/me"}, []attempt{{require, "", passport.Passed, "no-credentials", nil, ""}}},
		"require, wrong":      {false, nil, [2]string{"GET", "/guard/fail"}, []attempt{{require, "fail", passport.Failed, "invalid-credentials", errCause, ""}}},
		"require, broken":     {false, nil, [2]string{"GET", "/guard/broken"}, []attempt{{require, "broken", passport.Broken, "internal", errDown, ""}}},
		"require, elsewhere":  {false, nil, [2]string{"GET", "/guard/redirect"}, []attempt{{require, "redirect", passport.Redirected, "", nil, ""}}},
		"chain":               {false, nil, [2]string{"GET", "/chain"}, []attempt{{require, "fail", passport.Failed, "invalid-credentials", errCause, ""}}},
		"optional":            {false, nil, [2]string{"GET", "/optional"}, []attempt{{require, "", passport.Passed, "no-credentials", nil, ""}}},
		"allow":               {true, nil, [2]string{"GET", "/allow"}, []attempt{restored, {require, "", passport.Failed, "forbidden", passport.ErrForbidden, "alice"}}},
		"authenticate":        {false, nil, [2]string{"GET", "/authenticate/fail"}, []attempt{{authenticate, "fail", passport.Failed, "invalid-credentials", errCause, ""}}},
		"restore":             {true, nil, [2]string{"GET", "/who"}, []attempt{restored}},
		"restore, gone":       {true, func(a *app) { a.users.delete("alice") }, [2]string{"GET", "/who"}, []attempt{{restore, "session", passport.Failed, "invalid-credentials", passport.ErrNoUser, "alice"}}},
		"restore, stamp":      {true, func(a *app) { a.users.set(user{"alice", "2"}) }, [2]string{"GET", "/who"}, []attempt{{restore, "session", passport.Failed, "invalid-credentials", passport.ErrNoUser, "alice"}}},
		"restore, users down": {true, func(a *app) { a.users.fail(errDown) }, [2]string{"GET", "/who"}, []attempt{{restore, "session", passport.Broken, "unavailable", errDown, "alice"}}},
		"restore, store down": {true, func(a *app) { a.store.down("Find") }, [2]string{"GET", "/who"}, []attempt{{restore, "", passport.Broken, "unavailable", errDown, ""}}},
		"stranger":            {false, nil, [2]string{"GET", "/who"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := decider(t)
			b := a.browser()
			if test.signedIn {
				b.login("key", "alice")
			}
			a.took()
			if test.change != nil {
				test.change(a)
			}
			b.send(test.request[0], test.request[1])
			got := a.took()
			if len(got) != len(test.want) {
				t.Fatalf("%d attempts: %+v", len(got), got)
			}
			for i, want := range test.want {
				g := got[i]
				if s := (attempt{g.Event, g.Strategy, g.Outcome, g.Code, want.cause, g.UserID}); s != want {
					t.Errorf("got %+v, want %+v", s, want)
				}
				if want.cause != nil && !errors.Is(g.Cause, want.cause) || want.outcome == passport.Succeeded && g.Cause != nil {
					t.Errorf("cause %v, want %v", g.Cause, want.cause)
				}
				if g.Cause == nil && want.outcome != passport.Succeeded && want.outcome != passport.Redirected {
					t.Error("no cause")
				}
				if g.Request == nil || g.Request.URL.Path != test.request[1] || g.Duration < 0 {
					t.Errorf("request %v, duration %v", g.Request, g.Duration)
				}
				if (g.Session != "") != (g.UserID != "") {
					t.Errorf("user %q, session %q", g.UserID, g.Session)
				}
			}
		})
	}
}

// TestAttemptDuration is that of the decision, and for a login of storing it.
func TestAttemptDuration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t)
		a.UseFunc("slow", func(*http.Request) (result, error) {
			time.Sleep(2 * time.Second)
			return result{}.Success(alice)
		})
		a.mux.Handle("/slow", a.LoginHandler("slow", nil))
		a.mux.Handle("/guard", a.Require("slow")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })))
		a.store.faults(func(string) error { time.Sleep(3 * time.Second); return nil }, nil)
		a.browser().send("POST", "/slow")
		a.browser().send("GET", "/guard")
		got := a.took()
		if len(got) != 2 || got[0].Duration != 5*time.Second || got[1].Duration != 2*time.Second {
			t.Errorf("%+v", got)
		}
	})
}

// TestClaimedName: what a client claims is quoted and cut. F14
func TestClaimedName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"alice":                    "alice",
		"ali\nce\x1b[31m\x00":      `ali\nce\x1b[31m\x00`,
		`"quoted" \`:               `\"quoted\" \\`,
		"Zoë":                      "Zoë",
		"bidi\u202eecila":          `bidi\u202eecila`,
		"\xff\xfe":                 `\xff\xfe`,
		strings.Repeat("x", 128):   strings.Repeat("x", 128),
		strings.Repeat("x", 1e6):   strings.Repeat("x", 128),
		strings.Repeat("\n", 1000): strings.Repeat(`\n`, 128),
		"":                         "",
	} {
		a := newApp(t)
		a.UseFunc("claim", func(r *http.Request) (result, error) {
			passport.EnvOf(r.Context()).Claim(name)
			return result{}.Fail(errCause)
		})
		a.mux.Handle("/", a.LoginHandler("claim", nil))
		a.browser().send("POST", "/")
		if got := a.took()[0].Name; got != want {
			t.Errorf("%.20q: %q, want %q", name, got, want)
		}
	}
}

// TestHookChangesNothing: with the hook, without it, and when it panics, every
// answer is the same. F14
func TestHookChangesNothing(t *testing.T) {
	t.Parallel()
	answers := func(hook func(context.Context, passport.Attempt)) (all []string) {
		a := newApp(t, func(c *config) { c.OnAttempt = hook })
		a.UseFunc("fail", func(*http.Request) (result, error) { return result{}.Fail(errCause) })
		a.mux.Handle("/fail", a.Require("fail")(http.HandlerFunc(a.who)))
		a.routes()
		b := a.browser()
		for _, step := range [][]string{
			{"POST", "/login/key"}, {"GET", "/fail"}, {"GET", "/me"}, {"POST", "/login/key", "X-Key", "alice"}, {"GET", "/me"}, {"POST", "/logout"}, {"GET", "/who"},
		} {
			w := b.send(step[0], step[1], step[2:]...)
			all = append(all, fmt.Sprint(step, w.Code, w.Header().Get("Location"), len(w.Header()["Set-Cookie"])))
		}
		return all
	}
	want := answers(nil)
	for name, hook := range map[string]func(context.Context, passport.Attempt){
		"does nothing": func(context.Context, passport.Attempt) {},
		"panics":       func(context.Context, passport.Attempt) { panic("boom") },
		"changes all":  func(_ context.Context, a passport.Attempt) { a.Outcome = passport.Succeeded; a.Cause = nil },
	} {
		if got := answers(hook); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLog: refusals, outages and sign-ins are logged, at their level, with a
// bounded part of what a client wrote.
func TestLog(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path string
		line         string // what the one line has; empty: no line
	}{
		"success":     {"POST", "/login/success", `level=INFO msg="passport: signed in" strategy=success user=alice`},
		"refusal":     {"POST", "/login/fail", "level=INFO msg=\"passport: refused\" code=invalid-credentials status=401"},
		"outage":      {"POST", "/login/broken", "level=ERROR"},
		"anonymous":   {"GET", "/who", ""},
		"long method": {strings.Repeat("X", 9000), "/me", "level=INFO"},
	} {
		a := decider(t)
		before := len(a.log.lines("passport"))
		a.browser().send(test.method, test.path)
		lines := a.log.lines("passport")[before:]
		if test.line == "" && len(lines) == 0 {
			continue
		}
		if len(lines) != 1 || !strings.Contains(lines[0], test.line) || len(lines[0]) > 2000 {
			t.Errorf("%s: %.3000q", name, lines)
		}
	}
}
