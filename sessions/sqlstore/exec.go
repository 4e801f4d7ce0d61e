package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gopassport/passport/sessions"
)

// bounded gives ctx the store's deadline when it has none.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || s.timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

// failed wraps an error of the database. Drivers have their own words for a
// context that ended; callers ask for the context's.
func failed(ctx context.Context, what string, err error) error {
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("sqlstore: %s: %w: %w", what, over, err)
	}
	return fmt.Errorf("sqlstore: %s: %w", what, err)
}

// retry calls f again while the database is busy and the context lasts.
func (s *Store) retry(ctx context.Context, f func() error) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := f()
		if err == nil || s.spec.busy == nil || !s.spec.busy(err) {
			return err
		}
		timer := time.NewTimer(rand.N(wait) + wait/2)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// write runs f in the queue of writers, again while the database is busy.
func (s *Store) write(ctx context.Context, f func() error) error {
	if s.writer != nil {
		select {
		case s.writer <- struct{}{}:
			defer func() { <-s.writer }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.retry(ctx, f)
}

// exec runs one writing statement and counts the rows.
func (s *Store) exec(ctx context.Context, st *statement, args ...any) (int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return 0, failed(ctx, st.name, err)
	}
	var rows int64
	err := s.write(ctx, func() (err error) {
		rows, err = s.db.Exec(ctx, st.query, args...)
		return err
	})
	if err != nil {
		return 0, failed(ctx, st.name, err)
	}
	return rows, nil
}

// query runs one reading statement. It gives read the rows, from the first one
// on, as often as it has to try.
func (s *Store) query(ctx context.Context, st *statement, read func(Rows) error, args ...any) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return failed(ctx, st.name, err)
	}
	err := s.retry(ctx, func() error { return s.queryOnce(ctx, st.query, read, args) })
	if err != nil {
		return failed(ctx, st.name, err)
	}
	return nil
}

func (s *Store) queryOnce(ctx context.Context, query string, read func(Rows) error, args []any) error {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // a second time after the one below
	if err := read(rows); err != nil {
		return corrupt(rows, err)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// corrupt tells a row that cannot be scanned from rows that were taken away
// meanwhile, by the end of the context or of the connection: only the first is
// the record's fault, and ends a session.
func corrupt(rows Rows, err error) error {
	if lost := rows.Err(); lost != nil {
		return lost
	}
	return fmt.Errorf("%w: %w", sessions.ErrCorrupt, err)
}
