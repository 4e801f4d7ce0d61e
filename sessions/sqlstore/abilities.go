package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/gopassport/passport/sessions"
)

var (
	_ sessions.Store          = (*Store)(nil)
	_ sessions.Once           = (*Store)(nil)
	_ sessions.Lister         = (*Store)(nil)
	_ sessions.UserDeleter    = (*Store)(nil)
	_ sessions.RealmDeleter   = (*Store)(nil)
	_ sessions.ExpiredDeleter = (*Store)(nil)
	_ sessions.Counter        = (*Store)(nil)
)

// Once implements [sessions.Once], in one round trip.
func (s *Store) Once(ctx context.Context, key [32]byte, until time.Time) error {
	// A millisecond more: the key is remembered at least until its time.
	n, err := s.exec(ctx, &s.sql.once, key[:], until.UnixMilli()+1)
	if s.there(n, err) {
		return sessions.ErrUsed
	}
	return err
}

// List implements [sessions.Lister]. The empty user is nobody and has no
// records.
func (s *Store) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if user == "" {
		return nil, ctx.Err()
	}
	var list []sessions.Record
	err := s.query(ctx, &s.sql.list, func(rows Rows) error {
		list = nil
		for rows.Next() {
			var id []byte
			r := sessions.Record{Origin: &sessions.Origin{}}
			err := scan(rows, &r, &r.Origin.Realm, &r.Origin.Address, &r.Origin.Agent, &id)
			if lost := rows.Err(); lost != nil {
				return lost
			}
			if err != nil || len(id) != len(r.ID) {
				continue // no record: Find ends it
			}
			copy(r.ID[:], id)
			list = append(list, r)
		}
		return nil
	}, s.spec.text(realm), s.spec.text(user))
	if err != nil {
		return nil, err
	}
	return list, nil
}

// DeleteUser implements [sessions.UserDeleter]. The empty user is nobody and
// has no records.
func (s *Store) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	if user == "" {
		return 0, ctx.Err()
	}
	n, err := s.exec(ctx, &s.sql.deleteUser, s.spec.text(realm), s.spec.text(user), keep[:])
	return int(n), err
}

// DeleteRealm implements [sessions.RealmDeleter]. It deletes in batches, of 10
// records on SQLite and 500 elsewhere, so an error may come after some of them;
// it can be called again. Options.Timeout counts for each batch.
func (s *Store) DeleteRealm(ctx context.Context, realm string) (int, error) {
	name := s.spec.text(realm)
	total, err := s.drain(ctx, &s.sql.deleteSome, name, unlimited)
	if err != nil {
		return total, err
	}
	rest, err := s.exec(ctx, &s.sql.deleteRealm, name)
	return total + int(rest), err
}

// DeleteExpired implements [sessions.ExpiredDeleter], the earliest deadlines
// first, in batches as DeleteRealm. As many spent keys go with them, and where
// more may be left it says [sessions.ErrMore]: a busy site spends more keys than
// it loses records, and neither may hold up the other.
func (s *Store) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	ms := now.UnixMilli()
	total, err := s.drain(ctx, &s.sql.sweep, ms, limit)
	if err != nil {
		return total, err
	}
	spent, err := s.drain(ctx, &s.sql.sweepOnce, ms, limit)
	if err == nil && spent == limit {
		err = sessions.ErrMore
	}
	return total, err
}

const unlimited = math.MaxInt

// drain deletes in batches, until one is not full or there were so many rows.
func (s *Store) drain(ctx context.Context, st *statement, which any, limit int) (int, error) {
	for total := 0; total < limit; {
		size := min(limit-total, s.spec.batchRows)
		n, err := s.exec(ctx, st, which, size)
		total += int(n)
		if err == nil && n > 0 {
			err = s.settle(ctx)
		}
		if err != nil || int(n) < size {
			return total, err
		}
	}
	return limit, nil
}

// settle does after a batch what the database would otherwise leave to those
// who write next.
func (s *Store) settle(ctx context.Context) error {
	if s.sql.settle.query == "" {
		return nil
	}
	return s.query(ctx, &s.sql.settle, func(rows Rows) error {
		rows.Next() // some drivers run it only then
		return nil
	})
}

// Count implements [sessions.Counter]. It looks at every record that has not
// expired.
func (s *Store) Count(ctx context.Context, realm string, now time.Time) (int, error) {
	n := 0
	err := s.query(ctx, &s.sql.count, func(rows Rows) error {
		if !rows.Next() {
			return nil
		}
		return rows.Scan(&n)
	}, s.spec.text(realm), now.UnixMilli())
	return n, err
}
