package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// errVersion: a row that no Store has written.
var errVersion = errors.New("version is not positive")

// Create implements [sessions.Store].
func (s *Store) Create(ctx context.Context, r sessions.Record) error {
	o := origin(r)
	n, err := s.exec(ctx, &s.sql.create,
		r.User, []byte(r.Data), r.Factors, r.Stamp, r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute, r.Version, r.Remember,
		o.Realm, o.Address, o.Agent, r.ID[:])
	if err == nil && n == 0 {
		return sessions.ErrConflict
	}
	return err
}

// Find implements [sessions.Store], in one round trip. It leaves Origin nil.
func (s *Store) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	var r sessions.Record
	err := s.query(ctx, &s.sql.find, func(rows *sql.Rows) error {
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
	n, err := s.exec(ctx, &s.sql.update,
		r.User, []byte(r.Data), r.Factors, r.Stamp, r.AuthTime, r.LastSeen, r.Idle, r.Absolute, version+1, r.Remember,
		r.ID[:], version)
	if err == nil && n == 0 {
		return s.whyNot(ctx, r.ID)
	}
	return err
}

// Replace implements [sessions.Store], in one round trip when it succeeds. A
// record that has the id of r is an error of the driver, and changes nothing.
func (s *Store) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	o := origin(r)
	n, err := s.exec(ctx, &s.sql.replace,
		r.User, []byte(r.Data), r.Factors, r.Stamp, r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute, r.Version, r.Remember,
		o.Realm, o.Address, o.Agent, r.ID[:],
		old[:], version)
	if err == nil && n == 0 {
		return s.whyNot(ctx, old)
	}
	return err
}

// whyNot tells why a versioned write found no row.
func (s *Store) whyNot(ctx context.Context, id sessions.ID) error {
	found := false
	err := s.query(ctx, &s.sql.version, func(rows *sql.Rows) error {
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

func origin(r sessions.Record) sessions.Origin {
	if r.Origin == nil {
		return sessions.Origin{}
	}
	return *r.Origin
}

// scan reads the columns that Find reads, and more into the rest.
func scan(rows *sql.Rows, r *sessions.Record, more ...any) error {
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
