package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/throttle"
)

// throttledStrategy has the default Limiter.
func throttledStrategy(q *quick) *local.Strategy[*user] {
	return local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(q)})
}

const (
	home     = "192.0.2.1:1"
	attacker = "203.0.113.9:1"
)

// addr is one of many strangers.
func addr(i int) string { return fmt.Sprintf("198.51.%d.%d:1", i/250, 1+i%250) }

// failOver makes n attempts with a wrong password, each as soon as it is let in.
func failOver(t *testing.T, s *local.Strategy[*user], name string, n int) {
	t.Helper()
	for i := range n {
		for {
			_, f := decide(t, s, formFrom(addr(i), name, "wrong"))
			if f.Code != local.CodeThrottled {
				break
			}
			time.Sleep(f.RetryAfter)
		}
	}
}

// A22, A23, A26: of 200 guesses at once as many are hashed as there may be
// failures, the others are told when to come back, and nobody's account is
// told from nobody.
func TestParallelGuesses(t *testing.T) {
	for _, name := range []string{"alice", "nobody", "locked"} {
		synctest.Test(t, func(t *testing.T) {
			q := &quick{}
			s := throttledStrategy(q)
			q.gate = make(chan struct{})
			var mu sync.Mutex
			codes := map[string]int{}
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					_, f := decide(t, s, formFrom(addr(i), name, "wrong"))
					mu.Lock()
					defer mu.Unlock()
					codes[f.Code]++
					if f.Code == local.CodeThrottled && (f.RetryAfter < time.Second || f.Status != 429 || f.Message == "") {
						t.Errorf("%+v", f)
					}
				})
			}
			synctest.Wait() // all are decided, or inside the hash
			close(q.gate)
			wg.Wait()
			if codes["invalid-credentials"] != 5 || codes["throttled"] != 195 || q.verified.Load() != 5 {
				t.Errorf("%s: %v, %d hashed; want 5 and 195", name, codes, q.verified.Load())
			}
		})
	}
}

func TestDelayRises(t *testing.T) { // A22, A26
	synctest.Test(t, func(t *testing.T) {
		q := &quick{}
		s := throttledStrategy(q)
		var waits []time.Duration
		for i := range 25 {
			waited := time.Duration(0)
			for {
				hashed := q.verified.Load()
				_, f := decide(t, s, formFrom(addr(i), "alice", "wrong"))
				if f.Code != local.CodeThrottled {
					break
				}
				if q.verified.Load() != hashed {
					t.Fatal("a throttled attempt was hashed")
				}
				waited += f.RetryAfter
				time.Sleep(f.RetryAfter)
			}
			waits = append(waits, waited)
		}
		for i, waited := range waits {
			want := time.Duration(0)
			if i >= 5 {
				want = min(time.Second<<(i-5), time.Hour)
			}
			if waited != want {
				t.Errorf("before failure %d: %v, want %v", i+1, waited, want)
			}
		}
	})
}

// A22: an attacker elsewhere cannot keep the owner out.
func TestOwnerIsNotLockedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttledStrategy(&quick{})
		if o, f := decide(t, s, formFrom(home, "alice", "right")); o != passport.Succeeded {
			t.Fatal(f)
		}
		failOver(t, s, "alice", 30)
		if _, f := decide(t, s, formFrom(attacker, "alice", "right")); f == nil || f.Code != local.CodeThrottled {
			t.Fatalf("a stranger is let in: %v", f)
		}
		for _, pw := range []string{"Right", "rihgt", "right"} {
			o, f := decide(t, s, formFrom(home, "alice", pw))
			if o != passport.Succeeded && f.Code != "invalid-credentials" {
				t.Errorf("owner, %q: %v", pw, f)
			}
		}
		// And that the owner has come forgives the strangers' failures. A25
		if _, f := decide(t, s, formFrom(attacker, "alice", "wrong")); f.Code != "invalid-credentials" {
			t.Errorf("after the owner's success: %v", f)
		}
	})
}

// A22: strangers and known clients together have no more than 100 failures in
// a row, before it is one a day.
func TestConsecutiveFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &quick{}
		s := throttledStrategy(q)
		clients := make([]string, 7) // two more than an account knows
		for i := range clients {
			clients[i] = fmt.Sprintf("192.0.2.%d:1", i+1)
			if o, f := decide(t, s, formFrom(clients[i], "alice", "right")); o != passport.Succeeded {
				t.Fatal(f)
			}
		}
		q.verified.Store(0)
		for i := range 2000 { // all guess for three days
			for _, from := range append(clients, addr(i)) {
				decide(t, s, formFrom(from, "alice", "wrong"))
			}
			time.Sleep(3 * 24 * time.Hour / 2000)
		}
		if n := q.verified.Load(); n > 100 || n < 50 {
			t.Errorf("%d guesses were hashed, want at most 100", n) // 40, 5 × 10, and one a day
		}
		q.verified.Store(0)
		for i := range 20 * 24 * 60 {
			decide(t, s, formFrom(addr(i%60000), "alice", "wrong"))
			time.Sleep(time.Minute)
		}
		if n := q.verified.Load(); n > 20 {
			t.Errorf("%d guesses in 20 days, want one a day", n)
		}
		time.Sleep(8 * 24 * time.Hour)
		for i := range 5 {
			if _, f := decide(t, s, formFrom(addr(i), "alice", "wrong")); f.Code != "invalid-credentials" {
				t.Errorf("after a quiet week, failure %d: %v", i+1, f)
			}
		}
	})
}

// A25: one client's failures count together at whatever accounts, and signing
// in somewhere does not forgive them.
func TestClientIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttledStrategy(&quick{})
		for i := range 20 {
			if i == 19 {
				if o, f := decide(t, s, formFrom(attacker, "alice", "right")); o != passport.Succeeded {
					t.Fatal(f)
				}
			}
			if _, f := decide(t, s, formFrom(attacker, fmt.Sprint("victim", i), "wrong")); f.Code != "invalid-credentials" {
				t.Fatalf("failure %d: %v", i+1, f)
			}
		}
		_, f := decide(t, s, formFrom(attacker, "victim20", "wrong"))
		if f.Code != local.CodeThrottled || f.RetryAfter != time.Second {
			t.Errorf("failure 21: %v", f)
		}
		if _, f := decide(t, s, formFrom(attacker, "alice", "right")); f == nil || f.Code != local.CodeThrottled || f.RetryAfter != time.Second {
			t.Errorf("where it is known: %v", f)
		}
		time.Sleep(time.Second)
		if o, f := decide(t, s, formFrom(attacker, "alice", "right")); o != passport.Succeeded {
			t.Errorf("where it is known, after the delay: %v", f)
		}
		if _, f := decide(t, s, formFrom(attacker, "victim20", "wrong")); f.Code != "invalid-credentials" {
			t.Errorf("after the delay: %v", f)
		}
		if _, f := decide(t, s, formFrom(attacker, "victim21", "wrong")); f.Code != local.CodeThrottled || f.RetryAfter != 2*time.Second {
			t.Errorf("failure 22: %v", f)
		}
		if _, f := decide(t, s, formFrom(home, "victim20", "wrong")); f.Code != "invalid-credentials" {
			t.Errorf("another client: %v", f)
		}
		time.Sleep(15 * time.Minute)
		for i := range 20 {
			if _, f := decide(t, s, formFrom(attacker, fmt.Sprint("other", i), "wrong")); f.Code != "invalid-credentials" {
				t.Errorf("after a quiet quarter of an hour, failure %d: %v", i+1, f)
			}
		}
	})
}

func TestSuccessResetsTheAccount(t *testing.T) { // A25
	synctest.Test(t, func(t *testing.T) {
		s := throttledStrategy(&quick{})
		for round := range 5 {
			failOver(t, s, "alice", 4)
			if o, f := decide(t, s, formFrom(addr(100+round), "alice", "right")); o != passport.Succeeded {
				t.Fatalf("round %d: %v", round, f)
			}
		}
	})
}

func TestClientKey(t *testing.T) { // A24
	for _, tt := range []struct{ remote, want string }{
		{"192.0.2.7:4321", "192.0.2.7"},
		{"[::ffff:192.0.2.7]:4321", "192.0.2.7"},
		{"[::FFFF:C000:0207]:4321", "192.0.2.7"},
		{"[2001:db8:1:2:3:4:5:6]:4321", "2001:db8:1:2::/64"},
		{"[2001:DB8:1:2:ffff::1]:4321", "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:4321", "fe80::/64"},
		{"@", ""},
	} {
		limiter := &recorder{}
		s := local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: limiter})
		r := formFrom(tt.remote, "alice", "right")
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		r.Header.Set("X-Real-IP", "198.51.100.1")
		decide(t, s, r)
		if limiter.clients[0] != tt.want {
			t.Errorf("%s: %q, want %q", tt.remote, limiter.clients[0], tt.want)
		}
	}
}

// A24: behind an Authenticator, proxies are believed as it was told to.
func TestClientBehindProxy(t *testing.T) {
	for _, tt := range []struct {
		trusted []netip.Prefix
		want    string
	}{
		{nil, "192.0.2.1"},
		{[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "2001:db8::/64"},
	} {
		limiter := &recorder{}
		s := local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: limiter})
		claimed := ""
		a := passport.New(passport.Config[*user]{
			TrustedProxies: tt.trusted,
			OnAttempt:      func(_ context.Context, at passport.Attempt) { claimed = at.Name },
		})
		a.Use("local", s)
		a.UseFunc("again", func(r *http.Request) (passport.Result[*user], error) {
			u, err := s.Verify(r.Context(), "Alice", "right")
			if err != nil {
				return passport.Result[*user]{}, err
			}
			return passport.Result[*user]{}.Success(u)
		})
		for _, name := range []string{"local", "again"} {
			r := formFrom(home, "Alice", "right")
			r.Header.Set("X-Forwarded-For", "2001:db8::1")
			if _, err := a.Authenticate(r, name); err != nil {
				t.Fatal(err)
			}
		}
		for _, client := range limiter.clients {
			if client != tt.want {
				t.Errorf("trusting %v: %q, want %q", tt.trusted, client, tt.want)
			}
		}
		if claimed != "alice" {
			t.Errorf("the attempt claims %q", claimed)
		}
	}
}

type brokenLimiter struct{ err error }

func (l brokenLimiter) Attempt(context.Context, string, string) (func(throttle.Verdict), error) {
	return nil, l.err
}

func TestLimiterStoreFails(t *testing.T) { // A25
	q := &quick{}
	o := &local.Options[*user]{Hasher: newHasher(q), Limiter: brokenLimiter{errors.New("redis is down")}, Logger: slog.New(slog.DiscardHandler)}
	outcome, f := decide(t, local.New(accounts().find, o), form("alice", "right"))
	if outcome != passport.Broken || f.Code != "unavailable" || f.Status != 503 || q.verified.Load() != 0 {
		t.Errorf("%v, %v, %d hashed; want unavailable", outcome, f, q.verified.Load())
	}
	o.InsecureIgnoreLimiterErrors = true
	if outcome, f := decide(t, local.New(accounts().find, o), form("alice", "right")); outcome != passport.Succeeded {
		t.Errorf("ignored: %v", f)
	}
	o.Limiter = brokenLimiter{&passport.Failure{Code: "throttled", Status: 429, RetryAfter: time.Minute}}
	if outcome, f := decide(t, local.New(accounts().find, o), form("alice", "right")); outcome != passport.Failed || f.RetryAfter != time.Minute {
		t.Errorf("a refusal is ignored: %v, %v", outcome, f)
	}
}

// An attempt that ends in a panic is settled as well, or the account would
// wait for it for ever.
func TestPanicSettles(t *testing.T) { // F02
	calls := 0
	s := local.Func(func(context.Context, string, string) (*user, error) {
		if calls++; calls <= 20 {
			panic("boom")
		}
		return &user{"alice"}, nil
	}, nil)
	for range 20 {
		func() {
			defer func() { _ = recover() }()
			_, _ = s.Authenticate(form("alice", "right"))
		}()
	}
	if o, f := decide(t, s, form("alice", "right")); o != passport.Succeeded {
		t.Errorf("%v", f)
	}
}

func TestMemoryIsBounded(t *testing.T) { // A22
	l := throttle.NewMemory(&throttle.MemoryOptions{Entries: 100})
	attempt := func(account, client string, v throttle.Verdict) error {
		done, err := l.Attempt(t.Context(), account, client)
		if err == nil {
			done(v)
			done(throttle.Wrong) // a second call is nothing
		}
		return err
	}
	if err := attempt("owner", "home", throttle.Right); err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		if err := attempt(fmt.Sprint("account", i), fmt.Sprint("client", i), throttle.Wrong); err != nil {
			t.Fatal(err)
		}
	}
	// What was pushed out is forgotten; what a success made is not.
	for range 5 {
		if err := attempt("owner", "elsewhere", throttle.Wrong); err != nil {
			t.Fatal(err)
		}
	}
	if err := attempt("owner", "elsewhere", throttle.Wrong); err == nil {
		t.Error("a stranger is let in")
	}
	if err := attempt("owner", "home", throttle.Right); err != nil {
		t.Errorf("the owner is forgotten: %v", err)
	}
	if n := l.Len(); n > 300 {
		t.Errorf("%d entries, want at most 300", n)
	}
}

// All whose address is unknown are not one client.
func TestUnknownClient(t *testing.T) { // A22
	synctest.Test(t, func(t *testing.T) {
		s := throttledStrategy(&quick{})
		for i := range 100 {
			if _, err := s.Verify(t.Context(), fmt.Sprint("nobody", i), "wrong"); !errors.Is(err, passport.ErrNoUser) {
				t.Fatal(err)
			}
		}
		if _, err := s.Verify(t.Context(), "alice", "right"); err != nil {
			t.Fatal(err)
		}
		failOver(t, s, "alice", 6)
		if _, err := s.Verify(t.Context(), "alice", "right"); err == nil {
			t.Error("the nameless are known after one has signed in")
		}
	})
}
