package express

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/gopassport/passport/sessions"
)

// TableOptions names what the Node store was told to call its table. The zero
// value, or nil, has the store's own defaults.
type TableOptions struct {
	// Table is the name, with a schema and a dot before it or not:
	// `^[A-Za-z_][A-Za-z0-9_.]{0,62}$`. Default "sessions" for [MySQL],
	// "session" for [PostgreSQL].
	Table string
	// ID, Expires and Data are the names of the columns, of the same alphabet
	// without the dot. Default session_id, expires and data for [MySQL]; sid,
	// expire and sess for [PostgreSQL].
	ID, Expires, Data string
}

// A SQLTable is a [Table] in a SQL database. It needs no closing: its
// statements end with the *sql.DB, which is the application's. Its errors wrap
// those of the driver.
type SQLTable struct {
	db                                            *sql.DB
	find, insert, update, replace, touch, destroy statement
}

var _ Table = (*SQLTable)(nil)

// MySQL is the table of express-mysql-session, in MySQL or MariaDB, with any
// driver. The Node store makes it; its user needs SELECT, INSERT, UPDATE and
// DELETE. It does not talk to db yet. An error means that a name cannot be.
func MySQL(db *sql.DB, o *TableOptions) (*SQLTable, error) {
	// The texts are compared as bytes: the column's collation takes a text for
	// the same that has more spaces behind it.
	return newTable(db, o, TableOptions{"sessions", "session_id", "expires", "data"}, "`", map[string]string{
		"find":    "SELECT {id}, {data}, {expires} * 1000 FROM {table} WHERE {id} = ?",
		"insert":  "INSERT INTO {table} ({id}, {data}, {expires}) VALUES (?, ?, ROUND(? / 1000))",
		"update":  "UPDATE {table} SET {data} = ?, {expires} = ROUND(? / 1000) WHERE {id} = ? AND {same}",
		"replace": "UPDATE {table} SET {id} = ?, {data} = ?, {expires} = ROUND(? / 1000) WHERE {id} = ? AND {same}",
		"touch":   "UPDATE {table} SET {expires} = ROUND(? / 1000) WHERE {id} = ? AND {expires} < ROUND(? / 1000)",
		"delete":  "DELETE FROM {table} WHERE {id} = ?",
		"{same}":  "CAST(CONVERT({data} USING utf8mb4) AS BINARY) = CAST(CONVERT(? USING utf8mb4) AS BINARY)",
	})
}

// PostgreSQL is the table of connect-pg-simple, with any driver, best pgx: one
// that sends a statement again whose answer was lost, as lib/pq does, can make
// a conflict of a save that was stored. The column of times has no time zone:
// the connections of both sides need the same TimeZone setting, as they have
// when neither sets it.
func PostgreSQL(db *sql.DB, o *TableOptions) (*SQLTable, error) {
	return newTable(db, o, TableOptions{"session", "sid", "expire", "sess"}, `"`, map[string]string{
		"find":    `SELECT {id}, {data}::text, floor(extract(epoch from {expires}::timestamptz) * 1000)::bigint FROM {table} WHERE {id} = $1`,
		"insert":  `INSERT INTO {table} ({id}, {data}, {expires}) VALUES ($1, $2::text::json, to_timestamp($3::bigint / 1000.0))`,
		"update":  `UPDATE {table} SET {data} = $1::text::json, {expires} = to_timestamp($2::bigint / 1000.0) WHERE {id} = $3 AND {data}::text = $4`,
		"replace": `UPDATE {table} SET {id} = $1, {data} = $2::text::json, {expires} = to_timestamp($3::bigint / 1000.0) WHERE {id} = $4 AND {data}::text = $5`,
		"touch":   `UPDATE {table} SET {expires} = to_timestamp($1::bigint / 1000.0) WHERE {id} = $2 AND {expires}::timestamptz < to_timestamp($3::bigint / 1000.0)`,
		"delete":  `DELETE FROM {table} WHERE {id} = $1`,
	})
}

// B36: the names go into SQL as text, so they are held to an alphabet that
// needs no escaping, and quoted all the same.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,62}$`)

func newTable(db *sql.DB, o *TableOptions, names TableOptions, quote string, queries map[string]string) (*SQLTable, error) {
	if db == nil {
		return nil, errors.New("express: a table needs a *sql.DB")
	}
	if o == nil {
		o = new(TableOptions)
	}
	var pairs []string
	for _, n := range []struct{ word, given, standard string }{
		{"{table}", o.Table, names.Table}, {"{id}", o.ID, names.ID}, {"{expires}", o.Expires, names.Expires}, {"{data}", o.Data, names.Data},
	} {
		if n.given == "" {
			n.given = n.standard
		}
		schema, rest, dotted := strings.Cut(n.given, ".")
		if !identifier.MatchString(n.given) || dotted && (n.word != "{table}" || rest == "" || strings.Contains(rest, ".")) {
			return nil, fmt.Errorf("express: %s name %q: want letters, digits and _, at most 63; a table may have a schema and a dot before it",
				strings.Trim(n.word, "{}"), n.given)
		}
		quoted := quote + schema + quote
		if dotted {
			quoted += "." + quote + rest + quote
		}
		pairs = append(pairs, n.word, quoted)
	}
	words := strings.NewReplacer(pairs...)
	t := &SQLTable{db: db}
	for name, st := range map[string]*statement{
		"find": &t.find, "insert": &t.insert, "update": &t.update, "replace": &t.replace, "touch": &t.touch, "delete": &t.destroy,
	} {
		st.name, st.query = name, words.Replace(strings.ReplaceAll(queries[name], "{same}", queries["{same}"]))
	}
	return t, nil
}

// A statement is prepared when first used, once for the life of the table; the
// pool of database/sql prepares it again for each connection.
type statement struct {
	name, query string
	mu          sync.Mutex
	ready       *sql.Stmt
}

func (st *statement) prepared(ctx context.Context, db *sql.DB) (*sql.Stmt, error) {
	st.mu.Lock()
	ready := st.ready
	st.mu.Unlock()
	if ready != nil {
		return ready, nil
	}
	fresh, err := db.PrepareContext(ctx, st.query)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.ready != nil { // of another request, meanwhile
		_ = fresh.Close()
		return st.ready, nil
	}
	st.ready = fresh
	return fresh, nil
}

// exec runs a statement that writes, and counts the rows.
func (t *SQLTable) exec(ctx context.Context, st *statement, args ...any) (int64, error) {
	rows, err := func() (int64, error) {
		p, err := st.prepared(ctx, t.db)
		if err != nil {
			return 0, err
		}
		result, err := p.ExecContext(ctx, args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}()
	if err != nil {
		return 0, fmt.Errorf("express: %s: %w", st.name, err)
	}
	return rows, nil
}

// Find implements [Table].
func (t *SQLTable) Find(ctx context.Context, id string) (Row, error) {
	var r Row
	var data sql.NullString // a column that Node may leave empty
	p, err := t.find.prepared(ctx, t.db)
	if err == nil {
		err = p.QueryRowContext(ctx, id).Scan(&r.ID, &data, &r.Expires)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return Row{}, sessions.ErrNotFound
	}
	if err != nil {
		return Row{}, fmt.Errorf("express: find: %w", err)
	}
	r.Data = data.String
	return r, nil
}

// Insert implements [Table].
func (t *SQLTable) Insert(ctx context.Context, r Row) error {
	_, err := t.exec(ctx, &t.insert, r.ID, r.Data, r.Expires)
	return err
}

// Update implements [Table].
func (t *SQLTable) Update(ctx context.Context, r Row, was string) error {
	n, err := t.exec(ctx, &t.update, r.Data, r.Expires, r.ID, was)
	if err != nil || n > 0 {
		return err
	}
	stored, err := t.Find(ctx, r.ID)
	switch {
	case err != nil:
		return err
	case r.Data == was && stored.Data == was:
		// MySQL does not count a row that already was what it was set to,
		// unless the driver's clientFoundRows is on. A text that changes counts
		// either way.
		return nil
	}
	return sessions.ErrConflict
}

// Replace implements [Table]. The old row becomes the new one, key and all:
// one statement is both or neither by itself. It always changes the key, so
// that a row that was met is counted.
func (t *SQLTable) Replace(ctx context.Context, old, was string, r Row) error {
	n, err := t.exec(ctx, &t.replace, r.ID, r.Data, r.Expires, old, was)
	if err != nil || n > 0 {
		return err
	}
	// The driver may have sent the statement again, whose answer it did not get.
	// Nobody else writes under a new id.
	switch made, err := t.Find(ctx, r.ID); {
	case err == nil && made.Data == r.Data:
		return nil
	case err != nil && !errors.Is(err, sessions.ErrNotFound):
		return err
	}
	if _, err := t.Find(ctx, old); err != nil {
		return err
	}
	return sessions.ErrConflict
}

// Touch implements [Table].
func (t *SQLTable) Touch(ctx context.Context, id string, expires int64) error {
	_, err := t.exec(ctx, &t.touch, expires, id, expires)
	return err
}

// Delete implements [Table].
func (t *SQLTable) Delete(ctx context.Context, id string) error {
	_, err := t.exec(ctx, &t.destroy, id)
	return err
}
