package passport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/gopassport/passport"
)

// TestRequire: who gets through, as whom, for every kind of guard.
func TestRequire(t *testing.T) {
	t.Parallel()
	guards := map[string]func(a *app) http.Handler{
		"Require()":              func(a *app) http.Handler { return a.Require()(http.HandlerFunc(a.who)) },
		"Require(session)":       func(a *app) http.Handler { return a.Require("session")(http.HandlerFunc(a.who)) },
		"Require(key)":           func(a *app) http.Handler { return a.Require("key")(http.HandlerFunc(a.who)) },
		"Require(session, key)":  func(a *app) http.Handler { return a.Require("session", "key")(http.HandlerFunc(a.who)) },
		"Require(key, session)":  func(a *app) http.Handler { return a.Require("key", "session")(http.HandlerFunc(a.who)) },
		"Optional(key)":          func(a *app) http.Handler { return a.Optional("key")(http.HandlerFunc(a.who)) },
		"Optional(session)":      func(a *app) http.Handler { return a.Optional("session")(http.HandlerFunc(a.who)) },
		"Optional(key, session)": func(a *app) http.Handler { return a.Optional("key", "session")(http.HandlerFunc(a.who)) },
		"RequireFunc(key)": func(a *app) http.Handler {
			return a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { io.WriteString(w, u.ID) }, "key")
		},
		"Check(key)": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r, ok := a.Check(w, r, "key"); ok {
					a.who(w, r)
				}
			})
		},
	}
	// Who the session belongs to, what key is sent; "" is neither, "?" a wrong one.
	for _, test := range []struct {
		guard, session, key string
		want                string // empty: 401
	}{
		{"Require()", "", "", ""},
		{"Require()", "", "bob", ""},
		{"Require()", "alice", "", "alice"},
		{"Require(session)", "", "", ""},
		{"Require(session)", "alice", "?", "alice"},
		{"Require(key)", "", "", ""},
		{"Require(key)", "alice", "", ""}, // a session is not what was asked for
		{"Require(key)", "alice", "?", ""},
		{"Require(key)", "", "bob", "bob"},
		{"Require(key)", "alice", "bob", "bob"}, // the decision hides the session's user
		{"Require(session, key)", "", "", ""},
		{"Require(session, key)", "alice", "bob", "alice"},
		{"Require(session, key)", "", "bob", "bob"},
		{"Require(key, session)", "alice", "bob", "bob"},
		{"Require(key, session)", "alice", "", "alice"},
		{"Require(key, session)", "alice", "?", "alice"},
		// F07: absent is anonymous, wrong is refused.
		{"Optional(key)", "", "", "nobody"},
		{"Optional(key)", "", "?", ""},
		{"Optional(key)", "", "bob", "bob"},
		{"Optional(key)", "alice", "", "nobody"},
		{"Optional(key)", "alice", "?", ""},
		{"Optional(session)", "", "", "nobody"},
		{"Optional(session)", "alice", "", "alice"},
		{"Optional(key, session)", "", "", "nobody"},
		{"Optional(key, session)", "", "?", ""},
		{"RequireFunc(key)", "alice", "", ""},
		{"RequireFunc(key)", "alice", "bob", "bob"},
		{"RequireFunc(key)", "", "?", ""},
		{"Check(key)", "", "", ""},
		{"Check(key)", "alice", "bob", "bob"},
		{"Check(key)", "", "?", ""},
	} {
		t.Run(fmt.Sprintf("%s session=%s key=%s", test.guard, test.session, test.key), func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes()
			a.mux.Handle("/it", guards[test.guard](a))
			b := a.browser()
			if test.session != "" {
				b.login("key", test.session)
			}
			w := b.send("GET", "/it", "X-Key", test.key)
			switch {
			case test.want == "" && (w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == ""):
				t.Errorf("%d %s, want 401", w.Code, w.Body)
			case test.want != "" && (w.Code != http.StatusOK || w.Body.String() != test.want):
				t.Errorf("%d %s, want %s", w.Code, w.Body, test.want)
			}
			if w := b.send("GET", "/who"); test.session != "" && w.Body.String() != test.session {
				t.Errorf("the next request is %s", w.Body)
			}
		})
	}
}

// TestWiredWrong: a guard outside of Handler, or of an authenticator that was
// not met, answers 500 and says in the log what is missing. It is never open.
// E15
func TestWiredWrong(t *testing.T) {
	t.Parallel()
	for name, wire := range map[string]func(a *app) http.Handler{
		"Require": func(a *app) http.Handler { return a.Require()(http.HandlerFunc(a.who)) },
		"Require, with a strategy that passes": func(a *app) http.Handler {
			return a.Require("key", "session")(http.HandlerFunc(a.who))
		},
		"Optional": func(a *app) http.Handler { return a.Optional("session")(http.HandlerFunc(a.who)) },
		"RequireFunc": func(a *app) http.Handler {
			return a.RequireFunc(func(http.ResponseWriter, *http.Request, *user) { t.Error("open") })
		},
		"Check": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := a.Check(w, r); ok {
					t.Error("open")
				}
			})
		},
		"Check of an unknown name": func(a *app) http.Handler {
			return a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := a.Check(w, r, "keyy"); ok {
					t.Error("open")
				}
			}))
		},
		"LoginHandler":  func(a *app) http.Handler { return a.LoginHandler("key", nil) },
		"LogoutHandler": func(a *app) http.Handler { return a.LogoutHandler(nil) },
		"Login": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, a.Login(w, r, alice, nil)) })
		},
		"Complete": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Complete(w, r, alice, nil) })
		},
		"Logout": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, a.Logout(w, r)) })
		},
		"UpdateSession": func(a *app) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.Refuse(w, r, a.UpdateSession(w, r, func(s *session) error { return s.Set("k", "v") }))
			})
		},
		"below another's Handler": func(a *app) http.Handler {
			other := newApp(a.t)
			return other.Handler(a.Require()(http.HandlerFunc(a.who)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			h := wire(a)
			b := a.as2("alice") // with a session that would do
			b.h = h
			w := b.send("POST", "/")
			if w.Code != http.StatusInternalServerError || code(t, w) != "internal" || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			want := "not below the Authenticator's Handler"
			switch name {
			case "UpdateSession":
				want = "no keeper"
			case "Check of an unknown name":
				want = "did you mean"
			}
			if lines := a.log.lines(want); len(lines) != 1 {
				t.Errorf("the log does not say %q: %s", want, a.log)
			}
		})
	}
}

// as2 is a browser with a session of which no request was served.
func (a *app) as2(id string) *browser {
	a.t.Helper()
	b := newBrowser(a.t, a.Handler(a.LoginHandler("key", nil)))
	if w := b.send("POST", "/", "X-Key", id); w.Code != http.StatusSeeOther {
		a.t.Fatal(w.Code)
	}
	return b
}

// TestAPI: an authenticator without sessions needs no Handler, and cannot
// sign in. E15
func TestAPI(t *testing.T) {
	t.Parallel()
	users := newDirectory("alice")
	a := passport.New(config{Logger: slog.New(slog.DiscardHandler)})
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), users.byID))
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := a.User(r.Context())
		io.WriteString(w, u.ID)
		for name, err := range map[string]error{"Login": a.Login(w, r, u, nil), "Logout": a.Logout(w, r)} {
			if err == nil {
				t.Errorf("%s works", name)
			}
		}
	})
	for _, h := range []http.Handler{a.Require("key")(next), a.Handler(a.Require("key")(next))} {
		b := newBrowser(t, h)
		if w := b.send("GET", "/", "X-Key", "alice"); w.Body.String() != "alice" || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
		if w := b.send("GET", "/"); w.Code != http.StatusUnauthorized {
			t.Errorf("%d", w.Code)
		}
	}
}

// TestNobody: whatever stands for no user is none. E16
func TestNobody(t *testing.T) {
	t.Parallel()
	t.Run("pointer", func(t *testing.T) { t.Parallel(); nobody(t, (*user)(nil)) })
	t.Run("struct", func(t *testing.T) { t.Parallel(); nobody(t, user{}) })
	t.Run("string", func(t *testing.T) { t.Parallel(); nobody(t, "") })
	t.Run("interface", func(t *testing.T) { t.Parallel(); nobody[keyed](t, nil) })
	t.Run("typed nil", func(t *testing.T) { t.Parallel(); nobody[keyed](t, (*user)(nil)) })
	t.Run("interface of a zero struct", func(t *testing.T) { t.Parallel(); nobody[any](t, user{}) })
	t.Run("map", func(t *testing.T) { t.Parallel(); nobody[map[string]string](t, nil) })
	t.Run("slice", func(t *testing.T) { t.Parallel(); nobody[[]byte](t, nil) })
	t.Run("nil in any", func(t *testing.T) { t.Parallel(); nobody[any](t, (map[string]string)(nil)) })
}

type keyed interface{ Key() string }

func nobody[U any](t *testing.T, none U) {
	t.Helper()
	a := passport.New(passport.Config[U]{
		Serializer: passport.SerializeBy(
			func(U) string { return "id" },
			func(context.Context, string) (U, error) { return none, nil },
		),
		Logger: slog.New(slog.DiscardHandler),
	})
	a.UseFunc("none", func(*http.Request) (passport.Result[U], error) { return passport.Result[U]{}.Success(none) })
	a.Use("credentials", passport.Credentials(passport.HeaderCredential("X-Key"), func(context.Context, string) (U, error) { return none, nil }))
	open := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, ok := a.User(r.Context()); ok {
			t.Errorf("%s: let in as %v", r.URL.Path, u)
		}
		io.WriteString(w, "open")
	})
	mux := http.NewServeMux()
	mux.Handle("/none", a.Require("none")(open))
	mux.Handle("/credentials", a.Require("credentials")(open))
	mux.Handle("/session", a.Require()(open))
	mux.Handle("/login", a.LoginHandler("none", nil))
	mux.Handle("/any", a.Allow(func(context.Context, U) error { return nil })(open))
	mux.HandleFunc("/direct", func(w http.ResponseWriter, r *http.Request) {
		err := a.Login(w, r, none, nil)
		if f, ok := errors.AsType[*passport.Failure](err); !ok || f.Code != passport.CodeNilUser {
			t.Errorf("Login: %v", err)
		}
		a.Refuse(w, r, err)
	})
	b := newBrowser(t, a.Handler(mux))
	for _, path := range []string{"/none", "/credentials", "/session", "/login", "/any", "/direct"} {
		if w := b.send("POST", path, "X-Key", "x"); w.Code != http.StatusUnauthorized || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if u, ok := a.User(a.WithUser(t.Context(), none)); ok {
		t.Errorf("WithUser: %v", u)
	}
}

// TestAllow: behind Require, it asks about the user who was let in.
func TestAllow(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	allow := a.Allow(func(_ context.Context, u *user) error {
		switch u.ID {
		case "root":
			return nil
		case "bob":
			return errDown
		}
		return fmt.Errorf("%s is no administrator: %w", u.ID, passport.ErrForbidden)
	})
	a.mux.Handle("/admin", a.Require("session", "key")(allow(http.HandlerFunc(a.who))))
	a.mux.Handle("/alone", allow(http.HandlerFunc(a.who)))
	for _, test := range []struct {
		path, key string
		status    int
	}{
		{"/admin", "root", 200}, {"/admin", "alice", 403}, {"/admin", "bob", 500}, {"/admin", "", 401},
		{"/alone", "root", 401}, {"/alone", "", 401},
	} {
		w := a.browser().send("GET", test.path, "X-Key", test.key)
		if w.Code != test.status || w.Code == 200 && w.Body.String() != test.key {
			t.Errorf("%s as %q: %d %s", test.path, test.key, w.Code, w.Body)
		}
	}
}

// TestInfo: what a strategy attached reaches the handler, for this decision
// alone.
func TestInfo(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.UseFunc("scoped", func(*http.Request) (result, error) { return result{}.WithInfo("read").Success(alice) })
	info := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, a.Info(r.Context())) }
	a.mux.Handle("/scoped", a.Require("scoped")(http.HandlerFunc(info)))
	a.mux.Handle("/optional", a.Optional("key")(http.HandlerFunc(info)))
	a.mux.Handle("/session", a.Require()(http.HandlerFunc(info)))
	b := a.as("bob")
	for path, want := range map[string]string{"/scoped": "read", "/optional": "<nil>", "/session": "<nil>"} {
		if got := b.send("GET", path).Body.String(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
