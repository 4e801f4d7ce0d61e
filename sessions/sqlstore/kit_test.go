package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
	"github.com/gopassport/passport/sessions/storetest"
)

var servers dbtest.Servers

// A database is a kind of database with a driver for it.
type database struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	dsn     func(testing.TB) string // of a new, empty database
}

var (
	sqlite   = database{"SQLite", sqlstore.SQLite, "sqlite", sqliteDSN}
	mariadb  = database{"MariaDB", sqlstore.MySQL, "mysql", mariadbDSN}
	postgres = database{"PostgreSQL", sqlstore.PostgreSQL, "pgx", postgresDSN}
	// lib/pq is the same database with another driver.
	postgresPQ = database{"PostgreSQL-pq", sqlstore.PostgreSQL, "postgres", postgresDSN}

	databases = []database{sqlite, mariadb, postgres, postgresPQ}
)

// each runs f as a subtest on every database.
func each(t *testing.T, f func(t *testing.T, d database)) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) { f(t, d) })
	}
}

// sqliteDSN is what the package comment advises, over a new file, and fast.
func sqliteDSN(t testing.TB) string { return sqliteBareDSN(t) + "&_pragma=busy_timeout(2000)" }

// sqliteBareDSN sets no busy timeout: SQLite's default is 0.
func sqliteBareDSN(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "sessions.db") + "?_pragma=synchronous(NORMAL)"
}

func mariadbDSN(t testing.TB) string {
	u := servers.URL(t, dbtest.MariaDB)
	name := scratch(t, "mysql", mysqlDSN(u), "CREATE DATABASE %s", "DROP DATABASE %s")
	u.Path = "/" + name
	return mysqlDSN(u)
}

// mysqlDSN is the driver's own spelling of a URL.
func mysqlDSN(u *url.URL) string {
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password + "@tcp(" + u.Host + ")" + u.Path
}

func postgresDSN(t testing.TB) string {
	u := servers.URL(t, dbtest.PostgreSQL)
	name := scratch(t, "pgx", u.String(), "CREATE SCHEMA %s", "SET client_min_messages = error; DROP SCHEMA %s CASCADE")
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// scratch makes something with a name of its own, until the test ends.
func scratch(t testing.TB, driver, dsn, create, drop string) string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	if _, err := db.Exec(fmt.Sprintf(create, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(fmt.Sprintf(drop, name)); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return name
}

// connections is how many a handle has: of PostgreSQL's 100, several tests at
// once want some.
const connections = 20

// open opens one more handle, as another process would, which keeps its
// connections, as the package comment advises.
func (d database) open(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// store opens a store with its tables.
func (d database) store(t testing.TB, db *sql.DB, o *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, d.dialect, o)
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
	each(t, func(t *testing.T, d database) {
		t.Parallel()
		var dsn string
		storetest.RunOptions(t, func(t *testing.T) sessions.Store {
			dsn = d.dsn(t)
			return d.store(t, d.open(t, dsn), nil)
		}, &storetest.Options{Instance: func(t *testing.T, _ sessions.Store) sessions.Store {
			return d.store(t, d.open(t, dsn), nil)
		}})
	})
}
