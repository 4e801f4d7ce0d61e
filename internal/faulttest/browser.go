package faulttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// sessionCookie is the name of the session's cookie.
const sessionCookie = "__Host-session"

// A browser keeps cookies between its requests, which go to any server of the
// fleet: cookies know no ports.
type browser struct {
	f        *fleet
	client   *http.Client
	deadline time.Duration // of a request on the server; 0: none
}

func (f *fleet) browser() *browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &browser{f: f, client: &http.Client{
		Transport:     f.transport,
		Jar:           jar,
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// with is a browser that has a session cookie of this value only.
func (f *fleet) with(token string) *browser {
	b := f.browser()
	b.take(token)
	return b
}

func (b *browser) site() *url.URL {
	u, err := url.Parse(b.f.url(0))
	if err != nil {
		panic(err) // our own
	}
	return u
}

// token is the value of the session cookie; empty where there is none.
func (b *browser) token() string {
	for _, c := range b.client.Jar.Cookies(b.site()) {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

// take makes the cookie one of this value; empty: none.
func (b *browser) take(token string) {
	c := &http.Cookie{Name: sessionCookie, Value: token, Path: "/", Secure: true}
	if token == "" {
		c.MaxAge = -1
	}
	b.client.Jar.SetCookies(b.site(), []*http.Cookie{c})
}

// An answer is what a server said.
type answer struct {
	status int // 0: nothing
	body   string
	cookie string // what a Set-Cookie of the session would set it to; the attributes too
	took   time.Duration
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %q after %v, Set-Cookie %q", a.status, a.body, a.took, a.cookie)
}

// outage tells whether the answer is an honest 503 that leaves the cookie alone.
func (a answer) outage() bool {
	return a.err == nil && a.status == http.StatusServiceUnavailable && a.cookie == ""
}

// send makes a request to server n with pairs of form values.
func (b *browser) send(n int, method, path string, pairs ...string) answer {
	form := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	var body io.Reader
	if method == http.MethodGet {
		path += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	return b.do(context.Background(), n, method, path, body)
}

func (b *browser) do(ctx context.Context, n int, method, path string, body io.Reader) (a answer) {
	req, err := http.NewRequestWithContext(ctx, method, b.f.url(n)+path, body)
	if err != nil {
		return answer{err: err}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.deadline > 0 {
		req.Header.Set(deadlineHeader, b.deadline.String())
	}
	if _, held := body.(*io.PipeReader); held {
		req.Header.Set("Expect", "100-continue")
	}
	start := time.Now()
	resp, err := b.client.Do(req)
	if err != nil {
		return answer{err: err, took: time.Since(start)}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	for _, line := range resp.Header["Set-Cookie"] {
		if strings.HasPrefix(line, sessionCookie+"=") {
			a.cookie = line
		}
	}
	a.status, a.body, a.took, a.err = resp.StatusCode, string(text), time.Since(start), err
	return a
}

func (b *browser) login(n int, name string, pairs ...string) answer {
	return b.send(n, "POST", "/login", append(pairs, "user", name)...)
}
func (b *browser) logout(n int) answer { return b.send(n, "POST", "/logout") }
func (b *browser) whoami(n int) answer { return b.send(n, "GET", "/whoami") }
func (b *browser) get(n int, key string) answer {
	return b.send(n, "GET", "/get", "key", key)
}
func (b *browser) set(n int, key, value string) answer {
	return b.send(n, "POST", "/set", "key", key, "value", value)
}

// hold begins a POST, and returns when its session is loaded and its handler
// waits. finish lets the handler go on, and returns the answer.
func (b *browser) hold(n int, path, form string) (finish func() answer) {
	loaded, done := make(chan struct{}), make(chan answer, 1)
	in, out := io.Pipe()
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got100Continue: func() { close(loaded) }, // the handler reads the body
	})
	go func() { done <- b.do(ctx, n, http.MethodPost, path, in) }()
	select {
	case <-loaded:
	case a := <-done: // it did not wait
		_ = in.Close()
		return func() answer { return a }
	}
	return func() answer {
		_, _ = io.WriteString(out, form)
		_ = out.Close()
		return <-done
	}
}
