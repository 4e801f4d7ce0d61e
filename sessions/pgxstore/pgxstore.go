// Package pgxstore keeps sessions in PostgreSQL over pgx itself, without
// database/sql between them: for those who have a pgx pool already, and for
// those who want a request to cost less.
//
//	pool, err := pgxpool.New(ctx, "postgres://user:password@localhost/site")
//	store, err := pgxstore.New(pool, nil)
//	err = store.Migrate(ctx)
//	manager := sessions.New(store, nil)
//
// It is a [sqlstore.Store], with the same tables: a server that has this one
// and a server that reaches them through database/sql share their sessions.
//
// # Poolers
//
// Each statement is prepared once on each connection, by pgx, under a name.
// Behind a pooler that lends a connection for each transaction, that needs its
// support (PgBouncer 1.21 and later); without it, set
// default_query_exec_mode=cache_describe, or exec, in the URL.
package pgxstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gopassport/passport/sessions/sqlstore"
)

// New returns a store over the pool, which it does not talk to yet, and which
// is the application's. The options may be nil. An error means that they
// cannot be.
func New(pool *pgxpool.Pool, o *sqlstore.Options) (*sqlstore.Store, error) {
	if pool == nil {
		return nil, errors.New("pgxstore: New needs a *pgxpool.Pool")
	}
	return sqlstore.Over(db{pool}, sqlstore.PostgreSQL, o)
}

// db is the [sqlstore.DB].
type db struct{ pool *pgxpool.Pool }

// Exec implements [sqlstore.DB].
func (d db) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := d.pool.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// Query implements [sqlstore.DB].
func (d db) Query(ctx context.Context, query string, args ...any) (sqlstore.Rows, error) {
	r, err := d.pool.Query(ctx, query, args...)
	return rows{r}, err
}

// Prepare implements [sqlstore.DB]. The statement has no name, and so nothing
// is left of it.
func (d db) Prepare(ctx context.Context, query string) error {
	return d.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		_, err := c.Conn().Prepare(ctx, "", query)
		return err
	})
}

// rows are [sqlstore.Rows].
type rows struct{ pgx.Rows }

// Close implements [sqlstore.Rows].
func (r rows) Close() error {
	r.Rows.Close()
	return r.Err()
}

// Scan implements [sqlstore.Rows]. Nearly all values are bytes and numbers in
// PostgreSQL's binary format, which need no looking up of how to read them.
func (r rows) Scan(dest ...any) error {
	fields, values := r.FieldDescriptions(), r.RawValues()
	if len(values) != len(dest) {
		return fmt.Errorf("%d columns, want %d", len(values), len(dest))
	}
	for i, value := range values {
		f := &fields[i]
		if f.Format == pgx.BinaryFormatCode && read(value, f.DataTypeOID, dest[i]) {
			continue
		}
		if err := r.scan(value, f.DataTypeOID, f.Format, dest[i]); err != nil {
			return fmt.Errorf("column %s: %w", f.Name, err)
		}
	}
	return nil
}

// read reads what is as usual, and tells whether it was.
func read(value []byte, oid uint32, dest any) bool {
	switch to := dest.(type) {
	case *string:
		if oid == pgtype.ByteaOID && value != nil {
			*to = string(value)
			return true
		}
	case *int64:
		if oid == pgtype.Int8OID && len(value) == 8 {
			*to = int64(binary.BigEndian.Uint64(value)) // two's complement, as it was sent
			return true
		}
	case *bool:
		if oid == pgtype.BoolOID && len(value) == 1 {
			*to = value[0] != 0
			return true
		}
	}
	return false
}

// scan has pgx read the value. It would write bytes into a string as hex.
func (r rows) scan(value []byte, oid uint32, format int16, dest any) error {
	types := r.Conn().TypeMap()
	text, ok := dest.(*string)
	if !ok {
		return types.Scan(oid, format, value, dest)
	}
	var b []byte
	if err := types.Scan(oid, format, value, &b); err != nil {
		return err
	}
	if b == nil {
		return errors.New("NULL")
	}
	*text = string(b)
	return nil
}
