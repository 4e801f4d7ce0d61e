// Package faulttest is a kit of tests that show what login sessions promise
// where it matters: over HTTP, with several servers and a real database, while
// that database is killed, hangs, is cut off or full.
//
// Each exported function is a test that takes a [Database]. The tests of this
// package run them on SQLite, MariaDB and PostgreSQL; those of redisstore on
// Redis.
package faulttest

import (
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A Database is a kind of database, with a driver for it. Addresses are URLs,
// so that a test can put a proxy in between.
type Database struct {
	Name string

	// New returns the address of a new, empty database.
	New func(t testing.TB) string
	// Start starts a server of the test's own. Nil: the database is a file.
	Start func(t testing.TB) (Server, string)
	// Open opens a store as a server of its own does, with its tables. Zero: the
	// store's own timeout.
	Open func(address string, timeout time.Duration) (Store, func() error, error)
	// Waits: the driver waits for a server that hangs, whatever the context says.
	Waits bool
	// Dump returns every value of every row at the address.
	Dump func(t testing.TB, address string) []string
}

// A Server is a *dbtest.Server.
type Server interface {
	Kill()
	Restart()
	Suspend()
	Resume()
}

// A Store is what all our stores are.
type Store interface {
	sessions.Store
	sessions.Once
	sessions.Lister
	sessions.UserDeleter
	sessions.RealmDeleter
	sessions.ExpiredDeleter
	sessions.Counter
}
