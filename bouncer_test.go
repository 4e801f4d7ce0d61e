package passport_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

// A returning strategy ends sign-ins that began elsewhere: by GET, and by a
// POST of another origin to /login/end.
type returning struct {
	decide func(r *http.Request) (result, error)
	panics bool
}

func (s returning) Authenticate(r *http.Request) (result, error) { return s.decide(r) }
func (returning) Navigates(*http.Request) bool                   { return true }
func (s returning) Bounces(r *http.Request) bool {
	if s.panics {
		panic("bounces")
	}
	return r.URL.Path == "/login/end"
}

// TestBouncer: a POST of another origin reaches the strategy that asks for
// it, which can send it on and nothing else. C29, E07
func TestBouncer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string
		panics bool
		decide func(r *http.Request) (result, error)
		status int
		asked  bool
	}{
		"sent on":   {"/login/end", false, func(*http.Request) (result, error) { return result{}.Redirect("/login/end?code=x") }, 303, true},
		"success":   {"/login/end", false, func(*http.Request) (result, error) { return result{}.Success(alice) }, 403, true},
		"elsewhere": {"/login/begin", false, func(*http.Request) (result, error) { return result{}.Success(alice) }, 403, false},
		"panic":     {"/login/end", true, func(*http.Request) (result, error) { return result{}.Success(alice) }, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			a := passport.New(passport.Config[*user]{Serializer: passport.SerializeBy((*user).Key, newDirectory("alice").byID), Logger: slog.New(slog.DiscardHandler)})
			a.Use("away", returning{func(r *http.Request) (result, error) { asked = true; return test.decide(r) }, test.panics})
			w := serve(a.Handler(a.LoginHandler("away", nil)), "POST", test.path, "Sec-Fetch-Site", "cross-site")
			if w.Code != test.status || asked != test.asked || strings.Contains(strings.Join(w.Header()["Set-Cookie"], ""), "session=") {
				t.Errorf("got %d, asked %t, cookies %q, want %d, %t", w.Code, asked, w.Header()["Set-Cookie"], test.status, test.asked)
			}
			// Outside of Handler it is a mistake of wiring as ever.
			if w := serve(a.LoginHandler("away", nil), "POST", test.path, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusInternalServerError {
				t.Errorf("without Handler: got %d, want 500", w.Code)
			}
		})
	}
}

// TestResume: a strategy says where the browser was on its way to, which counts
// whatever another tab left since, and after a Detour. C04, C30, C31
func TestResume(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{"/page?a=b": "/page?a=b", "": "/home", "//evil.example": "/home", "https://evil.example/": "/home", "/a\r\nb": "/home"} {
		for _, detour := range []bool{false, true} {
			app := newApp(t, func(c *config) { c.LoginPage = "/page" }).routes()
			app.Use("away", returning{decide: func(r *http.Request) (res result, err error) {
				passport.EnvOf(r.Context()).Resume(to)
				if detour {
					return res, &passport.Detour{URL: "/name", Key: "pending"}
				}
				return res.Success(alice)
			}})
			home := &passport.LoginOptions{SuccessRedirect: "/home"}
			app.mux.Handle("/login/end", app.LoginHandler("away", home))
			app.mux.Handle("/login/named", app.LoginHandler("key", home))
			b := app.browser()
			if !detour || to != "" {
				b.send("GET", "/me?other-tab", "Accept", "text/html") // on its way elsewhere by now
			}
			w := b.send("GET", "/login/end")
			if detour {
				w = b.send("POST", "/login/named", "X-Key", "alice")
			}
			if got := w.Header().Get("Location"); got != want && !(detour && want == "/home") {
				t.Errorf("%q, detour %t: sent to %s, want %s", to, detour, got, want)
			}
		}
	}
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	serve(a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		passport.EnvOf(r.Context()).Resume("/x") // outside of a decision: nothing
	})), "GET", "/")
}

// TestRefusedNavigation: a GET that signs in is sent to the login page when it
// is refused, with the message, and never comes back to itself.
func TestRefusedNavigation(t *testing.T) {
	t.Parallel()
	refuse := func(status int) func(*http.Request) (result, error) {
		return func(*http.Request) (result, error) {
			return result{}.Fail(&passport.Failure{Code: "no", Status: status, Message: "No."})
		}
	}
	for name, test := range map[string]struct {
		decide func(*http.Request) (result, error)
		header []string
		status int
		to     string
	}{
		"401":         {refuse(401), []string{"Accept", "text/html"}, 303, "/sign-in"},
		"absent":      {func(*http.Request) (result, error) { return result{}.Pass() }, []string{"Accept", "text/html"}, 303, "/sign-in"},
		"403":         {refuse(403), []string{"Accept", "text/html"}, 403, ""},
		"503":         {refuse(503), []string{"Accept", "text/html"}, 503, ""},
		"a program":   {refuse(401), []string{"Accept", "application/json"}, 401, ""},
		"fetch":       {refuse(401), []string{"Accept", "text/html", "Sec-Fetch-Mode", "cors"}, 401, ""},
		"the page":    {refuse(401), []string{"Accept", "text/html"}, 401, ""},
		"an image's":  {refuse(401), []string{"Accept", "image/*"}, 401, ""},
		"a form post": {refuse(401), []string{"Accept", "text/html"}, 401, ""},
	} {
		a := passport.New(passport.Config[*user]{
			Serializer: passport.SerializeBy((*user).Key, newDirectory("alice").byID), Logger: slog.New(slog.DiscardHandler), LoginPage: "/sign-in",
		})
		a.Use("away", returning{decide: test.decide})
		method, path := "GET", "/login/end?code=x"
		if name == "the page" {
			path = "/sign-in?code=x"
		}
		if name == "a form post" {
			method = "POST"
		}
		w := serve(a.Handler(a.LoginHandler("away", nil)), method, path, test.header...)
		cookies := strings.Join(w.Header()["Set-Cookie"], "\n")
		if w.Code != test.status || w.Header().Get("Location") != test.to || strings.Contains(cookies, "return") ||
			strings.Contains(cookies, "flash") != (test.to != "") {
			t.Errorf("%s: got %d %s, cookies %q, want %d %s", name, w.Code, w.Header().Get("Location"), cookies, test.status, test.to)
		}
	}
}

// TestEnvCookie: a strategy's cookies are like the session's.
func TestEnvCookie(t *testing.T) {
	t.Parallel()
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	serve(a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c := passport.EnvOf(r.Context()).Cookie("flow-x")
		if got, want := c.String(), "__Host-passport-flow-x=; Path=/; HttpOnly; Secure; SameSite=Lax"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})), "GET", "/")
}
