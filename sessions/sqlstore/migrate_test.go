package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// objects lists the tables of the database and the indexes with a name of ours.
func objects(t testing.TB, d database, db *sql.DB) []string {
	t.Helper()
	query := map[sqlstore.Dialect]string{
		sqlstore.SQLite: `SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex%'`,
		sqlstore.MySQL: `SELECT concat('table ', table_name) FROM information_schema.tables WHERE table_schema = database()
			UNION SELECT concat('index ', table_name, '_', index_name) FROM information_schema.statistics
			WHERE table_schema = database() AND index_name <> 'PRIMARY'`,
		sqlstore.PostgreSQL: `SELECT 'table ' || tablename FROM pg_tables WHERE schemaname = current_schema()
			UNION SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT LIKE '%_pkey'`,
	}[d.dialect]
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// made is what Migrate makes for a table of the name.
func made(name string) []string {
	names := []string{
		"table " + name, "table " + name + "_once",
		"index " + name + "_expires", "index " + name + "_user", "index " + name + "_once_expires",
	}
	slices.Sort(names)
	return names
}

// B37: eight instances migrate an empty database at once, then again with
// sessions in it.
func TestMigrateAtOnce(t *testing.T) {
	withoutTimeout := sqlite
	withoutTimeout.name, withoutTimeout.dsn = "SQLite without busy_timeout", sqliteBareDSN
	for _, d := range append(slices.Clone(databases), withoutTimeout) {
		t.Run(d.name, func(t *testing.T) {
			dsn := d.dsn(t)
			stores := make([]*sqlstore.Store, 8)
			for i := range stores {
				var err error
				if stores[i], err = sqlstore.New(d.open(t, dsn), d.dialect, nil); err != nil {
					t.Fatal(err)
				}
			}
			r := record("alice")
			for round := range 3 {
				errs := make([]error, len(stores))
				var wg sync.WaitGroup
				for i, s := range stores {
					wg.Go(func() { errs[i] = s.Migrate(t.Context()) })
				}
				wg.Wait()
				if err := errors.Join(errs...); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if round == 0 {
					if err := stores[0].Create(t.Context(), r); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := stores[round].Find(t.Context(), r.ID); err != nil {
					t.Fatalf("round %d: a session is lost: %v", round, err)
				}
			}
			if diff := cmp.Diff(made("passport_sessions"), objects(t, d, d.open(t, dsn))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// B34: readers and the writer do not wait for each other.
func TestMigrateTurnsWALOn(t *testing.T) {
	db := sqlite.open(t, sqliteDSN(t))
	sqlite.store(t, db, nil)
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode: got %q and error %v, want wal", mode, err)
	}
}

// The file is what Migrate runs: a migration tool may run it instead.
func TestSchemaFile(t *testing.T) {
	files := map[sqlstore.Dialect]string{sqlstore.SQLite: "sqlite", sqlstore.MySQL: "mysql", sqlstore.PostgreSQL: "postgresql"}
	each(t, func(t *testing.T, d database) {
		schema, err := os.ReadFile("schema/" + files[d.dialect] + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		db := d.open(t, d.dsn(t))
		s, err := sqlstore.New(db, d.dialect, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil {
			t.Error("Check of an empty database: got no error")
		}
		if found := objects(t, d, db); len(found) > 0 {
			t.Errorf("Check made %v", found)
		}
		for range 2 {
			for statement := range strings.SplitSeq(strings.TrimSpace(string(schema)), ";\n") {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(made("passport_sessions"), objects(t, d, db)); diff != "" {
			t.Error(diff)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Create(t.Context(), record("alice")); err != nil {
			t.Error(err)
		}
	})
}

// Two realms may as well have a table each.
func TestTwoTables(t *testing.T) {
	here := map[sqlstore.Dialect]string{
		sqlstore.SQLite: "SELECT 'main'", sqlstore.MySQL: "SELECT database()", sqlstore.PostgreSQL: "SELECT current_schema()",
	}
	each(t, func(t *testing.T, d database) {
		db := d.open(t, d.dsn(t))
		var schema string
		if err := db.QueryRow(here[d.dialect]).Scan(&schema); err != nil {
			t.Fatal(err)
		}
		customers := d.store(t, db, &sqlstore.Options{Table: "select"}) // a reserved word
		admins := d.store(t, db, &sqlstore.Options{Table: schema + ".Admins_2"})
		r := record("alice")
		if err := customers.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, err := admins.Find(t.Context(), r.ID); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("Find in the other table: got error %v, want ErrNotFound", err)
		}
		want := append(made("Admins_2"), made("select")...)
		slices.Sort(want)
		if diff := cmp.Diff(want, objects(t, d, db)); diff != "" {
			t.Error(diff)
		}
	})
}

// A name that the database would cut, with what is derived from it, is refused:
// an index would be missing, or two tables be one.
func TestLongTableName(t *testing.T) {
	longest := map[sqlstore.Dialect]int{sqlstore.SQLite: 63, sqlstore.MySQL: 59, sqlstore.PostgreSQL: 50}
	each(t, func(t *testing.T, d database) {
		name := strings.Repeat("t", longest[d.dialect])
		db := d.open(t, d.dsn(t))
		d.store(t, db, &sqlstore.Options{Table: name})
		if diff := cmp.Diff(made(name), objects(t, d, db)); diff != "" {
			t.Error(diff)
		}
		if _, err := sqlstore.New(db, d.dialect, &sqlstore.Options{Table: name + "t"}); err == nil {
			t.Errorf("New with a name of %d letters: got no error", len(name)+1)
		}
	})
}

func TestMigrateTellsWhatDoesNotFit(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		db := d.open(t, d.dsn(t))
		if _, err := db.Exec(`CREATE TABLE passport_sessions (expires INTEGER, realm INTEGER, user_id INTEGER, session_id INTEGER)`); err != nil {
			t.Fatal(err)
		}
		s, err := sqlstore.New(db, d.dialect, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, ready := range map[string]func(context.Context) error{"Migrate": s.Migrate, "Check": s.Check} {
			if err := ready(t.Context()); err == nil || !strings.Contains(err.Error(), "for table passport_sessions") {
				t.Errorf("%s over another program's table: got error %v", name, err)
			}
		}
	})
}

// B34: a server that cuts what is too long, and says nothing, is refused.
func TestMigrateWantsStrictMode(t *testing.T) {
	db := mariadb.open(t, mariadb.dsn(t)+"?sql_mode=''")
	s, err := sqlstore.New(db, sqlstore.MySQL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, ready := range map[string]func(context.Context) error{"Migrate": s.Migrate, "Check": s.Check} {
		if err := ready(t.Context()); err == nil || !strings.Contains(err.Error(), "STRICT_TRANS_TABLES") {
			t.Errorf("%s without strict mode: got error %v", name, err)
		}
	}
}

// Each connection to :memory: is a database of its own.
func TestInMemoryDatabase(t *testing.T) {
	db := sqlite.open(t, ":memory:")
	s, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns(1)") {
		t.Errorf("Migrate with a pool: got error %v", err)
	}
	db.SetMaxOpenConns(1)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := record("alice")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	db := sqlite.open(t, ":memory:")
	tests := []struct {
		name    string
		db      *sql.DB
		dialect sqlstore.Dialect
		want    string
	}{
		{"no database", nil, sqlstore.SQLite, "*sql.DB"},
		{"no dialect", db, 0, "dialect"},
		{"unknown dialect", db, 99, "dialect 99"},
	}
	for _, tt := range tests {
		if _, err := sqlstore.New(tt.db, tt.dialect, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want one about %s", tt.name, err, tt.want)
		}
	}
	if s, err := sqlstore.Over(nil, sqlstore.SQLite, nil); s != nil || err == nil {
		t.Errorf("over nothing: got %v and error %v", s, err)
	}
}

// tableName is B36's alphabet; a dot separates a schema from a name.
var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)?$`)

// B36: a name that is not plainly a name is refused when the store is made.
func FuzzTableName(f *testing.F) {
	for _, name := range []string{
		"sessions", "_s", "main.s", "s.", ".s", "a..b", "a.b.c", "1s", "s s", "s;", `s"`, "s'", "s`", "s--", "s/*", "s\x00", "s\n",
		`s" (id); DROP TABLE users; --`, "sessions\u200b", "\u00e9t\u00e9", "%s", "?", "$1", "{table}", strings.Repeat("s", 63), strings.Repeat("s", 64),
	} {
		f.Add(name)
	}
	db := sqlite.open(f, ":memory:")
	f.Fuzz(func(t *testing.T, name string) {
		_, err := sqlstore.New(db, sqlstore.SQLite, &sqlstore.Options{Table: name})
		want := name == "" || len(name) <= 63 && tableName.MatchString(name)
		if (err == nil) != want {
			t.Errorf("New with table %q: got error %v, want it accepted: %v", name, err, want)
		}
	})
}
