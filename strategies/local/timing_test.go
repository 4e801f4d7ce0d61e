package local_test

import (
	"context"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
)

// These two measure the machine, and want it for themselves. The suite shows
// the same by counting hashes.
func measuring(t *testing.T) {
	if os.Getenv("PASSPORT_TIMING") == "" {
		t.Skip("set PASSPORT_TIMING=1 to measure; takes minutes on an idle machine")
	}
}

// A01, A02, A03: over 200 interleaved pairs, an unknown user takes as long as
// a known one.
func TestTimingUnknownUser(t *testing.T) {
	measuring(t)
	const cost = password.MinCost
	hashed := func(cost int) string {
		hash, err := bcrypt.GenerateFromPassword([]byte("right"), cost)
		if err != nil {
			t.Fatal(err)
		}
		return string(hash)
	}
	u := &users{hash: map[string]string{
		"alice": hashed(cost), "imported": hashed(5), "social": "", "torn": "$2a$10$torn",
		"poisoned": "$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
	}}
	a := newAuthenticator(slog.New(slog.DiscardHandler))
	a.Use("local", local.New(u.find, &local.Options[*user]{
		Hasher:  password.New(&password.Options{Scheme: password.Bcrypt(cost)}),
		Limiter: free{},
	}))
	h := a.Handler(a.LoginHandler("local", nil))
	login := func(name, pw string) float64 {
		r, w := form(name, pw), httptest.NewRecorder()
		begun := time.Now()
		h.ServeHTTP(w, r)
		d := time.Since(begun)
		if w.Code != http.StatusUnauthorized {
			t.Fatalf("%s: %d", name, w.Code)
		}
		return float64(d.Microseconds()) / 1000
	}
	long := string(slices.Repeat([]byte("x"), 73))
	for _, tt := range []struct{ known, password string }{
		{"alice", "wrong"}, {"alice", long}, {"imported", "wrong"}, {"social", "wrong"}, {"torn", "wrong"}, {"poisoned", "wrong"},
	} {
		var known, unknown []float64
		for range 200 {
			if rand.IntN(2) == 0 {
				known, unknown = append(known, login(tt.known, tt.password)), append(unknown, login("nobody", tt.password))
			} else {
				unknown, known = append(unknown, login("nobody", tt.password)), append(known, login(tt.known, tt.password))
			}
		}
		a, b, p := median(known), median(unknown), mannWhitney(known, unknown)
		t.Logf("%-8s %d bytes: known %.2f ms, unknown %.2f ms, %+.2f %%, Mann-Whitney p = %.3f", tt.known, len(tt.password), a, b, 100*(b-a)/a, p)
		if math.Abs(b-a) >= 0.05*a || p < 0.001 {
			t.Errorf("%s can be told from an unknown user", tt.known)
		}
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[len(x)/2] + x[(len(x)-1)/2]) / 2
}

// mannWhitney is the two-sided p of the rank-sum test, by its normal
// approximation.
func mannWhitney(x, y []float64) float64 {
	u := 0.0
	for _, a := range x {
		for _, b := range y {
			switch {
			case a > b:
				u++
			case a == b:
				u += 0.5
			}
		}
	}
	n, m := float64(len(x)), float64(len(y))
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

// A16: while 64 people sign in at once, somebody else is served.
func TestBoundKeepsServerResponsive(t *testing.T) {
	measuring(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), password.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	find := func(context.Context, string) (*user, string, error) { return &user{"alice"}, string(hash), nil }
	for _, tt := range []struct {
		name    string
		options password.Options
		p99     time.Duration
	}{
		{"bounded", password.Options{Queue: 64, Wait: time.Minute}, 100 * time.Millisecond},
		{"defaults", password.Options{}, 100 * time.Millisecond},
		{"lifted", password.Options{Concurrent: 64}, time.Hour},
	} {
		s := local.New(find, &local.Options[*user]{Hasher: password.New(&tt.options), Limiter: free{}})
		a := newAuthenticator(slog.New(slog.DiscardHandler))
		a.Use("local", s)
		mux := http.NewServeMux()
		mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{Then: http.NotFoundHandler()}))
		mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
		server := httptest.NewServer(a.Handler(mux))
		get := func() {
			res, err := server.Client().Get(server.URL + "/page")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		get() // connects
		var mu sync.Mutex
		codes := map[int]int{}
		var logins sync.WaitGroup
		begun := time.Now()
		for range 64 {
			logins.Go(func() {
				res, err := server.Client().PostForm(server.URL+"/login", url.Values{"username": {"alice"}, "password": {"right"}})
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				mu.Lock()
				codes[res.StatusCode]++
				mu.Unlock()
			})
		}
		done := make(chan struct{})
		go func() { logins.Wait(); close(done) }()
		var took []float64
		for open := true; open; {
			select {
			case <-done:
				open = false
			case <-time.After(5 * time.Millisecond):
				start := time.Now()
				get()
				took = append(took, float64(time.Since(start).Microseconds())/1000)
			}
		}
		all := time.Since(begun)
		server.Close()
		slices.Sort(took)
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		t.Logf("%-8s p50 %.1f ms, p99 %.1f ms of %d pages; logins %v in %.1f s", tt.name, p50, p99, len(took), codes, all.Seconds())
		if p99 > float64(tt.p99.Milliseconds()) {
			t.Errorf("%s: p99 %.1f ms", tt.name, p99)
		}
	}
}
