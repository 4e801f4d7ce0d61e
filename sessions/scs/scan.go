package scs

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/gopassport/passport/internal/overwrite"
	"github.com/gopassport/passport/internal/wire"
	"github.com/gopassport/passport/sessions"
)

// scan returns the records that fit, out of all. What is no record, such as a
// one-time value or a session of scs itself, is passed over.
func (s *Store) scan(ctx context.Context, fits func(*sessions.Record) bool) ([]sessions.Record, error) {
	if s.all == nil {
		return nil, sessions.ErrUnsupported
	}
	ctx, cancel := overwrite.Bounded(ctx, s.store)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var found []sessions.Record
	for token, b := range all {
		var id sessions.ID
		n, err := base64.RawURLEncoding.Decode(id[:], pad(token))
		if err != nil || n != len(id) || overwrite.Ended(s.store, id) {
			continue
		}
		r, err := wire.Decode(b, id)
		if err == nil && fits(&r) {
			found = append(found, r)
		}
	}
	return found, nil
}

// pad is the token if it has the length of an id, and nothing otherwise.
func pad(token string) []byte {
	if len(token) != base64.RawURLEncoding.EncodedLen(len(sessions.ID{})) {
		return nil
	}
	return []byte(token)
}

func ofUser(realm, user string) func(*sessions.Record) bool {
	return func(r *sessions.Record) bool {
		return user != "" && r.User == user && r.Origin != nil && r.Origin.Realm == realm
	}
}

// List implements [sessions.Lister]. It reads every session. A backend that
// cannot be iterated: [sessions.ErrUnsupported], here and below.
func (s *Store) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if s.all != nil && user == "" {
		return nil, ctx.Err()
	}
	return s.scan(ctx, ofUser(realm, user))
}

// DeleteUser implements [sessions.UserDeleter]. It reads every session, and
// holds all writers of this process up meanwhile. Options.Timeout counts for
// the reading, and for each session that is deleted.
func (s *Store) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	fits := ofUser(realm, user)
	return s.deleteAll(ctx, func(r *sessions.Record) bool { return r.ID != keep && fits(r) })
}

// DeleteRealm implements [sessions.RealmDeleter]. It reads every session, and
// holds all writers of this process up meanwhile. Options.Timeout counts as in
// DeleteUser.
func (s *Store) DeleteRealm(ctx context.Context, realm string) (int, error) {
	return s.deleteAll(ctx, func(r *sessions.Record) bool { return r.Origin != nil && r.Origin.Realm == realm })
}

func (s *Store) deleteAll(ctx context.Context, fits func(*sessions.Record) bool) (int, error) {
	return overwrite.DeleteAll(ctx, s.store, func(ctx context.Context) ([]sessions.Record, error) { return s.scan(ctx, fits) })
}

// Count implements [sessions.Counter]. It reads every session.
func (s *Store) Count(ctx context.Context, realm string, now time.Time) (int, error) {
	found, err := s.scan(ctx, func(r *sessions.Record) bool {
		return r.Origin != nil && r.Origin.Realm == realm && !r.Expired(now)
	})
	return len(found), err
}
