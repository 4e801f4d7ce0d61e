package expresstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// A browser keeps cookies. Both sides are one host to it, as ports do not
// count.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar}}
}

// do sends a request, with body as JSON unless it is nil.
func (b browser) do(method, url string, body any) outcome {
	b.t.Helper()
	got := b.send(method, url, body)
	if got.err != nil {
		b.t.Fatal(got.err)
	}
	return got
}

// An outcome is the answer to a request.
type outcome struct {
	status int
	body   string
	err    error
}

func (b browser) send(method, url string, body any) (got outcome) {
	var content []byte
	if body != nil {
		if content, got.err = json.Marshal(body); got.err != nil {
			return got
		}
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, bytes.NewReader(content))
	if err != nil {
		return outcome{err: err}
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := b.Do(r)
	if err != nil {
		return outcome{err: err}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return outcome{res.StatusCode, strings.TrimSpace(string(raw)), err}
}

// background is do, in the background.
func (b browser) background(method, url string) <-chan outcome {
	done := make(chan outcome, 1)
	go func() { done <- b.send(method, url, struct{}{}) }()
	return done
}

// must is do with the answer 200.
func (b browser) must(method, url string, body any) string {
	b.t.Helper()
	got := b.do(method, url, body)
	if got.status != http.StatusOK {
		b.t.Fatalf("%s %s: got %d %s, want 200", method, url, got.status, got.body)
	}
	return got.body
}

func (b browser) login(side, name string) {
	b.t.Helper()
	b.must("POST", side+"/login", map[string]string{"username": name, "password": "secret"})
}

func (b browser) logout(side string) {
	b.t.Helper()
	b.must("POST", side+"/logout", map[string]string{})
}

func (b browser) set(side string, values map[string]any) {
	b.t.Helper()
	b.must("POST", side+"/set", values)
}

// wantUser checks who both sides take the browser for.
func (b browser) wantUser(s *site, when, want string) {
	b.t.Helper()
	for name, side := range s.sides() {
		var got struct{ Name string }
		if err := json.Unmarshal([]byte(b.must("GET", side+"/me", nil)), &got); err != nil {
			b.t.Fatal(err)
		}
		if got.Name != want {
			b.t.Errorf("%s, to %s: got user %q, want %q", when, name, got.Name, want)
		}
	}
}

// wantValue checks what both sides know under the key; "" is nothing.
func (b browser) wantValue(s *site, key, want string) {
	b.t.Helper()
	for name, side := range s.sides() {
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(b.must("GET", side+"/session", nil)), &got); err != nil {
			b.t.Fatal(err)
		}
		if string(got[key]) != want {
			b.t.Errorf("%s to %s: got %s, want %s", key, name, got[key], want)
		}
	}
}

func (s *site) sides() map[string]string { return map[string]string{"Node": s.node, "Go": s.golang} }

// cookie is the value of the session cookie.
func (b browser) cookie(s *site) string {
	b.t.Helper()
	u, err := url.Parse(s.golang)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == "connect.sid" {
			return c.Value
		}
	}
	return ""
}

// with is another browser that has this session cookie.
func (b browser) with(s *site, value string) browser {
	b.t.Helper()
	u, err := url.Parse(s.golang)
	if err != nil {
		b.t.Fatal(err)
	}
	other := newBrowser(b.t)
	other.Jar.SetCookies(u, []*http.Cookie{{Name: "connect.sid", Value: value}})
	return other
}

// id is the session's.
func (b browser) id(s *site) string {
	b.t.Helper()
	value, err := url.PathUnescape(b.cookie(s))
	if err != nil {
		b.t.Fatal(err)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(value, "s:"), ".")
	return id
}
