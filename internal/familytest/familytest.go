// Package familytest checks that refresh tokens keep their promises over a
// store: one rotation of any number of refreshes at once, a reuse that every
// instance sees, a client that may ask again when an answer was lost.
package familytest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

// secrets are the same for all instances.
var secrets = [][]byte{[]byte("familytest-familytest-familytest")}

// Run checks stores that open returns: handles of their own on one database,
// as instances of a site have them.
func Run(t *testing.T, open func(testing.TB) sessions.Store) {
	one, two := open(t), open(t)
	t.Run("Rotation", func(t *testing.T) { t.Parallel(); rotation(t, one, two) })
	t.Run("Race", func(t *testing.T) { t.Parallel(); race(t, one, two) })
	t.Run("Reuse", func(t *testing.T) { t.Parallel(); reuse(t, one, two) })
	t.Run("LostAnswer", func(t *testing.T) { t.Parallel(); lostAnswer(t, one, two) })
	t.Run("Revocation", func(t *testing.T) { t.Parallel(); revocation(t, one, two) })
	t.Run("RevokedMeanwhile", func(t *testing.T) { t.Parallel(); revokedMeanwhile(t, one, two) })
}

// families have a grace that a slow machine does not exceed.
func families(t *testing.T, store sessions.Store) *refresh.Families {
	t.Helper()
	f, err := refresh.New(store, secrets, &refresh.Options{Grace: time.Minute, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t *testing.T, f *refresh.Families, user string) string {
	t.Helper()
	token, _, err := f.Begin(t.Context(), refresh.Family{User: user, Client: "web", Scope: "read write", Stamp: "s", Factors: "pwd otp", Address: "192.0.2.1", Agent: "curl"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// next refreshes, which has to work.
func next(t *testing.T, f *refresh.Families, token string) string {
	t.Helper()
	next, _, err := f.Refresh(t.Context(), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// refused refreshes, which has to fail with want.
func refused(t *testing.T, f *refresh.Families, token string, want error, what string) {
	t.Helper()
	if next, _, err := f.Refresh(t.Context(), token, nil); !errors.Is(err, want) || next != "" {
		t.Errorf("%s: got %q, %v; want %v", what, next, err, want)
	}
}

// A family goes on at whatever instance, and is the same one.
func rotation(t *testing.T, one, two sessions.Store) {
	a, b := families(t, one), families(t, two)
	token, user := begin(t, a, rand.Text()), ""
	seen := map[string]bool{token: true}
	for range 5 {
		for _, f := range []*refresh.Families{b, a} {
			next, family, err := f.Refresh(t.Context(), token, func(_ context.Context, family refresh.Family) error {
				user = family.User
				return nil
			})
			if err != nil || seen[next] {
				t.Fatalf("%v, seen before: %v", err, seen[next])
			}
			if family.User != user || family.Client != "web" || family.Scope != "read write" || family.Stamp != "s" || family.Factors != "pwd otp" {
				t.Fatalf("%+v", family)
			}
			seen[next], token = true, next
		}
	}
}

// Of fifty refreshes at once one rotates, and all get its token.
func race(t *testing.T, one, two sessions.Store) {
	counts := &counting{Store: one}
	a, b := families(t, counts), families(t, &counting{Store: two, same: counts})
	token := begin(t, a, rand.Text())
	got := make([]string, 50)
	var all sync.WaitGroup
	for i := range got {
		f := []*refresh.Families{a, b}[i%2]
		all.Go(func() {
			next, _, err := f.Refresh(t.Context(), token, nil)
			if err != nil {
				t.Errorf("refresh %d: %v", i, err)
			}
			got[i] = next
		})
	}
	all.Wait()
	for _, next := range got {
		if next != got[0] || next == token {
			t.Fatalf("two refreshes gave two tokens")
		}
	}
	if n := counts.updates(); n != 1 {
		t.Errorf("%d rotations of fifty refreshes", n)
	}
	next(t, b, got[0])
}

// An old token ends its family at every instance, newer tokens included, and
// no other family.
func reuse(t *testing.T, one, two sessions.Store) {
	a, b := families(t, one), families(t, two)
	user := rand.Text()
	first, other := begin(t, a, user), begin(t, a, user)
	second := next(t, a, first)
	third := next(t, b, second)
	refused(t, b, first, refresh.ErrReused, "the first token, at the other instance")
	for _, f := range []*refresh.Families{a, b} {
		for _, token := range []string{first, second, third} {
			refused(t, f, token, refresh.ErrInvalid, "a token of the family")
		}
	}
	next(t, b, other)
}

// The database stored the rotation, and the instance died before it answered:
// the client asks again, and goes on.
func lostAnswer(t *testing.T, one, two sessions.Store) {
	lost := &lossy{Store: one}
	a, b := families(t, lost), families(t, two)
	token := begin(t, a, rand.Text())
	if got, _, err := a.Refresh(t.Context(), token, nil); !errors.Is(err, errLost) || got != "" {
		t.Fatalf("got %q, %v; want the answer lost", got, err)
	}
	again := next(t, b, token)
	if once := next(t, b, token); once != again {
		t.Error("the client that asks again twice gets two tokens")
	}
	next(t, b, again)
}

// Families end by token, by handle and by user, and no others with them.
func revocation(t *testing.T, one, two sessions.Store) {
	a, b := families(t, one), families(t, two)
	user, ctx := rand.Text(), t.Context()
	tokens := make([]string, 4)
	for i := range tokens {
		tokens[i] = begin(t, a, user)
	}
	others := begin(t, a, rand.Text())
	newer := next(t, a, tokens[0])
	if err := b.Revoke(ctx, tokens[0]); err != nil { // by a token that is not the newest
		t.Error(err)
	}
	refused(t, a, newer, refresh.ErrInvalid, "revoked by token")
	for _, token := range []string{tokens[0], "x", ""} {
		if err := b.Revoke(ctx, token); err != nil {
			t.Errorf("revoking what is none: %v", err)
		}
	}
	list, err := b.List(ctx, user)
	if err != nil || len(list) != 3 || list[0].Client != "web" || list[0].Address != "192.0.2.1" || list[0].Agent != "curl" {
		t.Fatalf("list: %+v, %v", list, err)
	}
	if err := b.End(ctx, "another", list[0].Handle); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("ending another's family: %v", err)
	}
	if err := b.End(ctx, user, list[0].Handle); err != nil {
		t.Error(err)
	}
	if n, err := b.EndUser(ctx, user); n != 2 || err != nil {
		t.Errorf("EndUser: %d, %v; want 2", n, err)
	}
	for _, token := range tokens {
		refused(t, a, token, refresh.ErrInvalid, "revoked")
	}
	if list, err := a.List(ctx, user); len(list) != 0 || err != nil {
		t.Errorf("list of all revoked: %+v, %v", list, err)
	}
	next(t, a, others)
}

// A family that ends between the look and the rotation does not come back.
func revokedMeanwhile(t *testing.T, one, two sessions.Store) {
	a, b := families(t, one), families(t, two)
	token := begin(t, a, rand.Text())
	_, _, err := a.Refresh(t.Context(), token, func(ctx context.Context, _ refresh.Family) error { return b.Revoke(ctx, token) })
	if !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	refused(t, b, token, refresh.ErrInvalid, "revoked")
}

// counting counts updates that were stored.
type counting struct {
	sessions.Store
	same *counting // counts there
	mu   sync.Mutex
	n    int
}

func (c *counting) Update(ctx context.Context, r sessions.Record, version int64) error {
	err := c.Store.Update(ctx, r, version)
	if err == nil {
		at := c
		if c.same != nil {
			at = c.same
		}
		at.mu.Lock()
		at.n++
		at.mu.Unlock()
	}
	return err
}

func (c *counting) updates() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// lossy stores updates and loses the answer.
type lossy struct{ sessions.Store }

var errLost = errors.New("connection reset")

func (l *lossy) Update(ctx context.Context, r sessions.Record, version int64) error {
	if err := l.Store.Update(ctx, r, version); err != nil {
		return err
	}
	return errLost
}
