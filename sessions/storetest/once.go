package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopassport/passport/sessions"
)

// onceCases are about Once.
func onceCases() []Case {
	return []Case{{
		Name:  "Once",
		Rule:  "Once must return nil for a key the first time and ErrUsed ever after, whatever the time given, on every instance: a replayed callback would sign a thief in.",
		Needs: []Ability{Once},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			key := [32]byte(newID())
			until := time.Now().Add(10 * time.Minute)
			if err := s.(sessions.Once).Once(ctx, key, until); err != nil {
				return fmt.Errorf("first call: %w", err)
			}
			for _, again := range []time.Time{until, until.Add(time.Hour), until.Add(-time.Hour)} {
				for _, handle := range []sessions.Store{s, other} {
					err := handle.(sessions.Once).Once(ctx, key, again)
					if err := wantError("a later call", sessions.ErrUsed, err); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}, {
		Name:  "OnceRace",
		Rule:  "Of 50 Once calls with one key at once, on any instance, one must return nil and the others ErrUsed: 50 racing callbacks make one token request.",
		Needs: []Ability{Once},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			for range 5 {
				key, until := [32]byte(newID()), time.Now().Add(time.Minute)
				errs := together(50, func(i int) error {
					return []sessions.Store{s, other}[i%2].(sessions.Once).Once(ctx, key, until)
				})
				won := 0
				for _, err := range errs {
					if err == nil {
						won++
					} else if err := wantError("a loser", sessions.ErrUsed, err); err != nil {
						return err
					}
				}
				if won != 1 {
					return fmt.Errorf("%d calls won, want 1", won)
				}
			}
			return nil
		},
	}, {
		Name:  "OnceKeys",
		Rule:  "Once must tell keys apart by every bit, and from the ids of records: a key that is taken for another refuses an honest login.",
		Needs: []Ability{Once},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			until := time.Now().Add(time.Minute)
			for bit := -1; bit < 8*len(r.ID); bit++ {
				key := r.ID
				if bit >= 0 {
					key[bit/8] ^= 1 << (bit % 8)
				}
				if err := s.(sessions.Once).Once(ctx, key, until); err != nil {
					return fmt.Errorf("bit %d: %w", bit, err)
				}
			}
			return stored(ctx, s, r)
		},
	}, {
		Name:  "OnceSwept",
		Rule:  "DeleteExpired must keep a spent key until its time, forget it afterwards and not count it, and say ErrMore until none is left: forgotten early it can be spent again, kept for ever it fills the table.",
		Needs: []Ability{Once, ExpiredDeleter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			once := s.(sessions.Once)
			now := time.UnixMilli(time.Now().Add(time.Minute).UnixMilli())
			kept := [][32]byte{newID(), newID(), newID()}
			times := []time.Time{now, now.Add(time.Microsecond), now.Add(time.Hour)}
			for i, key := range kept {
				if err := once.Once(ctx, key, times[i]); err != nil {
					return err
				}
			}
			forgotten := make([][32]byte, 5)
			for i := range forgotten {
				forgotten[i] = newID()
				if err := once.Once(ctx, forgotten[i], now.Add(-time.Second)); err != nil {
					return err
				}
			}
			// More keys than the limit: a busy site spends more keys than it
			// loses records, and must not be left with them.
			err := sessions.ErrMore
			for calls := 0; errors.Is(err, sessions.ErrMore) && calls <= len(forgotten); calls++ {
				var n int
				if n, err = other.(sessions.ExpiredDeleter).DeleteExpired(ctx, now, 2); n != 0 {
					return fmt.Errorf("DeleteExpired counted %d records, and there were spent keys alone", n)
				}
			}
			if err != nil {
				return fmt.Errorf("DeleteExpired, again and again: %w", err)
			}
			for i, key := range kept {
				err := wantError("a key whose time has not passed, after a sweep", sessions.ErrUsed, once.Once(ctx, key, times[i]))
				if err != nil {
					return err
				}
			}
			for _, key := range forgotten {
				if err := once.Once(ctx, key, now); err != nil {
					return fmt.Errorf("a key that was to be forgotten: %w", err)
				}
			}
			return nil
		},
	}}
}
