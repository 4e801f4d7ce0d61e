package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"github.com/gopassport/passport/sessions"
)

// raceCases are about writers that meet, in one instance or in several.
func raceCases() []Case {
	return []Case{{
		Name:  "NothingLost",
		Rule:  "Of 50 writers with 100 versioned writes each, no acknowledged write may be lost: Update is a compare-and-set, in one step of the store.",
		Check: checkNothingLost,
	}, {
		Name: "UpdateDeleteRace",
		Rule: "A record that Delete has acknowledged must stay away, whatever Update and Touch run meanwhile or later: a logout counts.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			for range 20 {
				if err := deleteAgainstWriters(ctx, s, other); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name: "CreateRace",
		Rule: "Of 20 Create calls with one id at once, one must win and its record be the one that is stored, the others get ErrConflict.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			records := make([]sessions.Record, 20)
			id := newID()
			errs := together(len(records), func(i int) error {
				records[i] = newRecord("user" + strconv.Itoa(i))
				records[i].ID = id
				if i%2 == 0 {
					return s.Create(ctx, records[i])
				}
				return other.Create(ctx, records[i])
			})
			won := 0
			for i, err := range errs {
				if err == nil {
					won++
					if err := stored(ctx, s, records[i]); err != nil {
						return err
					}
				} else if err := wantError("a losing Create", sessions.ErrConflict, err); err != nil {
					return err
				}
			}
			if won != 1 {
				return fmt.Errorf("%d calls won, want 1", won)
			}
			return nil
		},
	}, {
		Name:  "Instances",
		Rule:  "Another instance must see every acknowledged write at once: a logout on one server that another has not heard of is none.",
		Check: checkInstances,
	}}
}

// checkNothingLost counts in the Data of a few records. Each writer tries again
// after a conflict, as Session.Save does, and waits longer the more often it
// lost: with all writers on one record most of the time would go into losing.
func checkNothingLost(ctx context.Context, s, other sessions.Store) error {
	const writers, writes = 50, 100
	records := make([]sessions.Record, 25)
	for i := range records {
		records[i] = newRecord("alice")
		records[i].Data = "0"
	}
	if err := create(ctx, s, records...); err != nil {
		return err
	}
	errs := together(writers, func(i int) error {
		handle := s
		if i%2 == 1 {
			handle = other
		}
		for n := range writes {
			if err := increment(ctx, handle, records[(i/2+n)%len(records)].ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, r := range records {
		const each = writers * writes / 25
		r.Data, r.Version = strconv.Itoa(each), 1+each
		if err := stored(ctx, s, r); err != nil {
			return err
		}
	}
	return nil
}

func increment(ctx context.Context, s sessions.Store, id sessions.ID) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		r, err := s.Find(ctx, id)
		if err != nil {
			return fmt.Errorf("Find: %w", err)
		}
		n, err := strconv.Atoi(r.Data)
		if err != nil {
			return err
		}
		r.Data = strconv.Itoa(n + 1)
		runtime.Gosched() // let the others in between
		err = s.Update(ctx, r, r.Version)
		if err == nil {
			return nil
		}
		if err := wantError("Update", sessions.ErrConflict, err); err != nil {
			return err
		}
		time.Sleep(rand.N(wait))
	}
}

// deleteAgainstWriters deletes a record under the hands of those who write it.
func deleteAgainstWriters(ctx context.Context, s, other sessions.Store) error {
	r := newRecord("alice")
	if err := create(ctx, s, r); err != nil {
		return err
	}
	errs := together(6, func(i int) error {
		switch i {
		case 0:
			if err := other.Delete(ctx, r.ID); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			return absent(ctx, s, r.ID)
		case 1:
			return s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1)
		}
		for version := int64(1); version < 5; version++ {
			err := s.Update(ctx, r, version)
			if err != nil && !errors.Is(err, sessions.ErrConflict) && !errors.Is(err, sessions.ErrNotFound) {
				return fmt.Errorf("Update: %w", err)
			}
		}
		return nil
	})
	return errors.Join(append(errs, absent(ctx, s, r.ID), absent(ctx, other, r.ID))...)
}

func checkInstances(ctx context.Context, s, other sessions.Store) error {
	r := newRecord("alice")
	if err := create(ctx, s, r); err != nil {
		return err
	}
	if err := stored(ctx, other, r); err != nil {
		return fmt.Errorf("after Create: %w", err)
	}
	r = updated(r)
	if err := other.Update(ctx, r, 1); err != nil {
		return fmt.Errorf("Update: %w", err)
	}
	if err := stored(ctx, s, r); err != nil {
		return fmt.Errorf("after Update: %w", err)
	}
	if err := wantError("Update of what another instance changed", sessions.ErrConflict, s.Update(ctx, r, 1)); err != nil {
		return err
	}
	r.LastSeen++
	if err := s.Touch(ctx, r.ID, r.LastSeen, r.Idle); err != nil {
		return fmt.Errorf("Touch: %w", err)
	}
	if err := stored(ctx, other, r); err != nil {
		return fmt.Errorf("after Touch: %w", err)
	}
	next := newRecord("alice")
	if err := other.Replace(ctx, r.ID, r.Version, next); err != nil {
		return fmt.Errorf("Replace: %w", err)
	}
	if err := errors.Join(absent(ctx, s, r.ID), stored(ctx, s, next)); err != nil {
		return fmt.Errorf("after Replace: %w", err)
	}
	if err := s.Delete(ctx, next.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := absent(ctx, other, next.ID); err != nil {
		return fmt.Errorf("after Delete: %w", err)
	}
	return wantError("Update of what another instance deleted", sessions.ErrNotFound, other.Update(ctx, next, 1))
}
