package bench_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A tap counts the round trips to the database on the connections that go
// through it: one begins when something is sent after something was received.
type tap struct{ trips atomic.Int64 }

func (t *tap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: conn, tap: t}, nil
}

type tappedConn struct {
	net.Conn
	tap    *tap
	asking atomic.Bool
}

func (c *tappedConn) Write(b []byte) (int, error) {
	if !c.asking.Swap(true) {
		c.tap.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.asking.Store(false)
	}
	return n, err
}

// tapStore opens a store over the tapped connector. All goes over one
// connection, on which a statement that is prepared stays prepared.
func tapStore(t testing.TB, c driver.Connector, dialect sqlstore.Dialect) sessions.Store {
	t.Helper()
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	s, err := newSQLStore(t.Context(), db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tapMySQL(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	c, err := mysql.ParseDSN(dsn(source(t, dbtest.MariaDB, "")))
	if err != nil {
		t.Fatal(err)
	}
	c.DialFunc = tap.dial
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	return tapStore(t, connector, sqlstore.MySQL)
}

func tapPGX(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	c, err := pgx.ParseConfig(dsn(source(t, dbtest.PostgreSQL, "")))
	if err != nil {
		t.Fatal(err)
	}
	c.DialFunc = tap.dial
	return tapStore(t, stdlib.GetConnector(*c), sqlstore.PostgreSQL)
}

// tapPool is a pool of pgx alone, of one connection.
func tapPool(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	c, err := pgxpool.ParseConfig(dsn(source(t, dbtest.PostgreSQL, "")))
	if err != nil {
		t.Fatal(err)
	}
	c.MaxConns, c.ConnConfig.DialFunc = 1, tap.dial
	db, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s, err := newPGXStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pqDialer is a tap in the words of lib/pq.
type pqDialer struct{ *tap }

func (d pqDialer) Dial(network, addr string) (net.Conn, error) {
	return d.dial(context.Background(), network, addr)
}

func (d pqDialer) DialTimeout(network, addr string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.dial(ctx, network, addr)
}

func tapPQ(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	c, err := pq.NewConnector(dsn(source(t, dbtest.PostgreSQL, "")))
	if err != nil {
		t.Fatal(err)
	}
	c.Dialer(pqDialer{tap})
	return tapStore(t, c, sqlstore.PostgreSQL)
}

// A tappedFile is SQLite, where each call of the driver counts.
type tappedFile struct {
	driver.Conn
	tap *tap
}

func (c tappedFile) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.tap.trips.Add(1)
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return tappedStmt{st, c.tap}, err
}

func (c tappedFile) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.tap.trips.Add(1)
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

type tappedStmt struct {
	driver.Stmt
	tap *tap
}

func (s tappedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.tap.trips.Add(1)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s tappedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.tap.trips.Add(1)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// fileConnector opens tappedFiles.
type fileConnector struct {
	below driver.Driver
	dsn   string
	tap   *tap
}

func (c fileConnector) Driver() driver.Driver { return c.below }

func (c fileConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.below.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return tappedFile{conn, c.tap}, nil
}

func tapSQLite(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	name := dsn(source(t, 0, "trips"))
	db, err := sql.Open("sqlite", name) // for its driver
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return tapStore(t, fileConnector{db.Driver(), name, tap}, sqlstore.SQLite)
}

func tapRedis(t testing.TB, tap *tap) sessions.Store {
	t.Helper()
	client, err := openRedis(source(t, dbtest.Redis, ""), tap.dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s, err := newRedisStore(client)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
