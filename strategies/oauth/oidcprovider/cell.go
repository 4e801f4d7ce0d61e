package oidcprovider

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	fresh   = time.Hour        // the age at which a value is fetched anew
	stale   = 24 * time.Hour   // the age that it may reach while that fails
	again   = 10 * time.Second // between two fetches while there is a value
	pause   = time.Second      // between two while there is none
	patient = 3 * time.Second  // a fetch takes at most, while there is a value
)

// A cell holds what the provider publishes. It is fetched when it is first
// needed, by one request for all that wait, within that request's context. A
// failure is remembered for a pause, and no longer.
type cell[T any] struct {
	fetch func(context.Context) (T, error)

	mu     sync.Mutex
	value  T
	at     time.Time // when value was fetched; zero: there is none
	err    error     // of the last try
	tried  time.Time
	trying chan struct{} // closed when the fetch under way is over; nil: none
}

// get returns a value that is younger than age, or the last one where that
// cannot be had.
func (c *cell[T]) get(ctx context.Context, age time.Duration) (T, error) {
	for {
		c.mu.Lock()
		if !c.at.IsZero() && time.Since(c.at) < age || c.paused() {
			defer c.mu.Unlock()
			return c.result()
		}
		if c.trying == nil {
			c.trying = make(chan struct{})
			c.mu.Unlock()
			return c.renew(ctx)
		}
		over := c.trying
		c.mu.Unlock()
		select {
		case <-over:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}

// paused: it was tried just now.
func (c *cell[T]) paused() bool {
	if c.at.IsZero() {
		return c.err != nil && time.Since(c.tried) < pause
	}
	return time.Since(c.tried) < again
}

func (c *cell[T]) result() (T, error) {
	if !c.at.IsZero() && time.Since(c.at) < stale {
		return c.value, nil
	}
	var none T
	return none, c.err
}

// renew fetches, for everyone.
func (c *cell[T]) renew(ctx context.Context) (T, error) {
	c.mu.Lock()
	limited := ctx
	if !c.at.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, patient)
		defer cancel()
	}
	c.mu.Unlock()
	var value T
	var err error
	defer func() { // also where fetch panics
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.trying)
		c.trying = nil
	}()
	value, err = c.fetch(limited)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return value, err // the browser went away: the next request tries
	}
	c.err, c.tried = err, time.Now()
	if err == nil {
		c.value, c.at = value, c.tried
	}
	return c.result()
}
