package apikey_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/apikey"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy.
func TestConformance(t *testing.T) {
	t.Parallel()
	right, stored := apikey.Generate("acme", time.Time{})
	wrong, _ := apikey.Generate("acme", time.Time{})
	type finder = func(ctx context.Context, id string) (string, apikey.Key, error)
	find := func(_ context.Context, id string) (string, apikey.Key, error) {
		if id != stored.ID {
			return "", apikey.Key{}, passport.ErrNoUser
		}
		return "ann", stored, nil
	}
	of := func(f finder, key string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("GET", "/", nil)
			if key != "" {
				r.Header.Set("X-Api-Key", key)
			}
			return apikey.New("acme", f, nil), r
		}
	}
	strategytest.Run(t, strategytest.Cases[string]{
		Right: of(find, right), Wrong: of(find, wrong), Absent: of(find, ""),
		Broken: of(func(context.Context, string) (string, apikey.Key, error) {
			return "", apikey.Key{}, errors.New("no database")
		}, right),
		Slow: of(func(ctx context.Context, _ string) (string, apikey.Key, error) {
			<-ctx.Done()
			return "", apikey.Key{}, ctx.Err()
		}, right),
	})
}
