package vault_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/vaulttest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

var servers dbtest.Servers

// C41, C42
func TestMemory(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, func(t *testing.T) vaulttest.Database {
		s := sessions.NewMemoryStore(nil)
		return vaulttest.Database{
			Open: func() vaulttest.Store { return s },
			Dump: func() []byte { return fmt.Appendf(nil, "%+v", s) },
		}
	})
}

// C41, C42
func TestSQL(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dialect sqlstore.Dialect
		driver  string
		dsn     func(t *testing.T, table string) string
	}{
		"SQLite": {sqlstore.SQLite, "sqlite", func(t *testing.T, _ string) string {
			return "file:" + filepath.Join(t.TempDir(), "site.db") + "?_pragma=busy_timeout(2000)&_pragma=synchronous(NORMAL)"
		}},
		"MariaDB":    {sqlstore.MySQL, "mysql", mariadb},
		"PostgreSQL": {sqlstore.PostgreSQL, "pgx", func(t *testing.T, _ string) string { return servers.URL(t, dbtest.PostgreSQL).String() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vaulttest.Run(t, func(t *testing.T) vaulttest.Database {
				table := "tokens_" + strings.ToLower(rand.Text()[:12])
				dsn := test.dsn(t, table)
				dump := connect(t, test.driver, dsn)
				t.Cleanup(func() {
					for _, suffix := range []string{"", "_once"} {
						if _, err := dump.Exec("DROP TABLE " + table + suffix); err != nil {
							t.Error(err)
						}
					}
				})
				return vaulttest.Database{
					Open: func() vaulttest.Store {
						s, err := sqlstore.New(connect(t, test.driver, dsn), test.dialect, &sqlstore.Options{Table: table})
						if err != nil {
							t.Fatal(err)
						}
						if err := s.Migrate(t.Context()); err != nil {
							t.Fatal(err)
						}
						return s
					},
					Dump: func() []byte { return rows(t, dump, table) },
				}
			})
		})
	}
}

// mariadb makes the database of the server's URL, where it is not there.
func mariadb(t *testing.T, _ string) string {
	u := *servers.URL(t, dbtest.MariaDB)
	root := mysqlDSN(&url.URL{User: u.User, Host: u.Host, Path: "/"})
	if _, err := connect(t, "mysql", root).Exec("CREATE DATABASE IF NOT EXISTS `" + u.Path[1:] + "`"); err != nil {
		t.Fatal(err)
	}
	return mysqlDSN(&u)
}

// mysqlDSN is the driver's own spelling of a URL.
func mysqlDSN(u *url.URL) string { return u.User.String() + "@tcp(" + u.Host + ")" + u.Path }

func connect(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxIdleConns(4)
	db.SetMaxOpenConns(4)
	return db
}

// rows are all values of a table.
func rows(t *testing.T, db *sql.DB, table string) []byte {
	t.Helper()
	all, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	columns, err := all.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	for all.Next() {
		values := make([]sql.RawBytes, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := all.Scan(to...); err != nil {
			t.Fatal(err)
		}
		for _, value := range values {
			dump.Write(value)
			dump.WriteByte('\n')
		}
	}
	if err := all.Err(); err != nil {
		t.Fatal(err)
	}
	return dump.Bytes()
}
