package passport_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// TestLogout: the row is deleted, the cookie is expired as it was set, and the
// old one is worth nothing. What comes next has a new id. B08
func TestLogout(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Logout(w, r); err != nil {
			a.Refuse(w, r, err)
		}
		if u, ok := a.User(r.Context()); ok {
			t.Errorf("it is still %s", u.ID)
		}
	})
	for _, path := range []string{"/logout", "/out"} {
		b := a.browser()
		set := b.send("POST", "/login/key", "X-Key", "alice").Header().Get("Set-Cookie")
		other, thief, old := a.as("alice"), b.clone(), b.cookies[sessionCookie]
		w := b.send("POST", path)
		expire, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := http.ParseSetCookie(set)
		if err != nil {
			t.Fatal(err)
		}
		want.Value, want.MaxAge, want.Raw, expire.Raw = "", -1, "", ""
		if diff := cmp.Diff(want, expire); diff != "" {
			t.Error("the cookie that expires the other (-want +got):\n", diff)
		}
		if thief.who() != "nobody" || b.who() != "nobody" {
			t.Errorf("afterwards %s, %s", thief.who(), b.who())
		}
		if other.who() != "alice" {
			t.Error("another browser was signed out too")
		}
		other.send("POST", "/logout")
		if n := a.store.rows(); n != 0 {
			t.Errorf("%d rows", n)
		}
		b.cookies[sessionCookie] = old
		b.send("POST", "/set?key=k&value=v")
		if b.cookies[sessionCookie] == old || b.send("GET", "/get?key=k").Body.String() != "v" {
			t.Error("the next write does not get an id of its own")
		}
		b.send("POST", "/logout")
	}
}

// TestLogoutInOneRequest: after Logout the same request may start anew.
func TestLogoutInOneRequest(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
		a.Session(r.Context()).Set("old", "x")
		if err := a.Logout(w, r); err != nil {
			t.Error(err)
		}
		if err := a.UpdateSession(w, r, func(s *sessions.Session) error { return s.Set("k", "v") }); err != nil {
			t.Error(err)
		}
	})
	b := a.as("alice")
	old := b.cookies[sessionCookie]
	w := b.send("POST", "/out")
	if n := len(w.Header()["Set-Cookie"]); n != 1 || b.cookies[sessionCookie] == old {
		t.Errorf("%q", w.Header()["Set-Cookie"])
	}
	if b.who() != "nobody" || b.send("GET", "/get?key=k").Body.String() != "v" || b.send("GET", "/get?key=old").Body.Len() != 0 {
		t.Error("the new session is not what was written")
	}
}

// TestSlowRequest: a request that was under way at the sign-out cannot bring
// the session back, whatever it writes. B09
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(a *app, w http.ResponseWriter, r *http.Request) error{
		"UpdateSession": func(a *app, w http.ResponseWriter, r *http.Request) error {
			return a.UpdateSession(w, r, func(s *sessions.Session) error { return s.Set("k", "v") })
		},
		"Save": func(a *app, w http.ResponseWriter, r *http.Request) error {
			s := a.Session(r.Context())
			s.Set("k", "v")
			return s.Save(r.Context(), w)
		},
		"Login of the same user": func(a *app, w http.ResponseWriter, r *http.Request) error { return a.Login(w, r, alice, nil) },
	} {
		for end, sign := range map[string]func(*browser){
			"logout": func(b *browser) { b.send("POST", "/logout") },
			"login":  func(b *browser) { b.send("POST", "/login/key", "X-Key", "bob") },
		} {
			t.Run(name+" after "+end, func(t *testing.T) {
				t.Parallel()
				a := newApp(t).routes()
				var b *browser
				a.mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
					sign(b.clone())
					err := write(a, w, r)
					if f, ok := errors.AsType[*passport.Failure](err); !errors.Is(err, sessions.ErrGone) && (!ok || f.Code != "session-ended") {
						t.Errorf("the caller is told %v", err)
					}
				})
				b = a.as("alice")
				slow := b.clone()
				if w := slow.send("POST", "/slow"); w.Header()["Set-Cookie"] != nil {
					t.Errorf("%q", w.Header()["Set-Cookie"])
				}
				if got := slow.who(); got != "nobody" {
					t.Errorf("it is %s again", got)
				}
				if n := len(a.store.of("alice")); n != 0 {
					t.Errorf("alice has %d sessions", n)
				}
			})
		}
	}
}

func TestLogoutOptions(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.Handle("/out", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/bye", Message: "See you."}))
	var messages []string
	a.mux.HandleFunc("/bye", func(w http.ResponseWriter, r *http.Request) { messages, _ = a.Flashes(w, r) })
	b := a.as("alice")
	w := b.send("POST", "/out")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/bye" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	b.send("GET", "/bye")
	if diff := cmp.Diff([]string{"See you."}, messages); diff != "" {
		t.Error(diff)
	}
	// Signing out twice, or as a stranger, is no mistake.
	for _, again := range []*browser{b, a.browser()} {
		if w := again.send("POST", "/out"); w.Code != http.StatusSeeOther {
			t.Errorf("%d", w.Code)
		}
	}
	if n := strings.Count(a.log.String(), "level=ERROR"); n != 0 {
		t.Errorf("log: %s", a.log)
	}
}
