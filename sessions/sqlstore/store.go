package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// errVersion: a row that no Store has written.
var errVersion = errors.New("version is not positive")

// Create implements [sessions.Store].
func (s *Store) Create(ctx context.Context, r sessions.Record) error {
	n, err := s.exec(ctx, &s.sql.create, s.columns(r)...)
	if s.there(n, err) {
		return sessions.ErrConflict
	}
	return err
}

// Find implements [sessions.Store], in one round trip. It leaves Origin nil.
func (s *Store) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	var r sessions.Record
	err := s.query(ctx, &s.sql.find, func(rows Rows) error {
		if !rows.Next() {
			return nil
		}
		return scan(rows, &r)
	}, id[:])
	if err != nil {
		return sessions.Record{}, err
	}
	if r.Version == 0 {
		return sessions.Record{}, sessions.ErrNotFound
	}
	r.ID = id
	return r, nil
}

// Update implements [sessions.Store], in one round trip when it succeeds.
func (s *Store) Update(ctx context.Context, r sessions.Record, version int64) error {
	text := s.spec.text
	n, err := s.exec(ctx, &s.sql.update,
		text(r.User), []byte(r.Data), text(r.Factors), text(r.Stamp), r.AuthTime, r.LastSeen, r.Idle, r.Absolute, version+1, r.Remember,
		r.ID[:], version)
	if err == nil && n == 0 {
		return s.whyNot(ctx, r.ID)
	}
	return err
}

// Replace implements [sessions.Store], in one round trip when it succeeds. A
// record that has the id of r is an error of the driver, and changes nothing.
func (s *Store) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	n, err := s.exec(ctx, &s.sql.replace, append(s.columns(r), old[:], version)...)
	if err != nil || n > 0 {
		return err
	}
	err = s.whyNot(ctx, old)
	if errors.Is(err, sessions.ErrNotFound) && errors.Is(s.whyNot(ctx, r.ID), sessions.ErrConflict) {
		return nil // database/sql has repeated what was done: nobody else has the new id
	}
	return err
}

// there tells from what an INSERT returned that the key was there.
func (s *Store) there(n int64, err error) bool {
	if err != nil {
		return s.spec.exists != nil && s.spec.exists(err)
	}
	return n == 0
}

// whyNot tells why a versioned write found no row.
func (s *Store) whyNot(ctx context.Context, id sessions.ID) error {
	found := false
	err := s.query(ctx, &s.sql.version, func(rows Rows) error {
		found = rows.Next()
		return nil
	}, id[:])
	switch {
	case err != nil:
		return err
	case found:
		return sessions.ErrConflict
	}
	return sessions.ErrNotFound
}

// Touch implements [sessions.Store], in one round trip.
func (s *Store) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	_, err := s.exec(ctx, &s.sql.touch, lastSeen, idle, id[:])
	return err
}

// Delete implements [sessions.Store], in one round trip.
func (s *Store) Delete(ctx context.Context, id sessions.ID) error {
	_, err := s.exec(ctx, &s.sql.delete, id[:])
	return err
}

// columns are the values of allColumns.
func (s *Store) columns(r sessions.Record) []any {
	var o sessions.Origin
	if r.Origin != nil {
		o = *r.Origin
	}
	text := s.spec.text
	return []any{
		text(r.User), []byte(r.Data), text(r.Factors), text(r.Stamp),
		r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute, r.Version, r.Remember,
		text(o.Realm), text(o.Address), text(o.Agent), r.ID[:],
	}
}

// scan reads the columns that Find reads, and more into the rest.
func scan(rows Rows, r *sessions.Record, more ...any) error {
	to := append([]any{
		&r.User, &r.Data, &r.Factors, &r.Stamp, &r.AuthTime, &r.Created, &r.LastSeen, &r.Idle, &r.Absolute, &r.Version, &r.Remember,
	}, more...)
	if err := rows.Scan(to...); err != nil {
		return err
	}
	if r.Version <= 0 {
		return fmt.Errorf("%w: %d", errVersion, r.Version)
	}
	return nil
}
