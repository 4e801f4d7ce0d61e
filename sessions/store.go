package sessions

import (
	"context"
	"time"
)

// A Store keeps records in a database. Implementations are safe for
// concurrent use, obey the context, share no memory with their callers, and
// never upsert: a record that was deleted stays deleted, whoever writes late.
// They keep time as data and never judge it, but for ExpiredDeleter and Once.
// Strings are kept byte for byte, a NUL and invalid UTF-8 included; versions
// are 1 and more; a nil Origin is an empty one. A bounded store may answer a
// Create, a Replace and a Once with ErrFull.
//
// Package storetest checks every sentence here.
type Store interface {
	// Create inserts the record, Origin included, as it stands.
	// The id exists: ErrConflict.
	Create(ctx context.Context, r Record) error

	// Find returns the record, an expired one too. Origin may be left nil.
	// No such id: ErrNotFound. A row that cannot be read as a Record:
	// ErrCorrupt.
	Find(ctx context.Context, id ID) (Record, error)

	// Update writes r over the stored record of the same id, only where the
	// stored version is the given one, which then goes up by one, whatever
	// r.Version says. It never moves LastSeen or Idle back,
	// and leaves Created and Origin alone. Another version: ErrConflict. No
	// such id: ErrNotFound, and nothing is inserted.
	Update(ctx context.Context, r Record, version int64) error

	// Replace deletes old and creates r, both or neither, only where the
	// version of old is the given one. Another version: ErrConflict. Old is
	// not there: ErrNotFound, and nothing is inserted. Of two calls for one
	// old, one wins.
	Replace(ctx context.Context, old ID, version int64, r Record) error

	// Touch moves LastSeen and Idle forward, never back. It never changes the
	// version and never creates. No such id: nil.
	Touch(ctx context.Context, id ID, lastSeen, idle int64) error

	// Delete removes the record. No such id: nil.
	Delete(ctx context.Context, id ID) error
}

// Once spends one-time values, such as the state of an OAuth attempt.
type Once interface {
	// Once spends key, and remembers it at least until the given time. Of any
	// number of calls with one key, at once or one after another, in any
	// process, one returns nil, the others ErrUsed. Any other error means
	// that the key is not known to be fresh: refuse it.
	Once(ctx context.Context, key [32]byte, until time.Time) error
}

// Lister lists a user's records, Origin included, expired ones too, in any
// order. One that cannot be read is left out, for Find ends it. No records: an
// empty list. The empty user is nobody, and has none.
type Lister interface {
	List(ctx context.Context, realm, user string) ([]Record, error)
}

// UserDeleter deletes a user's records in one realm, all but the one with the
// id keep (the zero ID keeps none), and counts them. It also catches a record
// that is replaced meanwhile. The empty user is nobody: nothing is deleted.
type UserDeleter interface {
	DeleteUser(ctx context.Context, realm, user string, keep ID) (int, error)
}

// RealmDeleter deletes every record of a realm, and counts them.
type RealmDeleter interface {
	DeleteRealm(ctx context.Context, realm string) (int, error)
}

// ExpiredDeleter deletes at most limit records, of any realm, with a deadline
// at or before now, and spent Once keys that need no remembering, and counts
// the records. A record that was renewed meanwhile stays. ErrMore: there may be
// more such keys than it deletes at once.
type ExpiredDeleter interface {
	DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error)
}

// Counter counts the records of a realm whose deadlines are after now.
type Counter interface {
	Count(ctx context.Context, realm string, now time.Time) (int, error)
}
