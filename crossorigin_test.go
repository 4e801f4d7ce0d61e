package passport_test

import (
	"net/http"
	"testing"

	"github.com/gopassport/passport"
)

// TestCrossOrigin: an unsafe request of another origin does nothing with our
// cookie. A trusted origin may use it, and not for signing in and out. E07
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const none = ""
	for name, test := range map[string]struct {
		site, origin   string
		use, signInOut bool // may use the cookie; may sign in and out
	}{
		"an old browser":         {none, none, true, true},
		"same origin":            {"same-origin", "https://example.com", true, true},
		"typed address":          {"none", none, true, true},
		"same site":              {"same-site", "https://evil.example.com", false, false},
		"cross site":             {"cross-site", "https://evil.example", false, false},
		"cross site, no origin":  {"cross-site", none, false, false},
		"unknown value":          {"new-value", none, false, false},
		"origin alone":           {none, "https://evil.example", false, false},
		"our origin alone":       {none, "https://example.com", true, true},
		"null":                   {none, "null", false, false},
		"trusted":                {"cross-site", "https://app.example", true, false},
		"trusted, same site":     {"same-site", "https://app.example", true, false},
		"trusted, old browser":   {none, "https://app.example", true, false},
		"trusted but for scheme": {"cross-site", "http://app.example", false, false}, // E08
		"trusted but for port":   {"cross-site", "https://app.example:8443", false, false},
		"trusted as a prefix":    {"cross-site", "https://app.example.evil.example", false, false},
		"trusted as a suffix":    {"cross-site", "https://evil-app.example", false, false},
		"trusted in capitals":    {"cross-site", "https://APP.example", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *config) { c.TrustedOrigins = []string{"https://app.example"} }).routes()
			a.mux.Handle("/api", a.Require("key")(http.HandlerFunc(a.who)))
			a.mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
				if err := a.Logout(w, r); err != nil {
					a.Refuse(w, r, err)
				}
			})
			a.signers()
			var headers []string
			if test.site != none {
				headers = append(headers, "Sec-Fetch-Site", test.site)
			}
			if test.origin != none {
				headers = append(headers, "Origin", test.origin)
			}
			send := func(b *browser, method, path string, more ...string) (allowed bool) {
				t.Helper()
				w := b.send(method, path, append(more, headers...)...)
				if w.Code == http.StatusForbidden && code(t, w) != passport.CodeCrossOrigin {
					t.Errorf("%s %s: %s", method, path, w.Body)
				}
				return w.Code != http.StatusForbidden
			}
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				if got := send(a.as("alice"), method, "/who"); got != test.use {
					t.Errorf("%s with a session: allowed %v", method, got)
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if !send(a.as("alice"), method, "/who") {
					t.Errorf("%s is refused", method)
				}
			}
			stranger := a.browser()
			before := a.store.rows()
			if got := send(stranger, "POST", "/login/key", "X-Key", "bob"); got != test.signInOut {
				t.Errorf("login: allowed %v", got)
			}
			if got := a.store.rows() > before; got != test.signInOut {
				t.Errorf("login: signed in %v", got)
			}
			// Not by handlers of one's own either.
			for _, path := range []string{"/direct?as=bob", "/complete?as=bob", "/callback", "/exchange", "/then?as=bob", "/detour?as=bob"} {
				before := a.store.rows()
				if got := send(a.browser(), "POST", path, "X-Key", "bob"); got != test.signInOut {
					t.Errorf("%s: allowed %v", path, got)
				}
				if got := a.store.rows() > before; got != test.signInOut {
					t.Errorf("%s: stored %v", path, got)
				}
			}
			for _, path := range []string{"/logout", "/out"} {
				b := a.as("alice")
				if got := send(b, "POST", path); got != test.signInOut {
					t.Errorf("%s: allowed %v", path, got)
				}
				if got := b.who() == "nobody"; got != test.signInOut {
					t.Errorf("%s: signed out %v", path, got)
				}
			}
			// Without a cookie there is nothing to forge.
			if !send(a.browser(), "POST", "/api", "X-Key", "bob") {
				t.Error("a request with a key of its own is refused")
			}
			if !send(a.browser(), "POST", "/who") {
				t.Error("a stranger's request is refused")
			}
		})
	}
}

// TestCrossOriginAnonymous: the session of a stranger is worth as much.
func TestCrossOriginAnonymous(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	b := a.browser()
	b.send("POST", "/set?key=cart&value=book")
	if w := b.send("POST", "/set?key=cart&value=bomb", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if w := b.send("GET", "/get?key=cart"); w.Body.String() != "book" {
		t.Errorf("the cart has a %s", w.Body)
	}
}
