package bench_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/jwtauth/v5"
	"github.com/go-json-experiment/json"
	gojwt "github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

const (
	jwtIssuer   = "https://login.example.com"
	jwtAudience = "https://api.example.com"
)

var jwtRounds = flag.Int("jwtrounds", 10, "rounds of the tests of jwt in which the contenders take turns; TestJWTRatios takes ten times as many, and shorter ones")

// jwtClaims are what every contender decodes into, where it can.
type jwtClaims struct {
	jwt.Token
	Email string   `json:"email"`
	Roles []string `json:"roles"`
	Name  string   `json:"name"`
}

type golangClaims struct {
	gojwt.RegisteredClaims
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	Email    string   `json:"email"`
	Roles    []string `json:"roles"`
	Name     string   `json:"name"`
}

// A jwtKey signs the one token that all verify.
type jwtKey struct {
	method          gojwt.SigningMethod
	private, public any
}

func jwtKeys(t testing.TB) map[string]jwtKey {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]jwtKey{
		"HS256": {gojwt.SigningMethodHS256, secret, secret},
		"RS256": {gojwt.SigningMethodRS256, r, &r.PublicKey},
		"ES256": {gojwt.SigningMethodES256, e, &e.PublicKey},
		"EdDSA": {gojwt.SigningMethodEdDSA, private, public},
	}
}

func (k jwtKey) token(t testing.TB, more gojwt.MapClaims) string {
	t.Helper()
	now := time.Now().Unix()
	claims := gojwt.MapClaims{
		"iss": jwtIssuer, "aud": jwtAudience, "sub": "user-1234567890", "exp": now + 36000, "iat": now, "nbf": now,
		"jti": "f81d4fae7dec11d0a76500a0c91e6bf6", "client_id": "web-app", "scope": "notes:read notes:write",
		"email": "ada@example.com", "roles": []string{"admin", "editor"}, "name": "Ada Lovelace",
	}
	maps.Copy(claims, more)
	return k.sign(t, claims)
}

// atJWT is a token of the eight claims of RFC 9068 and none besides.
func (k jwtKey) atJWT(t testing.TB) string {
	t.Helper()
	now := time.Now().Unix()
	return k.sign(t, gojwt.MapClaims{
		"iss": jwtIssuer, "aud": jwtAudience, "sub": "user-1234567890", "exp": now + 36000, "iat": now,
		"jti": "f81d4fae7dec11d0a76500a0c91e6bf6", "client_id": "web-app", "scope": "notes:read notes:write",
	})
}

func (k jwtKey) sign(t testing.TB, claims gojwt.MapClaims) string {
	t.Helper()
	token := gojwt.NewWithClaims(k.method, claims)
	token.Header["typ"], token.Header["kid"] = "at+jwt", "2026-11"
	signed, err := token.SignedString(k.private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (k jwtKey) ours(t testing.TB, cache int) *jwt.Strategy[*jwtClaims, jwtClaims] {
	t.Helper()
	o := &jwt.KeyOptions{ID: "2026-11"}
	var key *jwt.Key
	var err error
	if secret, ok := k.public.([]byte); ok {
		key, err = jwt.HMAC(secret, o)
	} else {
		key, err = jwt.NewKey(k.public, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return jwt.New(jwt.Config{
		Issuers:     []jwt.Issuer{{Name: jwtIssuer, Audience: []string{jwtAudience}, Keys: key}},
		CacheTokens: cache,
	}, func(_ context.Context, c *jwtClaims) (*jwtClaims, error) { return c, nil })
}

// A jwtContender verifies one token once.
type jwtContender struct {
	by  string
	run func() error
}

// jwtContenders are, as functions: signature, the check of the signature alone;
// unchecked, the same with the claims decoded by the module that passport has,
// and nothing else done; passport; passport-8, with a token of eight claims;
// passport-cache; golang-jwt, with typed claims; jwx. And through ServeHTTP: the
// same, with echo-jwt and jwtauth.
func jwtContenders(t testing.TB, alg string, k jwtKey) []jwtContender {
	t.Helper()
	token, eight := k.token(t, nil), k.atJWT(t)
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	verify := func(s *jwt.Strategy[*jwtClaims, jwtClaims]) func() error {
		return func() error {
			c, err := s.Verify(context.Background(), token)
			if err == nil && c.Email == "" {
				err = fmt.Errorf("no claims")
			}
			return err
		}
	}
	strategy8 := k.ours(t, 0)
	parser := gojwt.NewParser(gojwt.WithValidMethods([]string{alg}), gojwt.WithIssuer(jwtIssuer), gojwt.WithAudience(jwtAudience),
		gojwt.WithExpirationRequired(), gojwt.WithIssuedAt())
	keyOf := func(*gojwt.Token) (any, error) { return k.public, nil }
	parse := func(token string) error {
		var c golangClaims
		_, err := parser.ParseWithClaims(token, &c, keyOf)
		return err
	}
	a, ok := jwa.LookupSignatureAlgorithm(alg)
	if !ok {
		t.Fatal("jwx has no ", alg)
	}
	served := func(h http.Handler) func() error {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return func() error {
			w := &statusWriter{header: make(http.Header), status: http.StatusOK}
			h.ServeHTTP(w, r)
			if w.status != http.StatusOK {
				return fmt.Errorf("status %d", w.status)
			}
			return nil
		}
	}
	fine := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	auth := passport.New(passport.Config[*jwtClaims]{})
	auth.Use("jwt", k.ours(t, 0))
	e := echo.New()
	e.Use(echojwt.WithConfig(echojwt.Config{
		SigningMethod: alg, SigningKey: k.public, NewClaimsFunc: func(echo.Context) gojwt.Claims { return new(golangClaims) },
	}))
	e.GET("/", func(echo.Context) error { return nil })
	chi := jwtauth.New(alg, nil, k.public)
	if alg == "HS256" {
		chi = jwtauth.New(alg, k.public, nil)
	}
	return []jwtContender{
		{"signature", func() error { return k.method.Verify(token[:dot], signature, k.public) }},
		{"unchecked", func() error {
			_, payload, _ := strings.Cut(token[:dot], ".")
			raw, err1 := base64.RawURLEncoding.DecodeString(payload)
			signature, err2 := base64.RawURLEncoding.DecodeString(token[dot+1:])
			var c jwtClaims
			return errors.Join(err1, err2, k.method.Verify(token[:dot], signature, k.public), json.Unmarshal(raw, &c))
		}},
		{"passport", verify(k.ours(t, 0))},
		{"passport-8", func() error { _, err := strategy8.Verify(context.Background(), eight); return err }},
		{"passport-cache", verify(k.ours(t, 1000))},
		{"golang-jwt", func() error { return parse(token) }},
		{"jwx", func() error {
			_, err := jwxjwt.Parse([]byte(token), jwxjwt.WithKey(a, k.public), jwxjwt.WithIssuer(jwtIssuer), jwxjwt.WithAudience(jwtAudience))
			return err
		}},
		{"http-passport", served(auth.Require("jwt")(fine))},
		{"http-golang-jwt", served(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if parse(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) != nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))},
		{"http-echo-jwt", served(e)},
		{"http-jwtauth", served(jwtauth.Verifier(chi)(jwtauth.Authenticator(chi)(fine)))},
	}
}

type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header         { return w.header }
func (w *statusWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *statusWriter) WriteHeader(status int)      { w.status = status }

// BenchmarkJWT is what it costs to verify a token and decode its claims.
func BenchmarkJWT(b *testing.B) {
	for alg, k := range jwtKeys(b) {
		for _, c := range jwtContenders(b, alg, k) {
			b.Run("alg="+alg+"/by="+c.by, func(b *testing.B) {
				b.ReportAllocs()
				start := processorTime()
				for b.Loop() {
					if err := c.run(); err != nil {
						b.Fatal(err)
					}
				}
				report(b, processorTime()-start)
			})
		}
	}
}

// TestJWTRatios prints the medians of rounds in which the contenders take
// turns, in processor time, and those of their ratios to what the signature
// alone and golang-jwt took in the same round, so that a slow moment of the
// machine counts little. Run it alone, with -v and GOMAXPROCS=1.
func TestJWTRatios(t *testing.T) {
	if testing.Short() || !testing.Verbose() {
		t.Skip("it measures: run it with -v")
	}
	for _, alg := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		contenders := jwtContenders(t, alg, jwtKeys(t)[alg])
		n := 50
		if alg == "HS256" {
			n = 300
		}
		turns := make(map[string]turn)
		for _, c := range contenders {
			turns[c.by] = timed(c.run)
		}
		r := byTurns(t, turns, 10**jwtRounds, n)
		for _, c := range contenders {
			allocs := testing.AllocsPerRun(20, func() { _ = c.run() })
			t.Logf("%s %-16s %7.2f µs  %5.2f × signature  %5.2f × golang-jwt  %3.0f allocations",
				alg, c.by, r.median(c.by), r.ratio(c.by, "signature"), r.ratio(c.by, "golang-jwt"), allocs)
		}
	}
}

// jwtRefused are tokens of one length: one that is right, and others that are
// refused.
func jwtRefused(t testing.TB, k jwtKey, length int) map[string]string {
	t.Helper()
	filled := func(more gojwt.MapClaims) string {
		claims := gojwt.MapClaims{"filling": ""}
		maps.Copy(claims, more)
		claims["filling"] = strings.Repeat("x", max(0, (length-len(k.token(t, claims)))*3/4-2))
		return k.token(t, claims)
	}
	right := filled(nil)
	dot := strings.LastIndexByte(right, '.')
	signature := []byte(right[dot+1:])
	slices.Reverse(signature[1 : len(signature)-1])
	_, rest, _ := strings.Cut(right, ".")
	typ := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + k.method.Alg() + `","kid":"2026-11","typ":"JWT"}`))
	return map[string]string{
		"accepted":         right,
		"signature":        right[:dot+1] + string(signature),
		"header-base64":    strings.Repeat("*", 100) + "." + rest,
		"signature-base64": right[:dot+1] + strings.Repeat("*", len(signature)),
		"typ":              typ + "." + rest,
		"expired":          filled(gojwt.MapClaims{"exp": time.Now().Unix() - 3600}),
		"dots":             strings.Repeat(".", len(right)),
		"too-long":         right[:dot] + strings.Repeat("A", 16<<10) + right[dot:],
	}
}

// TestJWTRefused prints what a refused token costs, in times an accepted one of
// its length: medians of rounds in which they take turns, in processor time,
// through ServeHTTP, and so with the answer. Run it alone, with -v and
// GOMAXPROCS=1.
func TestJWTRefused(t *testing.T) {
	if testing.Short() || !testing.Verbose() {
		t.Skip("it measures: run it with -v")
	}
	for _, alg := range []string{"HS256", "RS256"} {
		k := jwtKeys(t)[alg]
		strategy := k.ours(t, 0)
		auth := passport.New(passport.Config[*jwtClaims]{Logger: slog.New(slog.DiscardHandler)})
		auth.Use("jwt", strategy)
		served := auth.Require("jwt")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for _, length := range []int{1 << 10, 4 << 10, 15 << 10} {
			tokens := jwtRefused(t, k, length)
			names := slices.Sorted(maps.Keys(tokens))
			verify, serve := make(map[string][]float64), make(map[string][]float64)
			measure := func(times map[string][]float64, name string, run func()) {
				start := processorTime()
				for range 200 {
					run()
				}
				times[name] = append(times[name], float64(processorTime()-start)/200/1e3)
			}
			for range *jwtRounds {
				for _, name := range names {
					token := tokens[name]
					measure(verify, name, func() {
						if _, err := strategy.Verify(t.Context(), token); (err == nil) != (name == "accepted") {
							t.Fatalf("%s: %v", name, err)
						}
					})
					r, _ := http.NewRequest(http.MethodGet, "/", nil)
					r.Header.Set("Authorization", "Bearer "+token)
					measure(serve, name, func() {
						served.ServeHTTP(&statusWriter{header: make(http.Header), status: http.StatusOK}, r)
					})
				}
			}
			for _, name := range names {
				v, s := median(verify[name]), median(serve[name])
				t.Logf("%s %5d bytes %-16s Verify %6.2f µs, %4.2f × accepted; served %6.2f µs, %4.2f × accepted",
					alg, len(tokens[name]), name, v, v/median(verify["accepted"]), s, s/median(serve["accepted"]))
			}
		}
	}
}
