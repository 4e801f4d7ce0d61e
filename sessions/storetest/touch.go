package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// touchCases are about Touch.
func touchCases() []Case {
	return []Case{{
		Name: "Touch",
		Rule: "Touch must move LastSeen and Idle forward, each on its own and never back, and change nothing else, the version least of all: reading in two tabs would make their writes conflict.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			seen, idle := r.LastSeen, r.Idle
			for _, step := range [][2]int64{{10, 20}, {5, 15}, {11, 19}, {9, 21}, {-1e6, -1e6}, {1e6, 1e6}} {
				r.LastSeen, r.Idle = max(r.LastSeen, seen+step[0]), max(r.Idle, idle+step[1])
				if err := s.Touch(ctx, r.ID, seen+step[0], idle+step[1]); err != nil {
					return fmt.Errorf("Touch: %w", err)
				}
				if err := stored(ctx, s, r); err != nil {
					return fmt.Errorf("after Touch by %+d, %+d ms: %w", step[0], step[1], err)
				}
			}
			return nil
		},
	}, {
		Name: "TouchDeleted",
		Rule: "Touch of a record that is not there must return nil and create nothing: reading a page would bring a logged-out session back.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			if err := s.Delete(ctx, r.ID); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			for _, id := range []sessions.ID{r.ID, newID()} {
				if err := s.Touch(ctx, id, r.LastSeen+1, r.Idle+1); err != nil {
					return fmt.Errorf("Touch of an absent record: %w", err)
				}
				if err := absent(ctx, s, id); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name: "TouchRace",
		Rule: "Touch at once from many requests must leave the latest times, whichever comes last.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			const n = 20
			errs := together(n, func(i int) error {
				handle := s
				if i%2 == 1 {
					handle = other
				}
				return handle.Touch(ctx, r.ID, r.LastSeen+int64(n-i), r.Idle+int64(i))
			})
			if err := errors.Join(errs...); err != nil {
				return fmt.Errorf("Touch: %w", err)
			}
			r.LastSeen, r.Idle = r.LastSeen+n, r.Idle+n-1
			return stored(ctx, s, r)
		},
	}}
}

// deleteCases are about Delete.
func deleteCases() []Case {
	return []Case{{
		Name: "Delete",
		Rule: "Delete must remove the record and no other, whatever its version.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r, stays := newRecord("alice"), newRecord("alice")
			if err := create(ctx, s, r, stays); err != nil {
				return err
			}
			if err := s.Update(ctx, r, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			if err := s.Delete(ctx, r.ID); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			return errors.Join(absent(ctx, s, r.ID), stored(ctx, s, stays))
		},
	}, {
		Name: "DeleteAbsent",
		Rule: "Delete of an absent record must return nil, also to many at once: signing out twice is no outage.",
		Check: func(ctx context.Context, s, other sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			errs := together(10, func(int) error {
				return errors.Join(s.Delete(ctx, r.ID), other.Delete(ctx, r.ID), s.Delete(ctx, newID()))
			})
			return errors.Join(append(errs, absent(ctx, s, r.ID))...)
		},
	}}
}
