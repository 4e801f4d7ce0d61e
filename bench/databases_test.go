package bench_test

import (
	"context"
	"database/sql"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/pgxstore"
	"github.com/gopassport/passport/sessions/redisstore"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A database is one that we keep sessions in, over one driver.
type database struct {
	name    string
	engine  dbtest.Engine // 0: a file
	driver  string        // of database/sql; pgxpool: without it; "": Redis
	dialect sqlstore.Dialect
}

var databases = []database{
	{"sqlite", 0, "sqlite", sqlstore.SQLite},
	{"mariadb", dbtest.MariaDB, "mysql", sqlstore.MySQL},
	{"postgres", dbtest.PostgreSQL, "pgx", sqlstore.PostgreSQL},
	{"postgres-pq", dbtest.PostgreSQL, "postgres", sqlstore.PostgreSQL},
	{"postgres-pgx", dbtest.PostgreSQL, pgxPool, sqlstore.PostgreSQL},
	{"redis", dbtest.Redis, "", 0},
}

// source is the URL of a server of the engine, or of a file.
func source(t testing.TB, e dbtest.Engine, file string) *url.URL {
	t.Helper()
	if e == 0 {
		return &url.URL{
			Scheme: "file", Path: filepath.Join(scratch, file+".db"),
			RawQuery: "_pragma=busy_timeout(2000)&_pragma=journal_mode(WAL)",
		}
	}
	return servers.URL(t, e)
}

// dsn is what the SQL driver for u takes.
func dsn(u *url.URL) string {
	if u.Scheme != "mysql" {
		return u.String()
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.ParseTime = true // gorilla's store needs it
	return c.FormatDSN()
}

const (
	pool    = 16 // connections that every contender may have, and keeps
	table   = "bench_sessions"
	pgxPool = "pgxpool"
)

func openSQL(driver, dsn string) (*sql.DB, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	return db, nil
}

func openPGX(ctx context.Context, u *url.URL) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	config.MaxConns = pool
	return pgxpool.NewWithConfig(ctx, config)
}

// newPGXStore returns a store of ours with its table.
func newPGXStore(ctx context.Context, db *pgxpool.Pool) (*sqlstore.Store, error) {
	s, err := pgxstore.New(db, &sqlstore.Options{Table: table})
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(ctx)
}

// newSQLStore returns a store of ours with its table.
func newSQLStore(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect) (*sqlstore.Store, error) {
	s, err := sqlstore.New(db, dialect, &sqlstore.Options{Table: table})
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(ctx)
}

// dialer opens connections; nil: the driver's own.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func openRedis(u *url.URL, dial dialer) (*redis.Client, error) {
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	o.PoolSize, o.Dialer = pool, dial
	o.ContextTimeoutEnabled = true
	return redis.NewClient(o), nil
}

const redisPrefix = "bench"

func newRedisStore(client *redis.Client) (*redisstore.Store, error) {
	return redisstore.New(client, &redisstore.Options{Prefix: redisPrefix})
}

// A store is one of ours, with what the benchmarks need of its abilities.
type store interface {
	sessions.Store
	sessions.Once
	sessions.Lister
	sessions.ExpiredDeleter
}

// An opened database has a store of ours, and beside it the bare way to find
// a record: what somebody writes who needs nothing else.
type opened struct {
	store
	bare    func(context.Context, sessions.ID) error
	db      *sql.DB
	dialect sqlstore.Dialect
	redis   *redis.Client // instead of db
}

// open opens the database at u for the test.
func (d database) open(t testing.TB, u *url.URL) opened {
	t.Helper()
	switch d.driver {
	case "":
		return openedRedis(t, u)
	case pgxPool:
		return openedPGX(t, u)
	}
	db, err := openSQL(d.driver, dsn(u))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s, err := newSQLStore(t.Context(), db, d.dialect)
	if err != nil {
		t.Fatal(err)
	}
	mark := "?"
	if d.engine == dbtest.PostgreSQL {
		mark = "$1"
	}
	st, err := db.PrepareContext(t.Context(), selection+mark)
	if err != nil {
		t.Fatal(err)
	}
	return opened{store: s, db: db, dialect: d.dialect, bare: func(ctx context.Context, id sessions.ID) error {
		var r sessions.Record
		return st.QueryRowContext(ctx, id[:]).Scan(&r.User, &r.Data, &r.Factors, &r.Stamp, &r.AuthTime, &r.Created,
			&r.LastSeen, &r.Idle, &r.Absolute, &r.Version, &r.Remember)
	}}
}

// selection finds a record.
const selection = `SELECT user_id, data, factors, stamp, auth_time, created, last_seen, idle, absolute, version, remember
	FROM ` + table + ` WHERE id = `

func openedPGX(t testing.TB, u *url.URL) opened {
	t.Helper()
	db, err := openPGX(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s, err := newPGXStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return opened{store: s, bare: func(ctx context.Context, id sessions.ID) error {
		var r sessions.Record
		var user, data, factors, stamp []byte // which pgx takes no strings for
		err := db.QueryRow(ctx, selection+"$1", id[:]).Scan(&user, &data, &factors, &stamp, &r.AuthTime, &r.Created,
			&r.LastSeen, &r.Idle, &r.Absolute, &r.Version, &r.Remember)
		r.User, r.Data, r.Factors, r.Stamp = string(user), string(data), string(factors), string(stamp)
		return err
	}}
}

func openedRedis(t testing.TB, u *url.URL) opened {
	t.Helper()
	client, err := openRedis(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s, err := newRedisStore(client)
	if err != nil {
		t.Fatal(err)
	}
	return opened{store: s, redis: client, bare: func(ctx context.Context, id sessions.ID) error {
		return client.Get(ctx, "{"+redisPrefix+"}:session:"+string(id[:])).Err()
	}}
}
