package jwt_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestBudget: what a right token costs beyond its signature is bounded.
func TestBudget(t *testing.T) {
	for alg, most := range map[jwt.Algorithm]float64{jwt.HS256: 17, jwt.RS256: 20, jwt.ES256: 20, jwt.EdDSA: 14} {
		s := signers()[alg]
		v := strategy(s.key)
		token := s.token()
		got := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				t.Fatal(err)
			}
		})
		if t.Logf("%s: %.0f allocations of %.0f", alg, got, most); got > most {
			t.Errorf("%s: %.0f allocations, more than %.0f", alg, got, most)
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
