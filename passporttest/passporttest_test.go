package passporttest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/passporttest"
)

type user struct{ Name string }

var ann = &user{"ann"}

// newSite is a site with a page that asks for a user, and what it decided.
func newSite() (*passport.Authenticator[*user], http.Handler, *passporttest.Recorder) {
	rec := new(passporttest.Recorder)
	a := passport.New(passport.Config[*user]{
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.Name },
			func(_ context.Context, name string) (*user, error) { return &user{name}, nil },
		),
		OnAttempt: rec.OnAttempt,
		Logger:    slog.New(slog.DiscardHandler),
	})
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), func(_ context.Context, key string) (*user, error) {
		if key != "right" {
			return nil, passport.ErrInvalidCredentials
		}
		return ann, nil
	}))
	mux := http.NewServeMux()
	mux.Handle("GET /me", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = io.WriteString(w, u.Name) }))
	mux.Handle("POST /login", a.LoginHandler("key", nil))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/me"}))
	return a, a.Handler(mux), rec
}

func body(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(b[:min(len(b), 20)]))
}

// Over plain http, whose Secure cookies the jar of net/http withholds, and
// over TLS.
func TestLogIn(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(http.Handler) *httptest.Server{
		"http": httptest.NewServer, "tls": httptest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, handler, _ := newSite()
			server := serve(handler)
			defer server.Close()
			browser, stranger := passporttest.LogIn(t, server, a, ann), passporttest.Client(server)
			get := func(c *http.Client) string {
				t.Helper()
				res, err := c.Get(server.URL + "/me")
				return body(t, res, err)
			}
			if got := get(browser); got != "200 ann" {
				t.Errorf("signed in: %s", got)
			}
			if got := get(stranger); !strings.HasPrefix(got, "401 ") {
				t.Errorf("a stranger: %s", got)
			}
			res, err := browser.Post(server.URL+"/logout", "", nil)
			if got := body(t, res, err); !strings.HasPrefix(got, "401 ") {
				t.Errorf("signed out: %s", got)
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	a, handler, _ := newSite()
	r, w := httptest.NewRequest("GET", "/me", nil), httptest.NewRecorder()
	passporttest.SignIn(t, r, a, ann)
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != "ann" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// A spy is a test that may fail.
type spy struct {
	testing.TB
	said string
}

func (*spy) Helper() {}
func (s *spy) Errorf(format string, args ...any) {
	s.said += fmt.Sprintf(format, args...)
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(s)
}

// A user who cannot be signed in ends the test, with the reason.
func TestLogInNobody(t *testing.T) {
	t.Parallel()
	a, handler, _ := newSite()
	server := httptest.NewServer(handler)
	defer server.Close()
	s := &spy{TB: t}
	func() {
		defer func() { _ = recover() }()
		passporttest.LogIn(s, server, a, nil)
	}()
	if want := "passporttest: signing in: passport: nil-user"; s.said != want {
		t.Errorf("got %q, want %q", s.said, want)
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	a, handler, rec := newSite()
	send := func(method, path, key string, sign bool) {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("X-Key", key)
		if sign {
			passporttest.SignIn(t, r, a, ann)
		}
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	send("POST", "/login", "wrong", false)
	send("POST", "/login", "right", false)
	rec.Expect(t, "login key fail invalid-credentials", "login key success")
	rec.Expect(t)
	send("GET", "/me", "", true)
	rec.Expect(t, "login success", "require session success")

	send("POST", "/login", "wrong", false)
	send("POST", "/login", "right", false)
	s := &spy{TB: t}
	rec.Expect(s, "login key success", "login key success", "logout success")
	want := `attempts:
1  want:  login key success
   got:   login key fail invalid-credentials
       cause: passport: invalid-credentials: passport: invalid credentials
2  ok:    login key success
3  want:  logout success
   got:   nothing`
	if diff := cmp.Diff(want, s.said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	send("POST", "/login", "right", false)
	for _, attempt := range rec.Take() {
		if attempt.Request != nil {
			t.Error("a request is kept")
		}
	}
}
