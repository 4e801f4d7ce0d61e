package passport_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

// panicky is an application each of whose functions panics when it is told to.
type panicky struct {
	*app
	at    string
	value any
}

func (p *panicky) reach(point string) {
	if p.at == point {
		panic(p.value)
	}
}

func (p *panicky) Serialize(_ context.Context, u *user) (string, error) {
	p.reach("Serialize")
	return u.ID, nil
}

func (p *panicky) Deserialize(ctx context.Context, id string) (*user, error) {
	p.reach("Deserialize")
	return p.users.byID(ctx, id)
}

func (p *panicky) Stamp(u *user) string {
	p.reach("Stamp")
	return u.Stamp
}

type panickyNavigator struct {
	navigator
	p *panicky
}

func (n panickyNavigator) Navigates(r *http.Request) bool {
	n.p.reach("Navigates")
	return n.navigator.Navigates(r)
}

func newPanicky(t *testing.T) *panicky {
	p := new(panicky)
	p.app = newApp(t, func(c *config) {
		attempt := c.OnAttempt
		c.Serializer = p
		c.Skip = func(*http.Request) bool { p.reach("Skip"); return false }
		c.OnAttempt = func(ctx context.Context, a passport.Attempt) { attempt(ctx, a); p.reach("OnAttempt") }
		c.LoginPage = "/page"
		c.Error = func(w http.ResponseWriter, _ *http.Request, err *passport.Failure) {
			p.reach("Error")
			w.WriteHeader(map[bool]int{true: 401, false: 500}[strings.Contains(err.Error(), "credentials")])
		}
	})
	p.UseFunc("panicky", func(r *http.Request) (result, error) {
		p.reach("strategy")
		return result{}.Success(&user{ID: r.Header.Get("X-Key"), Stamp: "1"})
	})
	p.Use("any", passport.Any[*user](passport.StrategyFunc[*user](func(*http.Request) (result, error) {
		p.reach("inner strategy")
		return result{}.Success(alice)
	})))
	p.Use("navigator", panickyNavigator{navigator{p.app}, p})
	p.keeper.hook = func(method string) { p.reach(method) }
	p.routes()
	p.mux.Handle("/in", p.LoginHandler("panicky", &passport.LoginOptions{
		Remember: func(*http.Request) bool { p.reach("Remember"); return false },
	}))
	p.mux.Handle("/any", p.LoginHandler("any", nil))
	p.mux.Handle("/navigator", p.LoginHandler("navigator", nil))
	p.mux.Handle("/guard", p.Require("panicky", "key")(http.HandlerFunc(p.who)))
	p.mux.Handle("/session-or-key", p.Require("session", "key")(http.HandlerFunc(p.who)))
	p.mux.Handle("/allow", p.Require("session")(p.Allow(func(context.Context, *user) error { p.reach("Allow"); return nil })(http.HandlerFunc(p.who))))
	p.mux.HandleFunc("/authenticate", func(w http.ResponseWriter, r *http.Request) {
		if res, err := p.Authenticate(r, "panicky"); err == nil || res.User() != nil {
			t.Errorf("Authenticate: %v, %v", res.User(), err)
		} else {
			p.Refuse(w, r, err)
		}
	})
	p.mux.HandleFunc("/messages", func(w http.ResponseWriter, r *http.Request) {
		if _, err := p.Flashes(w, r); err != nil {
			p.Refuse(w, r, err)
		}
	})
	return p
}

// TestPanic: a panic of the application's functions is a 500, logged once with
// its stack, and nobody is signed in by it. F02
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		at, method, path string
		status           int
		signedIn         string // before and after
	}{
		{"strategy", "POST", "/in", 500, ""},
		{"strategy", "POST", "/in", 500, "alice"},
		{"strategy", "GET", "/guard", 500, ""}, // never on to the next strategy
		{"strategy", "GET", "/authenticate", 500, "alice"},
		{"inner strategy", "POST", "/any", 500, ""},
		{"Navigates", "GET", "/navigator?code=alice", 500, ""},
		{"Serialize", "POST", "/in", 500, ""},
		{"Serialize", "POST", "/in", 500, "alice"},
		{"Stamp", "POST", "/in", 500, ""},
		{"Remember", "POST", "/in", 500, ""},
		{"Replace", "POST", "/in", 500, "alice"},
		{"Replace", "POST", "/in", 500, ""},
		{"Deserialize", "GET", "/who", 500, "alice"},
		{"Deserialize", "GET", "/session-or-key", 500, "alice"},
		{"Stamp", "GET", "/who", 500, "alice"},
		{"Load", "GET", "/who", 500, "alice"},
		{"Load", "GET", "/who", 500, ""},
		{"Skip", "GET", "/who", 500, "alice"},
		{"Skip", "GET", "/guard", 500, ""},
		{"End", "POST", "/logout", 500, "alice"},
		{"Allow", "GET", "/allow", 500, "alice"},
		{"Error", "GET", "/guard/none", 404, ""},
		{"Error", "POST", "/me", 401, ""}, // answered for it
		{"OnAttempt", "POST", "/me", 401, ""},
		{"OnAttempt", "GET", "/me", 200, "alice"}, // changes nothing, F14
	} {
		t.Run(test.at+" "+test.path+" "+test.signedIn, func(t *testing.T) {
			t.Parallel()
			p := newPanicky(t)
			b := p.browser()
			if test.signedIn != "" {
				b.login("key", test.signedIn)
			} else {
				b.send("POST", "/set?key=k&value=v")
			}
			message := httptest.NewRecorder()
			p.Flash(message, "hello")
			b.keep(message.Header())
			rows, cookie := p.store.rows(), b.cookies[sessionCookie]
			p.at, p.value = test.at, "a canary"
			w := b.send(test.method, test.path, "X-Key", "bob")
			if w.Code != test.status || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if strings.Contains(w.Body.String(), "canary") {
				t.Errorf("the body says %s", w.Body)
			}
			logged := 1
			switch {
			case test.status == 404:
				logged = 0
			case test.at == "OnAttempt" && test.signedIn != "":
				logged = 2 // the session is restored, then required
			}
			lines := p.log.lines(`msg="passport: panic"`)
			if len(lines) != logged {
				t.Errorf("%d panics are logged: %s", len(lines), p.log)
			}
			for _, line := range lines {
				if !strings.Contains(line, "canary") || !strings.Contains(line, "panic_test.go") {
					t.Errorf("no panic with its stack: %s", line)
				}
			}
			p.at = ""
			if p.store.rows() != rows || b.cookies[sessionCookie] != cookie {
				t.Errorf("%d rows instead of %d", p.store.rows(), rows)
			}
			want := test.signedIn
			if want == "" {
				want = "nobody"
			}
			if got := b.who(); got != want {
				t.Errorf("afterwards it is %s", got)
			}
			if got := b.send("GET", "/get?key=k").Body.String(); test.signedIn == "" && got != "v" {
				t.Error("the anonymous session is not what it was")
			}
		})
	}
}

// TestPanicAfterLogin: what panics when the sign-in is stored already does not
// undo it.
func TestPanicAfterLogin(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"OnAttempt", "Once"} {
		p := newPanicky(t)
		b := p.browser()
		b.send("GET", "/me", "Accept", "text/html") // a return-to
		p.at, p.value = at, "a canary"
		w := b.send("POST", "/in", "X-Key", "alice")
		p.at = ""
		if w.Code != http.StatusSeeOther || b.who() != "alice" || len(p.log.lines(`msg="passport: panic"`)) != 1 {
			t.Errorf("%s: %d, %s, %s", at, w.Code, b.who(), p.log)
		}
	}
}

// TestAbortHandler: http.ErrAbortHandler is no mistake: net/http gets it, the
// log does not. F02
func TestAbortHandler(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ at, method, path string }{
		{"strategy", "POST", "/in"}, {"Serialize", "POST", "/in"}, {"Replace", "POST", "/in"}, {"Remember", "POST", "/in"},
		{"Load", "GET", "/who"}, {"Skip", "GET", "/who"}, {"OnAttempt", "GET", "/guard"}, {"End", "POST", "/logout"}, {"Error", "POST", "/me"},
	} {
		p := newPanicky(t)
		b := p.browser()
		p.at, p.value = at.at, http.ErrAbortHandler
		if got := panics(func() { b.send(at.method, at.path, "X-Key", "alice") }); got != any(http.ErrAbortHandler) {
			t.Errorf("%s: %v", at.at, got)
		}
		if strings.Contains(p.log.String(), "panic") {
			t.Errorf("%s: %s", at.at, p.log)
		}
	}
}

// TestHandlersPanic: the panic of a handler is the server's business.
func TestHandlersPanic(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	a.mux.Handle("/plain", boom)
	a.mux.Handle("/guarded", a.Require("key")(boom))
	a.mux.Handle("/then", a.LoginHandler("key", &passport.LoginOptions{Then: boom}))
	for _, path := range []string{"/plain", "/guarded", "/then"} {
		if got := panics(func() { a.browser().send("POST", path, "X-Key", "alice") }); got != any("boom") {
			t.Errorf("%s: %v", path, got)
		}
	}
	if lines := a.log.lines("panic"); len(lines) != 0 {
		t.Errorf("%q", lines)
	}
}

// TestPanicWithError: whatever is panicked with, it can be logged.
func TestPanicWithError(t *testing.T) {
	t.Parallel()
	for _, value := range []any{errDown, 7, struct{}{}, badStringer{}, slog.Attr{}} {
		p := newPanicky(t)
		p.at, p.value = "strategy", value
		if w := p.browser().send("GET", "/guard"); w.Code != 500 || len(p.log.lines(`msg="passport: panic"`)) != 1 {
			t.Errorf("%T: %d %s", value, w.Code, p.log)
		}
	}
}

type badStringer struct{}

func (badStringer) String() string { panic("again") }
