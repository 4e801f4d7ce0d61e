package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A database keeps all that outlives the server, and is shared by any number
// of servers.
type database interface {
	// byID and byName find a user. Nobody: passport.ErrNoUser.
	byID(ctx context.Context, id string) (*User, error)
	byName(ctx context.Context, name string) (*User, error)
	// add makes an account, with a password's hash or with an identity
	// elsewhere, joined to it in the same step. False: the name, or the
	// identity, is taken.
	add(ctx context.Context, name, hash, identity string) (bool, error)
	// setHash changes the password's hash and raises the stamp, only where
	// the stamp is the user's. False: it is not.
	setHash(ctx context.Context, user *User, hash string) (bool, error)
	// byIdentity finds whose an identity is; identities are a user's.
	byIdentity(ctx context.Context, identity string) (*User, error)
	identities(ctx context.Context, user *User) ([]string, error)
	// join joins an identity to a user. False: it is somebody else's.
	join(ctx context.Context, user *User, identity string) (bool, error)
	// leave takes it away again. False: it is the user's only way in.
	leave(ctx context.Context, user *User, identity string) (bool, error)
	// secret is the secret of the sealed cookies: the same after a restart, and
	// on every server.
	secret(ctx context.Context) ([]byte, error)

	sessions() sessions.Store
	close() error
}

// openTimeout is how long a database may take to answer at the start.
const openTimeout = 30 * time.Second

// open opens what the -db flag names: a file for SQLite, or a URL.
func open(ctx context.Context, name string) (database, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	scheme, _, found := strings.Cut(name, "://")
	if !found {
		if name == "" || strings.Contains(name, "@tcp(") || strings.Contains(name, "host=") {
			return nil, errors.New("-db is a file or a URL, such as mysql://user:password@host:3306/database")
		}
		db, err := openSQL(ctx, sqlite, sqliteDSN(name))
		return db, because(name, err)
	}
	u, err := url.Parse(name)
	if err != nil { // which has the password
		return nil, fmt.Errorf("-db is no URL of the form %s://user:password@host:port/database: in a password / is written as %%2F, %% as %%25", scheme)
	}
	var db database
	switch scheme {
	case "mysql":
		var dsn string
		if dsn, err = mysqlDSN(u); err == nil {
			db, err = openSQL(ctx, mysql, dsn)
		}
	case "postgres", "postgresql":
		db, err = openSQL(ctx, postgres, name)
	case "redis", "rediss":
		db, err = openRedis(ctx, name)
	default:
		err = errors.New("the scheme is not mysql, postgres or redis")
	}
	return db, because(scheme+"://"+u.Host+u.Path, err)
}

// because says which database it was.
func because(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("-db %s: %w", where, err)
}
