package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport/sessions"
)

// expiryCases are about DeleteExpired.
func expiryCases() []Case {
	needs := []Ability{ExpiredDeleter}
	return []Case{{
		Name:  "ExpiryEdges",
		Rule:  "DeleteExpired must delete a record with either deadline at or before now, of any realm, and no other: a millisecond early signs somebody out, never sweeping fills the table.",
		Needs: needs,
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			now := time.UnixMilli(time.Now().UnixMilli())
			ms := now.UnixMilli()
			far := ms + time.Hour.Milliseconds()
			deadlines := []struct {
				idle, absolute int64
				expired        bool
			}{
				{ms - 1, far, true}, {ms, far, true}, {ms + 1, far, false},
				{far, ms - 1, true}, {far, ms, true}, {far, ms + 1, false},
				{ms, ms, true}, {ms + 1, ms + 1, false}, {ms + 1, ms, true}, {ms, ms + 1, true},
				{far, far, false}, {math.MaxInt64, math.MaxInt64, false},
			}
			records := make([]sessions.Record, len(deadlines))
			want := 0
			for i, d := range deadlines {
				records[i] = newRecord([]string{"alice", ""}[i%2])
				records[i].Origin.Realm = []string{realm, "elsewhere"}[i/2%2]
				records[i].Idle, records[i].Absolute = d.idle, d.absolute
				if d.expired {
					want++
				}
			}
			if err := create(ctx, s, records...); err != nil {
				return err
			}
			if err := deletesExpired(ctx, s, now, 100, want); err != nil {
				return err
			}
			for i, d := range deadlines {
				err := stored(ctx, s, records[i])
				if d.expired {
					err = absent(ctx, s, records[i].ID)
				}
				if err != nil {
					return fmt.Errorf("idle deadline %+d ms, absolute %+d ms from now: %w", d.idle-ms, d.absolute-ms, err)
				}
			}
			return nil
		},
	}, {
		Name:  "ExpiryBatches",
		Rule:  "DeleteExpired must delete at most limit records and count them, until none is left: one long DELETE holds up every login.",
		Needs: needs,
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			stays := newRecord("alice")
			if err := create(ctx, s, stays); err != nil {
				return err
			}
			for range 25 {
				if err := create(ctx, s, expiredRecord("alice")); err != nil {
					return err
				}
			}
			now := time.Now()
			for _, batch := range []struct{ limit, want int }{{0, 0}, {-1, 0}, {10, 10}, {1, 1}, {10, 10}, {10, 4}, {10, 0}} {
				if err := deletesExpired(ctx, s, now, batch.limit, batch.want); err != nil {
					return err
				}
			}
			return stored(ctx, s, stays)
		},
	}, {
		Name:  "ExpiryRenewed",
		Rule:  "DeleteExpired must leave a record that was renewed, also when the sweep began before: somebody has just signed in again or come back.",
		Needs: needs,
		Check: func(ctx context.Context, s, other sessions.Store) error {
			touched, written, idle := expiredRecord("alice"), expiredRecord("alice"), newRecord("alice")
			if err := create(ctx, s, touched, written, idle); err != nil {
				return err
			}
			touched.Idle, written.Idle, written.Version = idle.Idle, idle.Idle, 2
			if err := other.Touch(ctx, touched.ID, touched.LastSeen, touched.Idle); err != nil {
				return fmt.Errorf("Touch: %w", err)
			}
			if err := other.Update(ctx, written, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			if err := deletesExpired(ctx, s, time.Now(), 10, 0); err != nil {
				return err
			}
			if err := errors.Join(stored(ctx, s, touched), stored(ctx, s, written)); err != nil {
				return err
			}
			for range 5 {
				if err := renewAgainstSweep(ctx, s, other); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name:  "ExpirySweepers",
		Rule:  "Many DeleteExpired at once, from many instances, must together delete every expired record and count each one time.",
		Needs: needs,
		Check: func(ctx context.Context, s, other sessions.Store) error {
			const n = 100
			stays := newRecord("alice")
			if err := create(ctx, s, stays); err != nil {
				return err
			}
			for range n {
				if err := create(ctx, s, expiredRecord("bob")); err != nil {
					return err
				}
			}
			now := time.Now()
			var total atomic.Int64
			errs := together(8, func(i int) error {
				sweeper := []sessions.Store{s, other}[i%2].(sessions.ExpiredDeleter)
				// A sweeper that finds the others' rows locked may return
				// early: it tries as often as it takes one to do all.
				for range n/7 + 1 {
					deleted, err := sweeper.DeleteExpired(ctx, now, 7)
					if err != nil {
						return err
					}
					total.Add(int64(deleted))
				}
				return nil
			})
			if err := errors.Join(errs...); err != nil {
				return fmt.Errorf("DeleteExpired: %w", err)
			}
			if err := deletesExpired(ctx, s, now, n, n-int(total.Load())); err != nil {
				return fmt.Errorf("after %d were counted of %d: %w", total.Load(), n, err)
			}
			return stored(ctx, s, stays)
		},
	}}
}

// deletesExpired returns an error unless DeleteExpired counts n records.
func deletesExpired(ctx context.Context, s sessions.Store, now time.Time, limit, n int) error {
	got, err := s.(sessions.ExpiredDeleter).DeleteExpired(ctx, now, limit)
	if err != nil || got != n {
		return fmt.Errorf("DeleteExpired with limit %d: got %d and error %v, want %d", limit, got, err, n)
	}
	return nil
}

// renewAgainstSweep renews records under a sweep: of each, either the renewal
// fails and the record is gone, or it succeeds and the record stays.
func renewAgainstSweep(ctx context.Context, s, other sessions.Store) error {
	records := make([]sessions.Record, 40)
	for i := range records {
		records[i] = expiredRecord("alice")
		if err := create(ctx, s, records[i]); err != nil {
			return err
		}
	}
	now := time.Now()
	renewed := make([]error, len(records))
	var done atomic.Bool
	errs := together(2, func(i int) error {
		for i == 0 && !done.Load() {
			if _, err := other.(sessions.ExpiredDeleter).DeleteExpired(ctx, now, 5); err != nil {
				return fmt.Errorf("DeleteExpired: %w", err)
			}
		}
		if i == 0 {
			return nil
		}
		defer done.Store(true)
		for i := range records {
			time.Sleep(20 * time.Microsecond) // or it is over before the first sweep
			records[i].Idle, records[i].Version = now.Add(time.Hour).UnixMilli(), 2
			renewed[i] = s.Update(ctx, records[i], 1)
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, r := range records {
		err := stored(ctx, s, r)
		if renewed[i] != nil {
			err = errors.Join(wantError("Update", sessions.ErrNotFound, renewed[i]), absent(ctx, s, r.ID))
		}
		if err != nil {
			return fmt.Errorf("a record that was renewed under the sweep (error %v): %w", renewed[i], err)
		}
	}
	return nil
}
