package local_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/throttle"
)

// logged is a page's line of the log.
var logged = regexp.MustCompile("(?s)\\*\\*In the log.*```text\n(level=[^\n]+)\n")

// Every refusal has a cause in the log, and its page shows the line.
func TestCausesAreLogged(t *testing.T) {
	// failed is a limiter that has seen n failures; N in the account numbers them.
	failed := func(n int, account, client string) throttle.Limiter {
		l := throttle.NewMemory(nil)
		for i := range n {
			if err := end(t, l, strings.ReplaceAll(account, "N", fmt.Sprint(i)), client, throttle.Wrong); err != nil {
				t.Fatal(err)
			}
		}
		return l
	}
	known := throttle.NewMemory(nil)
	for _, v := range []throttle.Verdict{throttle.Right, throttle.Wrong, throttle.Wrong, throttle.Wrong, throttle.Wrong, throttle.Wrong} {
		if err := end(t, known, "alice", "192.0.2.1", v); err != nil {
			t.Fatal(err)
		}
	}
	busy := &quick{gate: make(chan struct{})}
	hasher := password.New(&password.Options{Scheme: busy, Concurrent: 1, Queue: -1})
	first := make(chan struct{})
	go func() { defer close(first); _, _ = hasher.Verify(t.Context(), "quick$", "x") }()
	for busy.verified.Load() == 0 {
		runtime.Gosched()
	}
	defer func() { close(busy.gate); <-first }()

	outer := unsized(form("alice", "right"))
	outer.Body = http.MaxBytesReader(httptest.NewRecorder(), outer.Body, 10)
	shown := make(map[string]bool) // the codes whose page has one of the lines
	lines := make(map[string][]string)
	for _, tt := range []struct {
		cause string
		r     *http.Request
		o     local.Options[*user]
	}{
		{"bad-request: local: no name", form("", "right"), local.Options[*user]{}},
		{"bad-request: local: no password", form("alice", ""), local.Options[*user]{}},
		{"bad-request: local: malformed form", post(formType, "username=%zz"), local.Options[*user]{}},
		{"bad-request: local: malformed JSON", post(jsonType, "{"), local.Options[*user]{}},
		{"bad-request: local: field username is repeated", post(formType, "username=a&username=b"), local.Options[*user]{}},
		{"bad-request: local: field secret is repeated", post(formType, "secret=a&secret=b"), local.Options[*user]{PasswordField: "secret"}},
		{"bad-request: local: a JSON member is repeated", post(jsonType, `{"x":1,"x":2}`), local.Options[*user]{}},
		{"bad-request: local: JSON member password is not a string", post(jsonType, `{"password":1}`), local.Options[*user]{}},
		{"bad-request: local: the name has control characters or is not UTF-8", form("a\x00", "right"), local.Options[*user]{}},
		{"too-large: local: the body exceeds 65536 bytes", form("alice", strings.Repeat("x", 64<<10)), local.Options[*user]{}},
		{"too-large: local: the body exceeds 20 bytes", unsized(form("alice", "right")), local.Options[*user]{MaxBody: 20}},
		{"too-large: local: the body exceeds 10 bytes", outer, local.Options[*user]{}},
		{"too-large: local: the name exceeds 320 bytes", form(strings.Repeat("x", 321), "right"), local.Options[*user]{}},
		{"unsupported-media-type: local: multipart/form-data", post("multipart/form-data; boundary=x", "x"), local.Options[*user]{}},
		{`unsupported-media-type: local: charset "latin1"`, post(formType+"; charset=latin1", "x"), local.Options[*user]{}},
		{"unsupported-media-type: local: malformed Content-Type", post(formType+"; charset", "x"), local.Options[*user]{}},
		{"throttled: throttle: too many failures at the account", form("alice", "right"), local.Options[*user]{Limiter: failed(5, "alice", "203.0.113.9")}},
		{"throttled: throttle: too many failures of the client", form("alice", "right"), local.Options[*user]{Limiter: failed(20, "junkN", "192.0.2.1")}},
		{"throttled: throttle: too many failures of the client at the account", form("alice", "right"), local.Options[*user]{Limiter: known}},
		{"busy: password: too many hashes at once", form("alice", "right"), local.Options[*user]{Hasher: hasher}},
		{"invalid-credentials: password: does not match", form("alice", "wrong"), local.Options[*user]{}},
		{"invalid-credentials: passport: no such user", form("nobody", "wrong"), local.Options[*user]{}},
		{"invalid-credentials: passport: locked", form("locked", "right"), local.Options[*user]{}},
	} {
		if tt.o.Hasher == nil {
			tt.o.Hasher = newHasher(&quick{})
		}
		var log bytes.Buffer
		a := newAuthenticator(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attr
		}})))
		a.Use("local", local.New(accounts().find, &tt.o))
		mux := http.NewServeMux()
		mux.Handle("POST /login", a.LoginHandler("local", nil))
		a.Handler(mux).ServeHTTP(httptest.NewRecorder(), tt.r)

		code, _, _ := strings.Cut(tt.cause, ":")
		line := requestID.ReplaceAllString(strings.TrimSpace(log.String()), "ID")
		if cause := slogged("cause", "passport: "+tt.cause); !strings.HasSuffix(line, cause) || !strings.Contains(line, " code="+code+" ") {
			t.Errorf("logged %s\nwant %s", line, cause)
		}
		page, err := os.ReadFile("../../docs/errors/" + code + ".md")
		if err != nil {
			t.Fatal(err)
		}
		m := logged.FindSubmatch(page)
		if m == nil {
			t.Fatalf("%s: the page shows no line", code)
		}
		shown[code] = shown[code] || requestID.ReplaceAllString(string(m[1]), "ID") == line
		lines[code] = append(lines[code], line)
	}
	for code, lines := range lines {
		if !shown[code] {
			t.Errorf("docs/errors/%s.md shows a line that is none of\n%s", code, strings.Join(lines, "\n"))
		}
	}
}

// slogged is an attribute as the text handler writes it.
func slogged(key, value string) string {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("", key, value)
	return b.String()[strings.Index(b.String(), key+"=") : b.Len()-1]
}
