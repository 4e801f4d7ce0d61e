package passport_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzReturnTo: whatever a browser asks for when it is sent to sign in, it
// comes back to this origin, or to the default. F13
func FuzzReturnTo(f *testing.F) {
	for _, uri := range []string{
		"/", "/a?b=c", "//evil.example/", `/\evil.example`, "https://evil.example/", "/a\r\nSet-Cookie: a=b", "/%0d%0a", "*", "", "/a b", "/é",
		"evil.example:443", "/" + strings.Repeat("a", 3000),
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		a := leaver(t)
		b := a.browser()
		r := b.request("GET", "/deep", "Accept", "text/html")
		r.RequestURI, r.URL.Path, r.URL.RawPath = uri, uri, ""
		w := httptest.NewRecorder()
		a.Handler(a.Require()(http.NotFoundHandler())).ServeHTTP(w, r)
		b.keep(w.Header())
		to := b.signIn()
		if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
			t.Errorf("asked for %q, comes back to %q", uri, to)
		}
	})
}

// FuzzSessionCookie: no Cookie header lets anyone in, or breaks anything. F13
func FuzzSessionCookie(f *testing.F) {
	f.Add("")
	f.Add(sessionCookie + "=" + strings.Repeat("A", 43))
	f.Add(sessionCookie + "=" + strings.Repeat("A", 42) + "\n")
	f.Add(sessionCookie + "=;" + sessionCookie + "=x; " + sessionCookie)
	f.Add(strings.Repeat(sessionCookie+"="+strings.Repeat("B", 43)+"; ", 9))
	f.Add("__Host-session-return=AAAA; __Host-session-flash=\"AAAA\"")
	a := leaver(f)
	a.as("alice")
	f.Fuzz(func(t *testing.T, header string) {
		for _, path := range []string{"/who", "/flashes"} {
			r := a.browser().request("GET", path)
			r.Header.Set("Cookie", header)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "alice") || w.Header()["Set-Cookie"] != nil {
				t.Errorf("%s: %d %s %v", path, w.Code, w.Body, w.Header())
			}
		}
	})
}
