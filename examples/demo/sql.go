package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A dialect is what the SQL databases differ in.
type dialect struct {
	driver   string
	sessions sqlstore.Dialect
	insert   string // begins an INSERT that does nothing where the name is taken
	ignore   string // ends it
	numbered bool   // arguments are $1, $2, …
	schema   string
}

// In the schemas: the id of a deleted user is never given to another one, who
// would inherit the sessions; the stamp is raised with the password.
var (
	sqlite = dialect{driver: "sqlite", sessions: sqlstore.SQLite, insert: "INSERT", ignore: "ON CONFLICT DO NOTHING", schema: `
		CREATE TABLE IF NOT EXISTS users (
			id      INTEGER PRIMARY KEY AUTOINCREMENT,
			name    TEXT    NOT NULL UNIQUE,
			hash    TEXT    NOT NULL,
			stamp   INTEGER NOT NULL DEFAULT 1,
			created INTEGER NOT NULL
		);
		CREATE TABLE IF NOT EXISTS identities (identity TEXT PRIMARY KEY, user_id INTEGER NOT NULL);
		CREATE INDEX IF NOT EXISTS identities_user ON identities (user_id);
		CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL)`}

	mysql = dialect{driver: "mysql", sessions: sqlstore.MySQL, insert: "INSERT IGNORE", schema: `
		CREATE TABLE IF NOT EXISTS users (
			id      BIGINT         PRIMARY KEY AUTO_INCREMENT,
			name    VARBINARY(30)  NOT NULL UNIQUE,
			hash    VARBINARY(255) NOT NULL,
			stamp   BIGINT         NOT NULL DEFAULT 1,
			created BIGINT         NOT NULL
		);
		CREATE TABLE IF NOT EXISTS identities (identity VARBINARY(600) PRIMARY KEY, user_id BIGINT NOT NULL, KEY (user_id));
		CREATE TABLE IF NOT EXISTS secrets (name VARBINARY(30) PRIMARY KEY, value VARBINARY(64) NOT NULL)`}

	postgres = dialect{driver: "pgx", sessions: sqlstore.PostgreSQL, insert: "INSERT", ignore: "ON CONFLICT DO NOTHING", numbered: true, schema: `
		SELECT pg_advisory_xact_lock(1145981000);
		CREATE TABLE IF NOT EXISTS users (
			id      BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
			name    TEXT   NOT NULL UNIQUE,
			hash    TEXT   NOT NULL,
			stamp   BIGINT NOT NULL DEFAULT 1,
			created BIGINT NOT NULL
		);
		CREATE TABLE IF NOT EXISTS identities (identity TEXT PRIMARY KEY, user_id BIGINT NOT NULL);
		CREATE INDEX IF NOT EXISTS identities_user ON identities (user_id);
		CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BYTEA NOT NULL)`}
)

// sqliteDSN makes writers wait for their turn.
func sqliteDSN(file string) string {
	path := url.URL{Path: file}
	return "file:" + path.EscapedPath() + "?_pragma=busy_timeout(2000)"
}

// mysqlDSN is the driver's own form of a URL, parameters such as tls=true
// included.
func mysqlDSN(u *url.URL) (string, error) {
	c := driver.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	dsn := c.FormatDSN()
	if u.RawQuery != "" {
		dsn += "?" + u.RawQuery
	}
	_, err := driver.ParseDSN(dsn)
	return dsn, err
}

// sqlDatabase is a database over database/sql.
type sqlDatabase struct {
	dialect
	db    *sql.DB
	store *sqlstore.Store
}

func openSQL(ctx context.Context, d dialect, dsn string) (database, error) {
	db, err := sql.Open(d.driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	s := &sqlDatabase{dialect: d, db: db}
	if s.store, err = sqlstore.New(db, d.sessions, nil); err == nil {
		err = s.store.Migrate(ctx)
	}
	if err == nil {
		err = s.migrate(ctx)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// migrate makes the tables of the demo, in one transaction, so that several
// servers may start at once.
func (s *sqlDatabase) migrate(ctx context.Context) error {
	return s.transaction(ctx, func(tx *sql.Tx) error {
		for statement := range strings.SplitSeq(s.schema, ";\n") {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// transaction does all that f does, or nothing.
func (s *sqlDatabase) transaction(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *sqlDatabase) sessions() sessions.Store { return s.store }
func (s *sqlDatabase) close() error             { return s.db.Close() }

func (s *sqlDatabase) byID(ctx context.Context, id string) (*User, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, passport.ErrNoUser
	}
	return s.find(ctx, `id = ?`, n)
}

func (s *sqlDatabase) byName(ctx context.Context, name string) (*User, error) {
	return s.find(ctx, `name = ?`, name)
}

func (s *sqlDatabase) find(ctx context.Context, condition string, value any) (*User, error) {
	var u User
	var created int64
	row := s.db.QueryRowContext(ctx, s.query(`SELECT id, name, hash, stamp, created FROM users WHERE `+condition), value)
	err := row.Scan(&u.ID, &u.Name, &u.hash, &u.stamp, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, passport.ErrNoUser
	}
	u.Created = time.Unix(created, 0)
	return &u, err
}

func (s *sqlDatabase) add(ctx context.Context, name, hash, identity string) (added bool, err error) {
	err = s.transaction(ctx, func(tx *sql.Tx) error {
		added, err = s.changes(ctx, tx, s.insert+` INTO users (name, hash, created) VALUES (?, ?, ?) `+s.ignore, name, hash, time.Now().Unix())
		if err != nil || !added || identity == "" {
			return err
		}
		// An identity that is taken is an error, so that no account is left.
		_, err = tx.ExecContext(ctx, s.query(`INSERT INTO identities (identity, user_id) SELECT ?, id FROM users WHERE name = ?`), identity, name)
		return err
	})
	return added, err
}

func (s *sqlDatabase) setHash(ctx context.Context, user *User, hash string) (bool, error) {
	return s.changes(ctx, s.db, `UPDATE users SET hash = ?, stamp = stamp + 1 WHERE id = ? AND stamp = ?`, hash, user.ID, user.stamp)
}

func (s *sqlDatabase) secret(ctx context.Context) (secret []byte, err error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	if _, err := s.changes(ctx, s.db, s.insert+` INTO secrets (name, value) VALUES ('cookies', ?) `+s.ignore, fresh); err != nil {
		return nil, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = 'cookies'`).Scan(&secret)
	return secret, err
}

// An execer is the database, or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// changes tells whether the statement changed a row.
func (s *sqlDatabase) changes(ctx context.Context, in execer, query string, args ...any) (bool, error) {
	res, err := in.ExecContext(ctx, s.query(query), args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// query numbers the arguments where the database wants that.
func (s *sqlDatabase) query(text string) string {
	for n := 1; s.numbered && strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", "$"+strconv.Itoa(n), 1)
	}
	return text
}
