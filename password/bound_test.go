package password_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/password"
)

// newGated returns a Hasher whose hashes wait for gate.
func newGated(o password.Options) (*password.Hasher, *counting) {
	scheme := &counting{name: "c", max: 72}
	o.Scheme = scheme
	h := password.New(&o)
	scheme.gate = make(chan struct{})
	return h, scheme
}

func TestBound(t *testing.T) { // A16
	for _, tt := range []struct {
		name               string
		options            password.Options
		concurrent, queued int
	}{
		{"default", password.Options{}, max(1, runtime.GOMAXPROCS(0)-1), 16 * max(1, runtime.GOMAXPROCS(0)-1)},
		{"three", password.Options{Concurrent: 3, Queue: 5}, 3, 5},
		{"no queue", password.Options{Concurrent: 2, Queue: -1}, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, scheme := newGated(tt.options)
				const logins = 200
				busy := 0
				var mu sync.Mutex
				var wg sync.WaitGroup
				for range logins {
					wg.Go(func() {
						_, err := h.Verify(t.Context(), "", "password")
						if be, ok := errors.AsType[*password.BusyError](err); ok {
							mu.Lock()
							busy++
							mu.Unlock()
							if be.RetryAfter != 5*time.Second {
								t.Errorf("retry after %v", be.RetryAfter)
							}
						}
					})
				}
				synctest.Wait()
				if want := logins - tt.concurrent - tt.queued; busy != want {
					t.Errorf("%d refused at once, want %d", busy, want)
				}
				close(scheme.gate)
				wg.Wait()
				if scheme.most != tt.concurrent {
					t.Errorf("%d hashes at once, want %d", scheme.most, tt.concurrent)
				}
				if want := tt.concurrent + tt.queued; scheme.verifies() != want {
					t.Errorf("%d hashed, want %d", scheme.verifies(), want)
				}
			})
		})
	}
}

func TestQueueIsBoundedInTime(t *testing.T) { // A16
	synctest.Test(t, func(t *testing.T) {
		h, scheme := newGated(password.Options{Concurrent: 1, Wait: 2 * time.Second})
		go h.Verify(t.Context(), "", "first")
		synctest.Wait()
		begun := time.Now()
		_, err := h.Verify(t.Context(), "", "second")
		if be, ok := errors.AsType[*password.BusyError](err); !ok || be.RetryAfter != 2*time.Second {
			t.Errorf("error %v, want BusyError", err)
		}
		if errors.Is(err, password.ErrMismatch) {
			t.Error("busy is called a mismatch")
		}
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("waited %v, want 2s", d)
		}
		close(scheme.gate)
	})
}

func TestQueueLeavesWithContext(t *testing.T) { // A17, F04, F05
	synctest.Test(t, func(t *testing.T) {
		h, scheme := newGated(password.Options{Concurrent: 1, Queue: 2})
		go h.Verify(context.Background(), "", "first")
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 2)
		go func() { _, err := h.Verify(ctx, "", "second"); left <- err }()
		go func() { _, err := h.Hash(ctx, "third"); left <- err }()
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-left; !errors.Is(err, context.Canceled) || errors.Is(err, password.ErrMismatch) {
				t.Errorf("error %v, want context.Canceled", err)
			}
		}
		if _, err := h.Verify(ctx, "", "fourth"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: error %v", err)
		}
		// The places of those who left are free again.
		for range 2 {
			go func() { _, err := h.Verify(context.Background(), "", "again"); left <- err }()
		}
		synctest.Wait()
		close(scheme.gate)
		for range 2 {
			if err := <-left; !errors.Is(err, password.ErrMismatch) {
				t.Errorf("afterwards: %v", err)
			}
		}
		if n := scheme.verifies(); n != 3 {
			t.Errorf("%d hashed, want the first and the last two", n)
		}
	})
}

type panicking struct{ counting }

func (*panicking) Verify(string, string) (bool, error) { panic("boom") }

func TestPanicFreesThePlace(t *testing.T) { // F02
	h := password.New(&password.Options{Scheme: &panicking{counting{name: "p", max: 72}}, Concurrent: 1, Queue: -1})
	for range 3 {
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("no panic")
				}
			}()
			_, err := h.Verify(t.Context(), "p$x", "password")
			t.Errorf("error %v", err)
		}()
	}
}
