package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

func key(id string) vault.Key {
	return vault.Key{ID: id, Secret: bytes.Repeat([]byte(id[:1]), 32)}
}

// plain is a provider that refreshes nothing.
type plain struct{}

func (plain) Issuer() string      { return "https://provider.example" }
func (plain) RedirectURL() string { return "https://example.com/callback" }
func (plain) Begin(context.Context, *oauth.Flow) (string, error) {
	return "", errors.New("not here")
}
func (plain) Finish(context.Context, *oauth.Flow) (*oauth.Identity, error) {
	return nil, errors.New("not here")
}

// A provider refreshes as a strict one does: each refresh token once, and
// everything is over where one comes twice.
type provider struct {
	plain
	before func(context.Context) error // nil: answers at once

	mu    sync.Mutex
	n     int
	burnt bool
}

func (p *provider) Refresh(ctx context.Context, t *oauth.Tokens) (*oauth.Tokens, error) {
	p.mu.Lock()
	if t.Refresh != refreshToken(p.n) {
		p.burnt = true
	}
	p.n++
	n := p.n
	burnt := p.burnt
	p.mu.Unlock()
	if burnt {
		return nil, fmt.Errorf("%w: invalid_grant", oauth.ErrRefused)
	}
	if p.before != nil {
		if err := p.before(ctx); err != nil {
			return nil, err
		}
	}
	return tokens(n, time.Hour), nil
}

// asked is how many refreshes were asked for.
func (p *provider) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func refreshToken(n int) string { return fmt.Sprintf("refresh-%d", n) }

// tokens are the nth that a provider issues.
func tokens(n int, life time.Duration) *oauth.Tokens {
	return &oauth.Tokens{Access: fmt.Sprintf("access-%d", n), Refresh: refreshToken(n), Expiry: time.Now().Add(life)}
}

func newVault(t testing.TB, s vault.Store, p oauth.Provider, keys ...vault.Key) *vault.Vault {
	t.Helper()
	if keys == nil {
		keys = []vault.Key{key("a")}
	}
	v, err := vault.New(s, vault.Config{Keys: keys, Providers: map[string]oauth.Provider{"p": p, "q": plain{}}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func save(t testing.TB, v *vault.Vault, tokens *oauth.Tokens) {
	t.Helper()
	if err := v.Save(t.Context(), "ann", "p", tokens); err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless Token returns the nth tokens.
func want(t testing.TB, v *vault.Vault, n int) {
	t.Helper()
	got, err := v.Token(t.Context(), "ann", "p")
	if err != nil || got.Access != tokens(n, 0).Access {
		access := "nothing"
		if got != nil {
			access = got.Access
		}
		t.Errorf("got %s, %v; want access-%d", access, err, n)
	}
}

// wantErr fails the test unless Token returns such an error, and no tokens.
func wantErr(t testing.TB, v *vault.Vault, target error) {
	t.Helper()
	if got, err := v.Token(t.Context(), "ann", "p"); !errors.Is(err, target) || got != nil {
		t.Errorf("got %v, %v; want %v", got != nil, err, target)
	}
}

// records are what the store has of a user.
func records(t testing.TB, s sessions.Lister, user string) []sessions.Record {
	t.Helper()
	list, err := s.List(t.Context(), "oauth tokens", user)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A store fails, loses answers, and counts.
type store struct {
	*sessions.MemoryStore
	update  func(n int) error // before the nth Update, from 1; nil: well
	lost    func(n int) bool  // the answer of the nth Update is lost
	updates atomic.Int64
	finds   atomic.Int64
}

func (s *store) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	s.finds.Add(1)
	return s.MemoryStore.Find(ctx, id)
}

func newStore() *store { return &store{MemoryStore: sessions.NewMemoryStore(nil)} }

var errStore = errors.New("the database is down")

func (s *store) Update(ctx context.Context, r sessions.Record, version int64) error {
	n := int(s.updates.Add(1))
	if s.update != nil {
		if err := s.update(n); err != nil {
			return err
		}
	}
	err := s.MemoryStore.Update(ctx, r, version)
	if err == nil && s.lost != nil && s.lost(n) {
		return errStore
	}
	return err
}
