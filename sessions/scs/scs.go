// Package scs keeps sessions in any store made for github.com/alexedwards/scs,
// so that its backends can be used; it does not import scs.
//
//	store := scs.New(mysqlstore.New(db), nil)
//	manager := sessions.New(store, nil)
//
// Such a store has three methods: read, overwrite, delete. What a
// [sessions.Store] promises beyond them, the adapter adds where it can, by
// letting the writers of a record take turns within the process. Two instances
// of a server, each with an adapter of its own over one database, know nothing
// of each other's turns:
//
//	an id is never taken twice              kept: ids are random
//	a changed version is a conflict         kept within one process
//	of two acknowledged writes none is lost kept within one process
//	an ended session stays ended            kept within one process
//	Replace: old out and new in, one step   kept within one process, but for a crash between the two
//	a one-time value is spent once          kept within one process; another sees it a moment later
//	list, revoke by user, count             kept within one process if the store is iterable; they read every session
//	                                        otherwise ErrUnsupported
//	calls end with their context            if the store takes a context; otherwise before and after the call
//	a call without a deadline gets one      Options.Timeout; it cuts what a context cuts, and always the wait for a turn
//	expired sessions are swept              by the store itself, an hour after their deadline
//
// "Within one process" means: with one instance, or where every request of a
// browser reaches the same one, nothing is lost. With several, two instances
// may overwrite each other's change, and a request that is still running on
// one may bring back a session that was ended on the other. Package sqlstore
// keeps all of these promises in any number of instances. [New] logs what the
// store at hand loses.
package scs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"time"

	"github.com/gopassport/passport/internal/overwrite"
	"github.com/gopassport/passport/sessions"
)

// A Backend is a store as package scs defines it. One that also has
// DeleteCtx, FindCtx and CommitCtx, which take a context first, is called with
// the request's. One with All, or AllCtx, can list sessions.
type Backend interface {
	// Delete removes the token. No such token: nil.
	Delete(token string) error
	// Find returns the data of a token that has not expired.
	Find(token string) (b []byte, found bool, err error)
	// Commit writes the data, over any that is there.
	Commit(token string, b []byte, expiry time.Time) error
}

type backendCtx interface {
	DeleteCtx(ctx context.Context, token string) error
	FindCtx(ctx context.Context, token string) ([]byte, bool, error)
	CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error
}

type iterable interface {
	All() (map[string][]byte, error)
}

type iterableCtx interface {
	AllCtx(ctx context.Context) (map[string][]byte, error)
}

// Options configures a [Store]. The zero value is ready to use.
type Options struct {
	// Logger gets, once, what is lost over the backend. Default
	// slog.Default().
	Logger *slog.Logger

	// Timeout bounds a call of the store whose context has no deadline, and
	// its wait for a turn. A negative one sets no bound. Default 5 seconds.
	//
	// A call of a backend that takes no context is not cut: it holds up the
	// others for its session, which give up after Timeout.
	Timeout time.Duration
}

// A Store is a [sessions.Store] over a [Backend], and a [sessions.Once]. Over a
// backend that can be iterated it also lists, revokes by user and counts;
// over another those methods return [sessions.ErrUnsupported].
//
// It is safe for concurrent use. Have one for each backend in a process: two
// do not take turns with each other. It starts no goroutine; a call of a
// backend that takes no context runs in the caller's, to its end.
//
// Its errors wrap those of the backend and of the context.
type Store struct {
	*store
	all func(context.Context) (map[string][]byte, error) // nil: cannot be iterated
}

type store = overwrite.Store

var (
	_ sessions.Store        = (*Store)(nil)
	_ sessions.Once         = (*Store)(nil)
	_ sessions.Lister       = (*Store)(nil)
	_ sessions.UserDeleter  = (*Store)(nil)
	_ sessions.RealmDeleter = (*Store)(nil)
	_ sessions.Counter      = (*Store)(nil)
)

// New returns a store over backend, which it does not talk to yet, and logs
// what is lost over it. It panics when backend is nil.
func New(backend Backend, o *Options) *Store {
	if backend == nil {
		panic("scs: New needs a store, such as memstore.New()")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	lost := []string{
		"two instances may overwrite each other's change",
		"a late save on another instance may bring back an ended session",
		"a crash during a login may leave the old session beside the new",
		"two instances may spend a one-time value at the same moment",
	}
	byToken, ok := backend.(backendCtx)
	if !ok {
		byToken = plain{backend}
		lost = append(lost, "a call that hangs is not cut by its context")
	}
	s := &Store{store: overwrite.New(byID{byToken}, opts.Timeout)}
	switch b := backend.(type) {
	case iterableCtx:
		s.all = b.AllCtx
	case iterable:
		s.all = func(context.Context) (map[string][]byte, error) { return b.All() }
	}
	if s.all == nil {
		lost = append(lost, "sessions cannot be listed, counted or revoked by user")
	} else {
		lost = append(lost, "listing, counting and revoking by user read every session")
	}
	opts.Logger.Warn("scs: guarantees that are lost over this store", "store", fmt.Sprintf("%T", backend), "lost", lost)
	return s
}

const (
	oneTime = "one-time\x00"  // makes the id of a one-time value
	spent   = "spent"         // is stored for it
	spare   = 2 * time.Second // a backend may round its deadlines
)

// Once implements [sessions.Once].
func (s *Store) Once(ctx context.Context, key [32]byte, until time.Time) error {
	id := sha256.Sum256(append([]byte(oneTime), key[:]...))
	return overwrite.Spend(ctx, s.store, id, []byte(spent), until.Add(spare))
}

// plain drops the contexts.
type plain struct{ b Backend }

func (p plain) FindCtx(_ context.Context, token string) ([]byte, bool, error) { return p.b.Find(token) }

func (p plain) CommitCtx(_ context.Context, token string, b []byte, expiry time.Time) error {
	return p.b.Commit(token, b, expiry)
}

func (p plain) DeleteCtx(_ context.Context, token string) error { return p.b.Delete(token) }

// byID spells ids as scs spells tokens: the tables of its stores have room for
// these 43 characters.
type byID struct{ b backendCtx }

func token(id sessions.ID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func (k byID) Find(ctx context.Context, id sessions.ID) ([]byte, bool, error) {
	return k.b.FindCtx(ctx, token(id))
}

func (k byID) Commit(ctx context.Context, id sessions.ID, b []byte, expiry time.Time) error {
	return k.b.CommitCtx(ctx, token(id), b, expiry)
}

func (k byID) Remove(ctx context.Context, id sessions.ID) error {
	return k.b.DeleteCtx(ctx, token(id))
}
