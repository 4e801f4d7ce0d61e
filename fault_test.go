package passport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

// TestFaultDuringLogin: wherever the store fails in a sign-in, before or after
// it did its work, there is one session afterwards: the old anonymous one or a
// new signed-in one. The browser is not told that it is signed in. B06, B28
func TestFaultDuringLogin(t *testing.T) {
	t.Parallel()
	for name, sign := range map[string]func(a *app, b *browser) *httptest.ResponseRecorder{
		"LoginHandler": func(_ *app, b *browser) *httptest.ResponseRecorder {
			return b.send("POST", "/login/key", "X-Key", "alice")
		},
		"Login":    func(_ *app, b *browser) *httptest.ResponseRecorder { return b.send("POST", "/direct?as=alice") },
		"Complete": func(_ *app, b *browser) *httptest.ResponseRecorder { return b.send("POST", "/complete?as=alice") },
		"JSON": func(_ *app, b *browser) *httptest.ResponseRecorder {
			return b.send("POST", "/login/key", "X-Key", "alice", "Accept", "application/json")
		},
		"with a success header": func(_ *app, b *browser) *httptest.ResponseRecorder {
			return b.send("POST", "/header")
		},
	} {
		for _, when := range []string{"before", "after"} {
			for _, op := range []string{"Replace", "Find", ""} {
				t.Run(name+" "+when+" "+op, func(t *testing.T) {
					t.Parallel()
					a := newApp(t).routes().signers()
					a.UseFunc("header", func(*http.Request) (result, error) {
						return result{}.WithHeader("Set-Cookie", "api=token").WithHeader("X-Token", "t").Success(alice)
					})
					a.mux.Handle("/header", a.LoginHandler("header", &passport.LoginOptions{SuccessMessage: "Hello."}))
					b := a.browser()
					b.send("POST", "/set?key=k&value=v")
					old := b.clone()
					var ops []string
					if op != "" {
						ops = []string{op}
					}
					if when == "before" {
						a.store.down(ops...)
					} else {
						a.store.late(ops...)
					}
					w := sign(a, b)
					if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil || w.Header().Get("Location") != "" || w.Header().Get("X-Token") != "" {
						t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
					}
					a.store.up()
					if n := a.store.rows(); n != 1 {
						t.Errorf("%d sessions are stored", n)
					}
					signedIn := len(a.store.of("alice")) == 1
					if signedIn != (when == "after" && op == "Replace") {
						t.Errorf("a session of alice: %v", signedIn)
					}
					if got := old.who(); got != "nobody" { // never an old id that is signed in
						t.Errorf("the old cookie is %s", got)
					}
					kept := old.send("GET", "/get?key=k").Body.String() == "v"
					if kept == signedIn {
						t.Errorf("the old session is there: %v, the new one: %v", kept, signedIn)
					}
				})
			}
		}
	}
}

// TestFaultOfFirstLogin is the same where there was no session: Create.
func TestFaultOfFirstLogin(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.store.down("Create")
	b := a.browser()
	if w := b.send("POST", "/login/key", "X-Key", "alice"); w.Code != 503 || w.Header()["Set-Cookie"] != nil {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	a.store.up()
	if b.who() != "nobody" || a.store.rows() != 0 {
		t.Errorf("%s, %d rows", b.who(), a.store.rows())
	}
}

// TestFaultDuringStepUp: who was signed in stays signed in as before.
func TestFaultDuringStepUp(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	b := a.browser()
	b.login("pwd", "alice")
	a.store.down("Replace")
	for _, header := range []string{"X-Otp", "X-Pwd"} {
		if w := b.send("POST", "/login/"+strings.ToLower(header[2:]), header, "alice"); w.Code != 503 {
			t.Errorf("%s: %d", header, w.Code)
		}
	}
	a.store.up()
	if r := a.store.of("alice"); b.who() != "alice" || len(r) != 1 || r[0].Factors != "pwd" {
		t.Errorf("%s, %+v", b.who(), r)
	}
}

// TestFaultThenAnswer: a handler whose sign-in could not be stored has nobody
// signed in, whatever it answers then, and however: a long page, a flush, a
// hijacked connection, a panic. B28
func TestFaultThenAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter){
		"nothing": func(http.ResponseWriter) {},
		"1 MB":    func(w http.ResponseWriter) { w.Write(make([]byte, 1<<20)) },
		"flush": func(w http.ResponseWriter) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			io.WriteString(w, "y")
		},
		"hijack": func(w http.ResponseWriter) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			var head strings.Builder
			w.Header().Write(&head)
			fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n", &head)
			rw.Flush()
		},
		"panic": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t).routes()
			a.mux.HandleFunc("/in", func(w http.ResponseWriter, r *http.Request) {
				if err := a.Login(w, r, alice, nil); err == nil {
					t.Error("the store is down, and Login says nothing")
				}
				if u, ok := a.User(r.Context()); ok {
					t.Errorf("it is %s", u.ID)
				}
				if err := a.UpdateSession(w, r, func(s *session) error { return s.Set("k", "v") }); err == nil {
					t.Error("the store is down, and UpdateSession says nothing")
				}
				answer(w)
			})
			a.store.down("Create", "Replace", "Update")
			server := httptest.NewServer(a)
			defer server.Close()
			resp, err := server.Client().Post(server.URL+"/in", "", nil)
			if err == nil {
				defer resp.Body.Close()
				if set := resp.Header["Set-Cookie"]; set != nil {
					t.Errorf("Set-Cookie: %q", set)
				}
				if _, err := io.Copy(io.Discard, bufio.NewReader(resp.Body)); err != nil {
					t.Error(err)
				}
			} else if name != "panic" {
				t.Error(err)
			}
			if n := a.store.rows(); n != 0 {
				t.Errorf("%d sessions are stored", n)
			}
		})
	}
}

// TestFaultDuringLogout: who could not be signed out is not told so, and keeps
// the cookie to try again with. B29
func TestFaultDuringLogout(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
		err := a.Logout(w, r)
		if u, ok := a.User(r.Context()); !ok || u.ID != "alice" {
			t.Error("the user is gone, the session is not")
		}
		a.Refuse(w, r, err)
	})
	b := a.as("alice")
	a.store.down("Delete")
	for _, path := range []string{"/logout", "/out"} {
		w := b.send("POST", path, "Accept", "text/html")
		if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	a.store.up()
	if got := b.who(); got != "alice" {
		t.Errorf("it is %s", got)
	}
}

// TestCancelled: a request that was given up stops at the next step, and
// leaves nothing. F04
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path    string
		at      string // of the sign-in, at which the browser goes away
		allowed bool   // to be stored all the same: the commit had begun
	}{
		"before":               {"/in", "", false},
		"in the strategy":      {"/in", "strategy", false},
		"in the next strategy": {"/two", "strategy", false},
		"in the serializer":    {"/in", "serializer", false},
		"in the commit":        {"/in", "Create", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reach := func(point string) {
				if point == test.at {
					cancel()
				}
			}
			var users *directory
			a := newApp(t, func(c *config) {
				c.Serializer = passport.SerializeBy(func(u *user) string { reach("serializer"); return u.ID },
					func(ctx context.Context, id string) (*user, error) { return users.byID(ctx, id) })
			}).routes()
			users = a.users
			verify := func(ctx context.Context, id string) (*user, error) {
				reach("strategy")
				if err := ctx.Err(); err != nil && name == "in the next strategy" {
					return nil, err
				}
				return a.users.byID(ctx, id)
			}
			a.Use("it", passport.Credentials(passport.HeaderCredential("X-Key"), verify))
			a.Use("two", passport.Any(passport.Credentials(passport.HeaderCredential("X-Key"), verify), passport.Credentials(passport.HeaderCredential("X-Key"), a.users.byID)))
			a.mux.Handle("/in", a.LoginHandler("it", nil))
			a.mux.Handle("/two", a.LoginHandler("two", nil))
			a.store.faults(func(op string) error { reach(op); return nil }, nil)
			if test.at == "" {
				cancel()
			}
			b := a.browser()
			w := b.do(b.request("POST", test.path, "X-Key", "alice").WithContext(ctx))
			signedIn := w.Code == http.StatusSeeOther
			if !signedIn && (w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil) {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
			if n := a.store.rows(); n != 0 && !test.allowed || signedIn && n != 1 {
				t.Errorf("answered %d with %d sessions stored", w.Code, n)
			}
			if lines := a.log.lines("level=ERROR"); len(lines) != 0 { // going away is no outage
				t.Errorf("log: %q", lines)
			}
		})
	}
}

// TestTimeout: a deadline that passed is an outage, not a wrong password. F04
func TestTimeout(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.UseFunc("slow", func(r *http.Request) (result, error) {
		<-r.Context().Done()
		return result{}, fmt.Errorf("ldap: %w", context.Cause(r.Context()))
	})
	a.mux.Handle("/slow", a.LoginHandler("slow", &passport.LoginOptions{FailureRedirect: "/login"}))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 1, errors.Join(context.DeadlineExceeded))
	defer cancel()
	b := a.browser()
	if w := b.do(b.request("POST", "/slow").WithContext(ctx)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
