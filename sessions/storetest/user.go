package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport/sessions"
)

// otherUsers are ids that a collation, padding or normalisation would take for
// one of the others.
var otherUsers = [...]string{
	"alice", "Alice", "ALICE", "alice ", " alice", "alice\t", "alice\x00", "alice\x00\x00", "ali\u200bce",
	"\u00e9", "e\u0301", "e", "\u00c9", "\u0131", "i", "I", "\u0130", "ss", "\u00df", "\u1e9e", "\uff41", "a", "\u00aa",
	"1", "01", "1.0", "1e0", "%", "_", "a%", "\xff", "\xfe", "\ufffd", "'", "''", `\`, `\\`, `"`, ";",
}

// userCases are about the abilities that find records by user and realm.
func userCases() []Case {
	return []Case{{
		Name:  "List",
		Rule:  "List must return all records of the user in the realm and no other, Origin included, expired ones too: people look there for strangers in their account.",
		Needs: []Ability{Lister},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			want := []sessions.Record{newRecord("alice"), newRecord("alice"), expiredRecord("alice")}
			want[1].Origin = &sessions.Origin{Realm: realm, Address: "", Agent: "\xff\x00 'quoted' \u00e9"}
			want[1].Remember = true
			if err := create(ctx, s, append(want, newRecord("bob"), newRecord(""), inRealm("elsewhere", "alice"))...); err != nil {
				return err
			}
			return errors.Join(listed(ctx, s, "alice", want...), listed(ctx, other, "alice", want...), listed(ctx, s, "carol"))
		},
	}, {
		Name:  "LimitPerUser",
		Rule:  "List must see every record whose Create or Replace has returned, in any instance: the limit of sessions per user is held by looking after each sign-in.",
		Needs: []Ability{Lister},
		Check: func(ctx context.Context, s, other sessions.Store) error { // B41
			for _, refuse := range []bool{false, true} {
				if err := limitPerUser(ctx, s, other, refuse); err != nil {
					return fmt.Errorf("with RefuseMore %v: %w", refuse, err)
				}
			}
			return nil
		},
	}, {
		Name:  "UsersExact",
		Rule:  "Users must be told apart by every byte of their ids: a collation, a padding or a pattern gives one person the sessions of another.",
		Needs: []Ability{Lister, UserDeleter},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			records := make([]sessions.Record, len(otherUsers))
			for i, user := range otherUsers {
				records[i] = newRecord(user)
			}
			if err := create(ctx, s, records...); err != nil {
				return err
			}
			for _, r := range records {
				if err := listed(ctx, s, r.User, r); err != nil {
					return err
				}
			}
			for _, r := range records {
				if err := deletesUser(ctx, s, r.User, sessions.ID{}, 1); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name:  "NobodyIsNoUser",
		Rule:  "The empty user is nobody: List must return nothing for it and DeleteUser delete nothing, or a missing user id would show strangers' sessions.",
		Needs: []Ability{Lister, UserDeleter},
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := newRecord("")
			if err := create(ctx, s, r); err != nil {
				return err
			}
			return errors.Join(listed(ctx, s, ""), deletesUser(ctx, s, "", sessions.ID{}, 0), stored(ctx, s, r))
		},
	}, {
		Name:  "DeleteUser",
		Rule:  "DeleteUser must delete and count all of the user's records in the realm but the one to keep, expired ones too, and no other: a stolen session ends, mine stays.",
		Needs: []Ability{UserDeleter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			mine, gone, old := newRecord("alice"), newRecord("alice"), expiredRecord("alice")
			bob, admin := newRecord("bob"), inRealm("elsewhere", "alice")
			if err := create(ctx, s, mine, gone, old, bob, admin); err != nil {
				return err
			}
			// To keep a record of somebody else keeps none of the user's.
			err := errors.Join(
				deletesUser(ctx, other, "alice", mine.ID, 2), stored(ctx, s, mine), absent(ctx, s, gone.ID), absent(ctx, s, old.ID),
				deletesUser(ctx, s, "alice", bob.ID, 1), absent(ctx, s, mine.ID),
				deletesUser(ctx, s, "alice", sessions.ID{}, 0), stored(ctx, s, bob), stored(ctx, s, admin),
			)
			return errors.Join(err, wantError("Update after DeleteUser", sessions.ErrNotFound, s.Update(ctx, mine, 1)))
		},
	}, {
		Name:  "DeleteUserRotating",
		Rule:  "DeleteUser must delete a record that is replaced meanwhile, under its old id or its new: a thief's session would escape the revocation by rotating its id.",
		Needs: []Ability{UserDeleter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			return deleteAgainstRotation(ctx, s, func() (int, error) {
				return other.(sessions.UserDeleter).DeleteUser(ctx, realm, "alice", sessions.ID{})
			})
		},
	}, {
		Name:  "DeleteRealmRotating",
		Rule:  "DeleteRealm must delete a record that is replaced meanwhile, under its old id or its new: ending every session means every one.",
		Needs: []Ability{RealmDeleter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			return deleteAgainstRotation(ctx, s, func() (int, error) {
				return other.(sessions.RealmDeleter).DeleteRealm(ctx, realm)
			})
		},
	}, {
		Name:  "DeleteRealm",
		Rule:  "DeleteRealm must delete and count every record of the realm, anonymous ones too, and none of another realm: ending the customers' sessions leaves the administrators'.",
		Needs: []Ability{RealmDeleter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			mine := []sessions.Record{newRecord("alice"), newRecord("bob"), newRecord(""), expiredRecord("carol")}
			others := []sessions.Record{inRealm("elsewhere", "alice"), inRealm("Storetest", ""), inRealm(realm+" ", "bob"), inRealm("", "bob")}
			if err := create(ctx, s, append(mine, others...)...); err != nil {
				return err
			}
			for _, want := range []int{len(mine), 0} {
				n, err := other.(sessions.RealmDeleter).DeleteRealm(ctx, realm)
				if err != nil || n != want {
					return fmt.Errorf("DeleteRealm: got %d and error %v, want %d", n, err, want)
				}
			}
			for _, r := range mine {
				if err := absent(ctx, s, r.ID); err != nil {
					return err
				}
			}
			for _, r := range others {
				if err := stored(ctx, s, r); err != nil {
					return err
				}
			}
			return nil
		},
	}, {
		Name:  "Count",
		Rule:  "Count must count the realm's records with both deadlines after now, anonymous ones too, and no other.",
		Needs: []Ability{Counter},
		Check: func(ctx context.Context, s, other sessions.Store) error {
			now := time.UnixMilli(time.Now().UnixMilli())
			idle, absolute, idleNow, last := newRecord("a"), newRecord("b"), newRecord("c"), newRecord("d")
			idle.Idle, absolute.Absolute = now.UnixMilli()-1, now.UnixMilli()
			idleNow.Idle, last.Idle = now.UnixMilli(), now.UnixMilli()+1
			records := []sessions.Record{idle, absolute, idleNow, last, newRecord("e"), newRecord(""), inRealm("elsewhere", "a")}
			if err := create(ctx, s, records...); err != nil {
				return err
			}
			for name, want := range map[string]int{realm: 3, "elsewhere": 1, "nowhere": 0} {
				n, err := other.(sessions.Counter).Count(ctx, name, now)
				if err != nil || n != want {
					return fmt.Errorf("Count(%q): got %d and error %v, want %d", name, n, err, want)
				}
			}
			return nil
		},
	}}
}

// limitPerUser signs one user in many times at once, over two instances.
func limitPerUser(ctx context.Context, s, other sessions.Store, refuse bool) error {
	const limit = 3
	o := &sessions.Options{Name: fmt.Sprintf("limit-%v", refuse), PerUser: limit, RefuseMore: refuse, Logger: slog.New(slog.DiscardHandler)}
	managers := [2]*sessions.Manager{sessions.New(s, o), sessions.New(other, o)}
	var cookies atomic.Int64
	errs := together(12, func(i int) error {
		w := headers{}
		err := managers[i%2].Replace(ctx, w, &sessions.Record{}, &sessions.Record{User: "alice", AuthTime: 1})
		cookies.Add(int64(len(http.Header(w)["Set-Cookie"])))
		if errors.Is(err, sessions.ErrLimit) {
			return nil
		}
		return err
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	left, err := managers[0].List(ctx, "alice")
	switch {
	case err != nil:
		return err
	case len(left) > limit || refuse && int64(len(left)) != cookies.Load():
		return fmt.Errorf("%d sessions are left of %d that got a cookie, with a limit of %d", len(left), cookies.Load(), limit)
	}
	return nil
}

// headers are a ResponseWriter of which only the headers are looked at.
type headers http.Header

func (h headers) Header() http.Header         { return http.Header(h) }
func (h headers) Write(b []byte) (int, error) { return len(b), nil }
func (h headers) WriteHeader(int)             {}

// inRealm is a record of another realm.
func inRealm(name, user string) sessions.Record {
	r := newRecord(user)
	r.Origin.Realm = name
	return r
}

// deleteAgainstRotation revokes while one of the sessions goes on changing its
// id until that fails, many times over.
func deleteAgainstRotation(ctx context.Context, s sessions.Store, revoke func() (int, error)) error {
	for range 20 {
		last := newRecord("alice")
		if err := create(ctx, s, last, newRecord("alice")); err != nil {
			return err
		}
		rotating := make(chan struct{})
		start := sync.OnceFunc(func() { close(rotating) })
		var revoked atomic.Bool
		errs := together(2, func(i int) error {
			if i == 0 {
				defer revoked.Store(true)
				<-rotating
				_, err := revoke()
				return err
			}
			defer start()
			for n := 0; !revoked.Load(); n++ {
				if n == 2 {
					start()
				}
				next := newRecord("alice")
				if err := s.Replace(ctx, last.ID, 1, next); err != nil {
					return wantError("Replace of a revoked record", sessions.ErrNotFound, err)
				}
				last = next
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if err := ignore(s.Find(ctx, last.ID)); err == nil {
			return errors.New("a record that was rotated while it was revoked is still there")
		}
	}
	return nil
}
