package jwt_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestBudget: a right token costs twenty allocations with its signature,
// whatever the application makes of it, and an RSA or EC token that is
// remembered costs ten.
func TestBudget(t *testing.T) {
	user := &User{Key: "somebody"}
	const most = 20 + forgotten
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.RS256, jwt.ES256, jwt.EdDSA} {
		s := signers()[alg]
		v := jwt.New(config(s.key), func(context.Context, *Claims) (*User, error) { return user, nil })
		token := s.token()
		whole := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %.0f allocations", alg, whole)
		if whole > most {
			t.Errorf("%s: more than 20", alg)
		}
		c := config(s.key)
		c.CacheTokens = 1
		cached := jwt.New(c, func(context.Context, *Claims) (*User, error) { return user, nil })
		again := testing.AllocsPerRun(100, func() {
			if _, err := cached.Verify(context.Background(), token); err != nil {
				t.Fatal(err)
			}
		})
		if wide := alg == jwt.RS256 || alg == jwt.ES256; wide && again > 10+forgotten {
			t.Errorf("%s: a token that is remembered costs %.0f", alg, again)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.RS256, jwt.ES256, jwt.EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			s := signers()[alg]
			v := strategy(s.key)
			token := s.token()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkServeHTTP is the same through Require.
func BenchmarkServeHTTP(b *testing.B) {
	s := signers()[jwt.HS256]
	_, api := site(strategy(s.key))
	r, _ := http.NewRequest(http.MethodGet, "/api", nil)
	r.Header.Set("Authorization", "Bearer "+s.token())
	w := discard{make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		api.ServeHTTP(w, r)
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
