package faulttest_test

import (
	"testing"

	"github.com/gopassport/passport/internal/faulttest"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// B02, B03, B04, B08, B09, B12, B23: the five promises, told between browsers
// and two server processes.
func TestPromises(t *testing.T) {
	t.Parallel()
	each(t, databases, faulttest.Promises)
}

// B06, B26, B27, B28, B29, B30, B31, B32, B33: the database is killed, is not
// there, hangs.
func TestOutages(t *testing.T) {
	t.Parallel()
	each(t, databases, faulttest.Outages)
}

// B26, B27, B32, F09: the connections to the database are cut, hang, are slow.
func TestCut(t *testing.T) {
	t.Parallel()
	each(t, engines, faulttest.Cut)
}

// B26, B27, B32: every place where an answer of the database may end.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	each(t, engines, faulttest.CutEverywhere)
}

// B26, B27, B28, B29, B30, B32: a pool without a connection.
func TestExhausted(t *testing.T) {
	t.Parallel()
	each(t, databases, func(t *testing.T, db faulttest.Database) {
		name, dialect := driver(db)
		pool := connect(t, name, db.New(t))
		pool.SetMaxOpenConns(1)
		s, err := sqlstore.New(pool, dialect, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		faulttest.Exhausted(t, s, func() func() {
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return func() { _ = conn.Close() }
		})
	})
}

// B28, B29, B32: a disk without room.
func TestFull(t *testing.T) {
	t.Parallel()
	pool := connect(t, "sqlite", newFile(t)+"&_pragma=max_page_count(80)")
	s, err := sqlstore.New(pool, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	faulttest.Full(t, s)
}

// F12: a server that is shut down while people save.
func TestShutdown(t *testing.T) {
	t.Parallel()
	each(t, databases, faulttest.Shutdown)
}

// F11: clocks that have jumped by an hour.
func TestClocks(t *testing.T) {
	t.Parallel()
	each(t, databases, faulttest.Clocks)
}

// B24: a changed password, and the other ways to end a user's sessions.
func TestPassword(t *testing.T) {
	t.Parallel()
	each(t, databases, faulttest.Password)
}

// F09: 64 people at once.
func TestNeverCross(t *testing.T) {
	each(t, databases, faulttest.NeverCross)
}

// F17: hours of all of it, in some seconds; make soak takes its time. Beside
// no other test, because it counts goroutines.
func TestSoak(t *testing.T) {
	for _, db := range []faulttest.Database{mariadb, postgres} {
		t.Run(db.Name, func(t *testing.T) { faulttest.Soak(t, db) })
	}
}
