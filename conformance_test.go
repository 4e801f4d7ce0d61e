package passport_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance: what the package makes strategies with keeps the rules of
// every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	type find = func(context.Context, string) (*user, error)
	const right, wrong = "the key of alice", "the key of nobody"
	byKey := func(ctx context.Context, key string) (*user, error) {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case key != right:
			return nil, passport.ErrNoUser
		}
		return alice, nil
	}
	down := func(context.Context, string) (*user, error) { return nil, errDown }
	slow := func(ctx context.Context, _ string) (*user, error) { <-ctx.Done(); return nil, ctx.Err() }
	credentials := func(f find) passport.Strategy[*user] {
		return passport.Credentials(passport.HeaderCredential("X-Key"), f)
	}
	for name, make := range map[string]func(find) passport.Strategy[*user]{
		"Credentials": credentials,
		"Any": func(f find) passport.Strategy[*user] {
			return passport.Any(passport.Credentials(passport.HeaderCredential("X-Other"), f), credentials(f))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := func(f find, key string) func() (passport.Strategy[*user], *http.Request) {
				return func() (passport.Strategy[*user], *http.Request) {
					r := httptest.NewRequest("GET", "/", nil)
					if key != "" {
						r.Header.Set("X-Key", key)
					}
					return make(f), r
				}
			}
			strategytest.Run(t, strategytest.Cases[*user]{
				Right: of(byKey, right), Wrong: of(byKey, wrong), Absent: of(byKey, ""),
				Broken: of(down, right), Slow: of(slow, right),
			})
		})
	}
}
