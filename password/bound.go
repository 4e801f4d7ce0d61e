package password

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// A BusyError says that too many hashes were wanted at once: the queue was
// full, or did not move for [Options.Wait]. Answer 503.
type BusyError struct {
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

// Unavailable makes passport answer the error with 503 and Retry-After.
func (e *BusyError) Unavailable() time.Duration { return e.RetryAfter }

// Error says what happened, for logs.
func (e *BusyError) Error() string { return "password: too many hashes at once" }

// A gate lets a few in, has a few more wait in the order they came, and
// refuses the others.
type gate struct {
	slots   chan struct{}
	waiting *atomic.Int64
	queue   int64
	wait    time.Duration
}

func newGate(concurrent, queue int, wait time.Duration) gate {
	if concurrent == 0 {
		concurrent = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if queue == 0 {
		queue = 16 * concurrent
	}
	if wait == 0 {
		wait = 5 * time.Second
	}
	return gate{make(chan struct{}, concurrent), new(atomic.Int64), int64(queue), wait}
}

func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("password: not begun: %w", err)
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return &BusyError{RetryAfter: g.wait}
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		// Both may have come at once, and select takes either.
		if err := ctx.Err(); err != nil {
			g.leave()
			return fmt.Errorf("password: left the queue: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("password: left the queue: %w", ctx.Err())
	case <-timer.C:
		return &BusyError{RetryAfter: g.wait}
	}
}

func (g *gate) leave() { <-g.slots }
