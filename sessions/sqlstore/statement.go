package sqlstore

import (
	"fmt"
	"regexp"
	"strings"
)

// B36: the name goes into SQL as text, so it is held to an alphabet that needs
// no escaping, and quoted all the same, because it may be a reserved word.
var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,62}$`)

// A table is a checked name: an optional schema, a dot, and the name.
type table struct{ schema, name string }

func parseTable(name string, sp *spec) (table, error) {
	schema, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		schema, rest = "", name
	}
	if !tableName.MatchString(name) || rest == "" || strings.Contains(rest, ".") {
		return table{}, fmt.Errorf("sqlstore: table name %q: want letters, digits and _, at most 63, with a schema and a dot before them or not", name)
	}
	if len(rest) > sp.maxName {
		return table{}, fmt.Errorf("sqlstore: table name %q: %s leaves room for %d letters", name, sp.name, sp.maxName)
	}
	return table{schema, rest}, nil
}

// prefix is the quoted name without its closing quote, for a suffix.
func (t table) prefix(quote string) string {
	if t.schema == "" {
		return quote + t.name
	}
	return quote + t.schema + quote + "." + quote + t.name
}

// A statement is one that the store runs over and over.
type statement struct{ name, query string } // the name is for errors

// statements are all that the store ever says to the database, Migrate aside.
// Each is one step there: a record is written, replaced or swept by one
// statement, and a transaction of several is never needed.
type statements struct {
	create, find, update, replace, touch, delete, version statement
	list, deleteUser, deleteSome, deleteRealm             statement
	sweep, count                                          statement
	once, sweepOnce                                       statement
	settle                                                statement

	all []*statement
}

// Columns in the order of arguments and scans. What Find reads comes first.
const (
	foundColumns = `"user_id", "data", "factors", "stamp", "auth_time", "created", "last_seen", "idle", "absolute", "version", "remember"`
	allColumns   = foundColumns + `, "realm", "address", "agent", "id"`
)

func newStatements(sp *spec, t table) *statements {
	words := strings.NewReplacer(
		"{table}", t.prefix(sp.quote)+sp.quote, "{once}", t.prefix(sp.quote)+"_once"+sp.quote,
		"{found}", foundColumns, "{all}", allColumns, "{greatest}", sp.greatest, "{ignore}", sp.ignore)
	var s statements
	define := func(st *statement, name, query string) {
		query = strings.ReplaceAll(words.Replace(query), `"`, sp.quote)
		if sp.numbered {
			query = number(query)
		}
		st.name, st.query = name, query
		s.all = append(s.all, st)
	}
	batch := func(st *statement, name, table, condition string) {
		define(st, name, fmt.Sprintf(sp.batch, table, condition))
	}
	define(&s.create, "create", `INSERT INTO {table} ({all}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {ignore}`)
	define(&s.find, "find", `SELECT {found} FROM {table} WHERE "id" = ?`)
	define(&s.update, "update", `UPDATE {table} SET "user_id" = ?, "data" = ?, "factors" = ?, "stamp" = ?, "auth_time" = ?,
		"last_seen" = {greatest}("last_seen", ?), "idle" = {greatest}("idle", ?), "absolute" = ?, "version" = ?, "remember" = ?
		WHERE "id" = ? AND "version" = ?`)
	// The old row becomes the new one, key and all. One statement is both or
	// neither by itself; and a revocation that meets it waits for the row,
	// where it would miss one that is deleted here and inserted there.
	define(&s.replace, "replace", `UPDATE {table} SET "user_id" = ?, "data" = ?, "factors" = ?, "stamp" = ?, "auth_time" = ?, "created" = ?,
		"last_seen" = ?, "idle" = ?, "absolute" = ?, "version" = ?, "remember" = ?, "realm" = ?, "address" = ?, "agent" = ?, "id" = ?
		WHERE "id" = ? AND "version" = ?`)
	define(&s.touch, "touch", `UPDATE {table} SET "last_seen" = {greatest}("last_seen", ?), "idle" = {greatest}("idle", ?) WHERE "id" = ?`)
	define(&s.delete, "delete", `DELETE FROM {table} WHERE "id" = ?`)
	define(&s.version, "version", `SELECT "version" FROM {table} WHERE "id" = ?`)
	define(&s.list, "list", `SELECT {all} FROM {table} WHERE "realm" = ? AND "user_id" = ?`)
	define(&s.deleteUser, "delete user", `DELETE FROM {table} WHERE "realm" = ? AND "user_id" = ? AND "id" <> ?`)
	// Batches may leave out what others hold; the rest comes last, at once.
	batch(&s.deleteSome, "delete realm", "{table}", `"realm" = ?`)
	define(&s.deleteRealm, "delete realm", `DELETE FROM {table} WHERE "realm" = ?`)
	batch(&s.sweep, "delete expired", "{table}", `"expires" <= ? ORDER BY "expires"`)
	define(&s.count, "count", `SELECT count(*) FROM {table} WHERE "realm" = ? AND "expires" > ?`)
	define(&s.once, "once", `INSERT INTO {once} ("id", "expires") VALUES (?, ?) {ignore}`)
	batch(&s.sweepOnce, "delete expired once", "{once}", `"expires" <= ? ORDER BY "expires"`)
	if sp.settle != "" {
		define(&s.settle, "settle", sp.settle)
	}
	return &s
}

// number makes the arguments $1, $2 and so on. No text in a statement has a ?.
func number(query string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		fmt.Fprintf(&b, "$%d", n)
		query = after
	}
}
