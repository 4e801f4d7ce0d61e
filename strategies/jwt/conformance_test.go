package jwt_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	secret := []byte("Zb9vQ2n8mS7tX4kLw1eR6yU3iO0pA5dF")
	keys, err := jwt.HMAC(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(secret []byte) string {
		now := time.Now()
		token := gojwt.NewWithClaims(gojwt.SigningMethodHS256, gojwt.MapClaims{
			"iss": issuer, "aud": audience, "sub": "ann", "client_id": "web", "jti": "42",
			"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		})
		token.Header["typ"] = "at+jwt"
		text, err := token.SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	right, wrong := signed(secret), signed([]byte("another secret of thirty-two bytes"))
	type verify = func(context.Context, *jwt.Token) (string, error)
	find := func(_ context.Context, c *jwt.Token) (string, error) { return c.Key(), nil }
	of := func(f verify, token string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("GET", "/", nil)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return jwt.New(jwt.Config{Issuers: []jwt.Issuer{{Name: issuer, Audience: []string{audience}, Keys: keys}}}, f), r
		}
	}
	strategytest.Run(t, strategytest.Cases[string]{
		Right: of(find, right), Wrong: of(find, wrong), Absent: of(find, ""),
		Broken: of(func(context.Context, *jwt.Token) (string, error) { return "", errors.New("no database") }, right),
		Slow:   of(func(ctx context.Context, _ *jwt.Token) (string, error) { <-ctx.Done(); return "", ctx.Err() }, right),
	})
}
