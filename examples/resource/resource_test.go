package main_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/strategies/jwt/issuer"
)

// TestResource: an API takes the tokens of an issuer elsewhere that are for it.
func TestResource(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	server := httptest.NewServer(iss.JWKS())
	defer server.Close()
	binary, addr := process.Build(t, "."), process.FreeAddr(t)
	process.Start(t, addr, binary, "-addr", addr, "-issuer", name, "-keys", server.URL, "-insecure-http", "-audience", "https://api.example.com")

	client := process.NewClient(addr)
	for _, c := range []struct {
		audience string
		status   int
		body     string
	}{
		{"https://api.example.com", http.StatusOK, `alice, with the scopes ["notes"]`},
		{"https://other.example.com", http.StatusUnauthorized, "invalid-token"},
	} {
		token, _, err := iss.Issue(issuer.Grant{Subject: "alice", Scope: "notes", Audience: []string{c.audience}})
		if err != nil {
			t.Fatal(err)
		}
		client.Header.Set("Authorization", "Bearer "+token)
		if res, body := client.Do(t, http.MethodGet, "/me", ""); res.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("a token for %s: %d %s", c.audience, res.StatusCode, body)
		}
	}
}

// TestFlags: what is missing or wrong is told in a line.
func TestFlags(t *testing.T) {
	t.Parallel()
	binary := process.Build(t, ".")
	for flags, want := range map[string]string{
		"":                                      "-audience",
		"-issuer a -keys https://a/":            "-audience",
		"-issuer a -keys http://a/ -audience b": "https",
	} {
		out, err := exec.CommandContext(t.Context(), binary, strings.Fields(flags)...).CombinedOutput()
		if text := string(out); err == nil || strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
			t.Errorf("%s: %v\n%s", flags, err, out)
		}
	}
}

const name = "https://login.example.com"

func newIssuer(t *testing.T) *issuer.Issuer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := issuer.PrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		t.Fatal(err)
	}
	iss, err := issuer.New(issuer.Config{Name: name, Audience: []string{name}, Keys: []*issuer.Key{key}})
	if err != nil {
		t.Fatal(err)
	}
	return iss
}
