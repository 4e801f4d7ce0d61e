package sessions_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A slow store takes a while to update.
type slow struct {
	*sessions.MemoryStore
	update time.Duration
}

func (s *slow) Update(ctx context.Context, r sessions.Record, version int64) error {
	time.Sleep(s.update)
	return s.MemoryStore.Update(ctx, r, version)
}

// saving starts a save of a stored session that takes so long.
func saving(t *testing.T, took time.Duration) (m *sessions.Manager, stored sessions.Record, saved <-chan error) {
	t.Helper()
	m = sessions.New(&slow{sessions.NewMemoryStore(nil), took}, nil)
	r := sessions.Record{User: "alice", AuthTime: 1}
	if err := m.Save(t.Context(), httptest.NewRecorder(), &r); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		rec := r
		done <- m.Save(t.Context(), nil, &rec)
	}()
	synctest.Wait()
	return m, r, done
}

// F12: Close waits for the saves in flight, and lets no new one begin.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r, saved := saving(t, 3*time.Second)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := m.Close(ctx); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("Close: got error %v after %v, want none after 3s", err, time.Since(start))
		}
		synctest.Wait() // no time passes: the save has only to tell
		select {
		case err := <-saved:
			if err != nil {
				t.Errorf("the save in flight: %v", err)
			}
		default:
			t.Error("Close did not wait for the save in flight")
		}
		for name, write := range map[string]func() error{
			"Save":       func() error { return m.Save(t.Context(), nil, &r) },
			"End":        func() error { return m.End(t.Context(), nil, &r) },
			"Once":       func() error { return m.Once(t.Context(), [32]byte{1}, time.Now()) },
			"RevokeUser": func() error { _, err := m.RevokeUser(t.Context(), "alice"); return err },
			"Sweep":      func() error { return m.Sweep(t.Context(), 0) },
		} {
			if err := write(); !errors.Is(err, sessions.ErrClosed) {
				t.Errorf("%s after Close: got error %v, want ErrClosed", name, err)
			}
		}
		if list, err := m.List(t.Context(), "alice"); len(list) != 1 || err != nil {
			t.Errorf("List after Close: got %d records and error %v, want 1", len(list), err)
		}
		if err := m.Close(ctx); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

// B15: a Sweep that waits for its next round returns at Close.
func TestCloseEndsSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sessions.New(sessions.NewMemoryStore(nil), nil)
		swept := make(chan error, 1)
		go func() { swept <- m.Sweep(t.Context(), time.Hour) }()
		synctest.Wait()
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // no time passes
		select {
		case err := <-swept:
			if !errors.Is(err, sessions.ErrClosed) {
				t.Errorf("Sweep: got error %v, want ErrClosed", err)
			}
		default:
			t.Error("Sweep goes on after Close")
		}
	})
}

// F12: a sign-in whose place has still to be found is one write: Close waits
// for all of it, and leaves no record behind that has no cookie.
func TestCloseDuringALimitedSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *sessions.Manager
		closed := make(chan error, 1)
		store := &meeting{sessions.NewMemoryStore(nil), func() {
			go func() { closed <- m.Close(context.Background()) }()
			time.Sleep(time.Second) // Close has begun
		}}
		stored(t, store.MemoryStore, 1, time.Now())
		m = sessions.New(store, &sessions.Options{PerUser: 1})
		r, err := logIn(t.Context(), m, "alice")
		if err != nil || !signedIn(t, m, r) {
			t.Errorf("the sign-in in flight: got error %v, want a session that is valid", err)
		}
		if list, err := m.List(t.Context(), "alice"); len(list) != 1 || err != nil {
			t.Errorf("got %d sessions and error %v, want the new one alone", len(list), err)
		}
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// F12: when its context ends first, Close names what was cut.
func TestCloseNamesWhatWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r, saved := saving(t, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := m.Close(ctx)
		if want := "Update of session " + r.ID.Handle() + " after 2s"; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
			t.Errorf("Close: got error %v, want DeadlineExceeded and %q", err, want)
		}
		if err := <-saved; err != nil {
			t.Errorf("the save that Close did not wait for: %v", err)
		}
	})
}
