package jwt_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestBudget: a right token costs ten allocations beside those of its
// signature, whatever the application makes of it, and an RSA or EC token
// that is remembered spares them. Under the race detector
// pools forget, which costs a few more.
func TestBudget(t *testing.T) {
	user := &User{Key: "somebody"}
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.RS256, jwt.ES256, jwt.EdDSA} {
		s := signers()[alg]
		v := jwt.New(config(s.key), func(context.Context, *Claims) (*User, error) { return user, nil })
		token := s.token()
		h, p, sig := parts(token)
		signature := must(base64.RawURLEncoding.DecodeString(sig))
		alone := testing.AllocsPerRun(100, func() {
			if err := s.method.Verify(h+"."+p, signature, s.public); err != nil {
				t.Fatal(err)
			}
		}) - 1 // of the concatenation
		whole := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %.0f allocations, of them %.0f of the signature", alg, whole, alone)
		if most := alone + 15; whole > most {
			t.Errorf("%s: more than %.0f", alg, most)
		}
		c := config(s.key)
		c.CacheTokens = 1
		cached := jwt.New(c, func(context.Context, *Claims) (*User, error) { return user, nil })
		again := testing.AllocsPerRun(100, func() {
			if _, err := cached.Verify(context.Background(), token); err != nil {
				t.Fatal(err)
			}
		})
		if spared := whole - again; alone > 10 && spared < alone/2 {
			t.Errorf("%s: a token that is remembered spares %.0f allocations of the signature's %.0f", alg, spared, alone)
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
