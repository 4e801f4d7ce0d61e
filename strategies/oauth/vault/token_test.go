package vault_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

// The defaults.
const (
	early   = time.Minute
	timeout = 10 * time.Second
	lease   = 3 * timeout
)

// TestToken: what is fresh is returned as it was saved, what ends soon is
// refreshed, and what cannot be refreshed serves until its end.
func TestToken(t *testing.T) {
	t.Parallel()
	noRefresh := func(life time.Duration) *oauth.Tokens {
		return &oauth.Tokens{Access: "access-0", Expiry: time.Now().Add(life)}
	}
	for name, test := range map[string]struct {
		saved func() *oauth.Tokens
		want  int // -1: none
		asked int
	}{
		"fresh":                   {func() *oauth.Tokens { return tokens(0, early+time.Second) }, 0, 0},
		"ends soon":               {func() *oauth.Tokens { return tokens(0, early) }, 1, 1},
		"has ended":               {func() *oauth.Tokens { return tokens(0, -time.Hour) }, 1, 1},
		"never ends":              {func() *oauth.Tokens { return &oauth.Tokens{Access: "access-0", Refresh: "refresh-0"} }, 0, 0},
		"ends soon, no refresh":   {func() *oauth.Tokens { return noRefresh(time.Second) }, 0, 0},
		"has ended, no refresh":   {func() *oauth.Tokens { return noRefresh(0) }, -1, 0},
		"nothing was ever stored": {nil, -1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := new(provider)
			v := newVault(t, newStore(), p)
			if test.saved != nil {
				save(t, v, test.saved())
			}
			t.Log(name)
			if test.want < 0 {
				wantErr(t, v, vault.ErrNoTokens)
			} else {
				want(t, v, test.want)
			}
			if p.asked() != test.asked {
				t.Errorf("%s: %d refreshes, want %d", name, p.asked(), test.asked)
			}
		})
	}
}

// TestNoRefresher: tokens of a provider that refreshes nothing serve until
// they end.
func TestNoRefresher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, newStore(), plain{})
		save(t, v, tokens(0, time.Second))
		want(t, v, 0)
		time.Sleep(time.Second)
		wantErr(t, v, vault.ErrNoTokens)
	})
}

// TestWhole: all that Tokens has comes back, and what a refresh leaves out
// stays. C42
func TestWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := &oauth.Tokens{Access: "access-1"}
		p := answering{answer: answer}
		v := newVault(t, newStore(), p)
		saved := &oauth.Tokens{Access: "<a&b>\u2028", Refresh: "r", Expiry: time.Now().Add(2 * early), Scopes: []string{"one", "two"}}
		save(t, v, saved)
		get := func() *oauth.Tokens {
			t.Helper()
			got, err := v.Token(t.Context(), "ann", "p")
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		same := func(got, want *oauth.Tokens) {
			t.Helper()
			if got.Access != want.Access || got.Refresh != want.Refresh || !got.Expiry.Equal(want.Expiry) || !cmp.Equal(got.Scopes, want.Scopes) {
				t.Errorf("got %q %q %v %q", got.Access, got.Refresh, got.Expiry, got.Scopes)
			}
		}
		same(get(), saved)
		time.Sleep(2 * early)
		for range 2 {
			same(get(), &oauth.Tokens{Access: "access-1", Refresh: "r", Scopes: saved.Scopes})
		}
		// Saved again, nothing is kept: it may be another account.
		save(t, v, &oauth.Tokens{Access: "b", Scopes: []string{}})
		same(get(), &oauth.Tokens{Access: "b", Scopes: []string{}})
	})
}

// answering always answers the same.
type answering struct {
	plain
	answer *oauth.Tokens
	err    error
}

func (a answering) Refresh(context.Context, *oauth.Tokens) (*oauth.Tokens, error) {
	return a.answer, a.err
}

// TestAtOnce: of fifty callers in each of two processes, one refreshes, and all
// get what it got, each to do with it what it likes. C42
func TestAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{before: func(context.Context) error { time.Sleep(time.Second); return nil }}
		s := newStore()
		vaults := []*vault.Vault{newVault(t, s, p), newVault(t, s, p)}
		saved := tokens(0, 0)
		saved.Scopes = []string{"one"}
		save(t, vaults[0], saved)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := make(map[*oauth.Tokens]bool)
		for i := range 100 {
			wg.Go(func() {
				tokens, err := vaults[i%2].Token(t.Context(), "ann", "p")
				mu.Lock()
				defer mu.Unlock()
				if err != nil || tokens.Access != "access-1" || tokens.Scopes[0] != "one" || got[tokens] {
					t.Errorf("got %v, %v; or what another caller has", tokens, err)
				}
				got[tokens] = true
				tokens.Access, tokens.Scopes[0] = "", ""
			})
		}
		wg.Wait()
		if n := p.asked(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
		if n := s.finds.Load(); n > 200 { // one of each caller, and one process that waits
			t.Errorf("%d reads", n)
		}
	})
}

// TestLease: while one process refreshes, another one takes the old token where
// it is valid, and waits where it is not; one that has died holds up the others
// for the lease, and no longer. C42
func TestLease(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{early / 2, 0} {
		synctest.Test(t, func(t *testing.T) {
			s := newStore()
			began := make(chan struct{})
			first := newVault(t, s, &provider{before: func(ctx context.Context) error { close(began); time.Sleep(timeout - 1); return nil }})
			other := new(provider)
			second := newVault(t, s, other)
			save(t, first, tokens(0, life))
			go want(t, first, 1)
			<-began
			start := time.Now()
			if life > 0 {
				want(t, second, 0)
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %v to get a token that is valid", took)
				}
			} else {
				want(t, second, 1)
			}
			synctest.Wait()
			if n := other.asked(); n != 0 {
				t.Errorf("the other process refreshed %d times", n)
			}
			time.Sleep(timeout)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.update = func(n int) error {
			if n > 1 {
				return errStore // the process dies before it stores
			}
			return nil
		}
		save(t, newVault(t, s, plain{}), tokens(0, 0))
		start := time.Now()
		// The answer is there and cannot be stored: nobody gets it.
		wantErr(t, newVault(t, s, new(provider)), errStore)
		if took := time.Since(start); took != 2*timeout {
			t.Errorf("it tried to store for %v, want %v", took, 2*timeout)
		}
		s.update = nil
		p := &provider{n: 1} // to whom refresh-0 is used up
		wantErr(t, newVault(t, s, p), oauth.ErrRefused)
		if took := time.Since(start); took < lease || took > lease+time.Second || p.asked() != 2 {
			t.Errorf("the other took over after %v, want %v", took, lease)
		}
	})
}

// TestDown: a provider that cannot is asked once for each Timeout, its tokens
// are kept, and serve as long as they are valid. C42
func TestDown(t *testing.T) {
	t.Parallel()
	outages := map[string]func(context.Context) error{
		"fails": func(context.Context) error { return errors.New("503") },
		"lies":  func(context.Context) error { return oauth.ErrBadAnswer },
		"hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	}
	for name, before := range outages {
		synctest.Test(t, func(t *testing.T) {
			t.Log(name)
			s, p := newStore(), &provider{before: before}
			v, other := newVault(t, s, p), newVault(t, s, p)
			save(t, v, tokens(0, early))
			want(t, v, 0)
			want(t, other, 0)
			if n := p.asked(); n != 1 {
				t.Errorf("asked %d times, want 1", n)
			}
			time.Sleep(early)
			p.n = 0
			for _, v := range []*vault.Vault{v, other} {
				got, err := v.Token(t.Context(), "ann", "p")
				f, ok := errors.AsType[*passport.Failure](err)
				if got != nil || !ok || f.Code != oauth.CodeProviderUnavailable || f.Status != 503 {
					t.Errorf("got %v", err)
				}
			}
			if n := p.asked(); n != 1 {
				t.Errorf("asked %d times, want 1", n)
			}
			p.before, p.n = nil, 0
			time.Sleep(timeout)
			want(t, other, 1)
		})
	}
	for name, answer := range map[string]*oauth.Tokens{"nothing": nil, "no access token": {Refresh: "r"}, "no text": {Access: "\xff"}} {
		v := newVault(t, newStore(), answering{answer: answer})
		save(t, v, tokens(0, time.Second))
		t.Log(name)
		want(t, v, 0)
	}
}

// TestRefused: a refresh token that is not taken clears the tokens, and the
// next sign-in brings new ones. C42
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newStore(), &provider{burnt: true}
		v := newVault(t, s, p)
		save(t, v, tokens(0, early)) // even where the access token looks valid
		got, err := v.Token(t.Context(), "ann", "p")
		if got != nil || !errors.Is(err, vault.ErrNoTokens) || !errors.Is(err, oauth.ErrRefused) {
			t.Errorf("got %v", err)
		}
		wantErr(t, v, vault.ErrNoTokens)
		if n := p.asked(); n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}
		save(t, v, tokens(7, time.Hour))
		want(t, v, 7)
	})
}

// TestStoredFirst: no new token is handed out before it is stored; a store that
// fails for a while, or whose answers are lost, costs nothing. C42
func TestStoredFirst(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*store){
		"fails for a while":        func(s *store) { s.update = fails(2, 9) },
		"answer of the lease lost": func(s *store) { s.lost = func(n int) bool { return n == 1 } },
		"answer of storing lost":   func(s *store) { s.lost = func(n int) bool { return n == 2 } },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, p := newStore(), new(provider)
			v := newVault(t, s, p)
			save(t, v, tokens(0, 0))
			fault(s)
			if _, err := v.Token(t.Context(), "ann", "p"); err != nil && !errors.Is(err, errStore) {
				t.Errorf("%s: %v", name, err)
			}
			want(t, v, 1)
			if n := p.asked(); n != 1 {
				t.Errorf("%s: asked %d times, want 1", name, n)
			}
		})
	}
}

func fails(from, to int) func(int) error {
	return func(n int) error {
		if n >= from && n <= to {
			return errStore
		}
		return nil
	}
}

// TestMeanwhile: what happens to a record while it is refreshed counts: a
// deletion is not undone, and new tokens are not written over. C42
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(*vault.Vault) error
		refused   bool
		want      int
	}{
		"deleted":          {func(v *vault.Vault) error { return v.Delete(t.Context(), "ann", "p") }, false, -1},
		"user deleted":     {func(v *vault.Vault) error { return v.DeleteUser(t.Context(), "ann") }, false, -1},
		"saved":            {func(v *vault.Vault) error { return v.Save(t.Context(), "ann", "p", tokens(7, time.Hour)) }, false, 7},
		"saved, refused":   {func(v *vault.Vault) error { return v.Save(t.Context(), "ann", "p", tokens(7, time.Hour)) }, true, 7},
		"deleted, refused": {func(v *vault.Vault) error { return v.Delete(t.Context(), "ann", "p") }, true, -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			t.Log(name)
			s, p := newStore(), new(provider)
			v := newVault(t, s, p)
			save(t, v, tokens(0, 0))
			p.before = func(context.Context) error {
				if err := test.meanwhile(v); err != nil {
					t.Error(err)
				}
				if test.refused {
					return oauth.ErrRefused
				}
				return nil
			}
			if test.want < 0 {
				wantErr(t, v, vault.ErrNoTokens)
			} else {
				want(t, v, test.want)
			}
			if n := len(records(t, s, "ann")); (n > 0) != (test.want >= 0) {
				t.Errorf("%d records", n)
			}
		})
	}
}

// TestCallerGoesAway: a refresh that has begun is finished, and those who wait
// for it are not told of it; who waits obeys his own context. C42
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &provider{before: func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		v := newVault(t, newStore(), p)
		save(t, v, tokens(0, 0))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = v.Token(ctx, "ann", "p") }()
		synctest.Wait()
		cancel()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := v.Token(short, "ann", "p"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		want(t, v, 1)
		if n := p.asked(); n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		save(t, v, tokens(1, 0))
		if _, err := v.Token(over, "ann", "p"); !errors.Is(err, context.Canceled) || p.asked() != 1 {
			t.Errorf("a context that is over: got %v", err)
		}
	})
}

// TestWaitersGoOn: who waits for another process, and goes away, leaves it to
// those who wait for him. So does one whose provider panics.
func TestWaitersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		slow := newVault(t, s, &provider{before: func(context.Context) error { time.Sleep(5 * time.Second); return nil }})
		v := newVault(t, s, new(provider))
		save(t, v, tokens(0, 0))
		go want(t, slow, 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			if _, err := v.Token(ctx, "ann", "p"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}()
		synctest.Wait()
		want(t, v, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		p := new(provider)
		p.before = func(context.Context) error {
			time.Sleep(time.Second)
			if p.asked() == 1 {
				panic("a bug")
			}
			return nil
		}
		v := newVault(t, newStore(), p)
		save(t, v, tokens(0, 0))
		go func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was hidden")
				}
			}()
			_, _ = v.Token(t.Context(), "ann", "p")
		}()
		synctest.Wait()
		_, err := v.Token(t.Context(), "ann", "p")
		if !errors.Is(err, vault.ErrNoTokens) && err != nil { // the token was shown once: to a strict provider it is used up
			t.Errorf("got %v", err)
		}
		if n := p.asked(); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
	})
}

// TestStoreFails: an outage of the store is no lack of tokens.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	v := newVault(t, failing{newStore()}, new(provider))
	_, err := v.Token(t.Context(), "ann", "p")
	for what, err := range map[string]error{
		"Token": err, "Save": v.Save(t.Context(), "ann", "p", tokens(0, 0)), "Delete": v.Delete(t.Context(), "ann", "p"),
		"DeleteUser": v.DeleteUser(t.Context(), "ann"), "Reseal": v.Reseal(t.Context(), "ann"),
	} {
		if !errors.Is(err, errStore) || errors.Is(err, vault.ErrNoTokens) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

type failing struct{ *store }

func (failing) Find(context.Context, sessions.ID) (sessions.Record, error) {
	return sessions.Record{}, errStore
}
func (failing) Delete(context.Context, sessions.ID) error { return errStore }
func (failing) DeleteUser(context.Context, string, string, sessions.ID) (int, error) {
	return 0, errStore
}

// TestSaveInsists: whoever else writes, and whatever is there.
func TestSaveInsists(t *testing.T) {
	t.Parallel()
	s := &corrupting{store: newStore()}
	v := newVault(t, s, plain{})
	save(t, v, tokens(0, time.Hour))
	s.update = func(n int) error {
		switch n {
		case 1:
			return sessions.ErrConflict
		case 2:
			return sessions.ErrNotFound
		}
		return nil
	}
	save(t, v, tokens(1, time.Hour))
	want(t, v, 1)
	s.corrupt = true
	wantErr(t, v, sessions.ErrCorrupt)
	save(t, v, tokens(2, time.Hour))
	want(t, v, 2)
}

// A corrupting store cannot read its record until it is deleted.
type corrupting struct {
	*store
	corrupt bool
}

func (s *corrupting) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	if s.corrupt {
		return sessions.Record{}, sessions.ErrCorrupt
	}
	return s.store.Find(ctx, id)
}

func (s *corrupting) Delete(ctx context.Context, id sessions.ID) error {
	s.corrupt = false
	return s.store.Delete(ctx, id)
}
