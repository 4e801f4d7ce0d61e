package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
)

// encoded is a private key in PEM.
func encoded(t testing.TB, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newECDSA(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func privateKey(t testing.TB, private any, o *issuer.KeyOptions) *issuer.Key {
	t.Helper()
	k, err := issuer.PrivateKey(encoded(t, private), o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const self = "https://api.example.com"

func newIssuer(t testing.TB, keys ...*issuer.Key) *issuer.Issuer {
	t.Helper()
	i, err := issuer.New(issuer.Config{Name: self, Audience: []string{self}, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func issue(t testing.TB, i *issuer.Issuer) string {
	t.Helper()
	token, _, err := i.Issue(issuer.Grant{Subject: "ann", Scope: "notes"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// claims is what an application reads of a token.
type claims struct {
	jwt.Token
	AuthTime int64    `json:"auth_time"`
	Factors  []string `json:"amr"`
	Tenant   string   `json:"tenant"`
}

func itself(_ context.Context, c *claims) (*claims, error) { return c, nil }

func verifier(i *issuer.Issuer) *jwt.Strategy[*claims, claims] {
	return jwt.New(jwt.Config{Issuers: []jwt.Issuer{i.Trusted()}}, itself)
}

// D16: a token for one of several APIs is not taken by another of them, and one
// for all of them is taken by each.
func TestTrusted(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example.com", "https://b.example.com"
	i, err := issuer.New(issuer.Config{Name: self, Audience: []string{a, b}, Keys: []*issuer.Key{privateKey(t, newECDSA(t, elliptic.P256()), nil)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, audience := range [][]string{nil, {a}, {b}} {
		token, _, err := i.Issue(issuer.Grant{Subject: "ann", Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		for _, api := range []string{a, b} {
			s := jwt.New(jwt.Config{Issuers: []jwt.Issuer{i.Trusted(api)}}, itself)
			want := audience == nil || audience[0] == api
			if _, err := s.Verify(t.Context(), token); want && err != nil || !want && !errors.Is(err, jwt.ErrAudience) {
				t.Errorf("for %q at %s: %v", audience, api, err)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Trusted takes the tokens for all APIs")
		}
	}()
	i.Trusted()
}

// part decodes the header (0) or the claims (1) of a token.
func part(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Every algorithm: the strategy takes the token, as RFC 9068 has it, and
// another issuer's key of the same kind does not.
func TestIssue(t *testing.T) {
	t.Parallel()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	_, ed2, _ := ed25519.GenerateKey(rand.Reader)
	rsa1, rsa2 := newRSA(t, 2048), newRSA(t, 2048)
	secret := func(s string) *issuer.Key {
		k, err := issuer.HMAC([]byte(strings.Repeat(s, 32)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ps256 := &issuer.KeyOptions{Algorithm: jwt.PS256}
	for alg, keys := range map[jwt.Algorithm][2]*issuer.Key{
		jwt.HS256: {secret("a"), secret("b")},
		jwt.RS256: {privateKey(t, rsa1, nil), privateKey(t, rsa2, nil)},
		jwt.PS256: {privateKey(t, rsa1, ps256), privateKey(t, rsa2, ps256)},
		jwt.ES256: {privateKey(t, newECDSA(t, elliptic.P256()), nil), privateKey(t, newECDSA(t, elliptic.P256()), nil)},
		jwt.EdDSA: {privateKey(t, ed, nil), privateKey(t, ed2, nil)},
	} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			i, other := newIssuer(t, keys[0]), newIssuer(t, keys[1])
			auth := time.Now().Add(-time.Hour).Truncate(time.Second)
			token, expires, err := i.Issue(issuer.Grant{
				Subject: "ann", Client: "web", Scope: "read write", AuthTime: auth, Factors: "pwd otp",
				Claims: map[string]any{"tenant": "acme"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if h := part(t, token, 0); h["alg"] != string(alg) || h["typ"] != "at+jwt" || h["kid"] != keys[0].ID() || len(h) != 3 {
				t.Errorf("header %v", h)
			}
			c, err := verifier(i).Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if c.Issuer != self || c.Subject != "ann" || c.ClientID != "web" || !c.HasScope("read", "write") || len(c.ID) < 20 ||
				!c.Expires.Equal(expires) || c.Expires.Sub(c.IssuedAt) != 10*time.Minute || len(c.Audience) != 1 ||
				c.AuthTime != auth.Unix() || fmt.Sprint(c.Factors) != "[pwd otp]" || c.Tenant != "acme" {
				t.Errorf("claims %+v", c)
			}
			if _, err := verifier(other).Verify(t.Context(), token); !errors.Is(err, jwt.ErrNoKey) {
				t.Errorf("another key's issuer: %v", err)
			}
		})
	}
}

// A grant cannot say who signed, for how long, or which kind of token it is.
func TestGrant(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, privateKey(t, newECDSA(t, elliptic.P256()), nil))
	for _, claim := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "auth_time", "amr", "cnf", "nonce", "events"} {
		if _, _, err := i.Issue(issuer.Grant{Subject: "ann", Claims: map[string]any{claim: 1}}); err == nil {
			t.Errorf("took the claim %s", claim)
		}
	}
	if _, _, err := i.Issue(issuer.Grant{}); err == nil {
		t.Error("a token for nobody")
	}
	if _, _, err := i.Issue(issuer.Grant{Subject: "ann", Claims: map[string]any{"x": func() {}}}); err == nil {
		t.Error("a claim without JSON")
	}
	c := part(t, issue(t, i), 1)
	if c["client_id"] != "self" || c["aud"] != self || len(c) != 8 {
		t.Errorf("claims %v", c)
	}
	two, _, _ := i.Issue(issuer.Grant{Subject: "ann", Audience: []string{"a", "b"}})
	if c := part(t, two, 1); fmt.Sprint(c["aud"]) != "[a b]" {
		t.Errorf("claims %v", c)
	}
}

// published are the kids of what JWKS answers.
func published(t *testing.T, i *issuer.Issuer) (ids string) {
	t.Helper()
	w := httptest.NewRecorder()
	i.JWKS().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var set struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids += k.Kid
	}
	return ids
}

// Two instances with the same keys, and no word between them: a key is
// published before it signs, both change at its time, and the old one counts
// until its last token has expired, and no longer.
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(24 * time.Hour)
		old, new, last := newECDSA(t, elliptic.P256()), newECDSA(t, elliptic.P256()), newECDSA(t, elliptic.P256())
		keys := []*issuer.Key{
			privateKey(t, new, &issuer.KeyOptions{ID: "n", From: at}),
			privateKey(t, old, &issuer.KeyOptions{ID: "o"}),
			privateKey(t, last, &issuer.KeyOptions{ID: "l", From: at.Add(24 * time.Hour)}),
		}
		one, two := newIssuer(t, keys...), newIssuer(t, keys[2], keys[1], keys[0])
		check := func(signs, shows string) {
			t.Helper()
			for _, i := range []*issuer.Issuer{one, two} {
				if kid := part(t, issue(t, i), 0)["kid"]; kid != signs {
					t.Errorf("%v: %s signs, not %s", time.Until(at), kid, signs)
				}
				if got := published(t, i); got != shows {
					t.Errorf("%v: %s are published, not %s", time.Until(at), got, shows)
				}
			}
		}
		good := func(i *issuer.Issuer, token string, want bool) {
			t.Helper()
			if _, err := verifier(i).Verify(t.Context(), token); (err == nil) != want {
				t.Errorf("%v: %v, want good: %v", time.Until(at), err, want)
			}
		}
		check("o", "onl")
		time.Sleep(24*time.Hour - time.Millisecond)
		check("o", "onl")
		lastToken := issue(t, one)
		time.Sleep(time.Millisecond)
		check("n", "onl")
		good(two, lastToken, true)
		good(one, issue(t, two), true)
		time.Sleep(10*time.Minute - 2*time.Second)
		good(two, lastToken, true) // to its end
		time.Sleep(5*time.Minute + 2*time.Second - time.Millisecond)
		check("n", "onl")
		time.Sleep(time.Millisecond)
		check("n", "nl")
		good(one, lastToken, false)
		// Whoever has the old key by now signs nothing with it.
		thief := newIssuer(t, keys[1])
		good(one, issue(t, thief), false)
		time.Sleep(24 * time.Hour)
		check("l", "l")
	})
}

// The set has the public halves alone, and can be kept.
func TestJWKS(t *testing.T) {
	t.Parallel()
	ec, rsaKey := newECDSA(t, elliptic.P256()), newRSA(t, 2048)
	i := newIssuer(t, privateKey(t, ec, nil), privateKey(t, rsaKey, &issuer.KeyOptions{From: time.Now().Add(time.Hour)}))
	ask := func(method, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		i.JWKS().ServeHTTP(w, r)
		return w
	}
	w := ask("GET", "")
	h := w.Header()
	if w.Code != 200 || h.Get("Content-Type") != "application/jwk-set+json" || h.Get("Cache-Control") != "public, max-age=300" || h.Get("Etag") == "" {
		t.Errorf("%d %v", w.Code, h)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 2 {
		t.Fatal(err, w.Body)
	}
	for _, k := range set.Keys {
		if k["use"] != "sig" || k["kid"] == "" || k["alg"] == "" || k["d"] != "" || k["p"] != "" || k["k"] != "" {
			t.Errorf("%v", k)
		}
	}
	b64 := base64.RawURLEncoding.EncodeToString
	if point, _ := ec.PublicKey.Bytes(); set.Keys[0]["x"] != b64(point[1:33]) || set.Keys[0]["y"] != b64(point[33:]) {
		t.Errorf("EC %v", set.Keys[0])
	}
	if set.Keys[1]["n"] != b64(rsaKey.N.Bytes()) || set.Keys[1]["e"] != "AQAB" {
		t.Errorf("RSA %v", set.Keys[1])
	}
	if again := ask("GET", h.Get("Etag")); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("again: %d", again.Code)
	}
	if head := ask("HEAD", ""); head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d", head.Code)
	}
	if post := ask("POST", ""); post.Code != 405 || post.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", post.Code)
	}
	secret, _ := issuer.HMAC([]byte(strings.Repeat("s", 32)), nil)
	w = httptest.NewRecorder()
	newIssuer(t, secret).JWKS().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Body.String(); got != `{"keys":[]}`+"\n" {
		t.Errorf("a secret is published: %s", got)
	}
}

// The thumbprint is RFC 7638's: the example of its section 3.1 and that of RFC
// 8037 appendix A.3.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	d, _ := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	k := privateKey(t, ed25519.NewKeyFromSeed(d), nil)
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; k.ID() != want {
		t.Errorf("%s, want %s", k.ID(), want)
	}
}

// F16, D03, D05, D06: a key that is too weak, and a configuration that cannot
// be meant, is an error that shows no secret.
func TestMistakes(t *testing.T) {
	t.Parallel()
	good := encoded(t, newECDSA(t, elliptic.P256()))
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(newRSA(t, 2048))})
	sec1DER, _ := x509.MarshalECPrivateKey(newECDSA(t, elliptic.P256()))
	sec1 := append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1DER})...)
	for _, text := range [][]byte{good, pkcs1, sec1} {
		if _, err := issuer.PrivateKey(text, nil); err != nil {
			t.Error(err)
		}
	}
	publicDER, _ := x509.MarshalPKIXPublicKey(newECDSA(t, elliptic.P256()).Public())
	for name, c := range map[string]struct {
		pem []byte
		o   *issuer.KeyOptions
	}{
		"nothing":         {},
		"no PEM":          {pem: []byte("secret-secret-secret-secret-secret")},
		"a public key":    {pem: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})},
		"torn":            {pem: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: publicDER[:20]})},
		"two keys":        {pem: append(append([]byte{}, good...), good...)},
		"P-384":           {pem: encoded(t, newECDSA(t, elliptic.P384()))},
		"another sort":    {pem: good, o: &issuer.KeyOptions{Algorithm: jwt.RS256}},
		"HS256":           {pem: good, o: &issuer.KeyOptions{Algorithm: jwt.HS256}},
		"none":            {pem: good, o: &issuer.KeyOptions{Algorithm: "none"}},
		"an id too long":  {pem: good, o: &issuer.KeyOptions{ID: strings.Repeat("x", 257)}},
		"with passphrase": {pem: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: publicDER})},
	} {
		if _, err := issuer.PrivateKey(c.pem, c.o); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "secret-secret") {
			t.Errorf("%s: shows the secret: %v", name, err)
		}
	}
	for name, secret := range map[string]string{"empty": "", "short": strings.Repeat("x", 31), "a public key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}))} {
		if _, err := issuer.HMAC([]byte(secret), nil); err == nil {
			t.Errorf("%s secret: no error", name)
		}
	}
	if _, err := issuer.HMAC([]byte(strings.Repeat("x", 64)), &issuer.KeyOptions{Algorithm: jwt.RS256}); err == nil {
		t.Error("a secret for RS256")
	}

	ec := privateKey(t, newECDSA(t, elliptic.P256()), &issuer.KeyOptions{ID: "1"})
	secret, _ := issuer.HMAC([]byte(strings.Repeat("x", 32)), &issuer.KeyOptions{From: time.Now()})
	later := func(id string) *issuer.Key {
		return privateKey(t, newECDSA(t, elliptic.P256()), &issuer.KeyOptions{ID: id, From: time.Now().Add(time.Hour)})
	}
	for name, change := range map[string]func(*issuer.Config){
		"no name":       func(c *issuer.Config) { c.Name = "" },
		"plain http":    func(c *issuer.Config) { c.Name = "http://api.example.com" },
		"no URL":        func(c *issuer.Config) { c.Name = "api" },
		"a query":       func(c *issuer.Config) { c.Name = "https://api.example.com?x" },
		"no audience":   func(c *issuer.Config) { c.Audience = nil },
		"empty one":     func(c *issuer.Config) { c.Audience = []string{""} },
		"a day":         func(c *issuer.Config) { c.Lifetime = 24 * time.Hour },
		"negative":      func(c *issuer.Config) { c.Lifetime = -1 },
		"no keys":       func(c *issuer.Config) { c.Keys = nil },
		"nil key":       func(c *issuer.Config) { c.Keys = []*issuer.Key{nil} },
		"zero key":      func(c *issuer.Config) { c.Keys = []*issuer.Key{{}} },
		"mixed":         func(c *issuer.Config) { c.Keys = []*issuer.Key{ec, secret} },
		"one time":      func(c *issuer.Config) { c.Keys = []*issuer.Key{ec, privateKey(t, newECDSA(t, elliptic.P256()), nil)} },
		"one id":        func(c *issuer.Config) { c.Keys = []*issuer.Key{ec, later("1")} },
		"all to come":   func(c *issuer.Config) { c.Keys = []*issuer.Key{later("2")} },
		"negative ages": func(c *issuer.Config) { c.MaxAge = -1 },
	} {
		c := issuer.Config{Name: self, Audience: []string{self}, Keys: []*issuer.Key{ec}}
		if _, err := issuer.New(c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := issuer.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A28
	if text := fmt.Sprintf("%v %+v %#v", secret, secret, secret); strings.Contains(text, "xxx") || !strings.Contains(text, "HS256") {
		t.Error(text)
	}
}
