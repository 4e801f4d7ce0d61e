package passport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
)

// TestUnauthorized: every 401 says what it asks for, whoever makes it. E01
func TestUnauthorized(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) { c.Realm = `Books "&" \ more` }).routes()
	refuse := map[string]error{
		"bare":        &passport.Failure{},
		"of its own":  &passport.Failure{Challenge: `Bearer error="invalid_token"`},
		"wrapped":     fmt.Errorf("deep: %w", &passport.Failure{Challenge: "Deep"}),
		"odd status":  &passport.Failure{Status: 1},
		"invalid":     &passport.Failure{Challenge: "Bearer realm=\"x\r\nSet-Cookie: a=b\""}, // E12
		"nul":         &passport.Failure{Challenge: "Bearer \x00"},
		"sentinel":    passport.ErrInvalidCredentials,
		"zero Result": (result{}).Err(),
	}
	for name, err := range refuse {
		a.mux.HandleFunc("/refuse/"+url.PathEscape(name), func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, err) })
	}
	def := `Session realm="Books \"&\" \\ more"`
	for path, want := range map[string]string{
		"/me": def, "/login/key": def, "/refuse/bare": def, "/refuse/wrapped": "Deep", "/refuse/odd%20status": def,
		"/refuse/of%20its%20own": `Bearer error="invalid_token"`, "/refuse/invalid": def, "/refuse/nul": def,
		"/refuse/sentinel": def, "/refuse/zero%20Result": def,
	} {
		w := a.browser().send("POST", path)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, w.Code)
		}
		if diff := cmp.Diff([]string{want}, w.Header()["Www-Authenticate"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if n := len(a.log.lines("dropped a challenge")); n != 2 {
		t.Errorf("%d challenges were dropped: %s", n, a.log)
	}
}

// TestNavigation: only a person who follows a link is sent to the login page.
// E02
func TestNavigation(t *testing.T) {
	t.Parallel()
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, test := range []struct {
		method, path string
		headers      []string
		sent         bool
	}{
		{"GET", "/me", []string{"Accept", html}, true},
		{"HEAD", "/me", []string{"Accept", html}, true},
		{"GET", "/me", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, true},
		{"POST", "/me", []string{"Accept", html}, false},
		{"PUT", "/me", []string{"Accept", html}, false},
		{"GET", "/me", nil, false},
		{"GET", "/me", []string{"Accept", "*/*"}, false},
		{"GET", "/me", []string{"Accept", "application/json"}, false},
		{"GET", "/me", []string{"Accept", html, "Sec-Fetch-Mode", "cors"}, false},
		{"GET", "/me", []string{"Accept", html, "Sec-Fetch-Mode", "no-cors"}, false},
		{"GET", "/me", []string{"Accept", html, "X-Requested-With", "XMLHttpRequest"}, false},
		{"GET", "/page", []string{"Accept", html}, false},      // not in a circle
		{"GET", "/forbidden", []string{"Accept", html}, false}, // signing in would not help
	} {
		a := newApp(t, func(c *config) { c.LoginPage = "/page?from=guard" }).routes()
		a.mux.Handle("/page", a.RequireFunc(func(http.ResponseWriter, *http.Request, *user) {}))
		a.mux.HandleFunc("/forbidden", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, passport.ErrForbidden) })
		w := a.browser().send(test.method, test.path, test.headers...)
		name := fmt.Sprint(test.method, " ", test.path, " ", test.headers)
		if !test.sent {
			if w.Code != 401 && w.Code != 403 || w.Header().Get("Location") != "" || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%s: %d %v", name, w.Code, w.Header())
			}
			continue
		}
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/page?from=guard" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

// TestProblem: the body of a refusal is fixed text and an id that is in the
// log too, where the cause is. E04, E05
func TestProblem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		detail string
	}{
		"outage":       {errDown, 500, "Something went wrong."},
		"unavailable":  {&passport.Failure{Status: 503, Code: "down", Err: errDown}, 503, "Not available at the moment. Try again later."},
		"wrong":        {fmt.Errorf("%w: %w", passport.ErrInvalidCredentials, errDown), 401, "The credentials are not valid."},
		"forbidden":    {fmt.Errorf("%w: %w", passport.ErrForbidden, errDown), 403, "This is not allowed."},
		"its own text": {&passport.Failure{Status: 423, Message: "Locked until noon.", Err: errDown}, 423, "Locked until noon."},
		"too many":     {&passport.Failure{Status: 429, Err: errDown}, 429, "Too many attempts. Try again later."},
		"other":        {&passport.Failure{Status: 415, Err: errDown}, 415, "The request cannot be answered."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			a.mux.HandleFunc("/it", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "7") // of what did not come
				w.Header().Set("Content-Type", "image/png")
				a.Refuse(w, r, test.err)
			})
			for _, accept := range []string{"", "application/json", "text/html"} {
				w := a.browser().send("POST", "/it?password=hunter2", "Accept", accept)
				if w.Code != test.status || w.Header().Get("Content-Length") != "" {
					t.Errorf("%s: %d %v", accept, w.Code, w.Header())
				}
				for header, want := range map[string]string{
					"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				} {
					if got := w.Header().Get(header); got != want {
						t.Errorf("%s: %q", header, got)
					}
				}
				body := w.Body.String()
				for _, secret := range []string{"db-7", "3306", "root", "goroutine", "hunter2", "example.com"} {
					if strings.Contains(body, secret) {
						t.Errorf("%s: the body says %s: %s", accept, secret, body)
					}
				}
				if !strings.Contains(body, test.detail) {
					t.Errorf("%s: the body does not say %q: %s", accept, test.detail, body)
				}
				id := regexp.MustCompile(`[A-Z2-7]{26}`).FindString(body)
				if lines := a.log.lines(id); id == "" || len(lines) != 1 || !strings.Contains(lines[0], "db-7") {
					t.Errorf("%s: id %q, log %q", accept, id, lines)
				}
				if accept == "text/html" {
					if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
						t.Errorf("%s: %s", accept, got)
					}
					continue
				}
				var p map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json; charset=utf-8" {
					t.Errorf("%v %v", err, w.Header())
				}
				if p["status"] != float64(test.status) || p["title"] != http.StatusText(test.status) || !strings.HasSuffix(fmt.Sprint(p["type"]), fmt.Sprint("/docs/errors/", p["code"], ".md")) {
					t.Errorf("%v", p)
				}
			}
			if strings.Contains(a.log.String(), "hunter2") {
				t.Error("the log has the query")
			}
		})
	}
}

// TestRetryAfter is in whole seconds, rounded up.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{0: "", -time.Second: "", 1: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Hour: "3600"} {
		a := newApp(t)
		a.UseFunc("it", func(*http.Request) (result, error) {
			return result{}.Fail(&passport.Failure{Status: 429, RetryAfter: after})
		})
		a.mux.Handle("/", a.Require("it")(http.NotFoundHandler()))
		if got := a.browser().send("GET", "/").Header().Get("Retry-After"); got != want {
			t.Errorf("%v: %q, want %q", after, got, want)
		}
	}
}

// TestHost: the name that a client calls us by is in no answer. E09
func TestHost(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) { c.LoginPage = "/page" }).routes()
	a.mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, errDown) })
	evil := []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "gopher", "Forwarded", "host=evil.example", "Referer", "https://evil.example/"}
	for _, accept := range []string{"text/html", "application/json"} {
		b := a.browser()
		for _, step := range [][2]string{
			{"GET", "/me"}, {"GET", "https://evil.example/me"}, {"POST", "/login/key"}, {"GET", "/me"}, {"POST", "/logout"}, {"GET", "/broken"}, {"GET", "/login/key"},
		} {
			headers := append([]string{"Accept", accept}, evil...)
			if step[1] == "/login/key" {
				headers = append(headers, "X-Key", "alice")
			}
			w := b.send(step[0], step[1], headers...)
			var head strings.Builder
			w.Header().Write(&head)
			if strings.Contains(head.String()+w.Body.String(), "evil") {
				t.Errorf("%v: %s %s", step, &head, w.Body)
			}
			for _, value := range b.cookies {
				if strings.Contains(value, "evil") {
					t.Errorf("%v: cookie %s", step, value)
				}
			}
		}
	}
}

// TestInjection: what could break the response does not get into it. net/http
// would mend most of it; the framework refuses it. E12
func TestInjection(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\r\nSet-Cookie: a=b", "\n", "\r", "\x00", "\x7f", "\t", "é", "\u2028", "\xff"} {
		t.Run(fmt.Sprintf("%q", bad), func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			for name, res := range map[string]result{
				"redirect":  decided(result{}.Redirect("/x" + bad)),
				"header":    decided(result{}.WithHeader("X-Name", "v"+bad).WithHeader("X-Good", "1").Fail(errCause)),
				"name":      decided(result{}.WithHeader("X-"+bad, "v").WithHeader("X-Good", "1").Fail(errCause)),
				"success":   decided(result{}.WithHeader("X-Name", "v"+bad).WithHeader("X-Good", "1").Success(alice)),
				"challenge": decided(result{}.WithChallenge("Basic realm=" + bad).Pass()),
				"failure":   decided(result{}.Fail(&passport.Failure{Challenge: "Basic" + bad})),
			} {
				a.UseFunc(name, func(*http.Request) (result, error) { return res, nil })
				a.mux.Handle("/guard/"+name, a.Require(name)(http.NotFoundHandler()))
				a.mux.Handle("/login/"+name, a.LoginHandler(name, nil))
				a.mux.Handle("/form/"+name, a.LoginHandler(name, &passport.LoginOptions{FailureRedirect: "/again"}))
			}
			a.UseFunc("detour", func(*http.Request) (result, error) {
				return result{}, &passport.Detour{URL: "/x" + bad, Key: "k"}
			})
			a.mux.Handle("/login/detour", a.LoginHandler("detour", nil))
			for path, status := range map[string]int{
				"/guard/redirect": 500, "/guard/header": 401, "/guard/name": 401, "/guard/success": 404, "/guard/challenge": 401, "/guard/failure": 401,
				"/login/redirect": 500, "/login/header": 401, "/login/name": 401, "/login/success": 303, "/login/challenge": 401, "/login/failure": 401,
				"/form/redirect": 500, "/form/header": 303, "/form/name": 303, "/form/challenge": 303, "/form/failure": 303,
				"/login/detour": 500,
			} {
				w := a.browser().send("POST", path)
				if w.Code != status {
					t.Errorf("%s: %d, want %d: %s", path, w.Code, status, w.Body)
				}
				for key, values := range w.Header() {
					for _, s := range append(values, key) {
						if strings.Contains(s, bad) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
							t.Errorf("%s: %s: %q", path, key, s)
						}
					}
				}
				name := path[strings.LastIndex(path, "/")+1:]
				if slices.Contains([]string{"header", "name", "success"}, name) && w.Header().Get("X-Good") != "1" {
					t.Errorf("%s: the good header is gone too: %v", path, w.Header())
				}
			}
			if len(a.log.lines("dropped a header")) == 0 || len(a.log.lines("cannot redirect")) == 0 {
				t.Errorf("log: %s", a.log)
			}
		})
	}
}

// TestConfigError: the application answers, and cannot forget the headers.
func TestConfigError(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) {
		c.Error = func(w http.ResponseWriter, _ *http.Request, err *passport.Failure) {
			f, ok := errors.AsType[*passport.Failure](err)
			if !ok {
				t.Errorf("%T has no Failure", err)
				return
			}
			w.Header().Set("X-Code", f.Code)
			w.WriteHeader(max(f.Status, 401))
		}
	}).routes()
	a.UseFunc("limited", func(*http.Request) (result, error) {
		return result{}.WithHeader("X-Limit", "5").Fail(&passport.Failure{Code: "limited", Status: 429, RetryAfter: time.Minute})
	})
	a.mux.Handle("/limited", a.Require("limited")(http.NotFoundHandler()))
	b := a.as("alice")
	for name, test := range map[string]struct {
		w      *httptest.ResponseRecorder
		status int
		code   string
		header [2]string
	}{
		"nobody":  {a.browser().send("GET", "/me"), 401, "no-credentials", [2]string{"WWW-Authenticate", `Session realm="Users"`}},
		"limited": {a.browser().send("GET", "/limited"), 429, "limited", [2]string{"Retry-After", "60"}},
		"method":  {a.browser().send("GET", "/logout"), 405, "method-not-allowed", [2]string{"Allow", "POST"}},
		"foreign": {b.send("POST", "/me", "Sec-Fetch-Site", "cross-site"), 403, "cross-origin", [2]string{"Cache-Control", "no-store"}},
		"down":    {func() *httptest.ResponseRecorder { a.store.down(); return b.send("GET", "/me") }(), 503, "unavailable", [2]string{"X-Content-Type-Options", "nosniff"}},
	} {
		if test.w.Code != test.status || test.w.Header().Get("X-Code") != test.code || test.w.Header().Get(test.header[0]) != test.header[1] {
			t.Errorf("%s: %d %v", name, test.w.Code, test.w.Header())
		}
	}
}

// TestIdentityHeaders: nothing that a client writes about itself is believed.
// E11
func TestIdentityHeaders(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	a.mux.Handle("/any", a.Require("session", "key", "pwd", "otp")(http.HandlerFunc(a.who)))
	b := a.browser()
	for _, name := range []string{
		"X-User", "X_User", "User", "X-Username", "X-Forwarded-User", "X_Forwarded_User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username",
		"X-Forwarded-Groups", "X-Remote-User", "Remote-User", "Remote_User", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Authenticated-User",
		"X-WEBAUTH-USER", "X-Goog-Authenticated-User-Email", "Cf-Access-Authenticated-User-Email", "X-Ms-Client-Principal-Name", "X-Amzn-Oidc-Identity",
		"From", "Ssl-Client-S-Dn", "X-Client-Cert", "X-Original-User", "Impersonate-User", "X-Session", "Session", "X-Session-Id", "Authorization",
	} {
		for _, path := range []string{"/me", "/any"} {
			if w := b.send("GET", path, name, "root"); w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %s answers %d %s", name, path, w.Code, w.Body)
			}
		}
		if w := b.send("GET", "/who", name, "root"); w.Body.String() != "nobody" {
			t.Errorf("%s: it is %s", name, w.Body)
		}
		if w := a.as("alice").send("GET", "/who", name, "root"); w.Body.String() != "alice" {
			t.Errorf("%s: alice is %s", name, w.Body)
		}
	}
}
