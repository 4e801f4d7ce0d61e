// Package turns makes the writers of a record take turns within this process,
// and remembers which records have ended: for stores that overwrite whatever
// is there.
package turns

import (
	"context"
	"sync"

	"github.com/gopassport/passport/sessions"
)

// Remembered is how many ended records a [Turns] remembers; the oldest is
// forgotten first.
const Remembered = 1 << 16

// Turns is safe for concurrent use.
type Turns struct {
	mu    sync.Mutex
	all   chan struct{}                 // the turn that keeps everybody away
	taken map[sessions.ID]chan struct{} // closed when the turn is over
	ended map[sessions.ID]struct{}
	order []sessions.ID // of ended, a ring once it is full
	last  int           // where the ring goes on
}

// New returns Turns of which none is taken.
func New() *Turns {
	return &Turns{taken: make(map[sessions.ID]chan struct{}), ended: make(map[sessions.ID]struct{})}
}

// Take waits until nobody writes any of the records, and keeps all others
// away until done is called. The error is the context's.
func (t *Turns) Take(ctx context.Context, ids ...sessions.ID) (done func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.mu.Lock()
		over := t.busy(ids)
		if over == nil {
			turn := make(chan struct{})
			for _, id := range ids {
				t.taken[id] = turn
			}
			t.mu.Unlock()
			return func() { t.release(turn, ids) }, nil
		}
		t.mu.Unlock()
		if err := wait(ctx, over); err != nil {
			return nil, err
		}
	}
}

// Wait waits until nobody writes the record, and keeps nobody away: for those
// who read. The error is the context's.
func (t *Turns) Wait(ctx context.Context, id sessions.ID) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.mu.Lock()
		over := t.taken[id]
		t.mu.Unlock()
		if over == nil {
			return nil
		}
		if err := wait(ctx, over); err != nil {
			return err
		}
	}
}

// TakeAll waits until nobody writes any record, and keeps all writers away
// until done is called. The error is the context's.
func (t *Turns) TakeAll(ctx context.Context) (done func(), err error) {
	turn := make(chan struct{})
	release := func() {
		t.mu.Lock()
		t.all = nil
		t.mu.Unlock()
		close(turn)
	}
	for mine := false; ; {
		if err := ctx.Err(); err != nil {
			if mine {
				release()
			}
			return nil, err
		}
		t.mu.Lock()
		over := t.all
		if over == nil || mine {
			t.all, mine, over = turn, true, nil
			for _, over = range t.taken {
				break // one after another: no new one begins
			}
		}
		t.mu.Unlock()
		if over == nil {
			return release, nil
		}
		_ = wait(ctx, over) // the loop looks at the context
	}
}

// busy is a turn that is in the way of the records; nil when none is.
func (t *Turns) busy(ids []sessions.ID) chan struct{} {
	if t.all != nil {
		return t.all
	}
	for _, id := range ids {
		if over, ok := t.taken[id]; ok {
			return over
		}
	}
	return nil
}

func (t *Turns) release(turn chan struct{}, ids []sessions.ID) {
	t.mu.Lock()
	for _, id := range ids {
		delete(t.taken, id)
	}
	t.mu.Unlock()
	close(turn)
}

func wait(ctx context.Context, over <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-over:
		return nil
	}
}

// End remembers that the record has ended.
func (t *Turns) End(id sessions.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.ended[id]; ok {
		return
	}
	t.ended[id] = struct{}{}
	if len(t.order) < Remembered {
		t.order = append(t.order, id)
		return
	}
	delete(t.ended, t.order[t.last])
	t.order[t.last] = id
	t.last = (t.last + 1) % Remembered
}

// Ended tells whether the record is remembered to have ended.
func (t *Turns) Ended(id sessions.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.ended[id]
	return ok
}
