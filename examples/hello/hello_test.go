package main_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gopassport/passport/examples/internal/process"
)

// TestHello is the whole program, as a person meets it.
func TestHello(t *testing.T) {
	t.Parallel()
	addr := process.FreeAddr(t)
	process.Start(t, addr, process.Build(t, "."), "-addr", addr)
	c := process.NewClient(addr)

	res, body := c.Do(t, "GET", "/", "")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `action="/login"`) || strings.Contains(body, "Hello, ") {
		t.Fatalf("a stranger gets %s\n%s", res.Status, body)
	}
	for _, form := range []string{
		"username=alice&password=wrong",
		"username=nobody&password=wonderland",
		"username=nobody&password=wrong",
	} {
		res, _ := c.Do(t, "POST", "/login", form)
		if res.StatusCode != http.StatusUnauthorized || len(c.Cookies) > 0 {
			t.Errorf("POST /login %s: %s, cookies %v", form, res.Status, c.Cookies)
		}
	}

	res, _ = c.Do(t, "POST", "/login", "username=alice&password=wonderland")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Fatalf("signing in: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if c.Cookies["__Host-session"] == "" {
		t.Fatalf("cookies after signing in: %v", c.Cookies)
	}
	if _, body = c.Do(t, "GET", "/", ""); !strings.Contains(body, "Hello, alice!") || !strings.Contains(body, `action="/logout"`) {
		t.Fatalf("alice gets\n%s", body)
	}

	old := maps.Clone(c.Cookies)
	res, _ = c.Do(t, "POST", "/logout", "")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Fatalf("signing out: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if c.Cookies["__Host-session"] != "" {
		t.Errorf("cookies after signing out: %v", c.Cookies)
	}
	c.Cookies = old
	if _, body = c.Do(t, "GET", "/", ""); strings.Contains(body, "alice") {
		t.Errorf("the old cookie still gets\n%s", body)
	}
}

// TestOneScreen: the program fits on one screen, imports included.
func TestOneScreen(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(code, []byte("\n")); n > 40 {
		t.Errorf("%d lines, more than 40", n)
	}
}
