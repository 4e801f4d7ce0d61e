package sqlstore

import (
	"context"
	"database/sql"
)

// A DB is what a [Store] asks of a database. [New] makes one of a *sql.DB;
// package pgxstore has one that speaks to pgx itself, which costs less.
//
// Queries are in the words of the dialect: `?` for arguments, but $1, $2 and so
// on for PostgreSQL. Those with arguments are about twenty, always the same, so
// each is worth preparing on a connection once. Arguments are int, int64, bool,
// []byte and, for SQLite alone, string.
//
// Methods are called by many goroutines at once. They obey the context. Their
// errors are those of the database, in the driver's words: the store looks in
// them for what SQLite says when it is locked, for MySQL's "Error 1213" and
// "Error 1062", and for PostgreSQL's SQLState() string. They do not repeat a
// statement that may have been done, or an acknowledged write is ErrConflict.
type DB interface {
	// Exec runs a statement and counts the rows that it has written; of one
	// without arguments, which is of the schema, nobody looks at the count.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query runs a statement that reads. The store closes the rows.
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	// Prepare has the database judge a statement, without running it.
	Prepare(ctx context.Context, query string) error
}

// Rows are the answer to a query, as *sql.Rows are. One goroutine uses them.
type Rows interface {
	// Next goes to the next row, the first one at first.
	Next() bool
	// Scan copies the row into *string, *[]byte, *int64, *int and *bool. Its
	// error, where Err has none, means that the row has something else.
	Scan(dest ...any) error
	// Err tells why Next ended the rows too early, or why they were taken away.
	Err() error
	// Close ends the query. It may be called again.
	Close() error
}

// pooled is a *sql.DB, which prepares statements again for each connection
// that it opens.
type pooled struct {
	*sql.DB
	prepared map[string]*prepared // by query
}

func newPooled(db *sql.DB, all []*statement) *pooled {
	p := &pooled{db, make(map[string]*prepared, len(all))}
	for _, st := range all {
		p.prepared[st.query] = &prepared{query: st.query, gate: make(chan struct{}, 1)}
	}
	return p
}

// Exec implements [DB].
func (p *pooled) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	st := p.prepared[query]
	if st == nil { // of the schema, and some drivers count no rows there
		_, err := p.ExecContext(ctx, query, args...)
		return 0, err
	}
	s, err := st.on(ctx, p.DB)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements [DB].
func (p *pooled) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	st := p.prepared[query]
	if st == nil { // a setting
		return p.QueryContext(ctx, query, args...) //nolint:rowserrcheck // the store asks
	}
	s, err := st.on(ctx, p.DB)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...) //nolint:rowserrcheck // the store asks
}

// Prepare implements [DB].
func (p *pooled) Prepare(ctx context.Context, query string) error {
	_, err := p.prepared[query].on(ctx, p.DB)
	return err
}
