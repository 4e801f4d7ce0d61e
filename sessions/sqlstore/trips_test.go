package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A counter is a driver that counts what the pool asks of the one below it.
type counter struct {
	driver.Driver
	dsn string

	mu       sync.Mutex
	prepared []string // each time
	trips    int      // executions and queries
	locked   int      // of them found the database locked
	onRow    func()   // called with each row, when set
}

func (c *counter) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver.Open(c.dsn)
	return &countedConn{conn, c}, err
}

type countedConn struct {
	driver.Conn
	c *counter
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.c.mu.Lock()
	c.c.prepared = append(c.c.prepared, query)
	c.c.mu.Unlock()
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return &countedStmt{st, c.c}, err
}

type countedStmt struct {
	driver.Stmt
	c *counter
}

func (c *counter) trip(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips++
	if err != nil && strings.Contains(err.Error(), "locked") {
		c.locked++
	}
}

func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	s.c.trip(err)
	return result, err
}

func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	s.c.trip(err)
	return &countedRows{rows, s.c}, err
}

type countedRows struct {
	driver.Rows
	c *counter
}

func (r *countedRows) Next(to []driver.Value) error {
	err := r.Rows.Next(to)
	if r.c.onRow != nil {
		r.c.onRow()
	}
	return err
}

// connector makes the counter a driver.Connector.
type connector struct{ *counter }

func (c connector) Driver() driver.Driver { return c.counter.Driver }

// openCounted opens a store over a pool of so many connections.
func openCounted(t *testing.T, connections int) (*sqlstore.Store, *sql.DB, *counter) {
	t.Helper()
	file := bareDSN(t)
	c := &counter{Driver: openDB(t, file).Driver(), dsn: file}
	db := sql.OpenDB(connector{c})
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return openStore(t, db, nil), db, c
}

// With one connection each statement is to be prepared one time, and Migrate
// has prepared them all.
func TestRoundTrips(t *testing.T) {
	s, _, c := openCounted(t, 1)
	ctx := t.Context()
	r, next := record("alice"), record("alice")
	r.ID, next.ID = sessions.ID{1}, sessions.ID{2}
	steps := []struct {
		name  string
		trips int
		call  func() error
	}{
		{"Create", 1, func() error { return s.Create(ctx, r) }},
		{"Find", 1, func() error {
			_, err := s.Find(ctx, r.ID)
			return err
		}},
		{"Touch", 1, func() error { return s.Touch(ctx, r.ID, r.LastSeen, r.Idle) }},
		{"Update", 1, func() error { return s.Update(ctx, r, 1) }},
		{"Update in conflict", 2, func() error { return want(s.Update(ctx, r, 1), sessions.ErrConflict) }},
		{"Replace", 1, func() error { return s.Replace(ctx, r.ID, 2, next) }},
		{"Replace of nothing", 2, func() error { return want(s.Replace(ctx, r.ID, 2, next), sessions.ErrNotFound) }},
		{"Once", 1, func() error { return s.Once(ctx, r.ID, time.Now()) }},
		{"List", 1, func() error {
			_, err := s.List(ctx, "session", "alice")
			return err
		}},
		{"DeleteUser", 1, func() error {
			_, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{})
			return err
		}},
		{"DeleteExpired", 2, func() error {
			_, err := s.DeleteExpired(ctx, time.Now(), 500)
			return err
		}},
		{"Delete", 1, func() error { return s.Delete(ctx, next.ID) }},
	}
	for _, step := range steps {
		before, prepared := c.trips, len(c.prepared)
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := c.trips - before; got != step.trips {
			t.Errorf("%s took %d round trips, want %d", step.name, got, step.trips)
		}
		if got := c.prepared[prepared:]; len(got) > 0 {
			t.Errorf("%s prepared again: %q", step.name, got)
		}
	}
}

func want(got, want error) error {
	if errors.Is(got, want) {
		return nil
	}
	return errors.Join(errors.New("want "+want.Error()), got)
}

// A statement that looks at every row is fast until there are millions.
func TestStatementsUseIndexes(t *testing.T) {
	_, db, c := openCounted(t, 1)
	explained := 0
	for _, query := range c.prepared {
		switch verb, _, _ := strings.Cut(query, " "); verb {
		case "SELECT", "UPDATE", "DELETE":
		default:
			continue
		}
		if strings.Contains(query, "count(*)") {
			continue // documented
		}
		for _, step := range plan(t, db, query) {
			if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\nlooks at every row: %s", query, step)
			}
		}
		explained++
	}
	if explained != 11 {
		t.Errorf("explained %d statements, want 11", explained)
	}
}

func plan(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// B34: the writers of one process queue there, so that none finds the database
// locked by another. No busy_timeout hides it here.
func TestWritersQueue(t *testing.T) {
	s, _, c := openCounted(t, 20)
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = life(t.Context(), s, byte(i)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil || c.locked > 0 {
		t.Errorf("error %v; the database was locked %d times, want 0", err, c.locked)
	}
}

// A request that ends while its session is read must not make the session
// look corrupt, which would end it.
func TestContextEndsInRow(t *testing.T) {
	s, _, c := openCounted(t, 2)
	r := record("alice")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ended := 0
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		c.onRow = func() {
			cancel()
			time.Sleep(time.Millisecond) // the pool now waits to take the rows away
		}
		for name, call := range map[string]func() error{
			"Find": func() error {
				_, err := s.Find(ctx, r.ID)
				return err
			},
			"List": func() error {
				_, err := s.List(ctx, "session", "alice")
				return err
			},
		} {
			switch err := call(); {
			case errors.Is(err, context.Canceled) && !errors.Is(err, sessions.ErrCorrupt):
				ended++
			case err != nil:
				t.Fatalf("%s: got error %v, want none or Canceled", name, err)
			}
		}
		cancel()
	}
	if ended == 0 {
		t.Error("no call was cut short: the test shows nothing")
	}
}
