package faulttest_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/faulttest"
	"github.com/gopassport/passport/sessions/sqlstore"
)

var servers dbtest.Servers

// The databases. lib/pq is PostgreSQL with another driver.
var (
	sqlite   = faulttest.Database{Name: "SQLite", New: newFile, Open: opener("sqlite", sqlstore.SQLite), Dump: dump("sqlite")}
	mariadb  = faulttest.Database{Name: "MariaDB", New: newMariaDB, Start: start(dbtest.MariaDB), Open: opener("mysql", sqlstore.MySQL), Dump: dump("mysql")}
	postgres = faulttest.Database{Name: "PostgreSQL", New: newPostgreSQL, Start: start(dbtest.PostgreSQL), Open: opener("pgx", sqlstore.PostgreSQL), Dump: dump("pgx")}
	pq       = faulttest.Database{Name: "PostgreSQL-pq", New: newPostgreSQL, Start: start(dbtest.PostgreSQL), Open: opener("postgres", sqlstore.PostgreSQL), Waits: true, Dump: dump("postgres")}

	engines   = []faulttest.Database{mariadb, postgres, pq}
	databases = []faulttest.Database{sqlite, mariadb, postgres, pq}
)

func TestMain(m *testing.M) {
	_ = mysql.SetLogger(silent{}) // connections are lost all the time
	faulttest.Main(m, databases...)
}

type silent struct{}

func (silent) Print(...any) {}

// newFile is a new file, with a writer that does not wait for the disk.
func newFile(t testing.TB) string {
	return "file:" + filepath.Join(t.TempDir(), "sessions.db") + "?_pragma=synchronous(NORMAL)&_pragma=busy_timeout(2000)"
}

func newMariaDB(t testing.TB) string {
	u := servers.URL(t, dbtest.MariaDB)
	name := scratch(t, "mysql", u.String(), "CREATE DATABASE %s", "DROP DATABASE %s")
	u.Path = "/" + name
	return u.String()
}

func newPostgreSQL(t testing.TB) string {
	u := servers.URL(t, dbtest.PostgreSQL)
	name := scratch(t, "pgx", u.String(), "CREATE SCHEMA %s", "SET client_min_messages = error; DROP SCHEMA %s CASCADE")
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// scratch makes something with a name of its own, until the test ends.
func scratch(t testing.TB, driver, address, create, drop string) string {
	t.Helper()
	db := connect(t, driver, address)
	name := "t_" + strings.ToLower(rand.Text())
	if _, err := db.Exec(fmt.Sprintf(create, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(fmt.Sprintf(drop, name)); err != nil {
			t.Error(err)
		}
	})
	return name
}

// driver is what opens db.
func driver(db faulttest.Database) (string, sqlstore.Dialect) {
	switch db.Name {
	case sqlite.Name:
		return "sqlite", sqlstore.SQLite
	case mariadb.Name:
		return "mysql", sqlstore.MySQL
	case postgres.Name:
		return "pgx", sqlstore.PostgreSQL
	}
	return "postgres", sqlstore.PostgreSQL
}

func start(e dbtest.Engine) func(testing.TB) (faulttest.Server, string) {
	return func(t testing.TB) (faulttest.Server, string) {
		s := dbtest.Start(t, e)
		return s, s.URL().String()
	}
}

// dsn is what the driver calls an address.
func dsn(driver, address string) (string, error) {
	if driver != "mysql" {
		return address, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password + "@tcp(" + u.Host + ")" + u.Path, nil
}

func connect(t testing.TB, driver, address string) *sql.DB {
	t.Helper()
	name, err := dsn(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driver, name)
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

// connections is how many a server holds.
const connections = 20

func opener(driver string, dialect sqlstore.Dialect) func(string, time.Duration) (faulttest.Store, func() error, error) {
	return func(address string, timeout time.Duration) (faulttest.Store, func() error, error) {
		name, err := dsn(driver, address)
		if err != nil {
			return nil, nil, err
		}
		db, err := sql.Open(driver, name)
		if err != nil {
			return nil, nil, err
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		s, err := sqlstore.New(db, dialect, &sqlstore.Options{Timeout: timeout})
		if err == nil {
			err = s.Migrate(context.Background())
		}
		if err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		return s, db.Close, nil
	}
}

// dump reads both tables.
func dump(driver string) func(testing.TB, string) []string {
	return func(t testing.TB, address string) (all []string) {
		t.Helper()
		db := connect(t, driver, address)
		for _, table := range []string{"passport_sessions", "passport_sessions_once"} {
			rows, err := db.Query("SELECT * FROM " + table)
			if err != nil {
				t.Fatal(err)
			}
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			for rows.Next() {
				if err := rows.Scan(values...); err != nil {
					t.Fatal(err)
				}
				for _, v := range values {
					all = append(all, string(*v.(*sql.RawBytes)))
				}
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
}

// each runs f as a subtest on every database, all at once.
func each(t *testing.T, all []faulttest.Database, f func(*testing.T, faulttest.Database)) {
	for _, db := range all {
		t.Run(db.Name, func(t *testing.T) {
			t.Parallel()
			f(t, db)
		})
	}
}
