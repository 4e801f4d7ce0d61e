package express_test

import (
	"context"
	"database/sql"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/expresstest"
	"github.com/gopassport/passport/sessions/express"
)

var servers dbtest.Servers

// openMySQL opens a database; the application's DSN may have clientFoundRows
// or not.
func openMySQL(t *testing.T, u *url.URL, foundRows bool) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", u.Host, u.Path[1:]
	c.Passwd, _ = u.User.Password()
	c.ClientFoundRows = foundRows
	return openDB(t, "mysql", c.FormatDSN())
}

func openDB(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// drop drops what a test made when it ends.
func drop(t *testing.T, db *sql.DB, what string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP "+what); err != nil {
			t.Error(err)
		}
	})
}

// An Express app with express-mysql-session and a Go server serve one site.
func TestBesideExpressMySQL(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.MariaDB)
	expresstest.Run(t, expresstest.Database{URL: u.String(), Open: func(t *testing.T, name string) express.Table {
		db := openMySQL(t, u, false)
		drop(t, db, "TABLE IF EXISTS `"+name+"`")
		table, err := express.MySQL(db, &express.TableOptions{Table: name})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}})
}

// The same with connect-pg-simple.
func TestBesideExpressPostgreSQL(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.PostgreSQL)
	expresstest.Run(t, expresstest.Database{URL: u.String(), Short: true, Open: func(t *testing.T, name string) express.Table {
		db := openDB(t, "pgx", u.String())
		if _, err := db.ExecContext(t.Context(), `CREATE SCHEMA "`+name+`"`); err != nil {
			t.Fatal(err)
		}
		drop(t, db, `SCHEMA "`+name+`" CASCADE`)
		table, err := express.PostgreSQL(db, &express.TableOptions{Table: name + ".session"})
		if err != nil {
			t.Fatal(err)
		}
		return table
	}})
}
