// Package passporttest helps to test handlers that ask who is signed in:
//
//	func TestAccount(t *testing.T) {
//		server := httptest.NewServer(a.Handler(mux))
//		defer server.Close()
//		browser := passporttest.LogIn(t, server, a, ann)
//		res, err := browser.Get(server.URL + "/account")
//	}
//
// A [Recorder] tells what was decided. A handler that is called directly needs
// no session: see [passport.Authenticator.WithUser].
package passporttest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gopassport/passport"
)

// Client returns a browser without a session: it keeps cookies, and brings
// Secure ones back to a server on plain http too, as browsers do on localhost.
func Client(server *httptest.Server) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it returns none
	}
	browser := *server.Client()
	browser.Jar = secureJar{jar}
	return &browser
}

// LogIn returns a browser in which user is signed in at the server, whose
// handler is below a.Handler. It makes a session without asking a strategy.
func LogIn[U any](t testing.TB, server *httptest.Server, a *passport.Authenticator[U], user U) *http.Client {
	t.Helper()
	browser := Client(server)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	browser.Jar.SetCookies(u, session(t, a, user))
	return browser
}

// SignIn makes r the request of a browser in which user is signed in, for
// tests that call a handler without a server.
func SignIn[U any](t testing.TB, r *http.Request, a *passport.Authenticator[U], user U) {
	t.Helper()
	for _, cookie := range session(t, a, user) {
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
}

// session makes a session of user's, and returns its cookies.
func session[U any](t testing.TB, a *passport.Authenticator[U], user U) []*http.Cookie {
	t.Helper()
	var err error
	w := httptest.NewRecorder()
	a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err = a.Login(w, r, user, nil)
	})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/", nil))
	if err != nil {
		t.Fatalf("passporttest: signing in: %v", err)
	}
	return w.Result().Cookies()
}

// secureJar takes every address for one with https.
type secureJar struct{ jar http.CookieJar }

func (s secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	s.jar.SetCookies(secure(u), cookies)
}

func (s secureJar) Cookies(u *url.URL) []*http.Cookie { return s.jar.Cookies(secure(u)) }

func secure(u *url.URL) *url.URL {
	https := *u
	https.Scheme = "https"
	return &https
}
