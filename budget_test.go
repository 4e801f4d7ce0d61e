package passport_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/gopassport/passport"
)

type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *nullWriter) WriteHeader(int)             {}

// hot returns a function that serves one request over and over, with sessions
// in memory: of a signed-in user, or of a stranger where id is empty.
func hot(t testing.TB, id string) func() {
	users := newDirectory("alice")
	a := passport.New(passport.Config[*user]{
		Serializer: passport.SerializeBy((*user).Key, func(context.Context, string) (*user, error) { return alice, nil }),
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), users.byID))
	b := newBrowser(t, a.Handler(a.LoginHandler("key", nil)))
	if id != "" {
		b.send("POST", "/", "X-Key", id)
	}
	r := b.request("GET", "/")
	h := a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := a.User(r.Context()); ok != (id != "") {
			t.Errorf("signed in: %v", ok)
		}
	}))
	w := &nullWriter{http.Header{}}
	return func() { clear(w.h); h.ServeHTTP(w, r) }
}

// TestBudget holds what a request costs. Not parallel: it counts what the
// whole process allocates.
func TestBudget(t *testing.T) {
	pass := passport.StrategyFunc[*user](func(*http.Request) (res passport.Result[*user], err error) { return res.Pass() })
	success := passport.StrategyFunc[*user](func(*http.Request) (res passport.Result[*user], err error) { return res.Success(alice) })
	three := passport.Any[*user](pass, pass, success)
	r := httptest.NewRequest("GET", "/", nil)
	decision := func() {
		if res, err := three.Authenticate(r); err != nil || res.Err() != nil {
			t.Error("nobody is let in")
		}
	}
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	var ctx context.Context
	a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(nil, r)
	env := func() {
		if passport.EnvOf(ctx) == nil {
			t.Error("no Env")
		}
	}
	for name, test := range map[string]struct {
		run           func()
		allocs, bytes float64
	}{
		"a signed-in request":           {hot(t, "alice"), 5, 640},
		"a stranger's request":          {hot(t, ""), 2, 640},
		"Any of pass, pass and success": {decision, 0, 0},
		"EnvOf":                         {env, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if allocs := testing.AllocsPerRun(200, test.run); allocs > test.allocs {
				t.Errorf("%v allocations, more than %v", allocs, test.allocs)
			}
			if bytes := bytesPerRun(200, test.run); bytes > test.bytes {
				t.Errorf("%v bytes, more than %v", bytes, test.bytes)
			}
		})
	}
}

// bytesPerRun is testing.AllocsPerRun for bytes.
func bytesPerRun(runs int, f func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.TotalAlloc - before.TotalAlloc) / uint64(runs))
}

func BenchmarkHandler(b *testing.B) {
	for name, id := range map[string]string{"signed-in": "alice", "stranger": ""} {
		b.Run(name, func(b *testing.B) {
			serve := hot(b, id)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
