// Package process runs the example programs as what they are: processes of
// their own, built from source, on a free port of this machine.
package process

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Build compiles the program in dir and returns the path of the binary.
func Build(t testing.TB, dir string) string {
	t.Helper()
	binary, err := build(t.Context(), dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// Main is the TestMain of a package whose tests share the program in its
// directory: it builds it, sets binary to its path, runs the tests and returns
// their exit code.
func Main(m *testing.M, binary *string) int {
	temp, err := os.MkdirTemp("", "program-")
	if err == nil {
		defer os.RemoveAll(temp)
		*binary, err = build(context.Background(), ".", temp)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(ctx context.Context, dir, into string) (string, error) {
	binary := filepath.Join(into, "program.exe") // Windows wants the extension, others do not mind
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", dir, err, out)
	}
	return binary, nil
}

// FreeAddr is an address on localhost at which nobody listens now.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port)
}

// Start starts the program and waits until GET / at addr answers. The test
// ends it, unless stop does before: politely, so that it can finish.
func Start(t testing.TB, addr, binary string, args ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(ended)
	}()
	stop = func() {
		cancel()
		<-ended
		if cmd.ProcessState.String() == "signal: killed" {
			t.Errorf("the program did not end within %v of an interrupt", cmd.WaitDelay)
		}
	}
	t.Cleanup(stop)

	deadline := time.After(30 * time.Second)
	for {
		select {
		case <-ended:
			t.Fatalf("the program ended: %v", cmd.ProcessState)
		case <-deadline:
			t.Fatalf("nobody answers at %s", addr)
		case <-time.After(20 * time.Millisecond):
		}
		if answers(ctx, "http://"+addr+"/") {
			return stop
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return true
}

// A Client is a browser without a screen: it keeps cookies, Secure ones too,
// and follows no redirect.
type Client struct {
	Base    string
	Cookies map[string]string
	Header  http.Header // sent with every request
}

// NewClient returns a Client without cookies.
func NewClient(addr string) *Client {
	return &Client{Base: "http://" + addr, Cookies: make(map[string]string), Header: make(http.Header)}
}

// Do sends a request and returns the response with its whole body.
func (c *Client) Do(t testing.TB, method, path, form string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.Base+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(req.Header, c.Header)
	for name, value := range c.Cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range res.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.Cookies, cookie.Name)
		} else {
			c.Cookies[cookie.Name] = cookie.Value
		}
	}
	return res, string(body)
}
