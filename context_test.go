package passport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// TestWithUser: a context of one's own has the user, for handlers and guards.
func TestWithUser(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	ctx := a.WithUser(t.Context(), alice)
	if u, ok := a.User(ctx); !ok || u != alice {
		t.Errorf("%v %v", u, ok)
	}
	if _, ok := a.User(a.WithUser(ctx, nil)); ok {
		t.Error("nobody is somebody")
	}
	if u, _ := a.User(a.WithUser(ctx, &user{ID: "bob"})); u.ID != "bob" {
		t.Errorf("it is %s", u.ID)
	}
	h := a.RequireFunc(func(w http.ResponseWriter, r *http.Request, u *user) {
		io.WriteString(w, u.ID)
		if err := a.Login(w, r, u, nil); err == nil {
			t.Error("a sign-in without a session")
		}
	})
	b := newBrowser(t, h)
	if w := b.do(b.request("GET", "/").WithContext(ctx)); w.Body.String() != "alice" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := b.do(b.request("GET", "/").WithContext(a.WithUser(t.Context(), nil))); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestSessionOutside: outside of Handler a session is empty and cannot be
// kept.
func TestSessionOutside(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	s := a.Session(t.Context())
	s.Set("k", "v")
	if err := s.Save(t.Context(), nil); !errors.Is(err, sessions.ErrNoKeeper) {
		t.Errorf("%v", err)
	}
}

// TestUpdateSession: an error of change is returned, and nothing is saved; a
// conflict is tried again on what is stored.
func TestUpdateSession(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	n := sessions.Key[int]("n")
	var between func()
	a.mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		if err := a.UpdateSession(w, r, func(s *session) error {
			v, _ := n.Get(s)
			if between != nil {
				f := between
				between = nil
				f()
			}
			return n.Set(s, v+1)
		}); err != nil {
			t.Error(err)
		}
		v, _ := n.Get(a.Session(r.Context()))
		fmt.Fprint(w, v)
	})
	a.mux.HandleFunc("/refused", func(w http.ResponseWriter, r *http.Request) {
		if err := a.UpdateSession(w, r, func(*session) error { return errCause }); !errors.Is(err, errCause) {
			t.Errorf("%v", err)
		}
	})
	b := a.browser()
	if w := b.send("POST", "/refused"); w.Header()["Set-Cookie"] != nil || a.store.rows() != 0 {
		t.Error("something was saved")
	}
	b.send("POST", "/count")
	between = func() { b.clone().send("POST", "/count") }
	if got := b.send("POST", "/count").Body.String(); got != "3" {
		t.Errorf("counted to %s", got)
	}
}

// twoApps are users and administrators around one handler.
func twoApps(t testing.TB) (users, admins *app, h http.Handler) {
	users, admins = newApp(t), newApp(t, named("admin", secret))
	mux := http.NewServeMux()
	mux.Handle("/users/login", users.LoginHandler("key", nil))
	mux.Handle("/admins/login", admins.LoginHandler("key", nil))
	mux.Handle("/users/logout", users.LogoutHandler(nil))
	mux.Handle("/users/me", users.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { io.WriteString(w, u.ID) }))
	mux.Handle("/admins/me", admins.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { io.WriteString(w, u.ID) }))
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		users.who(w, r)
		io.WriteString(w, " ")
		admins.who(w, r)
	})
	users.mux, admins.mux = mux, mux
	return users, admins, users.Handler(admins.Handler(mux))
}

// TestTwoAuthenticators: each has its users, its sessions and its cookies,
// whatever a browser renames.
func TestTwoAuthenticators(t *testing.T) {
	t.Parallel()
	_, _, h := twoApps(t)
	b := newBrowser(t, h)
	b.send("POST", "/users/login", "X-Key", "alice")
	if got := b.send("GET", "/who").Body.String(); got != "alice nobody" {
		t.Errorf("%s", got)
	}
	if w := b.send("GET", "/admins/me"); w.Code != http.StatusUnauthorized {
		t.Errorf("a user is an administrator: %d %s", w.Code, w.Body)
	}
	renamed := newBrowser(t, h)
	renamed.cookies["__Host-admin"] = b.cookies[sessionCookie]
	if got := renamed.send("GET", "/who").Body.String(); got != "nobody nobody" {
		t.Errorf("a renamed cookie is %s", got)
	}
	b.send("POST", "/admins/login", "X-Key", "root")
	if got := b.send("GET", "/who").Body.String(); got != "alice root" {
		t.Errorf("%s", got)
	}
	b.send("POST", "/users/logout")
	if got := b.send("GET", "/who").Body.String(); got != "nobody root" {
		t.Errorf("%s", got)
	}
}

// TestInnermostEnv: EnvOf tells the authenticator that runs, also when the
// outer one is asked inside the inner one.
func TestInnermostEnv(t *testing.T) {
	t.Parallel()
	users, admins, h := twoApps(t)
	var seen []string
	see := func(name string) func(*http.Request) (result, error) {
		return func(r *http.Request) (result, error) {
			e := passport.EnvOf(r.Context())
			seen = append(seen, fmt.Sprint(name, "/", e.Strategy(), "/", e.UserID()))
			if name == "users/outer" { // one inside the other
				admins.Authenticate(r, "inner")
				if e := passport.EnvOf(r.Context()); e.UserID() != "alice" {
					t.Errorf("afterwards the Env is that of %s", e.UserID())
				}
			}
			return result{}.Pass()
		}
	}
	users.UseFunc("outer", see("users/outer"))
	admins.UseFunc("inner", see("admins/inner"))
	users.mux.HandleFunc("/env", func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, "handler/"+passport.EnvOf(r.Context()).UserID())
		users.Authenticate(r, "outer")
		admins.Authenticate(r, "inner")
		seen = append(seen, "handler/"+passport.EnvOf(r.Context()).UserID())
	})
	users.mux.Handle("/nested", admins.Optional("inner")(users.Optional("outer")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, "nested/"+passport.EnvOf(r.Context()).UserID())
	}))))
	b := newBrowser(t, h)
	b.send("POST", "/users/login", "X-Key", "alice")
	b.send("POST", "/admins/login", "X-Key", "root")
	b.send("GET", "/env")
	b.send("GET", "/nested")
	want := "handler/root users/outer/outer/alice admins/inner/inner/root admins/inner/inner/root handler/root" +
		" admins/inner/inner/root users/outer/outer/alice admins/inner/inner/root nested/root"
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

// TestContextIsTheRequests: what stands in the request's context below and
// above Handler is found.
func TestContextIsTheRequests(t *testing.T) {
	t.Parallel()
	type key struct{}
	a := newApp(t)
	h := a.Handler(a.Optional("key")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != "above" {
			t.Error("the value is lost")
		}
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), key{}, "below"))
		cancel()
		if _, ok := a.User(ctx); ok || passport.EnvOf(ctx) != passport.EnvOf(r.Context()) || ctx.Err() == nil || r.Context().Err() != nil {
			t.Error("the state is lost")
		}
	})))
	b := newBrowser(t, h)
	b.do(b.request("GET", "/").WithContext(context.WithValue(t.Context(), key{}, "above")))
}
