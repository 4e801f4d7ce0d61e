package sessions

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// List returns the user's sessions that are valid now, the one used last
// first. The empty user is nobody and has none, here and below.
func (m *Manager) List(ctx context.Context, user string) ([]Record, error) {
	if user == "" {
		return nil, nil
	}
	records, err := m.store.List(ctx, m.realm, user)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	records = slices.DeleteFunc(records, func(r Record) bool { return r.Expired(now) })
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(b.LastSeen, a.LastSeen) })
	return records, nil
}

// Revoke ends one session of the user, named by its handle. A handle that is
// not one of the user's: ErrNotFound. One that signs in again at that very
// moment goes on, under a new handle; RevokeUser ends it too.
func (m *Manager) Revoke(ctx context.Context, user, handle string) error {
	records, err := m.List(ctx, user)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.ID.Handle() == handle {
			return m.store.Delete(ctx, r.ID)
		}
	}
	return ErrNotFound
}

// RevokeUser ends all sessions of the user and counts them.
func (m *Manager) RevokeUser(ctx context.Context, user string) (int, error) {
	return m.RevokeOthers(ctx, user, ID{})
}

// RevokeOthers ends all sessions of the user but the one with the id keep,
// and counts them. The zero ID, which a session that is not stored has, keeps
// none.
func (m *Manager) RevokeOthers(ctx context.Context, user string, keep ID) (int, error) {
	if user == "" {
		return 0, nil
	}
	return m.store.DeleteUser(ctx, m.realm, user, keep)
}

// RevokeAll ends every session of this Manager's realm and counts them.
func (m *Manager) RevokeAll(ctx context.Context) (int, error) {
	return m.store.DeleteRealm(ctx, m.realm)
}

// Count counts the sessions of this Manager's realm that are valid now.
func (m *Manager) Count(ctx context.Context) (int, error) {
	return m.store.Count(ctx, m.realm, time.Now())
}

const (
	sweepBatch   = 100                   // records asked for at once: short locks
	sweepPause   = 20 * time.Millisecond // between two calls of one round, at least
	sweepShare   = 5                     // a round works one part in so many of the time
	sweepGrace   = time.Hour             // the clocks of servers differ, and jump
	sweepTimeout = 10 * time.Second      // of one call
)

// Sweep deletes records that expired more than an hour ago, of every realm in
// the store, and one-time values that need no remembering, once per interval
// until ctx is done, and returns ctx's error, [ErrClosed], or [ErrUnsupported]
// where the store cannot or sweeps by itself. Run it in a goroutine of your
// own; any number of instances may sweep one store. Sessions expire without it:
// it only keeps the table small. Default interval: 5 minutes.
//
// It asks the store for at most 100 records at a time, with which those over a
// database delete as many one-time values, some in smaller batches, and rests
// in between, the longer the more the database has to do, so that requests do
// not wait: at most 5,000 a second. A call that fails is logged, and tried
// again in the next round.
func (m *Manager) Sweep(ctx context.Context, interval time.Duration) error {
	if interval <= 0 {
		interval = 5 * time.Minute
	}
	for {
		wait, start := interval, time.Now()
		n, err := m.sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrUnsupported), errors.Is(err, ErrClosed):
			return err
		case err != nil && !errors.Is(err, ErrMore):
			m.log.ErrorContext(ctx, "sessions: could not delete expired sessions", "error", err)
		case err != nil, n == sweepBatch:
			wait = max(sweepPause, (sweepShare-1)*time.Since(start))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-m.store.writes.closing:
			timer.Stop()
			return ErrClosed
		case <-timer.C:
		}
	}
}

func (m *Manager) sweep(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	return m.store.DeleteExpired(ctx, time.Now().Add(-sweepGrace), sweepBatch)
}
