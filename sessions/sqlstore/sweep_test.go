package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A diary is a sqlstore.DB over SQLite that notes what is done.
type diary struct {
	db     *sql.DB
	notes  []string
	settle func() // runs while the log is written back
}

func (d *diary) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := d.db.ExecContext(ctx, query, args...)
	if err != nil || len(args) == 0 { // the driver counts no rows of the schema
		return 0, err
	}
	n, err := result.RowsAffected()
	if n > 0 {
		d.notes = append(d.notes, fmt.Sprint(strings.Fields(query)[0], " ", n))
	}
	return n, err
}

func (d *diary) Query(ctx context.Context, query string, args ...any) (sqlstore.Rows, error) {
	rows, err := d.db.QueryContext(ctx, query, args...) //nolint:rowserrcheck // the store asks
	if err != nil {
		return nil, err
	}
	return &page{rows, d, query}, nil
}

func (d *diary) Prepare(ctx context.Context, query string) error {
	st, err := d.db.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	return st.Close()
}

type page struct {
	*sql.Rows
	diary *diary
	query string
}

// Next is when some drivers run the query.
func (p *page) Next() bool {
	if strings.Contains(p.query, "wal_checkpoint") {
		p.diary.notes = append(p.diary.notes, p.query)
		p.diary.settle()
	}
	return p.Rows.Next()
}

// B15: who writes waits for at most 10 rows of a sweep of SQLite, and for none
// of the log that it leaves, which it writes back itself after each batch.
func TestSweepOfSQLite(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &diary{db: sqlite.open(t, sqlite.dsn(t))}
	s, err := sqlstore.Over(d, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	fill := func() {
		for i := range 25 {
			r := record("alice")
			r.ID = sessions.ID{byte(i)}
			if err := s.Create(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		d.notes = nil
	}
	d.settle = func() {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := s.Touch(ctx, sessions.ID{}, 0, 0); err != nil {
			t.Errorf("while the log is written back, another write: %v", err)
		}
	}
	const settled = "PRAGMA wal_checkpoint(PASSIVE)"
	for i := range 15 {
		if err := s.Once(ctx, [32]byte{byte(i)}, time.UnixMilli(1)); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	if n, err := s.DeleteExpired(ctx, time.UnixMilli(5e12), 25); n != 25 || err != nil {
		t.Errorf("DeleteExpired: got %d and error %v, want 25", n, err)
	}
	want := []string{
		"DELETE 10", settled, "DELETE 10", settled, "DELETE 5", settled, // records
		"DELETE 10", settled, "DELETE 5", settled, // spent values
	}
	if diff := cmp.Diff(want, d.notes); diff != "" {
		t.Errorf("DeleteExpired (-want +got):\n%s", diff)
	}
	fill()
	if n, err := s.DeleteRealm(ctx, "session"); n != 25 || err != nil {
		t.Errorf("DeleteRealm: got %d and error %v, want 25", n, err)
	}
	if diff := cmp.Diff(want[:6], d.notes); diff != "" {
		t.Errorf("DeleteRealm (-want +got):\n%s", diff)
	}
}

// B15: spent values are swept in bounded steps too, and keep nobody from the
// records.
func TestSweepOfSpentValues(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := &diary{db: sqlite.open(t, sqlite.dsn(t)), settle: func() {}}
	s, err := sqlstore.Over(d, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if err := s.Once(ctx, [32]byte{byte(i)}, time.UnixMilli(1)); err != nil {
			t.Fatal(err)
		}
		r := record("alice")
		r.ID = sessions.ID{byte(i)}
		if err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	type result struct {
		N    int
		More bool
	}
	var got []result
	for range 3 {
		n, err := s.DeleteExpired(ctx, time.UnixMilli(5e12), 10)
		more := errors.Is(err, sessions.ErrMore)
		if err != nil && !more {
			t.Fatal(err)
		}
		got = append(got, result{n, more})
	}
	if diff := cmp.Diff([]result{{10, true}, {10, true}, {5, false}}, got); diff != "" {
		t.Errorf("DeleteExpired (-want +got):\n%s", diff)
	}
}
