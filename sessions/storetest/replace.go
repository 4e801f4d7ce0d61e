package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gopassport/passport/sessions"
)

// replaceCases are about Replace.
func replaceCases() []Case {
	return []Case{{
		Name:  "Replace",
		Rule:  "Replace must delete old and create the new record as Create would, Origin included: an old id that lives on after a login is a fixed session.",
		Needs: []Ability{Lister},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			old, next := newRecord(""), newRecord("alice")
			next.Data, next.Remember = "\x00\xff", true
			next.Idle, next.LastSeen = old.Idle-1000, old.LastSeen-1000 // a new record, not a touched one
			next.Origin = &sessions.Origin{Realm: realm, Address: "192.0.2.7", Agent: "other"}
			if err := create(ctx, s, old); err != nil {
				return err
			}
			if err := s.Replace(ctx, old.ID, 1, next); err != nil {
				return fmt.Errorf("Replace: %w", err)
			}
			if err := absent(ctx, s, old.ID); err != nil {
				return err
			}
			if err := stored(ctx, s, next); err != nil {
				return err
			}
			return listed(ctx, s, "alice", next)
		},
	}, {
		Name: "ReplaceConflict",
		Rule: "Replace of an old with another version must return ErrConflict, keep old and insert nothing: a login would drop what another request has saved.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			old := newRecord("")
			if err := create(ctx, s, old); err != nil {
				return err
			}
			old = updated(old)
			if err := s.Update(ctx, old, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			for _, version := range []int64{0, 1, 3} {
				next := newRecord("alice")
				what := fmt.Sprintf("Replace with version %d of version 2", version)
				if err := wantError(what, sessions.ErrConflict, s.Replace(ctx, old.ID, version, next)); err != nil {
					return err
				}
				if err := absent(ctx, s, next.ID); err != nil {
					return err
				}
			}
			return stored(ctx, s, old)
		},
	}, {
		Name: "ReplaceDeleted",
		Rule: "Replace of an old that is gone must return ErrNotFound and insert nothing: a step-up would bring a logged-out session back under a new id.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			old, next := newRecord("alice"), newRecord("alice")
			if err := create(ctx, s, old); err != nil {
				return err
			}
			if err := s.Delete(ctx, old.ID); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			if err := wantError("Replace after Delete", sessions.ErrNotFound, s.Replace(ctx, old.ID, 1, next)); err != nil {
				return err
			}
			return errors.Join(absent(ctx, s, old.ID), absent(ctx, s, next.ID))
		},
	}, {
		Name: "ReplaceExisting",
		Rule: "Replace onto an id that exists must fail and change neither record: both or neither is the promise.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			old, taken := newRecord("alice"), newRecord("bob")
			if err := create(ctx, s, old, taken); err != nil {
				return err
			}
			next := newRecord("alice")
			next.ID = taken.ID
			if err := s.Replace(ctx, old.ID, 1, next); err == nil {
				return errors.New("Replace onto another record's id: got no error")
			}
			return errors.Join(stored(ctx, s, old), stored(ctx, s, taken))
		},
	}, {
		Name: "ReplaceOneStep",
		Rule: "Nobody may see both records of a Replace, nor neither: a browser would be signed in under the old id, or be signed out by its own login.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			for range 30 {
				old, next := newRecord(""), newRecord("alice")
				if err := create(ctx, s, old); err != nil {
					return err
				}
				errs := together(4, func(i int) error {
					switch i {
					case 0:
						return s.Replace(ctx, old.ID, 1, next)
					case 1:
						return neverBoth(ctx, s, old.ID, next.ID)
					case 2:
						return neverNeither(ctx, s, old.ID, next.ID)
					}
					return neverNeither(ctx, other, old.ID, next.ID)
				})
				if err := errors.Join(errs...); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name: "ReplaceRace",
		Rule: "Of 50 Replace calls for one old at once, one must win and one new record be there: a double click, or a thief, would leave a second signed-in session.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			old := newRecord("")
			if err := create(ctx, s, old); err != nil {
				return err
			}
			next := make([]sessions.Record, 50)
			errs := together(len(next), func(i int) error {
				next[i] = newRecord("alice")
				if i%2 == 0 {
					return s.Replace(ctx, old.ID, 1, next[i])
				}
				return other.Replace(ctx, old.ID, 1, next[i])
			})
			won := 0
			for i, err := range errs {
				if err == nil {
					won++
					if err := stored(ctx, s, next[i]); err != nil {
						return fmt.Errorf("the winner: %w", err)
					}
					continue
				}
				if err := wantError("a loser", sessions.ErrNotFound, err); err != nil {
					return err
				}
				if err := absent(ctx, s, next[i].ID); err != nil {
					return fmt.Errorf("a loser: %w", err)
				}
			}
			if won != 1 {
				return fmt.Errorf("%d calls won, want 1", won)
			}
			return absent(ctx, s, old.ID)
		},
	}, {
		Name: "ReplaceDeleteRace",
		Rule: "Delete of old and Replace at once: the Replace either comes first, or returns ErrNotFound and leaves nothing; a logout must not lose to a login that reports failure.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			for range 30 {
				old, next := newRecord("alice"), newRecord("alice")
				if err := create(ctx, s, old); err != nil {
					return err
				}
				errs := together(2, func(i int) error {
					if i == 0 {
						return s.Replace(ctx, old.ID, 1, next)
					}
					time.Sleep(rand.N(300 * time.Microsecond)) // meet it anywhere
					return other.Delete(ctx, old.ID)
				})
				if errs[1] != nil {
					return fmt.Errorf("Delete: %w", errs[1])
				}
				after := stored(ctx, s, next)
				if errs[0] != nil {
					after = errors.Join(wantError("Replace", sessions.ErrNotFound, errs[0]), absent(ctx, s, next.ID))
				}
				if err := errors.Join(after, absent(ctx, s, old.ID)); err != nil {
					return err
				}
			}
			return nil
		},
	}}
}

// polls is how often the watchers of one Replace look.
const polls = 20

// neverBoth watches a Replace: once next is there, old must be gone.
func neverBoth(ctx context.Context, s sessions.Store, old, next sessions.ID) error {
	for range polls {
		if err := ignore(s.Find(ctx, next)); err != nil {
			if !errors.Is(err, sessions.ErrNotFound) {
				return err
			}
			continue
		}
		return absent(ctx, s, old)
	}
	return nil
}

// neverNeither watches a Replace: once old is gone, next must be there.
func neverNeither(ctx context.Context, s sessions.Store, old, next sessions.ID) error {
	for range polls {
		err := ignore(s.Find(ctx, old))
		switch {
		case err == nil:
			continue
		case !errors.Is(err, sessions.ErrNotFound):
			return err
		}
		if err := ignore(s.Find(ctx, next)); err != nil {
			return fmt.Errorf("old was gone and next not there: %w", err)
		}
		return nil
	}
	return nil
}
