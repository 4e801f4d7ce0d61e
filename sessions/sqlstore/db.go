package sqlstore

import (
	"context"
	"database/sql"
)

// A DB is what a [Store] asks of a database. [New] makes one of a *sql.DB;
// package pgxstore has one that speaks to pgx itself, which costs less.
//
// Queries are written in the words of the dialect, names quoted and arguments
// numbered; there are about twenty of them, always the same, so each is worth
// preparing on a connection once. Arguments are int, int64, bool, string
// (SQLite alone) and []byte. Implementations are safe for concurrent use, obey
// the context, and never repeat a statement that may have been done.
type DB interface {
	// Exec runs a statement and counts the rows that it has written.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query runs a statement that reads.
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	// Prepare has the database judge a statement, without running it.
	Prepare(ctx context.Context, query string) error
	// Transaction runs statements without arguments, all or none.
	Transaction(ctx context.Context, queries ...string) error
}

// Rows are the answer to a query, as *sql.Rows are.
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
	rows, err := p.query(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (p *pooled) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	st := p.prepared[query]
	if st == nil { // a setting
		return p.QueryContext(ctx, query, args...)
	}
	s, err := st.on(ctx, p.DB)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// Prepare implements [DB].
func (p *pooled) Prepare(ctx context.Context, query string) error {
	_, err := p.prepared[query].on(ctx, p.DB)
	return err
}

// Transaction implements [DB].
func (p *pooled) Transaction(ctx context.Context, queries ...string) error {
	tx, err := p.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a Commit it does nothing
	for _, query := range queries {
		if _, err := tx.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	return tx.Commit()
}
