package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c  jwks.Config
		ok bool
	}{
		"https":            {jwks.Config{URL: keysURL}, true},
		"http":             {jwks.Config{URL: "http://127.0.0.1/keys"}, false},
		"http by option":   {jwks.Config{URL: "http://127.0.0.1/keys", InsecureHTTP: true}, true},
		"another scheme":   {jwks.Config{URL: "file:///etc/keys", InsecureHTTP: true}, false},
		"no host":          {jwks.Config{URL: "/keys"}, false},
		"none":             {jwks.Config{}, false},
		"a password":       {jwks.Config{URL: "https://user:secret@login.example.com/keys"}, false},
		"a fragment":       {jwks.Config{URL: keysURL + "#x"}, false},
		"control":          {jwks.Config{URL: "https://login.example.com/\x00"}, false},
		"a secret's alg":   {jwks.Config{URL: keysURL, Algorithms: []jwt.Algorithm{jwt.RS256, jwt.HS256}}, false},
		"no alg":           {jwks.Config{URL: keysURL, Algorithms: []jwt.Algorithm{"none"}}, false},
		"several algs":     {jwks.Config{URL: keysURL, Algorithms: []jwt.Algorithm{jwt.RS256, jwt.PS512}}, true},
		"negative timeout": {jwks.Config{URL: keysURL, Timeout: -1}, false},
	} {
		_, err := jwks.New(tt.c)
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// found checks whether the key with that id is there.
func found(t *testing.T, s *jwks.Source, id string, want bool) *jwt.Key {
	t.Helper()
	key, err := s.Find(t.Context(), jwt.EdDSA, id)
	if want && (err != nil || key.ID() != id) || !want && (key != nil || !errors.Is(err, jwt.ErrNoKey)) {
		t.Errorf("%q: %v, %v, want found %t", id, key, err, want)
	}
	return key
}

// TestLifetime: a set is kept for as long as Cache-Control says, within bounds,
// and nothing is fetched before the first token (D27).
func TestLifetime(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"":                                   time.Hour,
		"public":                             time.Hour,
		"max-age=600":                        10 * time.Minute,
		"public, Max-Age=600, must-":         10 * time.Minute,
		`max-age="600"`:                      10 * time.Minute,
		"max-age=0":                          time.Minute,
		"max-age=59":                         time.Minute,
		"max-age=-1":                         time.Hour,
		"max-age=x":                          time.Hour,
		"max-age=2592000":                    24 * time.Hour,
		"max-age=999999999999999999999":      time.Hour,
		"no-store":                           time.Minute,
		"no-cache, max-age=600":              time.Minute,
		"s-maxage=1, max-age=600, immutable": 10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			s, i := source(t, nil)
			i.say(http.StatusOK, header, document(edJWK("a", nil)))
			if i.fetches() != 0 {
				t.Fatal("New fetches")
			}
			first := found(t, s, "a", true)
			time.Sleep(want - time.Second)
			found(t, s, "a", true)
			if n := i.fetches(); n != 1 {
				t.Errorf("%q: %d fetches within its time", header, n)
			}
			time.Sleep(time.Second)
			if again := found(t, s, "a", true); again != first {
				t.Errorf("%q: the same key is another", header)
			}
			if n := i.fetches(); n != 2 {
				t.Errorf("%q: %d fetches after its time", header, n)
			}
		})
	}
}

// TestSingleFlight: however many ask at once, the issuer is asked once, and
// all get its answer (D27).
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil))
		answer := i.answer
		i.do(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return answer(r)
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { found(t, s, "a", true) })
		}
		wg.Wait()
		if n := i.fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestStale: while the issuer is away its keys stay, for a time; only the one
// request that asks waits for it (D27, D31).
func TestStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, func(c *jwks.Config) { c.MaxStale = time.Hour })
		i.publish(edJWK("a", nil)) // for ten minutes
		found(t, s, "a", true)
		i.do(func(r *http.Request) (*http.Response, error) { // hangs
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		time.Sleep(10 * time.Minute)
		start := time.Now()
		waited := make(chan time.Duration, 20)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				found(t, s, "a", true)
				waited <- time.Since(start)
			})
		}
		wg.Wait()
		close(waited)
		slow := 0
		for d := range waited {
			if d > 0 {
				slow++
			}
		}
		if slow != 1 || i.fetches() != 2 {
			t.Errorf("%d requests waited for %d fetches, want 1 for the second", slow, i.fetches())
		}
		time.Sleep(time.Hour - 15*time.Second)
		found(t, s, "a", true)
		time.Sleep(time.Minute)
		if key, err := s.Find(t.Context(), jwt.EdDSA, "a"); key != nil || !errors.Is(err, jwks.ErrUnavailable) {
			t.Errorf("keys that are too old: %v, %v", key, err)
		}
		time.Sleep(10 * time.Second)
		i.publish(edJWK("b", nil))
		found(t, s, "b", true)
		found(t, s, "a", false)
	})
}

// TestUnavailable: without any keys the issuer is asked once in ten seconds,
// and the answer is no refusal.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.say(http.StatusInternalServerError, "", "")
		for range 20 {
			if key, err := s.Find(t.Context(), jwt.EdDSA, "a"); key != nil || !errors.Is(err, jwks.ErrUnavailable) || errors.Is(err, jwt.ErrNoKey) {
				t.Errorf("%v, %v", key, err)
			}
			time.Sleep(time.Second)
		}
		if n := i.fetches(); n != 2 {
			t.Errorf("%d fetches in 20 s", n)
		}
		time.Sleep(time.Second)
		i.publish(edJWK("a", nil))
		found(t, s, "a", true)
	})
}

// TestWithdrawn: a key that is not in the next set is gone (D27).
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		a, b := edJWK("a", nil), edJWK("b", nil)
		i.publish(a, b)
		kept := found(t, s, "b", true)
		found(t, s, "a", true)
		i.publish(b)
		found(t, s, "a", true)
		time.Sleep(10 * time.Minute)
		found(t, s, "a", false)
		if found(t, s, "b", true) != kept {
			t.Error("the key that stayed is another")
		}
		i.publish(edJWK("b", nil)) // another key of that name
		time.Sleep(10 * time.Minute)
		if found(t, s, "b", true) == kept {
			t.Error("the key that changed is the same")
		}
	})
}

// TestFlood: kids that are made up cause a fetch in ten seconds, and no
// memory; a rotation is found all the same (D28, D29, D30).
func TestFlood(t *testing.T) { // alone: it measures the heap
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil))
		found(t, s, "a", true)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := 0
		flood := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); n++ {
				if n%2 == 0 {
					found(t, s, kid(n), false)
				} else {
					found(t, s, "a", true)
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
		flood(95 * time.Second)
		if got := i.fetches(); got != 1+9 {
			t.Errorf("%d fetches in 95 s of %d requests, want 10", got, n)
		}
		i.publish(edJWK("a", nil), edJWK("new", nil))
		flood(10 * time.Second)
		found(t, s, "new", true)
		if got := i.fetches(); got != 1+10 {
			t.Errorf("%d fetches in 105 s", got)
		}
		flood(200 * time.Second)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("%d bytes more after %d requests", grown, n)
		}
	})
}

// TestRotation: the first token of a new key fetches, and no request with it is
// refused (D29).
func TestRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		old := edJWK("old", nil)
		i.publish(old)
		found(t, s, "old", true)
		time.Sleep(10 * time.Second)
		i.publish(old, edJWK("new", nil))
		answer := i.answer
		i.do(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return answer(r)
		})
		var wg sync.WaitGroup
		for n := range 40 {
			id := []string{"old", "new"}[n%2]
			wg.Go(func() { found(t, s, id, true) })
		}
		wg.Wait()
		if n := i.fetches(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestNoFetch: a header that no key could fit is no reason to ask (D28, D03).
func TestNoFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil))
		for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.HS384, jwt.HS512, "none", ""} {
			if _, err := s.Find(t.Context(), alg, "b"); !errors.Is(err, jwt.ErrNoKey) {
				t.Errorf("%s: %v", alg, err)
			}
		}
		if n := i.fetches(); n != 0 {
			t.Errorf("%d fetches for algorithms with secrets", n)
		}
		found(t, s, "a", true)
		time.Sleep(time.Minute)
		if _, err := s.Find(t.Context(), jwt.RS256, "a"); !errors.Is(err, jwt.ErrNoKey) || i.fetches() != 1 {
			t.Errorf("a known kid with another alg: %v, %d fetches", err, i.fetches())
		}
		s, i = source(t, func(c *jwks.Config) { c.Algorithms = []jwt.Algorithm{jwt.ES256} })
		if _, err := s.Find(t.Context(), jwt.EdDSA, "a"); !errors.Is(err, jwt.ErrNoKey) || i.fetches() != 0 {
			t.Errorf("an alg that Config leaves out: %v, %d fetches", err, i.fetches())
		}
	})
}

// TestStrategyAsksLast: what the strategy refuses by itself reaches no issuer
// (D28).
func TestStrategyAsksLast(t *testing.T) {
	t.Parallel()
	s, i := source(t, nil)
	i.publish(edJWK("a", nil))
	v := jwt.New(jwt.Config{Issuers: []jwt.Issuer{{Name: "https://login.example.com", Audience: []string{"api"}, Keys: s}}},
		func(context.Context, *struct{}) (string, error) { return "somebody", nil })
	for _, header := range []string{
		`{"alg":"none","typ":"at+jwt","kid":"b"}`, `{"alg":"EdDSA","typ":"JWT","kid":"b"}`, `{"alg":"EdDSA","typ":"at+jwt","kid":"b","crit":["x"]}`,
		`{"alg":"EdDSA","typ":"at+jwt","kid":1}`, `{"alg":"EdDSA","typ":"at+jwt","kid":"b","kid":"b"}`, `{"alg":"HS256","typ":"at+jwt","kid":"b"}`,
	} {
		if _, err := v.Verify(t.Context(), b64([]byte(header))+".e30."+strings.Repeat("A", 86)); err == nil {
			t.Errorf("%s is taken", header)
		}
	}
	if n := i.fetches(); n != 0 {
		t.Errorf("%d fetches", n)
	}
}

// TestBadAnswers: the last good set stays (D31).
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"500":           {500, document(edJWK("b", nil))},
		"404":           {404, "not here"},
		"a redirect":    {302, ""},
		"HTML":          {200, "<html>Sign in</html>"},
		"empty":         {200, ""},
		"no keys":       {200, `{"keys":[]}`},
		"none to use":   {200, document(rsaJWK("a", map[string]any{"use": "enc"}))},
		"too large":     {200, document(edJWK("b", nil)) + strings.Repeat(" ", 512<<10)},
		"not quite all": {200, document(edJWK("b", nil))[:60]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, i := source(t, nil)
				i.publish(edJWK("a", nil))
				kept := found(t, s, "a", true)
				i.say(answer.status, "", answer.body)
				time.Sleep(10 * time.Minute)
				if found(t, s, "a", true) != kept || i.fetches() != 2 {
					t.Errorf("%d fetches", i.fetches())
				}
				if err := s.Refresh(t.Context()); err == nil {
					t.Error("Refresh says that it went well")
				}
				found(t, s, "b", false)
			})
		})
	}
}

// TestLeaverDoesNotStopIt: a client that leaves ends its own wait, and not the
// fetch of the others; nor can it cause more fetches (D28).
func TestLeaverDoesNotStopIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil))
		answer := i.answer
		i.do(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(2 * time.Second):
				return answer(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, _ = s.Find(ctx, jwt.EdDSA, "a")
			})
		}
		wg.Go(func() { found(t, s, "a", true) })
		wg.Wait()
		if n := i.fetches(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestPanicEndsTheFetch: the next one may try.
func TestPanicEndsTheFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.do(func(*http.Request) (*http.Response, error) { panic("transport") })
		func() {
			defer func() { _ = recover() }()
			_, _ = s.Find(t.Context(), jwt.EdDSA, "a")
		}()
		i.publish(edJWK("a", nil))
		time.Sleep(10 * time.Second)
		found(t, s, "a", true)
	})
}

// TestRun: in the background keys are fetched before they run out, so that no
// request waits, and until the caller ends it (D27).
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil)) // for ten minutes
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(time.Hour + time.Second)
		if n := i.fetches(); n != 1+8 {
			t.Errorf("%d fetches in an hour, want 9", n)
		}
		found(t, s, "a", true)
		if n := i.fetches(); n != 9 {
			t.Errorf("a request fetched: %d", n)
		}
		i.say(500, "", "")
		time.Sleep(8 * time.Minute)
		if n := i.fetches(); n < 9+2 || n > 9+48 {
			t.Errorf("%d fetches while the issuer is away", n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestRunWaitsForAll: while Run fetches, and between its fetches, a request with
// a key of the old set does not wait for an issuer that hangs (D27).
func TestRunWaitsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		i.publish(edJWK("a", nil)) // for ten minutes
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(time.Minute)
		i.do(func(r *http.Request) (*http.Response, error) { // hangs
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			start := time.Now()
			found(t, s, "a", true)
			if d := time.Since(start); d > 0 {
				t.Errorf("a request waited for %v", d)
				break
			}
		}
		cancel()
		<-done
		time.Sleep(20 * time.Second)
		before := i.fetches()
		found(t, s, "a", true) // whoever asks has to fetch again
		if n := i.fetches() - before; n != 1 {
			t.Errorf("%d fetches after Run", n)
		}
	})
}

// TestRunFollows: where a request brings a set that is good for a minute, Run
// keeps to that, and a key that is withdrawn is gone (D27).
func TestRunFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, i := source(t, nil)
		a, b := edJWK("a", nil), edJWK("b", nil)
		i.say(http.StatusOK, "max-age=86400", document(a))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(time.Hour)
		i.say(http.StatusOK, "max-age=60", document(a, b))
		found(t, s, "b", true)
		i.say(http.StatusOK, "max-age=60", document(b))
		time.Sleep(time.Minute)
		found(t, s, "a", false)
		cancel()
		<-done
	})
}

// TestAtOnce: with the race detector.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	s, i := source(t, func(c *jwks.Config) { c.Interval = time.Nanosecond })
	keys := []map[string]any{edJWK("a", nil), edJWK("b", nil)}
	i.publish(keys...)
	var wg sync.WaitGroup
	for n := range 32 {
		wg.Go(func() {
			for m := range 20 {
				found(t, s, []string{"a", "b"}[m%2], true)
				found(t, s, fmt.Sprint(n), false)
				if m%10 == 0 {
					if err := s.Refresh(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}
