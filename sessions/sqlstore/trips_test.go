package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
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

// counted opens a store over a pool of so many connections.
func (d database) counted(t *testing.T, connections int) (*sqlstore.Store, *sql.DB, *counter) {
	t.Helper()
	dsn := d.dsn(t)
	c := &counter{Driver: d.open(t, dsn).Driver(), dsn: dsn}
	db := sql.OpenDB(connector{c})
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return d.store(t, db, nil), db, c
}

// With one connection each statement is to be prepared one time, and Migrate
// has prepared them all.
func TestRoundTrips(t *testing.T) {
	each(t, testRoundTrips)
}

func testRoundTrips(t *testing.T, d database) {
	s, _, c := d.counted(t, 1)
	ctx := t.Context()
	r, next := record("alice"), record("alice")
	third := next
	r.ID, next.ID, third.ID = sessions.ID{1}, sessions.ID{2}, sessions.ID{3}
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
		{"Replace of nothing", 3, func() error { return want(s.Replace(ctx, r.ID, 2, third), sessions.ErrNotFound) }},
		{"Once", 1, func() error { return s.Once(ctx, r.ID, time.Now().Add(time.Hour)) }},
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
	each(t, func(t *testing.T, d database) {
		s, db, c := d.counted(t, 1)
		for i := range 300 { // a planner may well read all of a small table
			r := record(fmt.Sprint("user", i))
			r.ID, r.Origin.Realm = sessions.ID{byte(i), byte(i >> 8)}, fmt.Sprint("realm", i)
			r.Idle += int64(i)
			if err := errors.Join(s.Create(t.Context(), r), s.Once(t.Context(), r.ID, time.UnixMilli(r.Idle))); err != nil {
				t.Fatal(err)
			}
		}
		explained := 0
		for _, query := range slices.Clone(c.prepared) {
			switch verb, _, _ := strings.Cut(query, " "); {
			case verb != "SELECT" && verb != "UPDATE" && verb != "DELETE":
				continue
			case strings.Contains(query, "count(*)"), strings.Contains(query, "pg_advisory"), strings.Contains(query, "sql_mode"):
				continue
			}
			for _, step := range plans[d.dialect](t, db, query) {
				if strings.Contains(step, "<derived") {
					continue // a batch
				}
				for _, all := range []string{"SCAN", "TEMP B-TREE", "Seq Scan", "Sort", "ALL", "Using filesort"} {
					if strings.Contains(step, all) {
						t.Errorf("%s\nlooks at every row: %s", query, step)
					}
				}
			}
			explained++
		}
		if explained != 12 {
			t.Errorf("explained %d statements, want 12", explained)
		}
	})
}

// plans are how the databases tell what they would do.
var plans = map[sqlstore.Dialect]func(t *testing.T, db *sql.DB, query string) []string{
	sqlstore.SQLite: func(t *testing.T, db *sql.DB, query string) []string {
		return lines(t, db, "EXPLAIN QUERY PLAN "+query, examples(query)...)
	},
	sqlstore.MySQL: func(t *testing.T, db *sql.DB, query string) []string {
		return lines(t, db, "EXPLAIN "+query, examples(query)...)
	},
	sqlstore.PostgreSQL: func(t *testing.T, db *sql.DB, query string) []string {
		_, _ = db.Exec("DEALLOCATE explained") // the last one
		for _, statement := range []string{
			"SET enable_seqscan = off", "SET plan_cache_mode = force_generic_plan", "PREPARE explained AS " + query,
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		nulls := strings.Repeat(", NULL", strings.Count(query, "$"))
		return lines(t, db, "EXPLAIN EXECUTE explained ("+strings.TrimPrefix(nulls, ", ")+")")
	},
}

// examples are arguments of the kinds that the query wants.
func examples(query string) []any {
	parts := strings.Split(query, "?")
	args := make([]any, len(parts)-1)
	for i, before := range parts[:len(args)] {
		args[i] = 1
		for _, column := range []string{"id", "realm", "user_id"} {
			for _, quote := range []string{`"`, "`"} {
				name := quote + column + quote
				if strings.HasSuffix(before, name+" = ") || strings.HasSuffix(before, name+" <> ") {
					args[i] = []byte("x")
				}
			}
		}
	}
	return args
}

// lines are the rows of a query as text.
func lines(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		step := ""
		for _, v := range values {
			step += v.String + " "
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// B34: the writers of one process queue there, so that none finds the database
// locked by another. No busy_timeout hides it here.
func TestWritersQueue(t *testing.T) {
	s, _, c := sqlite.counted(t, 20)
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
	each(t, testContextEndsInRow)
}

func testContextEndsInRow(t *testing.T, d database) {
	s, _, c := d.counted(t, 2)
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
