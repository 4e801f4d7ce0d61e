package explain_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/explain"
)

// ask is a request from this machine, with pairs of headers.
func ask(e *explain.Explainer, method string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:8080/debug/passport", nil)
	r.RemoteAddr = "127.0.0.1:4000"
	for i := 0; i < len(header); i += 2 {
		switch header[i] {
		case "Host":
			r.Host = header[i+1]
		case "RemoteAddr":
			r.RemoteAddr = header[i+1]
		default:
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// Nobody but this machine is told anything, not even how much there is.
func TestThisMachineAlone(t *testing.T) {
	t.Parallel()
	e := explain.New(nil)
	e.OnAttempt(t.Context(), passport.Attempt{Event: passport.EventLogin, Code: "nil-user", Name: "ann"})
	for _, test := range []struct {
		header []string
		want   int
	}{
		{nil, 200},
		{[]string{"RemoteAddr", "[::1]:4000", "Host", "[::1]:8080"}, 200},
		{[]string{"RemoteAddr", "[::1]:4000", "Host", "[::1]"}, 200},
		{[]string{"RemoteAddr", "[::ffff:127.0.0.1]:4000", "Host", "127.0.0.1"}, 200},
		{[]string{"Host", "LOCALHOST"}, 200},
		{[]string{"RemoteAddr", "192.0.2.1:4000"}, 403},
		{[]string{"RemoteAddr", "10.0.0.1:4000"}, 403},
		{[]string{"RemoteAddr", "[2001:db8::1]:4000"}, 403},
		{[]string{"RemoteAddr", "@"}, 403},
		{[]string{"RemoteAddr", ""}, 403},
		{[]string{"Host", "example.com"}, 403}, // whose name points here
		{[]string{"Host", "example.com:8080"}, 403},
		{[]string{"Host", "localhost.example.com"}, 403},
		{[]string{"Host", "127.0.0.1.example.com"}, 403},
		{[]string{"Host", "0.0.0.0:8080"}, 403},
		{[]string{"Host", "192.0.2.1"}, 403},
		{[]string{"Host", ""}, 403},
		{[]string{"X-Forwarded-For", "127.0.0.1"}, 403},
		{[]string{"X-Forwarded-Host", "localhost"}, 403},
		{[]string{"X-Forwarded-Proto", "https"}, 403},
		{[]string{"Forwarded", "for=127.0.0.1"}, 403},
		{[]string{"X-Real-Ip", "127.0.0.1"}, 403},
		{[]string{"Via", "1.1 proxy"}, 403},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			w := ask(e, "GET", append(test.header, "Accept", accept)...)
			if w.Code != test.want {
				t.Errorf("%q: %d, want %d", test.header, w.Code, test.want)
			}
			if tells := strings.Contains(w.Body.String(), "ann"); tells != (test.want == 200) {
				t.Errorf("%q: %s", test.header, w.Body)
			}
		}
	}
	if w := ask(e, "POST"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

// What authenticators decide, as programs and people are shown it.
func TestEntries(t *testing.T) {
	t.Parallel()
	e := explain.New(&explain.Options{Docs: "https://docs.example/codes/"})
	quiet := slog.New(slog.DiscardHandler)
	find := func(ctx context.Context, key string) (string, error) {
		passport.EnvOf(ctx).Claim("ann\r\n<script>")
		switch key {
		case "right-key":
			return "ann", nil
		case "down-key":
			return "", errors.New(`dial tcp: no "users" here`)
		}
		return "", passport.ErrInvalidCredentials
	}
	site := func(on func(context.Context, passport.Attempt)) http.Handler {
		a := passport.New(passport.Config[string]{OnAttempt: on, Logger: quiet})
		a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), find))
		mux := http.NewServeMux()
		mux.Handle("GET /api/{id}", a.Require("key")(http.NotFoundHandler()))
		return mux
	}
	users, admins := site(e.OnAttempt), site(e.Named("admins"))
	for _, request := range []struct {
		site http.Handler
		key  string
	}{{users, "right-key"}, {users, "wrong-key"}, {users, "wrong-key"}, {admins, "wrong-key"}, {users, "down-key"}, {users, ""}} {
		r := httptest.NewRequest("GET", "/api/7?token=secret-query", nil)
		r.Header.Set("X-Key", request.key)
		r.Header.Set("Cookie", "__Host-session=secret-cookie")
		request.site.ServeHTTP(httptest.NewRecorder(), r)
	}
	var got struct{ Attempts []explain.Entry }
	w := ask(e, "GET", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, w.Body)
	}
	base := explain.Entry{
		Times: 1, Event: "require", Strategy: "key", Outcome: "fail", Code: "invalid-credentials",
		Page:  "https://docs.example/codes/invalid-credentials.md",
		Cause: "passport: invalid-credentials: passport: invalid credentials",
		Name:  `ann\r\n<script>`, Route: "GET /api/{id}",
	}
	entry := func(change func(*explain.Entry)) explain.Entry {
		e := base
		change(&e)
		return e
	}
	want := []explain.Entry{
		entry(func(e *explain.Entry) {
			e.Strategy, e.Outcome, e.Code, e.Page, e.Cause, e.Name = "", "pass", "no-credentials", "https://docs.example/codes/no-credentials.md", "passport: no credentials", ""
		}),
		entry(func(e *explain.Entry) {
			e.Outcome, e.Code, e.Page, e.Cause = "broken", "internal", "https://docs.example/codes/internal.md", `dial tcp: no "users" here`
		}),
		entry(func(e *explain.Entry) { e.Authenticator = "admins" }),
		entry(func(e *explain.Entry) { e.Times = 2 }),
		entry(func(e *explain.Entry) { e.Outcome, e.Code, e.Page, e.Cause = "success", "", "", "" }),
	}
	if diff := cmp.Diff(want, got.Attempts, cmpopts.IgnoreFields(explain.Entry{}, "Time", "Duration")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	html := ask(e, "GET", "Accept", "text/html,application/json").Body.String()
	for _, want := range []string{
		`href="https://docs.example/codes/internal.md"`, "ann\\r\\n&lt;script&gt;", "×2", "dial tcp: no &#34;users&#34; here",
		`<span class="muted">at</span> admins`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(html, "<script") {
		t.Error("a script")
	}
	for _, secret := range []string{"right-key", "wrong-key", "down-key", "secret-query", "secret-cookie"} {
		if strings.Contains(html+w.Body.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// The page loads nothing, runs nothing, and is in nobody's frame; its style is
// the one that the policy allows.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := ask(explain.New(nil), "GET", "Accept", "text/html")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(w.Body.String())
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if got := w.Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
		for _, w := range []*httptest.ResponseRecorder{w, ask(explain.New(nil), "GET", "Host", "example.com")} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%d: %s: %q, want %q", w.Code, name, got, want)
			}
		}
	}
}

// However much is decided, and whatever is written in it, little is kept.
func TestBounded(t *testing.T) {
	t.Parallel()
	e := explain.New(&explain.Options{Size: 3})
	huge := strings.Repeat("é", 1<<16)
	r := httptest.NewRequest("GET", "/"+strings.Repeat("p", 1<<16), nil)
	r.Method = huge
	for i := range 10 {
		e.OnAttempt(t.Context(), passport.Attempt{
			Event: passport.EventRequire, Code: "code", UserID: fmt.Sprint(i, huge), Cause: errors.New(huge), Request: r,
		})
	}
	entries := e.Entries()
	var got []string
	for _, n := range entries {
		got = append(got, n.User[:1])
		if size := len(fmt.Sprint(n)); size > 1500 {
			t.Errorf("an entry of %d bytes", size)
		}
	}
	if diff := cmp.Diff([]string{"9", "8", "7"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	restored := passport.Attempt{Event: passport.EventRestore, Outcome: passport.Succeeded}
	e.OnAttempt(t.Context(), restored)
	restored.Outcome, restored.Duration = passport.Broken, time.Second
	e.OnAttempt(t.Context(), restored)
	e.OnAttempt(t.Context(), restored)
	if n := e.Entries()[0]; n.Event != "restore" || n.Outcome != "broken" || n.Times != 2 || n.Duration != time.Second || n.Page != "" {
		t.Errorf("got %+v", n)
	}
}

func TestAtOnce(t *testing.T) {
	t.Parallel()
	e := explain.New(nil)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			e.OnAttempt(t.Context(), passport.Attempt{UserID: fmt.Sprint(i)})
			ask(e, "GET")
		})
	}
	wg.Wait()
	if n := len(e.Entries()); n != 64 {
		t.Errorf("%d entries", n)
	}
}

func TestNewPanics(t *testing.T) {
	t.Parallel()
	for _, o := range []explain.Options{{Size: -1}, {Size: 10_001}, {Docs: "docs/errors"}, {Docs: "javascript:alert(1)//"}, {Docs: "%"}} {
		func() {
			defer func() {
				if p := recover(); p == nil {
					t.Errorf("%+v is taken", o)
				}
			}()
			explain.New(&o)
		}()
	}
}
