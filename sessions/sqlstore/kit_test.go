package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
	"github.com/gopassport/passport/sessions/storetest"
)

// dsn is what the package comment advises, over a new file, and fast.
func dsn(t testing.TB) string { return bareDSN(t) + "&_pragma=busy_timeout(2000)" }

// bareDSN sets no busy timeout: SQLite's default is 0.
func bareDSN(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "sessions.db") + "?_pragma=synchronous(NORMAL)"
}

func openPlain(dsn string) (*sql.DB, error) { return sql.Open("sqlite", dsn) }

// openDB opens one more handle, as another process would.
func openDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := openPlain(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// openStore opens a store over the file, with its tables.
func openStore(t testing.TB, db *sql.DB, o *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, sqlstore.SQLite, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// B06, B09, B10, B15, B34, B43, B44: each case names its rule. The second
// handle has a pool and a writer queue of its own.
func TestStoreKit(t *testing.T) {
	var file string
	storetest.RunOptions(t, func(t *testing.T) sessions.Store {
		file = dsn(t)
		return openStore(t, openDB(t, file), nil)
	}, &storetest.Options{Instance: func(t *testing.T, _ sessions.Store) sessions.Store {
		return openStore(t, openDB(t, file), nil)
	}})
}
