package local_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy, by a form and by JSON,
// with passwords checked here and elsewhere.
func TestConformance(t *testing.T) {
	t.Parallel()
	const (
		right = "correct horse battery"
		wrong = "purple monkey dishwasher"
	)
	type find = func(context.Context, string) (*user, string, error)
	accounts := func(_ context.Context, name string) (*user, string, error) {
		if name != "alice" {
			return nil, "", passport.ErrNoUser
		}
		return &user{name}, "quick$" + digest(right), nil
	}
	down := func(context.Context, string) (*user, string, error) { return nil, "", errors.New("no database") }
	slow := func(ctx context.Context, _ string) (*user, string, error) {
		<-ctx.Done()
		return nil, "", ctx.Err()
	}
	byHash := func(f find) passport.Strategy[*user] {
		return local.New(f, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: free{}})
	}
	elsewhere := func(f find) passport.Strategy[*user] {
		return local.Func(func(ctx context.Context, name, password string) (*user, error) {
			u, hash, err := f(ctx, name)
			if err == nil && hash != "quick$"+digest(password) {
				err = passport.ErrInvalidCredentials
			}
			return u, err
		}, &local.Options[*user]{Limiter: free{}})
	}
	json := func(name, password string) *http.Request {
		return post("application/json", `{"username":"`+name+`","password":"`+password+`"}`)
	}
	for name, kind := range map[string]struct {
		make    func(find) passport.Strategy[*user]
		request func(name, password string) *http.Request
	}{
		"form":      {byHash, form},
		"json":      {byHash, json},
		"elsewhere": {elsewhere, form},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			strategytest.Run(t, strategytest.Cases[*user]{
				Right: func() (passport.Strategy[*user], *http.Request) {
					return kind.make(accounts), kind.request("alice", right)
				},
				Wrong: func() (passport.Strategy[*user], *http.Request) {
					return kind.make(accounts), kind.request("alice", wrong)
				},
				Absent: func() (passport.Strategy[*user], *http.Request) { return kind.make(accounts), get() },
				Broken: func() (passport.Strategy[*user], *http.Request) {
					return kind.make(down), kind.request("alice", right)
				},
				Slow: func() (passport.Strategy[*user], *http.Request) {
					return kind.make(slow), kind.request("alice", right)
				},
			})
		})
	}
}

func get() *http.Request {
	r := form("alice", "correct horse battery")
	r.Method = http.MethodGet
	return r
}
