package jwt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

const (
	issuer   = "https://login.example.com"
	audience = "https://api.example.com"
)

// Claims are those of the application under test.
type Claims struct {
	jwt.Token
	Email string   `json:"email"`
	Roles []string `json:"roles"`
}

// A User is what the application makes of them.
type User struct {
	Key   string
	Email string
}

func fromClaims(_ context.Context, c *Claims) (*User, error) {
	return &User{Key: c.Key(), Email: c.Email}, nil
}

// quiet logs nothing.
var quiet = slog.New(slog.DiscardHandler)

// A signer is an issuer's key, and its public half.
type signer struct {
	method  gojwt.SigningMethod
	private any
	public  any
	key     *jwt.Key
}

// signers has one for each algorithm, with the kid k1.
var signers = sync.OnceValue(func() map[jwt.Algorithm]signer {
	all := make(map[jwt.Algorithm]signer)
	add := func(alg jwt.Algorithm, private, public any) {
		o := &jwt.KeyOptions{ID: "k1", Algorithm: alg}
		var key *jwt.Key
		var err error
		if secret, ok := public.([]byte); ok {
			key, err = jwt.HMAC(secret, o)
		} else {
			key, err = jwt.NewKey(public, o)
		}
		if err != nil {
			panic(err)
		}
		all[alg] = signer{gojwt.GetSigningMethod(string(alg)), private, public, key}
	}
	secret := make([]byte, 64)
	_, _ = rand.Read(secret)
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.HS384, jwt.HS512} {
		add(alg, secret, secret)
	}
	r := must(rsa.GenerateKey(rand.Reader, 2048))
	for _, alg := range []jwt.Algorithm{jwt.RS256, jwt.RS384, jwt.RS512, jwt.PS256, jwt.PS384, jwt.PS512} {
		add(alg, r, &r.PublicKey)
	}
	for alg, curve := range map[jwt.Algorithm]elliptic.Curve{jwt.ES256: elliptic.P256(), jwt.ES384: elliptic.P384(), jwt.ES512: elliptic.P521()} {
		e := must(ecdsa.GenerateKey(curve, rand.Reader))
		add(alg, e, &e.PublicKey)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	add(jwt.EdDSA, private, public)
	return all
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// with is a change of a JSON object: the member gets the raw value, or goes
// where that is empty.
type with map[string]string

// object is JSON text: members, changed.
func object(members []string, change with) string {
	change = maps.Clone(change)
	var all []string
	for i := 0; i < len(members); i += 2 {
		name, value := members[i], members[i+1]
		if v, changed := change[name]; changed {
			value = v
			delete(change, name)
		}
		if value != "" {
			all = append(all, fmt.Sprintf("%q:%s", name, value))
		}
	}
	for name, value := range change {
		if value != "" {
			all = append(all, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// header is a right one, changed.
func header(alg jwt.Algorithm, change with) string {
	return object([]string{"alg", fmt.Sprintf("%q", alg), "kid", `"k1"`, "typ", `"at+jwt"`}, change)
}

// claims are right ones, changed.
func claims(change with) string {
	return object([]string{
		"iss", `"` + issuer + `"`, "sub", `"user-1"`, "aud", `"` + audience + `"`, "exp", in(time.Hour), "iat", in(0),
		"jti", `"f81d4fae"`, "client_id", `"web"`, "scope", `"notes:read notes:write"`, "email", `"ada@example.com"`, "roles", `["admin","editor"]`,
	}, change)
}

// in is a date from now.
func in(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign makes a token of the texts of header and claims, as they are.
func (s signer) sign(header, claims string) string {
	signed := b64(header) + "." + b64(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(must(s.method.Sign(signed, s.private)))
}

// token is a right token.
func (s signer) token() string { return s.sign(header(s.key.Algorithm(), nil), claims(nil)) }

// config trusts the issuer with one key.
func config(keys jwt.KeySource) jwt.Config {
	return jwt.Config{Issuers: []jwt.Issuer{{Name: issuer, Audience: []string{audience}, Keys: keys}}}
}

func strategy(keys jwt.KeySource) *jwt.Strategy[*User, Claims] {
	return jwt.New(config(keys), fromClaims)
}

// site is an API at /api that takes tokens of the strategy.
func site(s passport.Strategy[*User]) (*passport.Authenticator[*User], http.Handler) {
	a := passport.New(passport.Config[*User]{Logger: quiet})
	a.Use("jwt", s)
	return a, a.Require("jwt")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := a.User(r.Context())
		fmt.Fprint(w, user.Key)
	}))
}

// get asks for /api with a token.
func get(h http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/api", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return do(h, r)
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A tokenVerifier is a strategy, whatever its claims.
type tokenVerifier interface {
	Verify(ctx context.Context, token string) (*User, error)
}

// refuses checks that the token is refused for that reason, and nobody let in.
func refuses(t *testing.T, s tokenVerifier, token string, why error) {
	t.Helper()
	user, err := s.Verify(t.Context(), token)
	f, refused := passport.AsRefusal(err)
	if user != nil || !refused || f.Code != jwt.CodeInvalidToken || f.Status != http.StatusUnauthorized || !isOnly(err, why) {
		t.Errorf("%.200s: user %v, error %v, want a refusal with %v", token, user, err, why)
	}
}

// accepts checks that it is not.
func accepts(t *testing.T, s tokenVerifier, token string) {
	t.Helper()
	if user, err := s.Verify(t.Context(), token); err != nil || user == nil {
		t.Errorf("%.200s: user %v, error %v", token, user, err)
	}
}

// isOnly tells whether err is why, and none of the other reasons.
func isOnly(err, why error) bool {
	reasons := []error{
		jwt.ErrMalformed, jwt.ErrHeader, jwt.ErrIssuer, jwt.ErrNoKey, jwt.ErrSignature, jwt.ErrClaims, jwt.ErrExpired,
		jwt.ErrNotYet, jwt.ErrAudience, jwt.ErrBound, jwt.ErrRevoked,
	}
	return !slices.ContainsFunc(reasons, func(e error) bool { return errors.Is(why, e) != errors.Is(err, e) })
}
