package vault_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport/strategies/oauth/vault"
)

// TestClient: each request carries the token of now, to where it was sent and
// nowhere else. C41
func TestClient(t *testing.T) {
	t.Parallel()
	var leaked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Add(1)
		}
	}))
	defer other.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Header.Get("Authorization")+string(body))
		}
	}))
	defer api.Close()

	p := new(provider)
	v := newVault(t, newStore(), p)
	save(t, v, tokens(0, time.Hour))
	base := &http.Client{Timeout: 10 * time.Second} // which follows redirects anywhere
	for name, client := range map[string]*http.Client{"default": v.Client("ann", "p", nil), "own": v.Client("ann", "p", base)} {
		for path, want := range map[string]string{"/": "Bearer access-0", "/moved": "Bearer access-0", "/elsewhere": ""} {
			res, err := client.Get(api.URL + path)
			got := ""
			if err == nil {
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				got = string(body)
			}
			if got != want {
				t.Errorf("%s %s: got %q, %v; want %q", name, path, got, err, want)
			}
		}
	}
	if leaked.Load() > 0 {
		t.Error("the token followed a redirect to another host")
	}
	if base.Transport != nil {
		t.Error("the base was changed")
	}

	client := v.Client("ann", "p", base)
	save(t, v, tokens(0, 0))
	res, err := client.Post(api.URL, "text/plain", strings.NewReader(" and body"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if string(body) != "Bearer access-1 and body" {
		t.Errorf("after its end: got %q", body)
	}
	closed := &closing{Reader: strings.NewReader("x")}
	_, err = client.Post("http://api.example/", "text/plain", closed)
	if _, wrapped := errors.AsType[*url.Error](err); !wrapped || !strings.Contains(err.Error(), "https alone") || !closed.closed {
		t.Errorf("plain http: got %v, closed %t", err, closed.closed)
	}
	if _, err := v.Client("bob", "p", nil).Get(api.URL); !errors.Is(err, vault.ErrNoTokens) {
		t.Errorf("bob: got %v", err)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}
