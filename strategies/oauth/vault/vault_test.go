package vault_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

// TestNew: wiring mistakes panic, keys are errors, and none shows a secret.
func TestNew(t *testing.T) {
	t.Parallel()
	good := vault.Config{Keys: []vault.Key{key("a")}, Providers: map[string]oauth.Provider{"p": plain{}}}
	for what, change := range map[string]func(*vault.Config){
		"no providers":              func(c *vault.Config) { c.Providers = nil },
		"a provider without a name": func(c *vault.Config) { c.Providers = map[string]oauth.Provider{"": plain{}} },
		"a name without a provider": func(c *vault.Config) { c.Providers = map[string]oauth.Provider{"p": (*provider)(nil)} },
		"negative Early":            func(c *vault.Config) { c.Early = -1 },
		"negative Timeout":          func(c *vault.Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		if !panics(func() { _, _ = vault.New(newStore(), c) }) {
			t.Errorf("%s: no panic", what)
		}
	}
	if !panics(func() { _, _ = vault.New((*store)(nil), good) }) {
		t.Error("no store: no panic")
	}
	for what, keys := range map[string][]vault.Key{
		"none":       nil,
		"short":      {{ID: "a", Secret: []byte("31 bytes of a secret, not a more")[:31]}},
		"short old":  {key("a"), {ID: "b"}},
		"no id":      {{Secret: make([]byte, 32)}},
		"long id":    {{ID: strings.Repeat("a", 33), Secret: make([]byte, 32)}},
		"strange id": {{ID: "a b", Secret: make([]byte, 32)}},
		"twice":      {key("a"), key("a")},
	} {
		c := good
		c.Keys = keys
		if v, err := vault.New(newStore(), c); v != nil || err == nil || strings.Contains(err.Error(), "secret, not") {
			t.Errorf("%s: got %v, %v", what, v, err)
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// TestPlace: what no tokens can be kept for is an error, not an empty record.
func TestPlace(t *testing.T) {
	t.Parallel()
	s := newStore()
	v := newVault(t, s, plain{})
	for what, err := range map[string]error{
		"no user":      v.Save(t.Context(), "", "p", tokens(0, 0)),
		"no provider":  v.Save(t.Context(), "ann", "", tokens(0, 0)),
		"unknown":      v.Save(t.Context(), "ann", "x", tokens(0, 0)),
		"no tokens":    v.Save(t.Context(), "ann", "p", nil),
		"empty tokens": v.Save(t.Context(), "ann", "p", &oauth.Tokens{Refresh: "r"}),
		"no text":      v.Save(t.Context(), "ann", "p", &oauth.Tokens{Access: "a", Refresh: "\xff"}),
		"too long":     v.Save(t.Context(), "ann", "p", &oauth.Tokens{Access: strings.Repeat("a", sessions.MaxData-1000)}),
		"delete":       v.Delete(t.Context(), "ann", "x"),
		"delete all":   v.DeleteUser(t.Context(), ""),
		"reseal":       v.Reseal(t.Context(), ""),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if n := len(records(t, s, "ann")); n != 0 {
		t.Errorf("%d records", n)
	}
	if _, err := v.Token(t.Context(), "ann", "x"); err == nil || errors.Is(err, vault.ErrNoTokens) {
		t.Errorf("an unknown provider: got %v", err)
	}
}

// TestBound: a record serves the user and the provider that it was sealed for,
// unchanged, and nobody else. C41
func TestBound(t *testing.T) {
	t.Parallel()
	s := newStore()
	v := newVault(t, s, plain{})
	save(t, v, tokens(0, time.Hour))
	anns := records(t, s, "ann")[0]
	write := func(r sessions.Record, data string) {
		t.Helper()
		r.Data = data
		if err := s.Update(t.Context(), r, r.Version); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []struct{ user, provider string }{{"bob", "p"}, {"ann", "q"}, {"annp", "p"}} {
		if err := v.Save(t.Context(), to.user, to.provider, tokens(1, time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, r := range records(t, s, to.user) {
			if r.ID != anns.ID {
				write(r, anns.Data)
			}
		}
		got, err := v.Token(t.Context(), to.user, to.provider)
		if got != nil || !errors.Is(err, sessions.ErrCorrupt) || !errors.Is(err, vault.ErrNoTokens) {
			t.Errorf("%v: got %v, %v", to, got != nil, err)
		}
		if err := v.Reseal(t.Context(), to.user); !errors.Is(err, sessions.ErrCorrupt) {
			t.Errorf("%v: Reseal: %v", to, err)
		}
		// The next sign-in mends it.
		if err := v.Save(t.Context(), to.user, to.provider, tokens(2, time.Hour)); err != nil {
			t.Error(err)
		}
		if _, err := v.Token(t.Context(), to.user, to.provider); err != nil {
			t.Errorf("%v: after Save: %v", to, err)
		}
	}
	for i := range anns.Data {
		changed := []byte(anns.Data)
		changed[i] ^= 1
		r, err := s.Find(t.Context(), anns.ID)
		if err != nil {
			t.Fatal(err)
		}
		write(r, string(changed))
		if got, err := v.Token(t.Context(), "ann", "p"); got != nil || !errors.Is(err, sessions.ErrCorrupt) && !errors.Is(err, vault.ErrNoKey) {
			t.Errorf("byte %d changed: got %v, %v", i, got != nil, err)
		}
	}
}

// TestKeys: the newest seals, all open; Reseal and the next write move tokens
// to it; a key that is gone is named, and keeps the tokens. C41
func TestKeys(t *testing.T) {
	t.Parallel()
	s, p := newStore(), new(provider)
	first, both, second := newVault(t, s, p, key("a-1")), newVault(t, s, p, key("b-2"), key("a-1")), newVault(t, s, p, key("b-2"))
	save(t, first, tokens(0, time.Hour))
	want(t, both, 0)
	_, err := second.Token(t.Context(), "ann", "p")
	if !errors.Is(err, vault.ErrNoKey) || errors.Is(err, vault.ErrNoTokens) || !strings.Contains(err.Error(), "a-1") {
		t.Errorf("the key is gone: got %v", err)
	}
	if err := second.Reseal(t.Context(), "ann"); !errors.Is(err, vault.ErrNoKey) {
		t.Errorf("Reseal: got %v", err)
	}
	want(t, first, 0)
	before := s.updates.Load()
	for range 2 {
		if err := both.Reseal(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
	}
	if n := s.updates.Load() - before; n != 1 {
		t.Errorf("Reseal wrote %d times, want 1", n)
	}
	want(t, second, 0)
	wantErr(t, first, vault.ErrNoKey)

	save(t, first, tokens(0, 0)) // over a record that it cannot open
	want(t, both, 1)             // refreshed
	want(t, second, 1)

	if err := both.Reseal(t.Context(), "nobody"); err != nil {
		t.Errorf("nobody: %v", err)
	}
	// A record under another key's name opens nothing, though the secrets are
	// the same.
	r := records(t, s, "ann")[0]
	r.Data = strings.Replace(r.Data, "b-2", "b-3", 1)
	if err := s.Update(t.Context(), r, r.Version); err != nil {
		t.Fatal(err)
	}
	wantErr(t, newVault(t, s, p, key("b-3")), sessions.ErrCorrupt)
	save(t, second, tokens(1, time.Hour))
	// The same id with another secret opens nothing.
	other := newVault(t, s, p, vault.Key{ID: "b-2", Secret: bytes.Repeat([]byte("x"), 32)})
	wantErr(t, other, sessions.ErrCorrupt)
}

// TestSecrets: neither printing nor errors show a token or a key. C41
func TestSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	s := newStore()
	p := answering{err: fmt.Errorf("%w: status 400", oauth.ErrRefused)}
	config := vault.Config{
		Keys:      []vault.Key{{ID: "a", Secret: []byte(strings.Repeat(canary, 6))}},
		Providers: map[string]oauth.Provider{"p": p},
	}
	v, err := vault.New(s, config)
	if err != nil {
		t.Fatal(err)
	}
	save(t, v, &oauth.Tokens{Access: canary, Refresh: canary, Expiry: time.Now(), Scopes: []string{canary}})
	var log bytes.Buffer
	for _, x := range []any{config, config.Keys, config.Keys[0], &config.Keys[0], v, records(t, s, "ann")} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			fmt.Fprintf(&log, verb+"\n", x)
		}
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "x", x)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "x", x)
		if x, err := json.Marshal(x); err == nil {
			log.Write(x)
		}
	}
	_, err = v.Token(t.Context(), "ann", "p")
	fmt.Fprintf(&log, "%+v", err)
	for _, shown := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary))[1:20], "Y2FuYXJ5"} {
		if strings.Contains(log.String(), shown) {
			t.Errorf("%s is shown: %s", shown, &log)
		}
	}
	if !strings.Contains(log.String(), "[vault key a]") {
		t.Error("the id of the key is not shown")
	}
}

// TestAtRest: what a store gets shows nothing of the tokens, in no field. C41
func TestAtRest(t *testing.T) {
	t.Parallel()
	s := newStore()
	v := newVault(t, s, new(provider))
	save(t, v, &oauth.Tokens{Access: "access-canary", Refresh: "refresh-canary", Scopes: []string{"scope-canary"}})
	list := records(t, s, "ann")
	if len(list) != 1 || strings.Contains(fmt.Sprintf("%+v %+v", list, *list[0].Origin), "canary") {
		t.Errorf("got %+v", list)
	}
	save(t, v, &oauth.Tokens{Access: "access-canary", Refresh: "refresh-canary", Scopes: []string{"scope-canary"}})
	if again := records(t, s, "ann"); len(again) != 1 || again[0].Data == list[0].Data {
		t.Error("the same tokens look the same")
	}
}

// TestSize: what one record's data has besides the tokens, and what a read
// costs.
func TestSize(t *testing.T) {
	s := newStore()
	v := newVault(t, s, new(provider))
	for name, tokens := range map[string]*oauth.Tokens{
		"GitHub App": {Access: strings.Repeat("a", 40), Refresh: strings.Repeat("r", 76), Expiry: time.Now().Add(time.Hour)},
		"Google":     {Access: strings.Repeat("a", 220), Refresh: strings.Repeat("r", 103), Expiry: time.Now().Add(time.Hour), Scopes: []string{"openid", "https://www.googleapis.com/auth/calendar"}},
	} {
		save(t, v, tokens)
		size, own := len(records(t, s, "ann")[0].Data), len(tokens.Access)+len(tokens.Refresh)+len(strings.Join(tokens.Scopes, ""))
		t.Logf("%s: %d bytes, of which %d are ours", name, size, size-own)
		if size-own > 96 {
			t.Errorf("%s: %d bytes besides the tokens", name, size-own)
		}
	}
	const budget = 24
	allocs := testing.AllocsPerRun(100, func() { _, _ = v.Token(t.Context(), "ann", "p") })
	t.Logf("Token: %.0f allocations", allocs)
	if allocs > budget {
		t.Errorf("Token: %.0f allocations, want at most %d", allocs, budget)
	}
}

func BenchmarkToken(b *testing.B) {
	v := newVault(b, newStore(), new(provider))
	save(b, v, tokens(0, time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Token(b.Context(), "ann", "p"); err != nil {
			b.Fatal(err)
		}
	}
}
