package bearer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/bearer"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	const right, wrong = "mF_9.B5f-4.1JqM", "nT_0.C6g-5.2KrN"
	type verify = func(context.Context, string) (string, error)
	find := func(_ context.Context, token string) (string, error) {
		if token != right {
			return "", passport.ErrNoUser
		}
		return "ann", nil
	}
	of := func(f verify, token string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("GET", "/", nil)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return bearer.New(f, nil), r
		}
	}
	strategytest.Run(t, strategytest.Cases[string]{
		Right: of(find, right), Wrong: of(find, wrong), Absent: of(find, ""),
		Broken: of(func(context.Context, string) (string, error) { return "", errors.New("no database") }, right),
		Slow:   of(func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() }, right),
	})
}
