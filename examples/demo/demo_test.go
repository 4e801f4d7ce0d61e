package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/examples/internal/process"
)

const alice, bob = "username=alice&password=wonderland-wonderland", "username=bob&password=builder-builder"

// binary is the demo. To link it takes seconds, so the tests share it.
var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

// TestDemo is what programs and strangers see of the demo; TestBrowser is what
// people do.
func TestDemo(t *testing.T) {
	t.Parallel()
	addr := process.FreeAddr(t)
	process.Start(t, addr, binary, "-addr", addr, "-idp", process.FreeAddr(t), "-db", filepath.Join(t.TempDir(), "demo?.db"))
	visitor := func() *process.Client {
		c := process.NewClient(addr)
		c.Header.Set("Accept", "text/html")
		return c
	}
	signedIn := func(t *testing.T, form string) *process.Client {
		t.Helper()
		c := visitor()
		if res, body := c.Do(t, "POST", "/login", form); res.StatusCode != http.StatusSeeOther || c.Cookies["__Host-session"] == "" {
			t.Fatalf("signing in: %s\n%s", res.Status, body)
		}
		return c
	}

	t.Run("headers", func(t *testing.T) {
		for _, path := range []string{"/", "/login", "/register", "/account", "/nowhere", "/api/me", "/static/style.css"} {
			res, _ := visitor().Do(t, "GET", path, "")
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; ",
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "",
			} {
				if got := res.Header.Get(name); got == "" || !strings.HasPrefix(got, want) {
					t.Errorf("%s: %s: %q", path, name, got)
				}
			}
		}
	})

	t.Run("static", func(t *testing.T) {
		res, _ := signedIn(t, alice).Do(t, "GET", "/static/style.css", "")
		if got := res.Header.Get("Cache-Control"); res.StatusCode != http.StatusOK || !strings.HasPrefix(got, "public") || res.Header.Get("Vary") != "" {
			t.Errorf("%s, Cache-Control %q, Vary %q", res.Status, got, res.Header.Get("Vary"))
		}
	})

	t.Run("api", func(t *testing.T) {
		c := signedIn(t, alice)
		c.Header.Set("Accept", "application/json")
		res, body := c.Do(t, "GET", "/api/me", "")
		var me struct {
			ID            int64
			Name          string
			Authenticated struct {
				By      string
				Factors []string
				At      time.Time
			}
		}
		if err := json.Unmarshal([]byte(body), &me); err != nil {
			t.Fatalf("%s: %v\n%s", res.Status, err, body)
		}
		by := me.Authenticated
		if me.ID == 0 || me.Name != "alice" || by.By != "session" || strings.Join(by.Factors, " ") != "pwd" || time.Since(by.At) > time.Minute {
			t.Errorf("got %s", body)
		}
		c.Cookies = nil
		res, body = c.Do(t, "GET", "/api/me", "")
		if res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"no-credentials"`) || res.Header.Get("WWW-Authenticate") == "" ||
			!strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("a stranger gets %s %v\n%s", res.Status, res.Header, body)
		}
	})

	t.Run("registration", func(t *testing.T) {
		for form, want := range map[string]string{
			"username=dave&password=short":                                  "at least 15 characters",
			"username=dave&password=" + strings.Repeat("x", 73):             "too long",
			"username=dave&password=":                                       "choose a password",
			"username=dave&password=fifteen-letters%00":                     "cannot be kept",
			"username=d&password=fifteen-letters":                           "2 to 30 letters",
			"username=%3Cb%3E&password=fifteen-letters":                     "2 to 30 letters",
			"username=%20ALICE%20&password=fifteen-letters":                 "name is taken",
			"username=%EF%BD%81lice&password=fifteen-letters":               "name is taken",
			"username=" + strings.Repeat("a", 31) + "&password=fifteen-xxx": "2 to 30 letters",
		} {
			c := visitor()
			res, body := c.Do(t, "POST", "/register", form)
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/register" || c.Cookies["__Host-session"] != "" {
				t.Errorf("%s: %s\n%s", form, res.Status, body)
				continue
			}
			if _, body = c.Do(t, "GET", "/register", ""); !strings.Contains(body, want) {
				t.Errorf("%s: no %q in\n%s", form, want, body)
			}
		}
	})

	t.Run("registered", func(t *testing.T) {
		c := visitor()
		if res, _ := c.Do(t, "POST", "/register", "username=Fred&password=fifteen-letters"); res.Header.Get("Location") != "/account" {
			t.Fatalf("%s to %q", res.Status, res.Header.Get("Location"))
		}
		if _, body := c.Do(t, "GET", "/api/me", ""); !strings.Contains(body, `"fred"`) || !strings.Contains(body, `["pwd"]`) {
			t.Errorf("got %s", body)
		}
	})

	t.Run("another origin", func(t *testing.T) {
		for path, form := range map[string]string{"/login": alice, "/register": "username=eve&password=fifteen-letters"} {
			c := visitor()
			c.Header.Set("Origin", "https://evil.example")
			if res, _ := c.Do(t, "POST", path, form); res.Header.Get("Location") == "/account" || c.Cookies["__Host-session"] != "" {
				t.Errorf("POST %s: %s to %q, cookies %v", path, res.Status, res.Header.Get("Location"), c.Cookies)
			}
		}
	})

	t.Run("devices", func(t *testing.T) {
		want := map[string]string{
			"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                         "Firefox on Linux",
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":                  "Edge on Windows",
			"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":                          "Chrome on Android",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                          "Safari on macOS",
			"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
			"curl/8.5.0": "curl",
			"<script>":   "Unknown device",
		}
		c := signedIn(t, "username=bob&password=builder-builder")
		for agent := range want {
			other := visitor()
			other.Header.Set("User-Agent", agent)
			other.Do(t, "POST", "/login", bob)
		}
		_, body := c.Do(t, "GET", "/sessions", "")
		for _, name := range want {
			if !strings.Contains(body, "<h2>"+name) {
				t.Errorf("no %q on the page", name)
			}
		}
	})

	t.Run("other people's sessions", func(t *testing.T) {
		a, b := signedIn(t, alice), signedIn(t, bob)
		_, body := b.Do(t, "GET", "/sessions", "")
		for _, m := range regexp.MustCompile(`name="handle" value="([^"]+)"`).FindAllStringSubmatch(body, -1) {
			a.Do(t, "POST", "/sessions/revoke", "handle="+m[1])
		}
		a.Do(t, "POST", "/sessions/revoke-others", "")
		if _, body := b.Do(t, "GET", "/", ""); !strings.Contains(body, "Hello, bob!") {
			t.Error("alice has signed bob out")
		}
		if _, body := a.Do(t, "GET", "/", ""); !strings.Contains(body, "Hello, alice!") {
			t.Error("alice has signed herself out")
		}
	})

	t.Run("revoking this one", func(t *testing.T) {
		c := signedIn(t, alice)
		_, body := c.Do(t, "GET", "/sessions", "")
		handle := regexp.MustCompile(`name="handle" value="([^"]+)"`).FindStringSubmatch(body)[1] // the first is this one
		if res, _ := c.Do(t, "POST", "/sessions/revoke", "handle="+handle); res.Header.Get("Location") != "/" || c.Cookies["__Host-session"] != "" {
			t.Errorf("%s to %q, cookies %v", res.Status, res.Header.Get("Location"), c.Cookies)
		}
	})
}
