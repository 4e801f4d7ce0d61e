package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
	"github.com/gopassport/passport/strategytest"
)

// TestConformance holds the rules of every strategy at the callback, with a
// flow that another instance of the site began.
func TestConformance(t *testing.T) {
	t.Parallel()
	config := passport.Config[*user]{
		Secrets: [][]byte{bytes.Repeat([]byte{'k'}, 32)},
		Logger:  slog.New(slog.DiscardHandler),
	}
	// at is a callback at which the provider, or verify, misbehaves.
	at := func(fault oauthtest.Fault, verify func(context.Context, *oauth.Identity) (*user, error)) func() (passport.Strategy[*user], *http.Request) {
		return func() (passport.Strategy[*user], *http.Request) {
			fake := oauthtest.Start(t)
			s := oauth.New(fake.Provider(callback), verify, nil)
			begun := passport.New(config)
			begun.Use(strategytest.Name, s)
			res, err := begun.Authenticate(httptest.NewRequest("POST", "/auth/fake", nil), strategytest.Name)
			if err != nil || res.Outcome() != passport.Redirected {
				t.Errorf("begin: %v %v", res.Outcome(), err)
			}
			fake.Break(fault)
			r := httptest.NewRequest("GET", fake.Visit(t, res.Location()).String(), nil)
			for _, line := range res.Header()["Set-Cookie"] {
				cookie, err := http.ParseSetCookie(line)
				if err != nil {
					t.Error(err)
				}
				r.AddCookie(cookie)
			}
			return s, r
		}
	}
	ann := func(_ context.Context, id *oauth.Identity) (*user, error) { return &user{id.Key()}, nil }
	strategytest.Run(t, strategytest.Cases[*user]{
		Right: at(oauthtest.None, ann),
		Wrong: at(oauthtest.BadCode, ann),
		Absent: func() (passport.Strategy[*user], *http.Request) {
			return oauth.New(oauthtest.Start(t).Provider(callback), ann, nil), httptest.NewRequest("GET", "/", nil)
		},
		Broken: at(oauthtest.None, func(context.Context, *oauth.Identity) (*user, error) { return nil, errors.New("no database") }),
		Slow:   at(oauthtest.Slow, ann),
		Spent:  true,
		Config: config,
	})
}
