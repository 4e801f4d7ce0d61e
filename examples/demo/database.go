package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/gopassport/passport/sessions"
)

// A database keeps all that outlives the server, and is shared by any number
// of servers.
type database interface {
	// byID and byName find a user. Nobody: passport.ErrNoUser.
	byID(ctx context.Context, id string) (*User, error)
	byName(ctx context.Context, name string) (*User, error)
	// add makes an account. False: the name is taken.
	add(ctx context.Context, name, hash string) (bool, error)
	// setHash changes the password's hash and raises the stamp, only where
	// the stamp is the user's. False: it is not.
	setHash(ctx context.Context, user *User, hash string) (bool, error)
	// secret is the secret of the sealed cookies: the same after a restart, and
	// on every server.
	secret(ctx context.Context) ([]byte, error)

	sessions() sessions.Store
	close() error
}

// open opens what the -db flag names: a file for SQLite, or a URL.
func open(ctx context.Context, name string) (database, error) {
	scheme, _, found := strings.Cut(name, "://")
	if !found {
		return openSQL(ctx, sqlite, sqliteDSN(name))
	}
	u, err := url.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("-db is no URL of the form %s://user:password@host:port/database", scheme) // err has the password
	}
	switch scheme {
	case "mysql":
		return openSQL(ctx, mysql, mysqlDSN(u))
	case "postgres", "postgresql":
		return openSQL(ctx, postgres, name)
	case "redis", "rediss":
		return openRedis(ctx, name)
	}
	return nil, fmt.Errorf("-db has the scheme %s, not mysql, postgres or redis", scheme)
}
