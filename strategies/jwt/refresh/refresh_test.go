package refresh_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func newFamilies(t *testing.T, store sessions.Store, o *refresh.Options, secrets ...[]byte) *refresh.Families {
	t.Helper()
	if len(secrets) == 0 {
		secrets = [][]byte{secret}
	}
	if o == nil {
		o = &refresh.Options{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := refresh.New(store, secrets, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t *testing.T, f *refresh.Families) string {
	t.Helper()
	token, _, err := f.Begin(t.Context(), refresh.Family{User: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func try(t *testing.T, f *refresh.Families, token string) (string, error) {
	t.Helper()
	next, _, err := f.Refresh(t.Context(), token, nil)
	return next, err
}

// watched counts look-ups, and fails where it is told to.
type watched struct {
	sessions.Store
	finds atomic.Int64
	fail  error
	gone  error // of Delete
}

func (w *watched) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	w.finds.Add(1)
	if w.fail != nil {
		return sessions.Record{}, w.fail
	}
	return w.Store.Find(ctx, id)
}

func (w *watched) Delete(ctx context.Context, id sessions.ID) error {
	if w.gone != nil {
		return w.gone
	}
	return w.Store.Delete(ctx, id)
}

// A token that was changed anywhere, or made with another secret or for
// another name, is refused before the database hears of it.
func TestForged(t *testing.T) {
	t.Parallel()
	store := &watched{Store: sessions.NewMemoryStore(nil)}
	f := newFamilies(t, store, nil)
	token := begin(t, f)
	foreign := begin(t, newFamilies(t, store, nil, bytes.Repeat([]byte("x"), 32)))
	elsewhere := begin(t, newFamilies(t, store, &refresh.Options{Name: "other"}))
	forged := []string{"", "x", foreign, elsewhere, token + "A", token[1:], token + "=", " " + token, token[:95] + "\n", strings.Repeat("A", 96)}
	for i := range len(token) {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		forged = append(forged, token[:i]+string(c)+token[i+1:])
	}
	for _, s := range forged {
		if next, err := try(t, f, s); !errors.Is(err, refresh.ErrInvalid) || errors.Is(err, refresh.ErrReused) || next != "" {
			t.Errorf("%q: %q, %v", s, next, err)
		}
		if err := f.Revoke(t.Context(), s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if n := store.finds.Load(); n != 0 {
		t.Errorf("%d look-ups of forged tokens", n)
	}
	if _, err := try(t, f, token); err != nil {
		t.Error(err)
	}
}

// B02 for families: nothing in the database is a token, or a session, and a
// token is no session's cookie.
func TestStoredIsNoToken(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	f := newFamilies(t, store, nil)
	token := begin(t, f)
	records, err := store.List(t.Context(), "refresh:api", "ann")
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	text := fmt.Sprintf("%x %+v %+v", records[0].ID, records[0], records[0].Origin)
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	for _, part := range [][]byte{raw[:32], raw[40:]} {
		if strings.Contains(text, string(part)) || strings.Contains(text, fmt.Sprintf("%x", part)) || strings.Contains(text, base64.RawURLEncoding.EncodeToString(part)) {
			t.Errorf("the record has a part of the token: %s", text)
		}
	}
	id := records[0].ID
	stored := append(append([]byte{}, id[:]...), raw[32:]...)
	if _, err := try(t, f, base64.RawURLEncoding.EncodeToString(stored)); !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("the stored id in the place of the name: %v", err)
	}
}

// Secrets rotate as those of cookies do: the newest makes, all check, one that
// is gone checks nothing.
func TestSecrets(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	older, newer := bytes.Repeat([]byte("o"), 32), bytes.Repeat([]byte("n"), 32)
	before, during, after := newFamilies(t, store, nil, older), newFamilies(t, store, nil, newer, older), newFamilies(t, store, nil, newer)
	token := begin(t, before)
	if _, err := try(t, after, token); !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("a token of a secret that is gone: %v", err)
	}
	next, err := try(t, during, token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(t, after, next); err != nil {
		t.Errorf("a token of the newest secret: %v", err)
	}
}

// B12 for families, F11: both lifetimes count on the server, at the very
// moment, and a refresh moves the one and not the other.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := sessions.NewMemoryStore(nil)
		f := newFamilies(t, store, &refresh.Options{Idle: time.Hour, Absolute: 150 * time.Minute})
		unused, token := begin(t, f), begin(t, f)
		for range 2 {
			time.Sleep(time.Hour - time.Millisecond)
			next, err := try(t, f, token)
			if err != nil {
				t.Fatal(err)
			}
			token = next
		}
		records, err := store.List(t.Context(), "refresh:api", "ann")
		if err != nil || slices.ContainsFunc(records, func(r sessions.Record) bool { return r.Idle > r.Absolute }) {
			t.Errorf("an idle end behind the absolute one: %+v, %v", records, err)
		}
		if _, err := try(t, f, unused); !errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("a family that was not used for two hours: %v", err)
		}
		time.Sleep(30*time.Minute + 2*time.Millisecond - time.Millisecond)
		next, err := try(t, f, token)
		if err != nil {
			t.Fatalf("a millisecond before its end: %v", err)
		}
		time.Sleep(time.Millisecond)
		if _, err := try(t, f, next); !errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("at its end: %v", err)
		}
		if list, _ := store.List(t.Context(), "refresh:api", "ann"); len(list) != 0 {
			t.Errorf("families that have expired are still there: %+v", list)
		}
	})
}

// The last token is answered again for the grace and no longer, the one before
// it never; a negative grace is none.
func TestGrace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		grace time.Duration
		after time.Duration
		again bool
	}{
		{"at once", 0, 0, true},
		{"within ten seconds", 0, 10*time.Second - time.Millisecond, true},
		{"after ten seconds", 0, 10 * time.Second, false},
		{"none", -1, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFamilies(t, sessions.NewMemoryStore(nil), &refresh.Options{Grace: c.grace})
				first := begin(t, f)
				second, err := try(t, f, first)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.after)
				again, err := try(t, f, first)
				if c.again && (again != second || err != nil) || !c.again && !errors.Is(err, refresh.ErrReused) {
					t.Errorf("the first token again: the same one: %v, %v", again == second, err)
				}
				if !c.again {
					return
				}
				if _, err := try(t, f, second); err != nil {
					t.Fatal(err)
				}
				if _, err := try(t, f, first); !errors.Is(err, refresh.ErrReused) {
					t.Errorf("two generations back: %v", err)
				}
			})
		})
	}
}

// A reuse is told, with the family and without a token. Where the family
// cannot be ended that is an outage, and nobody gets a token.
func TestReuseIsTold(t *testing.T) {
	t.Parallel()
	var heard []refresh.Family
	var log bytes.Buffer
	store := &watched{Store: sessions.NewMemoryStore(nil)}
	f := newFamilies(t, store, &refresh.Options{
		Grace: -1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		OnReuse: func(_ context.Context, family refresh.Family) {
			heard = append(heard, family)
			panic("hook")
		},
	})
	first := begin(t, f)
	second, err := try(t, f, first)
	if err != nil {
		t.Fatal(err)
	}
	store.gone = errors.New("read-only")
	if next, err := try(t, f, first); err == nil || errors.Is(err, refresh.ErrInvalid) || next != "" {
		t.Errorf("a family that cannot be ended: %q, %v", next, err)
	}
	store.gone = nil
	if _, err := try(t, f, first); !errors.Is(err, refresh.ErrReused) {
		t.Error(err)
	}
	if len(heard) != 2 || heard[1].User != "ann" || heard[1].Handle == "" {
		t.Errorf("heard %+v", heard)
	}
	for _, want := range []string{"used again", "user=ann", "hook", heard[1].Handle} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), first) || strings.Contains(log.String(), second) {
		t.Errorf("a token is in the log:\n%s", &log)
	}
}

// A database that came back from a backup is no theft: the family ends, and
// nobody is warned of one.
func TestSetBack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now, backup := sessions.NewMemoryStore(nil), sessions.NewMemoryStore(nil)
	o := refresh.Options{
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		OnReuse: func(_ context.Context, family refresh.Family) { t.Errorf("a reuse of %+v", family) },
	}
	f, restored := newFamilies(t, now, &o), newFamilies(t, backup, &o)
	token := begin(t, f)
	records, err := now.List(t.Context(), "refresh:api", "ann")
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if err := backup.Create(t.Context(), records[0]); err != nil {
		t.Fatal(err)
	}
	newer, err := try(t, f, token)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{newer, token} {
		if next, err := try(t, restored, token); !errors.Is(err, refresh.ErrInvalid) || errors.Is(err, refresh.ErrReused) || next != "" {
			t.Errorf("%q, %v", next, err)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "user=ann") {
		t.Errorf("log:\n%s", got)
	}
}

// What the application refuses ends the family; what it cannot tell leaves
// the token good.
func TestCheck(t *testing.T) {
	t.Parallel()
	f := newFamilies(t, sessions.NewMemoryStore(nil), &refresh.Options{Grace: -1})
	ask := func(token string, err error) error {
		_, _, got := f.Refresh(t.Context(), token, func(context.Context, refresh.Family) error { return err })
		return got
	}
	token, outage := begin(t, f), errors.New("no database")
	if err := ask(token, outage); !errors.Is(err, outage) || errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("an outage: %v", err)
	}
	if err := ask(token, passport.ErrNoUser); !errors.Is(err, refresh.ErrInvalid) || !errors.Is(err, passport.ErrNoUser) {
		t.Errorf("a user who is gone: %v", err)
	}
	if err := ask(token, nil); !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("after that: %v", err)
	}
}

// B09 for families: one that ends while the application is asked gets no token,
// neither for its newest one nor for the last one within the grace.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*refresh.Families, context.Context, string) error{
		"EndUser": func(f *refresh.Families, ctx context.Context, _ string) error {
			_, err := f.EndUser(ctx, "ann")
			return err
		},
		"Revoke": (*refresh.Families).Revoke,
	} {
		for behind := range 2 {
			f := newFamilies(t, sessions.NewMemoryStore(nil), nil)
			token := begin(t, f)
			for range behind {
				if _, err := try(t, f, token); err != nil {
					t.Fatal(err)
				}
			}
			next, _, err := f.Refresh(t.Context(), token, func(ctx context.Context, _ refresh.Family) error {
				return end(f, ctx, token)
			})
			if !errors.Is(err, refresh.ErrInvalid) || errors.Is(err, refresh.ErrReused) || next != "" {
				t.Errorf("%s, %d behind: %q, %v", name, behind, next, err)
			}
		}
	}
}

// B26 for families: what the store cannot tell is an outage, not a refusal.
func TestOutage(t *testing.T) {
	t.Parallel()
	store := &watched{Store: sessions.NewMemoryStore(nil)}
	f := newFamilies(t, store, nil)
	token := begin(t, f)
	store.fail = context.DeadlineExceeded
	if _, err := try(t, f, token); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	store.fail = nil
	if _, err := try(t, f, token); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	token = begin(t, f)
	store.fail = sessions.ErrCorrupt
	if _, err := try(t, f, token); !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("a corrupt record: %v", err)
	}
	store.gone = errors.New("read-only")
	if err := f.Revoke(t.Context(), token); err == nil {
		t.Error("a revocation that failed looks as if it had not")
	}
}

// bare is a store without abilities.
type bare struct{ sessions.Store }

// F16
func TestMistakes(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	for name, f := range map[string]func(){
		"no store":        func() { _, _ = refresh.New(nil, [][]byte{secret}, nil) },
		"nil store":       func() { _, _ = refresh.New((*sessions.MemoryStore)(nil), [][]byte{secret}, nil) },
		"name":            func() { _, _ = refresh.New(store, [][]byte{secret}, &refresh.Options{Name: "a:b"}) },
		"long name":       func() { _, _ = refresh.New(store, [][]byte{secret}, &refresh.Options{Name: strings.Repeat("a", 49)}) },
		"negative":        func() { _, _ = refresh.New(store, [][]byte{secret}, &refresh.Options{Idle: -1}) },
		"endless grace":   func() { _, _ = refresh.New(store, [][]byte{secret}, &refresh.Options{Grace: 61 * time.Second}) },
		"absolute of -1s": func() { _, _ = refresh.New(store, [][]byte{secret}, &refresh.Options{Absolute: -time.Second}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			f()
		})
	}
	for name, secrets := range map[string][][]byte{"none": nil, "empty": {nil}, "short": {secret, secret[:31]}} {
		if f, err := refresh.New(store, secrets, nil); f != nil || err == nil || strings.Contains(err.Error(), "0123") {
			t.Errorf("secrets %s: %v", name, err)
		}
	}
	f := newFamilies(t, bare{store}, nil)
	if _, _, err := f.Begin(t.Context(), refresh.Family{}); err == nil {
		t.Error("a family of nobody")
	}
	if _, err := f.List(t.Context(), "ann"); !errors.Is(err, sessions.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := f.EndUser(t.Context(), "ann"); !errors.Is(err, sessions.ErrUnsupported) {
		t.Error(err)
	}
}

// F13: what was not made here is refused without a look-up, whatever it is.
func FuzzToken(f *testing.F) {
	store := &watched{Store: sessions.NewMemoryStore(nil)}
	families, err := refresh.New(store, [][]byte{secret}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		next, _, err := families.Refresh(t.Context(), token, nil)
		if next != "" || !errors.Is(err, refresh.ErrInvalid) || store.finds.Load() != 0 {
			t.Fatalf("%q: %q, %v, %d look-ups", token, next, err, store.finds.Load())
		}
	})
}
