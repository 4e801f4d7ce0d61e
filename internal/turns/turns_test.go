package turns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/turns"
	"github.com/gopassport/passport/sessions"
)

// Of writers that share a record one writes at a time, and those of two
// records do not block each other for ever.
func TestTake(t *testing.T) {
	t.Parallel()
	a, b, c := sessions.ID{1}, sessions.ID{2}, sessions.ID{3}
	turn := turns.New()
	count := make(map[sessions.ID]*int)
	for _, id := range []sessions.ID{a, b, c} {
		count[id] = new(int)
	}
	var wg sync.WaitGroup
	for _, ids := range [][]sessions.ID{{a, b}, {b, a}, {b, c}, {c, a}, {a}, {b}, {c, c}} {
		wg.Go(func() {
			for range 200 {
				done, err := turn.Take(t.Context(), ids...)
				if err != nil {
					t.Error(err)
					return
				}
				for _, id := range ids {
					*count[id]++ // the race detector watches
				}
				done()
			}
		})
	}
	wg.Wait()
	if got := *count[a]; got != 4*200 {
		t.Errorf("counted %d, want %d", got, 4*200)
	}
}

// TakeAll has all others done before it, and none beside it.
func TestTakeAll(t *testing.T) {
	t.Parallel()
	turn := turns.New()
	var counts [8]int
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			for range 100 {
				done, err := turn.Take(t.Context(), sessions.ID{byte(i)})
				if err != nil {
					t.Error(err)
					return
				}
				counts[i]++
				done()
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 25 {
				done, err := turn.TakeAll(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for i := range counts {
					counts[i]++ // the race detector watches
				}
				done()
			}
		})
	}
	wg.Wait()
	for i, got := range counts {
		if want := 100 + 4*25; got != want {
			t.Errorf("record %d: counted %d, want %d", i, got, want)
		}
	}

	done, err := turn.Take(t.Context(), sessions.ID{1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := turn.TakeAll(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("TakeAll: got error %v, want the context's", err)
	}
	done()
	if done, err = turn.Take(t.Context(), sessions.ID{1}); err != nil {
		t.Errorf("Take after a TakeAll that gave up: %v", err)
	}
	done()
}

// Whoever waits leaves with the context.
func TestContext(t *testing.T) {
	t.Parallel()
	id := sessions.ID{1}
	turn := turns.New()
	done, err := turn.Take(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := turn.Take(ctx, sessions.ID{2}, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Take: got error %v, want the context's", err)
	}
	if err := turn.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait: got error %v, want the context's", err)
	}
	done()
	if err := turn.Wait(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := turn.Take(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Take with a context that is over: got error %v, want the context's", err)
	}
	if err := turn.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait with a context that is over: got error %v, want the context's", err)
	}
}

// What is remembered is bounded, and the newest stay.
func TestEndedIsBounded(t *testing.T) {
	t.Parallel()
	turn := turns.New()
	id := func(n int) (id sessions.ID) {
		binary.BigEndian.PutUint32(id[:], uint32(n))
		return id
	}
	const more = 3
	for n := range turns.Remembered + more {
		turn.End(id(n))
		turn.End(id(n)) // counts once
	}
	for n, want := range map[int]bool{0: false, more - 1: false, more: true, turns.Remembered + more - 1: true, turns.Remembered + more: false} {
		if got := turn.Ended(id(n)); got != want {
			t.Errorf("record %d: ended %t, want %t", n, got, want)
		}
	}
}
