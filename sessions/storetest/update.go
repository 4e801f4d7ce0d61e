package storetest

import (
	"context"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// updateCases are about Update.
func updateCases() []Case {
	return []Case{{
		Name: "Update",
		Rule: "Update must write every field but Created and Origin, and make the version one more: the next writer compares with it.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			for version := r.Version; version < 4; version++ {
				r = updated(r)
				// What the caller left in Version must not matter.
				given := r
				given.Version = version * 100
				if err := s.Update(ctx, given, version); err != nil {
					return fmt.Errorf("Update from version %d: %w", version, err)
				}
				if err := stored(ctx, s, r); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name: "UpdateConflict",
		Rule: "Update with another version than the stored one must return ErrConflict and change nothing: it would undo what another request has saved.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			r = updated(r)
			if err := s.Update(ctx, r, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			for _, version := range []int64{-1, 0, 1, 3} {
				what := fmt.Sprintf("Update with version %d of version 2", version)
				if err := wantError(what, sessions.ErrConflict, s.Update(ctx, updated(r), version)); err != nil {
					return err
				}
			}
			return stored(ctx, s, r)
		},
	}, {
		Name: "UpdateDeleted",
		Rule: "Update of a deleted record must return ErrNotFound and insert nothing: a slow request would bring a logged-out session back.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			if err := s.Delete(ctx, r.ID); err != nil {
				return fmt.Errorf("Delete: %w", err)
			}
			for _, version := range []int64{0, 1, 2} {
				what := fmt.Sprintf("Update with version %d after Delete", version)
				if err := wantError(what, sessions.ErrNotFound, s.Update(ctx, r, version)); err != nil {
					return err
				}
			}
			return absent(ctx, s, r.ID)
		},
	}, {
		Name: "UpdateForward",
		Rule: "Update must never move LastSeen or Idle back: a request that began before another would shorten the session that the other has renewed.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			old := r
			r.LastSeen, r.Idle = r.LastSeen+1000, r.Idle+1000
			if err := s.Touch(ctx, r.ID, r.LastSeen, r.Idle); err != nil {
				return fmt.Errorf("Touch: %w", err)
			}
			if err := s.Update(ctx, old, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			r.Version = 2
			if err := stored(ctx, s, r); err != nil {
				return err
			}
			// Each on its own: one forward, the other back.
			mixed := r
			mixed.LastSeen, mixed.Idle = r.LastSeen+1, r.Idle-1
			if err := s.Update(ctx, mixed, 2); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			r.Version, r.LastSeen = 3, mixed.LastSeen
			return stored(ctx, s, r)
		},
	}, {
		Name:  "UpdateOrigin",
		Rule:  "Update must leave Created and Origin alone: they are facts about the sign-in, and most callers have no Origin to give.",
		Needs: []Ability{Lister},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("alice")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			for version, origin := range []*sessions.Origin{nil, {Realm: "elsewhere", Address: "192.0.2.1", Agent: "other"}} {
				changed := r
				changed.Origin, changed.Created = origin, r.Created+5000
				if err := s.Update(ctx, changed, int64(version)+1); err != nil {
					return fmt.Errorf("Update: %w", err)
				}
			}
			r.Version = 3
			return listed(ctx, s, "alice", r)
		},
	}, {
		Name:  "UpdateUser",
		Rule:  "A record whose user is changed by Update must be listed and deleted with its new user, not with the old one: revoking would miss it.",
		Needs: []Ability{Lister, UserDeleter},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			for version, user := range []string{"alice", "bob"} {
				r.User, r.Version = user, int64(version)+2
				if err := s.Update(ctx, r, r.Version-1); err != nil {
					return fmt.Errorf("Update: %w", err)
				}
				if err := listed(ctx, s, user, r); err != nil {
					return err
				}
			}
			if err := listed(ctx, s, "alice"); err != nil {
				return err
			}
			if err := deletesUser(ctx, s, "bob", sessions.ID{}, 1); err != nil {
				return err
			}
			return absent(ctx, s, r.ID)
		},
	}}
}

// updated is the record with every field changed that Update writes.
func updated(r sessions.Record) sessions.Record {
	r.User += "+"
	r.Data += "+"
	r.Factors += " hwk"
	r.Stamp += "+"
	r.AuthTime++
	r.LastSeen++
	r.Idle++
	r.Absolute--
	r.Version++
	r.Remember = !r.Remember
	return r
}

// listed returns an error unless the user's records are these, Origin
// included, in any order.
func listed(ctx context.Context, s sessions.Store, user string, want ...sessions.Record) error {
	list, err := s.(sessions.Lister).List(ctx, realm, user)
	if err != nil {
		return fmt.Errorf("List(%q): %w", user, err)
	}
	if len(list) != len(want) {
		return fmt.Errorf("List(%q): got %d records, want %d", user, len(list), len(want))
	}
	byID := make(map[sessions.ID]sessions.Record, len(list))
	for _, r := range list {
		byID[r.ID] = r
	}
	for _, w := range want {
		got, ok := byID[w.ID]
		if !ok {
			return fmt.Errorf("List(%q) misses %s", user, show(w))
		}
		if err := same(got, w); err != nil {
			return fmt.Errorf("List(%q): %w", user, err)
		}
		if got.Origin == nil || *got.Origin != *w.Origin {
			return fmt.Errorf("List(%q): got Origin %+v, want %+v", user, got.Origin, *w.Origin)
		}
	}
	return nil
}

// deletesUser returns an error unless DeleteUser counts n records.
func deletesUser(ctx context.Context, s sessions.Store, user string, keep sessions.ID, n int) error {
	got, err := s.(sessions.UserDeleter).DeleteUser(ctx, realm, user, keep)
	if err != nil || got != n {
		return fmt.Errorf("DeleteUser(%q): got %d and error %v, want %d", user, got, err, n)
	}
	return nil
}
