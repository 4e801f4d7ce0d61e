package basic_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/basic"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	const right, wrong = "correct horse: battery", "purple monkey"
	type verify = func(ctx context.Context, name, password string) (string, error)
	find := func(_ context.Context, name, password string) (string, error) {
		if password != right {
			return "", passport.ErrInvalidCredentials
		}
		return name, nil
	}
	of := func(f verify, password string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("GET", "/", nil)
			if password != "" {
				r.SetBasicAuth("ann", password)
			}
			return basic.New(f, nil), r
		}
	}
	strategytest.Run(t, strategytest.Cases[string]{
		Right: of(find, right), Wrong: of(find, wrong), Absent: of(find, ""),
		Broken: of(func(context.Context, string, string) (string, error) { return "", errors.New("no database") }, right),
		Slow:   of(func(ctx context.Context, _, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() }, right),
	})
}
