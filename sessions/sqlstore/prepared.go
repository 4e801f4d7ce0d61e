package sqlstore

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// A prepared statement is prepared when first used, once for the life of the
// store. Not when the store is made: the table need not be there then, nor the
// database answer.
type prepared struct {
	query string
	ready atomic.Pointer[sql.Stmt]
	gate  chan struct{} // a mutex that obeys the context
}

// on returns the statement, prepared on db.
func (p *prepared) on(ctx context.Context, db *sql.DB) (*sql.Stmt, error) {
	if st := p.ready.Load(); st != nil {
		return st, nil
	}
	select {
	case p.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.gate }()
	if st := p.ready.Load(); st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, p.query)
	if err != nil {
		return nil, err
	}
	p.ready.Store(st)
	return st, nil
}
