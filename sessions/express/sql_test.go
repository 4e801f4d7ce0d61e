package express_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/expresstest"
	"github.com/gopassport/passport/sessions/express"
)

// schemas are as the Node stores make them, and as sites change them.
var schemas = map[string]string{
	"mysql": "CREATE TABLE {table} (`session_id` varchar(128) COLLATE utf8mb4_bin NOT NULL, `expires` int(11) unsigned NOT NULL," +
		" `data` mediumtext COLLATE utf8mb4_bin, PRIMARY KEY (`session_id`)) ENGINE=InnoDB",
	"mysql without case": "CREATE TABLE {table} (`session_id` varchar(128) COLLATE utf8mb4_general_ci NOT NULL, `expires` int(11) unsigned NOT NULL," +
		" `data` mediumtext COLLATE utf8mb4_general_ci, PRIMARY KEY (`session_id`)) ENGINE=InnoDB",
	"postgres":      `CREATE TABLE {table} ("sid" varchar NOT NULL PRIMARY KEY, "sess" json NOT NULL, "expire" timestamp(6) NOT NULL)`,
	"postgres text": `CREATE TABLE {table} ("sid" varchar NOT NULL PRIMARY KEY, "sess" text NOT NULL, "expire" timestamptz NOT NULL)`,
}

func makeTable(t *testing.T, db *sql.DB, schema, quote string) string {
	t.Helper()
	name := "express_" + rand.Text()
	if _, err := db.ExecContext(t.Context(), strings.Replace(schemas[schema], "{table}", quote+name+quote, 1)); err != nil {
		t.Fatal(err)
	}
	drop(t, db, "TABLE IF EXISTS "+quote+name+quote)
	return name
}

func TestTableMySQL(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.MariaDB)
	for _, schema := range []string{"mysql", "mysql without case"} {
		for name, foundRows := range map[string]bool{"rows that changed": false, "rows that were found": true} {
			t.Run(schema+", "+name, func(t *testing.T) {
				t.Parallel()
				expresstest.RunTable(t, func(t *testing.T) express.Table {
					db := openMySQL(t, u, foundRows)
					table, err := express.MySQL(db, &express.TableOptions{Table: makeTable(t, db, schema, "`")})
					if err != nil {
						t.Fatal(err)
					}
					return table
				})
			})
		}
	}
}

func TestTablePostgreSQL(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.PostgreSQL)
	for _, schema := range []string{"postgres", "postgres text"} {
		for _, driver := range []string{"pgx", "postgres"} {
			t.Run(schema+", "+driver, func(t *testing.T) {
				t.Parallel()
				expresstest.RunTable(t, func(t *testing.T) express.Table {
					db := openDB(t, driver, u.String())
					table, err := express.PostgreSQL(db, &express.TableOptions{Table: makeTable(t, db, schema, `"`)})
					if err != nil {
						t.Fatal(err)
					}
					return table
				})
			})
		}
	}
}

// Names that a site gave its table and columns.
func TestNames(t *testing.T) {
	t.Parallel()
	db := openMySQL(t, servers.URL(t, dbtest.MariaDB), false)
	name := "express_" + rand.Text()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE `"+name+"` (`select` varchar(128) PRIMARY KEY, `order` int unsigned, `key` mediumtext)"); err != nil {
		t.Fatal(err)
	}
	drop(t, db, "TABLE `"+name+"`")
	var schema string
	if err := db.QueryRowContext(t.Context(), "SELECT DATABASE()").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	table, err := express.MySQL(db, &express.TableOptions{Table: schema + "." + name, ID: "select", Expires: "order", Data: "key"})
	if err != nil {
		t.Fatal(err)
	}
	r := express.Row{ID: "id", Data: "{}", Expires: 1_000_000_000_000}
	if err := table.Insert(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, err := table.Find(t.Context(), "id"); err != nil || got != r {
		t.Errorf("got %v, %v, want %v", got, err, r)
	}
}

// A table that is not there, a database that does not answer: an outage, and
// the end of no session.
func TestNoTable(t *testing.T) {
	t.Parallel()
	table, err := express.MySQL(openMySQL(t, servers.URL(t, dbtest.MariaDB), false), &express.TableOptions{Table: "express_nothing"})
	if err != nil {
		t.Fatal(err)
	}
	expresstest.WantDown(t, table)
	table, err = express.PostgreSQL(openDB(t, "pgx", "postgres://127.0.0.1:1/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	expresstest.WantDown(t, table)
}

// B31: a server that has stopped is left after Options.Timeout, and all is well
// when it goes on.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	server := dbtest.Start(t, dbtest.MariaDB)
	db := openMySQL(t, server.URL(), false)
	table, err := express.MySQL(db, &express.TableOptions{Table: makeTable(t, db, "mysql", "`")})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Insert(t.Context(), row(session(""))); err != nil {
		t.Fatal(err)
	}
	k := keeper(t, table, &express.Options{Timeout: 300 * time.Millisecond})
	if !known(t, k, signed) {
		t.Fatal("no session")
	}
	server.Suspend()
	begin := time.Now()
	_, ok, err := k.Load(request(t, signed))
	if took := time.Since(begin); ok || !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
		t.Errorf("got %v, %v after %v, want the deadline", ok, err, took)
	}
	server.Resume()
	for range 100 {
		if _, ok, err := k.Load(request(t, signed)); ok && err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("the session does not come back with the server")
}

// FuzzNames: a name that could end its quotes is refused. B36
func FuzzNames(f *testing.F) {
	for _, s := range []string{"sessions", "app.sessions", "a.b.c", "a`b", `a"b`, "", ".a", "a.", "1a", "ä", "a b", "a;b", "a\x00", strings.Repeat("a", 64)} {
		f.Add(s)
	}
	good := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	f.Fuzz(func(t *testing.T, s string) {
		db := new(sql.DB)
		schema, rest, dotted := strings.Cut(s, ".")
		want := len(s) < 64 && (s == "" || good.MatchString(schema) && (!dotted || regexp.MustCompile(`^[A-Za-z0-9_]+$`).MatchString(rest)))
		_, err := express.MySQL(db, &express.TableOptions{Table: s})
		if (err == nil) != want {
			t.Errorf("table %q: got error %v, want ok %v", s, err, want)
		}
		for _, o := range []express.TableOptions{{ID: s}, {Expires: s}, {Data: s}} {
			if _, err := express.PostgreSQL(db, &o); (err == nil) != (want && !dotted) {
				t.Errorf("column %q: got error %v, want ok %v", s, err, want && !dotted)
			}
		}
	})
}

func TestNoDB(t *testing.T) {
	t.Parallel()
	if _, err := express.MySQL(nil, nil); err == nil {
		t.Error("got no error")
	}
}

// TestDocumentedSweep: the page says how to delete what has expired once Node,
// which did it, has stopped.
func TestDocumentedSweep(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/from-passport-js.md")
	if err != nil {
		t.Fatal(err)
	}
	my := openMySQL(t, servers.URL(t, dbtest.MariaDB), false)
	pg := openDB(t, "pgx", servers.URL(t, dbtest.PostgreSQL).String())
	for _, d := range []struct {
		db                      *sql.DB
		begin, schema, put, now string
	}{
		{my, "DELETE FROM sessions WHERE", strings.Replace(schemas["mysql"], "CREATE TABLE {table}", "CREATE TEMPORARY TABLE sessions", 1),
			"INSERT INTO sessions VALUES ('old', %[1]s - 10, '{}'), ('new', %[1]s + 1000, '{}')", "UNIX_TIMESTAMP()"},
		{pg, "DELETE FROM session WHERE", strings.Replace(schemas["postgres"], "CREATE TABLE {table}", "CREATE TEMPORARY TABLE session", 1),
			"INSERT INTO session VALUES ('old', '{}', %[1]s - interval '10 s'), ('new', '{}', %[1]s + interval '1000 s')", "now()"},
	} {
		_, rest, there := strings.Cut(string(page), "`"+d.begin)
		statement, _, ends := strings.Cut(rest, "`")
		if !there || !ends {
			t.Fatalf("the page has no %s", d.begin)
		}
		conn, err := d.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, s := range []string{d.schema, fmt.Sprintf(d.put, d.now)} {
			if _, err := conn.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		res, err := conn.ExecContext(t.Context(), d.begin+statement)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.RowsAffected(); n != 1 || err != nil {
			t.Errorf("%s%s deleted %d of the one that has expired: %v", d.begin, statement, n, err)
		}
	}
}
