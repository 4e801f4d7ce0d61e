package passport_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gopassport/passport"
)

// These are the 51 cases by which the standard library tests its
// CrossOriginProtection, put to what it protects here: signing in, signing
// out, and an account that is linked or unlinked. Unlinking is a handler of
// the application, below Handler.

const trustedOrigin, evilOrigin = "https://trusted.example", "https://attacker.example"

// A doorway is a site with something behind each of its doors.
type doorway struct {
	*linking
	unlinked int
}

func newDoorway(t *testing.T) *doorway {
	s := &doorway{linking: newLinking(t, nil, func(c *config) { c.TrustedOrigins = []string{trustedOrigin} })}
	s.mux.Handle("POST /unlink", s.RequireFunc(func(http.ResponseWriter, *http.Request, *user) { s.unlinked++ }))
	return s
}

// doors are the requests, and how to see that they did something.
var doors = map[string]struct {
	path   string
	user   string // who is signed in; empty: nobody
	header []string
	opened func(*doorway, *browser) bool
}{
	"login":       {"/login/key", "", []string{"X-Key", "bob"}, func(_ *doorway, b *browser) bool { return b.who() == "bob" }},
	"login anew":  {"/login/key", "alice", []string{"X-Key", "bob"}, func(_ *doorway, b *browser) bool { return b.who() == "bob" }},
	"logout":      {"/logout", "alice", nil, func(_ *doorway, b *browser) bool { return b.who() == "nobody" }},
	"link":        {"/link", "alice", []string{"X-Account", "gh"}, func(s *doorway, _ *browser) bool { return len(s.joined) > 0 }},
	"begins link": {"/link", "alice", nil, nil},
	"unlink":      {"/unlink", "alice", nil, func(s *doorway, _ *browser) bool { return s.unlinked > 0 }},
}

// TestProtectionTable has what browsers say of a request. E07
func TestProtectionTable(t *testing.T) {
	t.Parallel()
	const (
		opens   = iota
		refused // 403
		closed  // the method is not one of the door's
		trusted // refused for those that let nobody else in
	)
	for name, test := range map[string]struct {
		method, site, origin string
		want                 int
	}{
		"same origin":                     {"POST", "same-origin", "", opens},
		"of the person":                   {"POST", "none", "", opens},
		"another site":                    {"POST", "cross-site", "", refused},
		"the same site":                   {"POST", "same-site", "", refused},
		"an old browser, no origin":       {"POST", "", "", opens},
		"an old browser, our origin":      {"POST", "", "https://example.com", opens},
		"an old browser, another's":       {"POST", "", evilOrigin, refused},
		"an old browser, null":            {"POST", "", "null", refused},
		"GET of another site":             {"GET", "cross-site", "", closed},
		"HEAD of another site":            {"HEAD", "cross-site", "", closed},
		"OPTIONS of another site":         {"OPTIONS", "cross-site", "", closed},
		"PUT of another site":             {"PUT", "cross-site", "", closed},
		"trusted, an old browser":         {"POST", "", trustedOrigin, trusted},
		"trusted, another site":           {"POST", "cross-site", trustedOrigin, trusted},
		"not trusted, an old browser":     {"POST", "", evilOrigin, refused},
		"not trusted, of another site":    {"POST", "cross-site", evilOrigin, refused},
		"an old browser, on another port": {"POST", "", "https://example.com:8443", refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for door, d := range doors {
				s := newDoorway(t)
				b := s.browser()
				if d.user != "" {
					b = s.as(d.user)
				}
				headers := slices.Clone(d.header)
				if test.site != "" {
					headers = append(headers, "Sec-Fetch-Site", test.site)
				}
				if test.origin != "" {
					headers = append(headers, "Origin", test.origin)
				}
				want := test.want
				if want == trusted {
					want = refused
					if door == "unlink" {
						want = opens
					}
				}
				w := b.send(test.method, d.path, headers...)
				switch {
				case want == opens && w.Code >= 400,
					want == refused && (w.Code != 403 || code(t, w) != passport.CodeCrossOrigin),
					want == closed && w.Code != 403 && w.Code != 405:
					t.Errorf("%s: status %d, %s", door, w.Code, w.Body)
				}
				if d.opened != nil && d.opened(s, b) != (want == opens) {
					t.Errorf("%s: what is behind it happened: %v", door, want != opens)
				}
			}
		})
	}
}

// TestProtectionOnEveryPath: with a session there is no path that is spared,
// and none by which a router is sent to one. E07
func TestProtectionOnEveryPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/open/", "/open", "/api/", "/api", "/foo/../open/bar", "/open/../api/bar", "/only/123", "/only/123/foo",
		"/no-slash", "/no-slash/", "/slash/", "/slash", "/post-only/", "/put-only/", "/get-only/", "//open/", "/login/key/../../who",
	} {
		s := newApp(t).routes()
		reached := 0
		s.mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { reached++ })
		b := s.as("alice")
		for _, headers := range [][]string{{"Origin", evilOrigin}, {"Origin", evilOrigin, "Sec-Fetch-Site", "cross-site"}} {
			if w := b.send("POST", path, headers...); w.Code != 403 || code(t, w) != passport.CodeCrossOrigin || reached > 0 {
				t.Errorf("%s with %q: status %d, reached %d times", path, headers, w.Code, reached)
			}
		}
	}
}

// TestTrustedOrigins: an origin is a scheme and a host, and nothing else. E07
func TestTrustedOrigins(t *testing.T) {
	t.Parallel()
	for origin, ok := range map[string]bool{
		"https://example.com": true, "https://example.com:8080": true, "http://example.com": true,
		"example.com": false, "https://": false, "https://example.com/": false, "https://example.com/path": false,
		"https://example.com?query=value": false, "https://example.com#fragment": false, "https://ex ample.com": false, "": false, "null": false,
	} {
		if p := panics(func() { passport.New(config{TrustedOrigins: []string{origin}}) }); (p == nil) != ok {
			t.Errorf("%q: %v", origin, p)
		}
	}
}

// TestProtectionOfServer is through a server, whose host the client says. E07
func TestProtectionOfServer(t *testing.T) {
	t.Parallel()
	s := newDoorway(t)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for name, test := range map[string]struct {
		path, origin, site string
		status             int
	}{
		"another site":       {"/unlink", evilOrigin, "cross-site", 403},
		"the same origin":    {"/unlink", "", "same-origin", 200},
		"our origin":         {"/unlink", server.URL, "", 200},
		"trusted":            {"/unlink", trustedOrigin, "", 200},
		"not trusted":        {"/unlink", evilOrigin, "", 403},
		"no path is spared":  {"/open/", evilOrigin, "", 403},
		"trusted, signs out": {"/logout", trustedOrigin, "", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range maps.All(s.as("alice").cookies) {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		if test.site != "" {
			r.Header.Set("Sec-Fetch-Site", test.site)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != test.status {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, test.status)
		}
	}
}
