// Package sessions keeps login sessions on the server.
//
// A browser holds 32 random bytes in a cookie; the database holds their
// SHA-256 and a flat [Record]. Nothing in the database can be used as a
// cookie, and nothing in a cookie outlives the record.
//
// Three layers, each replaceable:
//
//   - [Session] is what a handler holds: values by key, a merging Save, a
//     Take with one winner.
//   - [Keeper] binds records to browsers. [Manager] is the one that everyone
//     uses: it owns the cookie, the lifetimes and the sweeper.
//   - [Store] binds records to a database. [NewMemoryStore] is the default;
//     sqlstore, pgxstore and redisstore have the databases.
//
// A Store may have more abilities, each a one-method interface: [Once],
// [Lister], [UserDeleter], [RealmDeleter], [ExpiredDeleter], [Counter]. The
// stores above have them all; the adapters for other libraries' stores, scs
// and gorilla, say what they lack.
package sessions

import (
	"context"
	"errors"
	"net/http"
)

// Errors to branch on, with errors.Is.
var (
	// ErrConflict: somebody else changed the record since it was loaded.
	ErrConflict = errors.New("sessions: changed by another request")
	// ErrGone: the record was ended since it was loaded. Nothing was stored.
	ErrGone = errors.New("sessions: session has ended")
	// ErrNotFound: the store has no such record.
	ErrNotFound = errors.New("sessions: record not found")
	// ErrCorrupt: the stored record cannot be decoded.
	ErrCorrupt = errors.New("sessions: record is corrupt")
	// ErrUsed: the one-time value was spent before.
	ErrUsed = errors.New("sessions: already used")
	// ErrTooLarge: the values of the session exceed MaxData.
	ErrTooLarge = errors.New("sessions: values exceed 64 KiB")
	// ErrFull: a bounded store has no room left.
	ErrFull = errors.New("sessions: store is full")
	// ErrMore: the store has deleted what it does at once; call it again.
	ErrMore = errors.New("sessions: more is left to delete")
	// ErrLimit: the user has Options.PerUser sessions already.
	ErrLimit = errors.New("sessions: user has too many sessions")
	// ErrClosed: the Manager was closed. Nothing was stored.
	ErrClosed = errors.New("sessions: manager is closed")
	// ErrUnsupported: the store lacks the ability that the call needs.
	ErrUnsupported = errors.New("sessions: not supported by this store")
	// ErrNoKeeper: the session belongs to no Keeper, so it cannot be stored.
	ErrNoKeeper = errors.New("sessions: session has no keeper")
)

// A Keeper binds records to browsers. Implementations are safe for concurrent
// use. [Manager] is the one for any [Store]; other Keepers adapt foreign
// session libraries.
type Keeper interface {
	// Load finds the record of the request's cookie. No cookie, a malformed,
	// unknown or expired one is (Record{}, false, nil): a stranger. An error
	// means that the store could not answer; no cookie is touched then.
	Load(r *http.Request) (Record, bool, error)

	// Save stores the record's values. With Version 0 it makes a new record
	// with a new id and sets its cookie on w; otherwise it updates the stored
	// record, and w may be nil. On success rec is what is now stored. When
	// somebody else changed the record it returns ErrConflict and rec is what
	// they stored, for the caller to merge into; when the record has ended it
	// returns ErrGone and stores nothing.
	Save(ctx context.Context, w http.ResponseWriter, rec *Record) error

	// Replace puts next in and takes old out, in one step, under a new id,
	// and sets the new cookie. An old with Version 0 was never stored: next is
	// only created. ErrConflict: old is now what somebody else stored.
	// ErrGone: old has ended. With either nothing is stored. With any other
	// error no cookie is set, and the step was made whole or not at all, for
	// the answer of a database may be lost: a record that nobody has the cookie
	// of counts against its user until it idles out.
	// A next.Absolute that is set caps the new record's lifetime.
	Replace(ctx context.Context, w http.ResponseWriter, old, next *Record) error

	// End deletes the record and expires its cookie; with a nil w the cookie
	// is left alone. With an error too, and the record may still be there.
	End(ctx context.Context, w http.ResponseWriter, rec *Record) error
}
