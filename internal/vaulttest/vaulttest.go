// Package vaulttest checks that a vault of provider tokens keeps its promises
// over a store of sessions, with a provider that takes the second use of a
// refresh token for theft.
package vaulttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

// A Store is one of this module's.
type Store interface {
	sessions.Store
	sessions.UserDeleter
	sessions.ExpiredDeleter
}

// A Database is where the stores of one test are.
type Database struct {
	// Open opens one more store over it, as another process would.
	Open func() Store
	// Dump is all that it has.
	Dump func() []byte
}

// Run runs all cases, each over a database of its own.
func Run(t *testing.T, database func(t *testing.T) Database) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Database){
		"at rest": atRest, "sweeps": sweeps, "at once": atOnce, "rounds": rounds, "large": large,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, database(t))
		})
	}
}

// open is one process.
func open(t *testing.T, s Store, fake *oauthtest.Server) *vault.Vault {
	t.Helper()
	v, err := vault.New(s, vault.Config{
		Keys:      []vault.Key{{ID: "2026", Secret: bytes.Repeat([]byte("key-canary"), 4)}},
		Providers: map[string]oauth.Provider{"fake": fake.Provider("https://example.com/callback")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// atRest: no column and no value shows a token or a key.
func atRest(t *testing.T, db Database) {
	s := db.Open()
	v := open(t, s, oauthtest.Start(t))
	user := "user-" + rand.Text()
	saved := &oauth.Tokens{Access: "access-canary", Refresh: "refresh-canary", Scopes: []string{"scope-canary"}}
	check(t, v.Save(t.Context(), user, "fake", saved))
	got, err := v.Token(t.Context(), user, "fake")
	check(t, err)
	if got.Access != saved.Access || got.Refresh != saved.Refresh || !slices.Equal(got.Scopes, saved.Scopes) {
		t.Error("what was saved did not come back")
	}
	dump := db.Dump()
	if !bytes.Contains(dump, []byte(user)) {
		t.Fatal("the dump does not show the record at all")
	}
	if bytes.Contains(dump, []byte("canary")) {
		t.Errorf("the dump shows a secret: %q", dump)
	}
}

// sweeps: those of sessions leave tokens alone, for as long as anyone runs
// them, and so does signing somebody out everywhere; the other way round too.
func sweeps(t *testing.T, db Database) {
	s := db.Open()
	v := open(t, s, oauthtest.Start(t))
	ctx, now := t.Context(), time.Now()
	user := "user-" + rand.Text()
	session := sessions.Record{
		User: user, Version: 1, Created: now.UnixMilli(), LastSeen: now.UnixMilli(),
		Idle: now.Add(time.Hour).UnixMilli(), Absolute: now.Add(time.Hour).UnixMilli(), Origin: &sessions.Origin{Realm: "session"},
	}
	rand.Read(session.ID[:])
	check(t, s.Create(ctx, session))
	for _, u := range []string{user, user + "2"} {
		check(t, v.Save(ctx, u, "fake", &oauth.Tokens{Access: "a"}))
	}
	has := func(u string) bool {
		t.Helper()
		_, err := v.Token(ctx, u, "fake")
		if err != nil && !errors.Is(err, vault.ErrNoTokens) {
			t.Fatal(err)
		}
		return err == nil
	}
	check(t, v.DeleteUser(ctx, user))
	if _, err := s.Find(ctx, session.ID); err != nil || has(user) || !has(user+"2") {
		t.Errorf("after DeleteUser: the session: %v; the tokens are there: %t; those of another: %t", err, has(user), has(user+"2"))
	}
	check(t, v.Save(ctx, user, "fake", &oauth.Tokens{Access: "a"}))
	_, err := s.DeleteUser(ctx, "session", user, sessions.ID{})
	check(t, err)
	_, err = s.DeleteExpired(ctx, now.AddDate(1000, 0, 0), 1000)
	check(t, err)
	if !has(user) || !has(user+"2") {
		t.Error("a sweep took the tokens")
	}
	check(t, v.Delete(ctx, user, "fake"))
	check(t, v.Delete(ctx, user, "fake"))
	if has(user) || !has(user+"2") {
		t.Error("after Delete")
	}
}

// atOnce: of a hundred callers in two processes one refreshes, and all get what
// it got.
func atOnce(t *testing.T, db Database) {
	fake := oauthtest.Start(t)
	vaults := []*vault.Vault{open(t, db.Open(), fake), open(t, db.Open(), fake)}
	const user = "ann"
	fake.Live(0)
	check(t, vaults[0].Save(t.Context(), user, "fake", fake.Issue()))
	fake.Live(time.Hour)
	got := everyone(t, vaults, user, 50)
	if len(got) != 1 || fake.Refreshed() != 1 || fake.Burnt() != 0 {
		t.Errorf("%d different tokens, %d refreshes, %d burnt; want 1, 1, 0", len(got), fake.Refreshed(), fake.Burnt())
	}
}

// rounds: where every token ends as soon as it is there, processes refresh one
// after another, and never use a refresh token twice.
func rounds(t *testing.T, db Database) {
	fake := oauthtest.Start(t)
	vaults := []*vault.Vault{open(t, db.Open(), fake), open(t, db.Open(), fake)}
	const user = "ann"
	fake.Live(30 * time.Second) // less than Early
	check(t, vaults[0].Save(t.Context(), user, "fake", fake.Issue()))
	for range 5 {
		everyone(t, vaults, user, 10)
	}
	if fake.Refreshed() < 5 || fake.Burnt() != 0 {
		t.Errorf("%d refreshes, %d burnt; want 5 and more, 0", fake.Refreshed(), fake.Burnt())
	}
}

// everyone asks each vault n times at once, and returns the access tokens.
func everyone(t *testing.T, vaults []*vault.Vault, user string, n int) map[string]bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := make(map[string]bool)
	for _, v := range vaults {
		for range n {
			wg.Go(func() {
				tokens, err := v.Token(ctx, user, "fake")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				got[tokens.Access] = true
			})
		}
	}
	wg.Wait()
	return got
}

// large: tokens up to the bound are kept byte for byte, for any user.
func large(t *testing.T, db Database) {
	v := open(t, db.Open(), oauthtest.Start(t))
	for _, user := range []string{"ann", "ünï\x00\xff'\"", strings.Repeat("u", 255)} {
		access := strings.Repeat("a<", 4<<10) + strings.Repeat("t", 32<<10)
		check(t, v.Save(t.Context(), user, "fake", &oauth.Tokens{Access: access}))
		got, err := v.Token(t.Context(), user, "fake")
		check(t, err)
		if got.Access != access {
			t.Errorf("user %q: %d bytes came back as %d", user, len(access), len(got.Access))
		}
	}
}
