// Package sqlstore keeps sessions in a SQL database, over database/sql and
// with a driver of the application's choice; it imports none. A [Store] is a
// [sessions.Store] with all abilities.
//
//	db, err := sql.Open("sqlite", "file:demo.db?_pragma=busy_timeout(2000)&_pragma=synchronous(FULL)") // modernc.org/sqlite
//	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
//	err = store.Migrate(ctx)
//	manager := sessions.New(store, nil)
//
// # SQLite
//
// [Store.Migrate] puts the file into write-ahead mode, which it keeps, so that
// readers and the writer do not wait for each other. The store queues its
// writers in the process, and tries again while another process writes, until
// the context ends; busy_timeout, which is a setting of each connection and so
// belongs in its DSN, saves it some tries.
//
// An acknowledged write survives a crash of the process with any setting of
// synchronous. It survives a crash of the machine or a power cut with FULL,
// SQLite's own default; with NORMAL, several times faster, the last moments
// before one may be lost: a session that was signed out in them is back.
//
// An in-memory database needs SetMaxOpenConns(1), because each connection has
// its own. sessions.NewMemoryStore is what tests want.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options configures a [Store]. The zero value is ready to use.
type Options struct {
	// Table is the name of the table of sessions, with a schema and a dot
	// before it or not: `^[A-Za-z_][A-Za-z0-9_.]{0,62}$`. Names derived from
	// it, such as the table of one-time values, end in _once, _expires and
	// _user. Default "passport_sessions".
	Table string

	// Timeout bounds a call whose context has no deadline, so that a database
	// that hangs does not take the server with it. A negative one sets no
	// bound. Default 5 seconds.
	Timeout time.Duration
}

// A Store keeps sessions in a SQL database. It is safe for concurrent use, in
// any number of processes over one database. It starts no goroutine and needs
// no closing: its statements end with the *sql.DB, which is the application's.
//
// Its errors wrap those of the driver and of the context.
type Store struct {
	db      *sql.DB
	spec    *spec
	table   table
	timeout time.Duration
	sql     *statements
	writer  chan struct{} // held by the one writer; nil where all may write
}

// New returns a store over db, which it does not talk to yet. The options may
// be nil. An error means that they, or the dialect, cannot be.
func New(db *sql.DB, dialect Dialect, o *Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: New needs a *sql.DB")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Table == "" {
		opts.Table = "passport_sessions"
	}
	if opts.Timeout == 0 {
		opts.Timeout = 5 * time.Second
	}
	sp, err := dialect.spec()
	if err != nil {
		return nil, err
	}
	t, err := parseTable(opts.Table)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, spec: sp, table: t, timeout: opts.Timeout, sql: newStatements(sp, t)}
	if sp.oneWriter {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}

// migrateTimeout bounds a Migrate whose context has no deadline.
const migrateTimeout = time.Minute

// Migrate creates the tables and indexes that are not there, and checks that
// those which are there fit. Call it when the server starts, with a database
// user that may create tables; any number of instances may at once. Those who
// have a migration tool give it schema/*.sql and need not call it. It takes at
// most a minute when the context has no deadline.
func (s *Store) Migrate(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, migrateTimeout)
		defer cancel()
	}
	if s.spec.wal {
		if err := s.writeAhead(ctx); err != nil {
			return failed(ctx, "migrate", err)
		}
	}
	for query := range strings.SplitSeq(strings.TrimSpace(s.schema()), ";\n") {
		err := s.write(ctx, func() error {
			_, err := s.db.ExecContext(ctx, query)
			return err
		})
		if err != nil {
			return failed(ctx, "migrate", err)
		}
	}
	return s.sql.each(func(st *statement) error {
		return s.retry(ctx, func() error {
			_, err := st.prepared(ctx, s.db)
			if err != nil {
				err = failed(ctx, "migrate: table "+s.table.prefix()+`" does not fit`, err)
			}
			return err
		})
	})
}

// schema is the dialect's, with the store's table name.
func (s *Store) schema() string {
	const name = `"passport_sessions`
	// SQLite wants the schema before the index, not before its table.
	return strings.NewReplacer(`ON `+name, `ON "`+s.table.name, name, s.table.prefix()).Replace(s.spec.schema)
}

// writeAhead turns SQLite's write-ahead log on.
func (s *Store) writeAhead(ctx context.Context) error {
	var mode string
	err := s.retry(ctx, func() error {
		return s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
	})
	switch {
	case err != nil:
		return err
	case mode == "memory" && s.db.Stats().MaxOpenConnections != 1:
		return errors.New("an in-memory database needs SetMaxOpenConns(1)")
	case mode != "wal" && mode != "memory":
		return fmt.Errorf("the database stays in journal mode %q, want WAL", mode)
	}
	return nil
}
