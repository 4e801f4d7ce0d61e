// Package sqlstore keeps sessions in MySQL, MariaDB, PostgreSQL or SQLite,
// over database/sql and with a driver of the application's choice; it imports
// none. A [Store] is a [sessions.Store] with all abilities.
//
//	db, err := sql.Open("mysql", "user:password@tcp(localhost:3306)/site") // github.com/go-sql-driver/mysql
//	store, err := sqlstore.New(db, sqlstore.MySQL, nil)
//	err = store.Migrate(ctx)
//	manager := sessions.New(store, nil)
//
// A call is one statement when it succeeds, prepared once for each connection;
// only DeleteExpired and DeleteRealm go in batches. Let database/sql keep as
// many idle connections as are busy together (SetMaxIdleConns; its default is
// 2), or it opens and prepares again.
//
// # MySQL and MariaDB
//
// The session must be in strict mode, the servers' default. The isolation
// should be REPEATABLE READ, their default too: with READ COMMITTED, signing a
// user out everywhere may miss a session that rotates at that very moment.
//
// # PostgreSQL
//
//	db, err := sql.Open("pgx", "postgres://user:password@localhost/site") // github.com/jackc/pgx/v5/stdlib
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, nil)
//
// github.com/lib/pq works too. It waits for the server also when the context has
// ended, so that a database that hangs holds requests up, whatever
// [Options].Timeout says; and when an answer is lost it lets database/sql repeat
// a Create or an Update that was done, which is ErrConflict then. Take pgx.
//
// Package pgxstore is the same store over a pgx pool, without database/sql, as
// [Over] is over any [DB].
//
// Behind a pooler that lends a connection for each transaction, prepared
// statements need its support for them.
//
// # SQLite
//
//	db, err := sql.Open("sqlite", "file:site.db?_pragma=busy_timeout(2000)&_pragma=synchronous(FULL)") // modernc.org/sqlite
//	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
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
	// _user, and must fit too: at most 59 letters after the dot on MySQL, 50 on
	// PostgreSQL. Default "passport_sessions".
	Table string

	// Timeout bounds a call whose context has no deadline, so that a database
	// that hangs does not take the server with it. A negative one sets no
	// bound. Default 5 seconds.
	Timeout time.Duration
}

// A Store keeps sessions in a SQL database. It is safe for concurrent use, in
// any number of processes over one database. It starts no goroutine and needs
// no closing: its statements end with the database's handle, which is the
// application's.
//
// Its errors wrap those of the driver and of the context.
type Store struct {
	db      DB
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
	s, err := newStore(dialect, o)
	if err != nil {
		return nil, err
	}
	s.db = newPooled(db, s.sql.all)
	return s, nil
}

// Over is [New] for a database that is not reached through database/sql.
func Over(db DB, dialect Dialect, o *Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: Over needs a DB")
	}
	s, err := newStore(dialect, o)
	if err != nil {
		return nil, err
	}
	s.db = db
	return s, nil
}

// newStore returns a store that has no database yet.
func newStore(dialect Dialect, o *Options) (*Store, error) {
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
	t, err := parseTable(opts.Table, sp)
	if err != nil {
		return nil, err
	}
	s := &Store{spec: sp, table: t, timeout: opts.Timeout, sql: newStatements(sp, t)}
	if sp.oneWriter {
		s.writer = make(chan struct{}, 1)
	}
	return s, nil
}

// migrateTimeout bounds a Migrate or Check whose context has no deadline.
const migrateTimeout = time.Minute

// Migrate creates the tables and indexes that are not there, and checks that
// those which are there have the columns. Call it when the server starts, with
// a database user that may create tables; any number of instances may at once.
// Those who have a migration tool give it schema/*.sql, and call Check. It takes
// at most a minute when the context has no deadline.
func (s *Store) Migrate(ctx context.Context) error { return s.ready(ctx, "migrate ", s.createTables) }

// Check is Migrate without creating anything: it refuses tables that lack a
// column, and a server whose settings would cut what is stored.
func (s *Store) Check(ctx context.Context) error {
	return s.ready(ctx, "check ", func(context.Context) error { return nil })
}

// ready sees to it that the store can work, with tables that create creates.
func (s *Store) ready(ctx context.Context, what string, create func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, migrateTimeout)
		defer cancel()
	}
	what += s.spec.name
	if err := s.checkSetting(ctx); err != nil {
		return failed(ctx, what, err)
	}
	if err := create(ctx); err != nil {
		return failed(ctx, what, err)
	}
	for _, st := range s.sql.all {
		err := s.retry(ctx, func() error { return s.db.Prepare(ctx, st.query) })
		if err != nil {
			return failed(ctx, what+": prepare "+st.name+" for table "+s.table.name, err)
		}
	}
	return nil
}

func (s *Store) checkSetting(ctx context.Context) error {
	if s.spec.setting == "" {
		return nil
	}
	var value string
	err := s.retry(ctx, func() error {
		return s.queryOnce(ctx, s.spec.setting, func(rows Rows) error {
			if !rows.Next() {
				return nil
			}
			return rows.Scan(&value)
		}, nil)
	})
	if err != nil {
		return err
	}
	return s.spec.accept(s.db, value)
}

// createTables runs the schema.
func (s *Store) createTables(ctx context.Context) error {
	queries := strings.Split(strings.TrimSpace(s.schema()), ";\n")
	if whole := s.spec.migration; whole != "" {
		queries = []string{fmt.Sprintf(whole, s.schema())}
	}
	for _, query := range queries {
		err := s.write(ctx, func() error {
			_, err := s.db.Exec(ctx, query)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// schema is the dialect's, with the store's table name.
func (s *Store) schema() string {
	name := s.spec.quote + "passport_sessions"
	pairs := []string{name, s.table.prefix(s.spec.quote)}
	if bare := s.spec.unqualified; bare != "" {
		pairs = append([]string{bare + name, bare + s.spec.quote + s.table.name}, pairs...)
	}
	return strings.NewReplacer(pairs...).Replace(s.spec.schema)
}
