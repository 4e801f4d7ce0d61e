package jwks_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport/strategies/jwt/jwks"
)

const keysURL = "https://login.example.com/keys"

var quiet = slog.New(slog.DiscardHandler)

// An issuer answers instead of the network, so that time can be the test's.
type issuer struct {
	mu     sync.Mutex
	asked  int
	answer func(*http.Request) (*http.Response, error)
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	answer := i.answer
	i.mu.Unlock()
	return answer(r)
}

func (i *issuer) fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// publish answers with a set of these keys from now on.
func (i *issuer) publish(keys ...map[string]any) {
	i.say(http.StatusOK, "max-age=600", document(keys...))
}

func (i *issuer) say(status int, cacheControl, body string) {
	i.do(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Header: http.Header{"Cache-Control": {cacheControl}}, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	})
}

func (i *issuer) do(answer func(*http.Request) (*http.Response, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func document(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// source asks a new issuer.
func source(t *testing.T, change func(*jwks.Config)) (*jwks.Source, *issuer) {
	t.Helper()
	i := &issuer{}
	c := jwks.Config{URL: keysURL, Transport: i, Logger: quiet}
	if change != nil {
		change(&c)
	}
	s, err := jwks.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, i
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	rsaKey = sync.OnceValue(func() *rsa.PublicKey { return &must(rsa.GenerateKey(rand.Reader, 2048)).PublicKey })
	ecKey  = sync.OnceValue(func() *ecdsa.PublicKey {
		return &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey
	})
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// rsaJWK and its like are keys with members changed; nil takes one out.
func rsaJWK(kid string, change map[string]any) map[string]any {
	k := rsaKey()
	return changed(map[string]any{"kty": "RSA", "kid": kid, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}, change)
}

func ecJWK(kid string, change map[string]any) map[string]any {
	point := must(ecKey().Bytes())
	return changed(map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])}, change)
}

// edJWK is a new key each time.
func edJWK(kid string, change map[string]any) map[string]any {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return changed(map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(public)}, change)
}

func changed(key, change map[string]any) map[string]any {
	maps.Copy(key, change)
	maps.DeleteFunc(key, func(_ string, v any) bool { return v == nil })
	return key
}

func kid(i int) string { return fmt.Sprintf("made-up-%d", i) }
