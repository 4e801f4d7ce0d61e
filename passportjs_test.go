package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// The rules P01 to P63 of Passport.js that have a meaning in Go, each as one
// test named after it. docs/from-passport-js.md lists all of them, and says
// where the answer is another one on purpose.

type member struct{ ID, Name string }

var members = map[string]*member{
	"0": {"0", "zero"}, "1": {"1", "ann"}, "2": {"2", "ben"},
}

func memberByID(_ context.Context, id string) (*member, error) {
	if m := members[id]; m != nil {
		return m, nil
	}
	return nil, passport.ErrNoUser
}

var memberIDs = passport.SerializeBy(func(m *member) string { return m.ID }, memberByID)

// site is one Authenticator, a handler around it, and a browser's cookies.
type site struct {
	t       *testing.T
	a       *passport.Authenticator[*member]
	handler http.Handler
	mux     *http.ServeMux
	cookies map[string]string
	joined  string // user and account
}

func newSite(t *testing.T, change func(*passport.Config[*member])) *site {
	t.Helper()
	config := passport.Config[*member]{Serializer: memberIDs, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&config)
	}
	s := &site{t: t, a: passport.New(config), mux: http.NewServeMux(), cookies: map[string]string{}}
	s.handler = s.a.Handler(s.mux)
	s.a.Use("id", passport.Credentials(passport.HeaderCredential("X-Id"), memberByID))
	s.a.UseFunc("pass", verdict(func(res passport.Result[*member]) (passport.Result[*member], error) { return res.Pass() }))
	s.mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, s.who(r)) })
	return s
}

func verdict(decide func(passport.Result[*member]) (passport.Result[*member], error)) func(*http.Request) (passport.Result[*member], error) {
	return func(*http.Request) (passport.Result[*member], error) { return decide(passport.Result[*member]{}) }
}

// fails is a strategy that always fails with f.
func fails(f *passport.Failure) func(*http.Request) (passport.Result[*member], error) {
	return verdict(func(res passport.Result[*member]) (passport.Result[*member], error) { return res.Fail(f) })
}

func (s *site) who(r *http.Request) string {
	if m, ok := s.a.User(r.Context()); ok {
		return m.Name
	}
	return "nobody"
}

// do sends a request with the cookies, keeps the new ones, and returns the
// response. Headers come as pairs.
func (s *site) do(method, path string, header ...string) *http.Response {
	s.t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range s.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(s.cookies, c.Name)
		} else {
			s.cookies[c.Name] = c.Value
		}
	}
	return w.Result()
}

func (s *site) body(method, path string, header ...string) string {
	s.t.Helper()
	b, err := io.ReadAll(s.do(method, path, header...).Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func check[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const page = "text/html"

func TestPassportJSRules(t *testing.T) {
	rules := map[string]func(*testing.T){
		"P01 the session is built in": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.mux.Handle("GET /account", s.a.RequireFunc(func(w http.ResponseWriter, r *http.Request, m *member) {
				var v any
				taken, _ := s.a.Session(r.Context()).Get("passport", &v)
				fmt.Fprint(w, m.Name, " ", taken)
			}, "session"))
			s.do("POST", "/login", "X-Id", "1")
			check(t, "user, and no value of ours", s.body("GET", "/account"), "ann false")
		},
		"P02 P03 a strategy has a name, and one that is not taken": func(t *testing.T) {
			for name, want := range map[string]string{"": "needs a name", "id": `"id" is taken`} {
				t.Run(name, func(t *testing.T) {
					s := newSite(t, nil)
					defer func() {
						if p := fmt.Sprint(recover()); !strings.Contains(p, want) {
							t.Errorf("panic %q does not say %q", p, want)
						}
					}()
					s.a.UseFunc(name, fails(&passport.Failure{}))
				})
			}
		},
		"P05 P10 two Authenticators have a user each": func(t *testing.T) {
			staff, public := newSite(t, nil).a, newSite(t, nil).a
			ctx := staff.WithUser(public.WithUser(t.Context(), members["1"]), members["2"])
			for a, want := range map[*passport.Authenticator[*member]]string{public: "ann", staff: "ben"} {
				m, _ := a.User(ctx)
				check(t, "user", m.Name, want)
			}
			_, ok := public.User(staff.WithUser(t.Context(), members["2"]))
			check(t, "the user of another", ok, false)
		},
		"P09 a stranger gets no session": func(t *testing.T) {
			manager := sessions.New(sessions.NewMemoryStore(nil), nil)
			s := newSite(t, func(c *passport.Config[*member]) { c.Sessions = manager })
			check(t, "user", s.body("GET", "/me"), "nobody")
			check(t, "cookies", len(s.cookies), 0)
			n, err := manager.Count(t.Context())
			check(t, "records", fmt.Sprint(n, err), "0 <nil>")
		},
		"P12 options may be omitted": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			check(t, "status", s.do("POST", "/login", "X-Id", "1").StatusCode, http.StatusSeeOther)
		},
		"P14 an unknown name is found when the route is wired": func(t *testing.T) {
			s := newSite(t, nil)
			defer func() {
				if p := fmt.Sprint(recover()); !strings.Contains(p, `did you mean "pass"`) {
					t.Errorf("panic %q does not name the nearest strategy", p)
				}
			}()
			s.a.Require("pas")
		},
		"P15 one strategy value serves requests at once": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("GET /api", s.a.Require("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, s.who(r))
			})))
			var wg sync.WaitGroup
			for i := range 64 {
				want := []string{"zero", "ann", "ben"}[i%3]
				wg.Go(func() {
					r := httptest.NewRequest("GET", "/api", nil)
					r.Header.Set("X-Id", fmt.Sprint(i%3))
					w := httptest.NewRecorder()
					s.handler.ServeHTTP(w, r)
					if got := w.Body.String(); got != want {
						t.Errorf("a request of %s is %s's", want, got)
					}
				})
			}
			wg.Wait()
		},
		"P18 Authenticate decides, signs nobody in and writes nothing": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.HandleFunc("POST /check", func(w http.ResponseWriter, r *http.Request) {
				res, err := s.a.Authenticate(r, "id")
				fmt.Fprint(w, res.Outcome(), " ", res.User().Name, " ", err, " ", s.who(r), " ", len(w.Header()))
			})
			check(t, "decision", s.body("POST", "/check", "X-Id", "1"), "success ann <nil> nobody 0")
			check(t, "cookies", len(s.cookies), 0)
		},
		"P20 P21 a success leaves its message": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", &passport.LoginOptions{SuccessMessage: "Welcome."}))
			s.mux.HandleFunc("GET /flash", s.flashes)
			s.do("POST", "/login", "X-Id", "1")
			check(t, "messages", s.body("GET", "/flash"), `["Welcome."]`)
			check(t, "messages again", s.body("GET", "/flash"), `null`)
		},
		"P22 the return-to comes before SuccessRedirect": func(t *testing.T) {
			s := newSite(t, func(c *passport.Config[*member]) { c.LoginPage = "/login" })
			s.mux.Handle("POST /login", s.a.LoginHandler("id", &passport.LoginOptions{SuccessRedirect: "/home"}))
			s.mux.Handle("GET /deep", s.a.RequireFunc(func(http.ResponseWriter, *http.Request, *member) {}))
			check(t, "sent to", s.do("GET", "/deep?a=b", "Accept", page).Header.Get("Location"), "/login")
			check(t, "and back to", s.do("POST", "/login", "X-Id", "1").Header.Get("Location"), "/deep?a=b")
			check(t, "only once", s.do("POST", "/login", "X-Id", "1").Header.Get("Location"), "/home")
		},
		"P23 SuccessRedirect": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", &passport.LoginOptions{SuccessRedirect: "/home"}))
			res := s.do("POST", "/login", "X-Id", "1")
			check(t, "status", res.StatusCode, http.StatusSeeOther)
			check(t, "location", res.Header.Get("Location"), "/home")
		},
		"P24 P57 a failing login signs nobody in": func(t *testing.T) {
			s := newSite(t, func(c *passport.Config[*member]) {
				c.Serializer = passport.SerializeBy(func(*member) string { return "" }, memberByID)
			})
			s.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
				err := s.a.Login(w, r, members["1"], nil)
				fmt.Fprint(w, err != nil, " ", s.who(r))
			})
			check(t, "answer", s.body("POST", "/login"), "true nobody")
			check(t, "cookies", len(s.cookies), 0)
		},
		"P25 P58 Require signs in for one request only": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("GET /api", s.a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, m *member) { io.WriteString(w, m.Name) }, "id"))
			check(t, "user", s.body("GET", "/api", "X-Id", "2"), "ben")
			check(t, "cookies", len(s.cookies), 0)
		},
		"P26 success without a user is a refusal": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("nil", verdict(func(res passport.Result[*member]) (passport.Result[*member], error) { return res.Success(nil) }))
			s.mux.Handle("GET /api", s.a.Require("nil")(http.NotFoundHandler()))
			check(t, "status", s.do("GET", "/api").StatusCode, http.StatusUnauthorized)
		},
		"P29 P40 a failure tries the next strategy, in order": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("no", fails(&passport.Failure{Status: 418}))
			s.mux.Handle("GET /api", s.a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, m *member) { io.WriteString(w, m.Name) }, "no", "id"))
			check(t, "user", s.body("GET", "/api", "X-Id", "1"), "ann")
			check(t, "status of the failure", s.do("GET", "/api").StatusCode, 418)
		},
		"P30 a redirect ends the chain": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("away", verdict(func(res passport.Result[*member]) (passport.Result[*member], error) {
				return res.Redirect("https://id.example/authorize")
			}))
			s.mux.Handle("GET /api", s.a.Require("away", "id")(http.NotFoundHandler()))
			res := s.do("GET", "/api", "X-Id", "1")
			check(t, "status", res.StatusCode, http.StatusSeeOther)
			check(t, "location", res.Header.Get("Location"), "https://id.example/authorize")
		},
		"P31 the info of a success": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("info", verdict(func(res passport.Result[*member]) (passport.Result[*member], error) {
				return res.WithInfo("scope a").Success(members["1"])
			}))
			s.mux.Handle("GET /api", s.a.Require("info")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, s.a.Info(r.Context()))
			})))
			check(t, "info", s.body("GET", "/api"), "scope a")
		},
		"P32 pass tries the next, and never lets anyone in": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("GET /api", s.a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, m *member) { io.WriteString(w, m.Name) }, "pass", "id"))
			check(t, "user", s.body("GET", "/api", "X-Id", "1"), "ann")
			check(t, "status", s.do("GET", "/api").StatusCode, http.StatusUnauthorized)
		},
		"P33 P48 an error ends the chain": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("broken", verdict(func(res passport.Result[*member]) (passport.Result[*member], error) {
				return res, errors.New("no database")
			}))
			s.mux.Handle("GET /api", s.a.Require("broken", "id")(http.NotFoundHandler()))
			check(t, "status", s.do("GET", "/api", "X-Id", "1").StatusCode, http.StatusInternalServerError)
		},
		"P34 P35 P37 a failure redirects with the first failure's message": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.Use("two", passport.Any(
				passport.Strategy[*member](passport.StrategyFunc[*member](fails(&passport.Failure{Message: "first"}))),
				passport.StrategyFunc[*member](fails(&passport.Failure{Message: "second"}))))
			s.mux.Handle("POST /login", s.a.LoginHandler("two", &passport.LoginOptions{FailureRedirect: "/login"}))
			s.mux.Handle("POST /fixed", s.a.LoginHandler("two", &passport.LoginOptions{FailureRedirect: "/login", FailureMessage: "fixed"}))
			s.mux.HandleFunc("GET /flash", s.flashes)
			check(t, "location", s.do("POST", "/login", "Accept", page).Header.Get("Location"), "/login")
			check(t, "message", s.body("GET", "/flash"), `["first"]`)
			s.do("POST", "/fixed", "Accept", page)
			check(t, "message", s.body("GET", "/flash"), `["fixed"]`)
		},
		"P36 the first failure's status, and with 401 every challenge": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("one", fails(&passport.Failure{Challenge: `Basic realm="a"`}))
			s.a.UseFunc("two", fails(&passport.Failure{Challenge: `Bearer realm="b"`, Status: 403}))
			s.mux.Handle("GET /12", s.a.Require("one", "two")(http.NotFoundHandler()))
			s.mux.Handle("GET /21", s.a.Require("two", "one")(http.NotFoundHandler()))
			res := s.do("GET", "/12")
			check(t, "status", res.StatusCode, http.StatusUnauthorized)
			check(t, "challenges", res.Header["Www-Authenticate"], []string{`Basic realm="a"`, `Bearer realm="b"`})
			res = s.do("GET", "/21")
			check(t, "status", res.StatusCode, http.StatusForbidden)
			check(t, "challenges", res.Header["Www-Authenticate"], nil)
		},
		"P38 P39 Authenticate tells all failures, and leaves the answer to the caller": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("one", fails(&passport.Failure{Code: "one"}))
			s.a.UseFunc("two", fails(&passport.Failure{Code: "two"}))
			s.mux.HandleFunc("GET /api", func(w http.ResponseWriter, r *http.Request) {
				res, _ := s.a.Authenticate(r, "one", "pass", "two")
				for _, f := range res.Failures() {
					io.WriteString(w, f.Code+" ")
				}
				s.a.Refuse(w, r, res.Err())
			})
			check(t, "body starts with", strings.HasPrefix(s.body("GET", "/api"), "one two "), true)
		},
		"P41 a success discards earlier failures": func(t *testing.T) {
			s := newSite(t, nil)
			s.a.UseFunc("no", fails(&passport.Failure{}))
			s.mux.HandleFunc("GET /api", func(w http.ResponseWriter, r *http.Request) {
				res, _ := s.a.Authenticate(r, "no", "id")
				fmt.Fprint(w, res.Err(), len(res.Failures()))
			})
			check(t, "result", s.body("GET", "/api", "X-Id", "1"), "<nil> 0")
		},
		"P42 P43 P52 no names, or the session, never let a stranger in": func(t *testing.T) {
			s := newSite(t, nil)
			for path, names := range map[string][]string{"/a": nil, "/b": {"session"}, "/c": {"session", "pass"}, "/d": {"pass", "session"}} {
				s.mux.Handle("GET "+path, s.a.Require(names...)(http.NotFoundHandler()))
				check(t, path, s.do("GET", path).StatusCode, http.StatusUnauthorized)
			}
		},
		"P45 P46 a link of the serializers may decline": func(t *testing.T) {
			decline := passport.SerializeBy(func(*member) string { return "" }, memberByID)
			s := newSite(t, func(c *passport.Config[*member]) {
				c.Serializer = passport.Serializers[*member](declining{decline}, memberIDs)
			})
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.do("POST", "/login", "X-Id", "0")
			check(t, "user", s.body("GET", "/me"), "zero")
			s = newSite(t, func(c *passport.Config[*member]) { c.Serializer = passport.Serializers[*member](declining{decline}) })
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			check(t, "no link takes the user", s.do("POST", "/login", "X-Id", "0").StatusCode, http.StatusInternalServerError)
		},
		"P47 P54 a user who is gone is signed out, an outage keeps the session": func(t *testing.T) {
			var answer error
			s := newSite(t, func(c *passport.Config[*member]) {
				c.Serializer = passport.SerializeBy(func(m *member) string { return m.ID }, func(ctx context.Context, id string) (*member, error) {
					if answer != nil {
						return nil, answer
					}
					return memberByID(ctx, id)
				})
			})
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.do("POST", "/login", "X-Id", "1")
			answer = errors.New("no database")
			check(t, "outage", s.do("GET", "/me").StatusCode, http.StatusServiceUnavailable)
			answer = nil
			check(t, "afterwards", s.body("GET", "/me"), "ann")
			answer = passport.ErrNoUser
			check(t, "gone", s.body("GET", "/me"), "nobody")
			answer = nil
			check(t, "and stays out", s.body("GET", "/me"), "nobody")
		},
		"P50 P53 Handler restores the user": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.do("POST", "/login", "X-Id", "2")
			check(t, "user", s.body("GET", "/me"), "ben")
		},
		"P51 P59 a login without Handler is an error": func(t *testing.T) {
			a := passport.New(passport.Config[*member]{Serializer: memberIDs, Logger: slog.New(slog.DiscardHandler)})
			w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil)
			if err := a.Login(w, r, members["1"], nil); err == nil || !strings.Contains(err.Error(), "Handler") {
				t.Errorf("error %v does not name the mistake", err)
			}
			check(t, "cookies", len(w.Result().Cookies()), 0)
		},
		"P56 login makes a new id and keeps only what is named": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.HandleFunc("POST /cart", func(w http.ResponseWriter, r *http.Request) {
				if err := s.a.UpdateSession(w, r, func(v *sessions.Session) error {
					return errors.Join(v.Set("cart", 3), v.Set("admin", true))
				}); err != nil {
					t.Error(err)
				}
			})
			s.mux.HandleFunc("GET /values", func(w http.ResponseWriter, r *http.Request) {
				cart, _ := sessions.Key[int]("cart").Get(s.a.Session(r.Context()))
				admin, _ := sessions.Key[bool]("admin").Get(s.a.Session(r.Context()))
				fmt.Fprint(w, cart, admin)
			})
			s.mux.Handle("POST /login", s.a.LoginHandler("id", &passport.LoginOptions{Keep: []string{"cart"}}))
			s.do("POST", "/cart")
			before := s.cookies["__Host-session"]
			check(t, "before", s.body("GET", "/values"), "3 true")
			s.do("POST", "/login", "X-Id", "1")
			check(t, "same id", s.cookies["__Host-session"] == before, false)
			check(t, "after", s.body("GET", "/values"), "3 false")
			s.cookies["__Host-session"] = before
			check(t, "the old id", s.body("GET", "/values"), "0 false")
		},
		"P60 logout ends the session for good": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.mux.Handle("POST /logout", s.a.LogoutHandler(nil))
			s.do("POST", "/login", "X-Id", "1")
			old := s.cookies["__Host-session"]
			check(t, "location", s.do("POST", "/logout").Header.Get("Location"), "/")
			check(t, "cookies", len(s.cookies), 0)
			s.cookies["__Host-session"] = old
			check(t, "the old cookie", s.body("GET", "/me"), "nobody")
		},
		"P61 a failing logout leaves the person signed in": func(t *testing.T) {
			store := &stuck{Store: sessions.NewMemoryStore(nil)}
			s := newSite(t, func(c *passport.Config[*member]) { c.Sessions = sessions.New(store, nil) })
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			s.mux.Handle("POST /logout", s.a.LogoutHandler(nil))
			s.do("POST", "/login", "X-Id", "1")
			store.err = errors.New("no database")
			check(t, "status", s.do("POST", "/logout").StatusCode, http.StatusServiceUnavailable)
			store.err = nil
			check(t, "user", s.body("GET", "/me"), "ann")
		},
		"P28 an account is joined to the user, who stays signed in": func(t *testing.T) {
			s := newSite(t, nil)
			s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
			type account struct{ name string }
			find := func(_ context.Context, name string) (account, error) { return account{name}, nil }
			join := func(_ context.Context, m *member, a account) error {
				s.joined = m.Name + " " + a.name
				return nil
			}
			s.mux.Handle("POST /connect", passport.Link(s.a, passport.Credentials(passport.HeaderCredential("X-Account"), find), join, nil))
			check(t, "a stranger's", s.do("POST", "/connect", "X-Account", "gh").StatusCode, http.StatusUnauthorized)
			s.do("POST", "/login", "X-Id", "1")
			check(t, "status", s.do("POST", "/connect", "X-Account", "gh").StatusCode, http.StatusSeeOther)
			check(t, "joined", s.joined, "ann gh")
			check(t, "user", s.body("GET", "/me"), "ann")
		},
		"P63 whether somebody is signed in": func(t *testing.T) {
			s := newSite(t, nil)
			_, ok := s.a.User(t.Context())
			check(t, "outside of a request", ok, false)
			check(t, "a stranger", s.body("GET", "/me"), "nobody")
			_, ok = s.a.User(s.a.WithUser(t.Context(), members["1"]))
			check(t, "with a user", ok, true)
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}

func (s *site) flashes(w http.ResponseWriter, r *http.Request) {
	messages, err := s.a.Flashes(w, r)
	if err != nil {
		s.t.Error(err)
	}
	b, _ := json.Marshal(messages)
	w.Write(b)
}

type declining struct{ passport.Serializer[*member] }

func (declining) Serialize(context.Context, *member) (string, error) { return "", passport.ErrPass }
func (declining) Deserialize(context.Context, string) (*member, error) {
	return nil, fmt.Errorf("not mine: %w", passport.ErrPass)
}

// stuck is a store that cannot delete.
type stuck struct {
	sessions.Store
	err error
}

func (s *stuck) Delete(ctx context.Context, id sessions.ID) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Delete(ctx, id)
}
