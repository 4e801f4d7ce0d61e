package throttle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategytest"
	"github.com/gopassport/passport/throttle"
)

type user struct{ Name string }

var errDown = errors.New("no database")

// pins is a strategy of a name and a PIN, in headers. Asked counts.
type pins struct {
	asked atomic.Int64
	err   error // what every look-up returns, unless nil
}

func (p *pins) Authenticate(r *http.Request) (passport.Result[*user], error) {
	p.asked.Add(1)
	var res passport.Result[*user]
	env := passport.EnvOf(r.Context())
	switch pin := r.Header.Get("X-Pin"); {
	case pin == "":
		return res.Pass()
	case p.err != nil:
		return res, p.err
	case pin == "panic":
		panic("boom")
	case pin == "detour":
		return res, &passport.Detour{URL: "/terms", Key: "terms"}
	case pin == "late":
		return res.Fail(&passport.Failure{Status: http.StatusServiceUnavailable})
	case pin != "1234-5678":
		return res.Fail(errors.New("pins: wrong"))
	case env != nil && env.Strategy() == "":
		return res, errors.New("pins: no Env")
	}
	return res.Success(&user{r.Header.Get("X-Name")})
}

func claim(r *http.Request) (string, bool) {
	return strings.ToLower(r.Header.Get("X-Name")), r.Header.Get("X-Pin") != ""
}

func request(name, pin string) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	if pin != "" {
		r.Header.Set("X-Name", name)
		r.Header.Set("X-Pin", pin)
	}
	return r
}

// code is what an attempt is answered with; empty for a success.
func code(res passport.Result[*user], err error) string {
	if err == nil {
		err = res.Err()
	}
	if f, ok := errors.AsType[*passport.Failure](err); ok {
		return f.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// A22, A23: a strategy that knows nothing of throttling is guessed at no more
// than local is, by one client or by many; and its own rules stay.
func TestGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(pins)
		s := throttle.New(passport.Strategy[*user](p), claim, nil)
		for i := range 200 {
			r := request([]string{"ann", "ANN"}[i%2], "0000-0000")
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			got := code(s.Authenticate(r))
			want := "throttled"
			if i < 5 {
				want = "invalid-credentials"
			}
			if got != want {
				t.Fatalf("guess %d: %q, want %q", i+1, got, want)
			}
		}
		if n := p.asked.Load(); n != 5 {
			t.Errorf("the strategy was asked %d times", n)
		}
		// Nobody else waits, and what has no credentials is not counted.
		if got := code(s.Authenticate(request("bob", "1234-5678"))); got != "" {
			t.Errorf("another account: %s", got)
		}
		for range 200 {
			if got := code(s.Authenticate(request("", ""))); got != "passport: no credentials" {
				t.Fatalf("absent: %s", got)
			}
		}
		time.Sleep(time.Second)
		if got := code(s.Authenticate(request("ann", "1234-5678"))); got != "" {
			t.Errorf("after the delay: %s", got)
		}
	})
}

// What is no wrong answer is not counted: an outage, a panic, an answer of 503.
func TestUndecided(t *testing.T) {
	t.Parallel()
	for _, pin := range []string{"panic", "late", "detour"} {
		s := throttle.New(passport.Strategy[*user](new(pins)), claim, nil)
		for range 20 {
			func() {
				defer func() { _ = recover() }()
				_, _ = s.Authenticate(request("ann", pin))
			}()
		}
		if got := code(s.Authenticate(request("ann", "1234-5678"))); got != "" {
			t.Errorf("after %s: %s", pin, got)
		}
	}
	broken := &pins{err: errDown}
	s := throttle.New(passport.Strategy[*user](broken), claim, nil)
	for range 20 {
		if _, err := s.Authenticate(request("ann", "1234-5678")); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
	}
	broken.err = passport.ErrNoUser // and a refusal is, as an error too
	for range 6 {
		_, _ = s.Authenticate(request("ann", "1234-5678"))
	}
	if got := code(s.Authenticate(request("ann", "1234-5678"))); got != "throttled" {
		t.Errorf("after six refusals: %q", got)
	}
}

type failing struct{}

func (failing) Attempt(context.Context, string, string) (func(throttle.Verdict), error) {
	return nil, errDown
}

// A25: a limiter that fails lets nobody in, unless it is told to.
func TestLimiterFails(t *testing.T) {
	t.Parallel()
	p := new(pins)
	o := &throttle.Options{Limiter: failing{}}
	if got := code(throttle.New(passport.Strategy[*user](p), claim, o).Authenticate(request("ann", "1234-5678"))); got != "unavailable" || p.asked.Load() != 0 {
		t.Errorf("got %q, asked %d times", got, p.asked.Load())
	}
	var log bytes.Buffer
	o.InsecureIgnoreLimiterErrors, o.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
	if got := code(throttle.New(passport.Strategy[*user](p), claim, o).Authenticate(request("ann", "1234-5678"))); got != "" || !strings.Contains(log.String(), "no database") {
		t.Errorf("got %q, logged %s", got, &log)
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	var none *pins
	for name, f := range map[string]func(){
		"no strategy": func() { throttle.New[*user](nil, claim, nil) },
		"typed nil":   func() { throttle.New(passport.Strategy[*user](none), claim, nil) },
		"no claim":    func() { throttle.New(passport.Strategy[*user](new(pins)), nil, nil) },
		"much free":   func() { throttle.NewMemory(&throttle.MemoryOptions{Free: 11}) },
		"negative":    func() { throttle.NewMemory(&throttle.MemoryOptions{Entries: -1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// free is a Limiter that lets everyone in.
type free struct{}

func (free) Attempt(context.Context, string, string) (func(throttle.Verdict), error) {
	return func(throttle.Verdict) {}, nil
}

// A throttled strategy is one as any other, with the Env of its name.
func TestConformance(t *testing.T) {
	t.Parallel()
	of := func(p *pins, pin string) func() (passport.Strategy[*user], *http.Request) {
		return func() (passport.Strategy[*user], *http.Request) {
			return throttle.New(passport.Strategy[*user](p), claim, &throttle.Options{Limiter: free{}}), request("ann", pin)
		}
	}
	strategytest.Run(t, strategytest.Cases[*user]{
		Right:  of(new(pins), "1234-5678"),
		Wrong:  of(new(pins), "0000-0000"),
		Absent: of(new(pins), ""),
		Broken: of(&pins{err: errDown}, "1234-5678"),
	})
}

// A link in an e-mail is a GET, throttled or not.
type link struct{ pins }

func (*link) Navigates(r *http.Request) bool { return r.URL.Path == "/link" }
func (*link) Bounces(r *http.Request) bool   { return r.URL.Path == "/bounce" }

func TestAbilities(t *testing.T) {
	t.Parallel()
	for _, s := range []passport.Strategy[*user]{new(link), new(pins)} {
		throttled := throttle.New(s, claim, nil)
		_, can := s.(passport.Navigator)
		for path, want := range map[string][2]bool{"/link": {can, false}, "/bounce": {false, can}, "/": {}} {
			r := httptest.NewRequest("GET", path, nil)
			got := [2]bool{throttled.(passport.Navigator).Navigates(r), throttled.(passport.Bouncer).Bounces(r)}
			if got != want {
				t.Errorf("%T at %s: %v, want %v", s, path, got, want)
			}
		}
	}
}
