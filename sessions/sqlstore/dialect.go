package sqlstore

import (
	_ "embed" // the schemas
	"errors"
	"fmt"
	"strings"
)

// A Dialect is the kind of the database. The zero Dialect is none.
type Dialect int

// The dialects.
const (
	// SQLite is SQLite 3.37 and later, with any driver.
	SQLite Dialect = iota + 1
	// MySQL is MySQL 8.0 and MariaDB 10.6, and later, with
	// github.com/go-sql-driver/mysql.
	MySQL
	// PostgreSQL is PostgreSQL 13 and later, with
	// github.com/jackc/pgx/v5/stdlib, or github.com/lib/pq.
	PostgreSQL
)

var (
	//go:embed schema/sqlite.sql
	sqliteSchema string
	//go:embed schema/mysql.sql
	mysqlSchema string
	//go:embed schema/postgresql.sql
	postgresSchema string
)

// A spec is all that the dialects differ in. Statements are written once, with
// ? for arguments and double quotes for names.
type spec struct {
	name   string
	schema string

	// unqualified is what stands in the schema before the names that take no
	// schema of their own, because another name in the statement brings it.
	unqualified string
	maxName     int    // bytes of a table name, so that what derives from it fits
	quote       string // around names
	numbered    bool   // arguments are $1, $2, …

	greatest string // the larger of two values
	ignore   string // ends an INSERT that does nothing where the key is there
	batch    string // deletes rows of a table by a condition, at most ? of them

	// batchRows is how many rows one statement of a long deletion takes, so
	// that others do not wait for it.
	batchRows int
	// settle is a query for after a batch; "" where there is nothing to do.
	settle string

	// text makes a string what the column wants.
	text func(string) any
	// oneWriter: the database lets one connection write at a time and has no
	// queue, so the store keeps its writers in one.
	oneWriter bool
	// busy tells an error that trying again mends.
	busy func(error) bool
	// exists tells the error of an INSERT whose key is there; nil where the
	// statement says so with no rows.
	exists func(error) bool
	// migration makes one statement of the schema, which lets one instance
	// migrate at a time; "" where nothing is the matter.
	migration string
	// setting is a query for what the store relies on, and accept judges the
	// answer.
	setting string
	accept  func(db DB, value string) error
}

func (d Dialect) spec() (*spec, error) {
	switch d {
	case SQLite:
		return &spec{
			name:        "SQLite",
			schema:      sqliteSchema,
			unqualified: `ON `,
			maxName:     63,
			quote:       `"`,
			greatest:    "max",
			ignore:      `ON CONFLICT ("id") DO NOTHING`,
			batch:       `DELETE FROM %[1]s WHERE "id" IN (SELECT "id" FROM %[1]s WHERE %[2]s LIMIT ?)`,
			// All writers wait for a batch: 10 rows take the time of a few writes.
			batchRows: 10,
			// Or the log grows, and the one who makes it too long writes all of
			// it back, the writers behind him waiting. This keeps nobody waiting.
			settle:    "PRAGMA wal_checkpoint(PASSIVE)",
			text:      func(s string) any { return s },
			oneWriter: true,
			busy:      sqliteBusy,
			setting:   "PRAGMA journal_mode = WAL",
			accept:    sqliteAhead,
		}, nil
	case MySQL:
		return &spec{
			name:     "MySQL",
			schema:   mysqlSchema,
			maxName:  64 - len("_once"),
			quote:    "`",
			greatest: "greatest",
			// The rows are chosen first, by force: the other way round it waits.
			batch: `DELETE %[1]s FROM (SELECT "id" FROM %[1]s WHERE %[2]s LIMIT ? FOR UPDATE SKIP LOCKED) AS "old"
				STRAIGHT_JOIN %[1]s FORCE INDEX (PRIMARY) ON %[1]s."id" = "old"."id"`,
			batchRows: 500,
			text:      bytes,
			busy:      mysqlDeadlock,
			exists:    mysqlDuplicate,
			setting:   "SELECT @@SESSION.sql_mode",
			accept:    mysqlStrict,
		}, nil
	case PostgreSQL:
		return &spec{
			name:        "PostgreSQL",
			schema:      postgresSchema,
			unqualified: `INDEX IF NOT EXISTS `,
			maxName:     63 - len("_once_expires"),
			quote:       `"`,
			numbered:    true,
			greatest:    "greatest",
			ignore:      `ON CONFLICT ("id") DO NOTHING`,
			// An array is made once, where a subquery may run again.
			batch:     `DELETE FROM %[1]s WHERE "id" = ANY (ARRAY (SELECT "id" FROM %[1]s WHERE %[2]s LIMIT ? FOR UPDATE SKIP LOCKED))`,
			batchRows: 500,
			text:      bytes,
			busy:      postgresConflict,
			migration: "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7234208172413153634);\n%s END $$", // any number of our own
		}, nil
	}
	return nil, fmt.Errorf("sqlstore: unknown dialect %d: want SQLite, MySQL or PostgreSQL", int(d))
}

// bytes are what a binary column takes from every driver.
func bytes(s string) any { return []byte(s) }

// sqliteBusy goes by SQLite's own words, which every driver passes on.
func sqliteBusy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "database is locked") ||
		strings.Contains(text, "database table is locked") ||
		strings.Contains(text, "database schema is locked")
}

// sqliteAhead wants the write-ahead log, which PRAGMA journal_mode turns on.
func sqliteAhead(db DB, mode string) error {
	p, ok := db.(*pooled)
	switch {
	case mode == "memory" && (!ok || p.Stats().MaxOpenConnections != 1):
		return errors.New("an in-memory database needs SetMaxOpenConns(1)")
	case mode != "wal" && mode != "memory":
		return fmt.Errorf("the database stays in journal mode %q, want WAL", mode)
	}
	return nil
}

// The driver's errors have their number in the text, and no method for it.
func mysqlDeadlock(err error) bool  { return strings.Contains(err.Error(), "Error 1213 ") }
func mysqlDuplicate(err error) bool { return strings.Contains(err.Error(), "Error 1062 ") }

// mysqlStrict refuses a server that cuts what is too long.
func mysqlStrict(_ DB, mode string) error {
	if !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES") {
		return errors.New("sql_mode needs STRICT_TRANS_TABLES, or values are cut without an error")
	}
	return nil
}

// postgresConflict: a deadlock, or a transaction isolation that wants the
// statement again.
func postgresConflict(err error) bool {
	coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	return ok && (coded.SQLState() == "40P01" || coded.SQLState() == "40001")
}
