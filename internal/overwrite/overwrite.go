// Package overwrite is a session store over one that reads, overwrites and
// deletes, and compares nothing. What a [sessions.Store] promises beyond that
// holds within this process: the writers of a record take turns.
package overwrite

import (
	"context"
	"errors"
	"time"

	"github.com/gopassport/passport/internal/turns"
	"github.com/gopassport/passport/internal/wire"
	"github.com/gopassport/passport/sessions"
)

// A Backend keeps bytes by id.
type Backend interface {
	// Find returns what Commit was given last.
	Find(ctx context.Context, id sessions.ID) (b []byte, found bool, err error)
	// Commit writes over whatever is there. It may forget b at expiry.
	Commit(ctx context.Context, id sessions.ID, b []byte, expiry time.Time) error
	// Remove deletes what is there. Nothing there: nil.
	Remove(ctx context.Context, id sessions.ID) error
}

// A Store is a [sessions.Store] over a Backend. It is safe for concurrent use.
type Store struct {
	backend Backend
	turns   *turns.Turns
	timeout time.Duration
}

var _ sessions.Store = (*Store)(nil)

// New returns a store over backend. Two of them over one do not take turns
// with each other. The timeout bounds a call whose context has no deadline,
// and its wait for a turn; a negative one sets no bound. Default 5 seconds.
func New(backend Backend, timeout time.Duration) *Store {
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	return &Store{backend: backend, turns: turns.New(), timeout: timeout}
}

// Bounded gives ctx the store's deadline when it has none.
func Bounded(ctx context.Context, s *Store) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || s.timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

// take begins a call that writes the records, when it is its turn.
func (s *Store) take(ctx context.Context, ids ...sessions.ID) (bounded context.Context, done func(), err error) {
	ctx, cancel := Bounded(ctx, s)
	release, err := s.turns.Take(ctx, ids...)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, func() { release(); cancel() }, nil
}

// read returns the record that is stored.
func (s *Store) read(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	if s.turns.Ended(id) {
		return sessions.Record{}, sessions.ErrNotFound // whoever brought it back
	}
	b, found, err := s.backend.Find(ctx, id)
	if err != nil {
		return sessions.Record{}, err
	}
	if !found {
		return sessions.Record{}, sessions.ErrNotFound
	}
	return wire.Decode(b, id)
}

// readVersion is read for writers.
func (s *Store) readVersion(ctx context.Context, id sessions.ID, version int64) (sessions.Record, error) {
	r, err := s.read(ctx, id)
	if err == nil && r.Version != version {
		err = sessions.ErrConflict
	}
	return r, err
}

// free returns ErrConflict where the id is, or was, a record's.
func (s *Store) free(ctx context.Context, id sessions.ID) error {
	_, found, err := s.backend.Find(ctx, id)
	if err == nil && (found || s.turns.Ended(id)) {
		err = sessions.ErrConflict
	}
	return err
}

const (
	// Grace is the time between a record's deadline and the backend's own.
	Grace = time.Hour

	longest     = 365 * 24 * time.Hour // the backend's deadlines lie within; each write moves them
	undoTimeout = 2 * time.Second      // to take out what a failed Replace put in
)

// write stores the whole record. The Manager judges time: the backend's own
// deadline, at which it sweeps, comes later than the record's, and never at
// once.
func (s *Store) write(ctx context.Context, r sessions.Record) error {
	now := time.Now()
	soonest, latest := now.Add(Grace).UnixMilli(), now.Add(longest).UnixMilli()
	deadline := min(r.Idle, r.Absolute, latest) + Grace.Milliseconds()
	return s.backend.Commit(ctx, r.ID, wire.Encode(r), time.UnixMilli(max(deadline, soonest)))
}

// Create implements [sessions.Store]. The id of a record that has ended is
// not free again.
func (s *Store) Create(ctx context.Context, r sessions.Record) error {
	ctx, done, err := s.take(ctx, r.ID)
	if err != nil {
		return err
	}
	defer done()
	if err := s.free(ctx, r.ID); err != nil {
		return err
	}
	return s.write(ctx, r)
}

// Find implements [sessions.Store].
func (s *Store) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	ctx, cancel := Bounded(ctx, s)
	defer cancel()
	if err := s.turns.Wait(ctx, id); err != nil {
		return sessions.Record{}, err
	}
	return s.read(ctx, id)
}

// Update implements [sessions.Store]: it reads the version, and then
// overwrites.
func (s *Store) Update(ctx context.Context, r sessions.Record, version int64) error {
	ctx, done, err := s.take(ctx, r.ID)
	if err != nil {
		return err
	}
	defer done()
	old, err := s.readVersion(ctx, r.ID, version)
	if err != nil {
		return err
	}
	r.Version = version + 1
	r.Created, r.Origin = old.Created, old.Origin
	r.LastSeen, r.Idle = max(r.LastSeen, old.LastSeen), max(r.Idle, old.Idle)
	return s.write(ctx, r)
}

// Replace implements [sessions.Store]: it writes r, and then deletes old.
// Where old cannot be deleted, r is taken out again, for as long as the
// backend obeys.
func (s *Store) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	ctx, done, err := s.take(ctx, old, r.ID)
	if err != nil {
		return err
	}
	defer done()
	if _, err := s.readVersion(ctx, old, version); err != nil {
		return err
	}
	if err := s.free(ctx, r.ID); err != nil {
		return err
	}
	err = s.write(ctx, r)
	if err == nil {
		err = s.backend.Remove(ctx, old)
	}
	if err == nil {
		s.turns.End(old)
		return nil
	}
	// Its cookie was given to nobody. The context may be over by now.
	s.turns.End(r.ID)
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, s.backend.Remove(undo, r.ID))
}

// Touch implements [sessions.Store].
func (s *Store) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	ctx, done, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	r, err := s.read(ctx, id)
	if errors.Is(err, sessions.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r.LastSeen, r.Idle = max(r.LastSeen, lastSeen), max(r.Idle, idle)
	return s.write(ctx, r)
}

// Delete implements [sessions.Store].
func (s *Store) Delete(ctx context.Context, id sessions.ID) error {
	ctx, done, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	return s.end(ctx, id)
}

// end deletes a record, whose turn it is, and remembers that.
func (s *Store) end(ctx context.Context, id sessions.ID) error {
	ctx, cancel := Bounded(ctx, s)
	defer cancel()
	if err := s.backend.Remove(ctx, id); err != nil {
		return err
	}
	s.turns.End(id)
	return nil
}

// DeleteAll deletes the records that find returns, and counts them. Nobody
// writes meanwhile, so that no record slips past it in a Replace. The timeout
// counts for the turn and for each record; find sees to its own.
func DeleteAll(ctx context.Context, s *Store, find func(context.Context) ([]sessions.Record, error)) (int, error) {
	turn, cancel := Bounded(ctx, s)
	done, err := s.turns.TakeAll(turn)
	cancel()
	if err != nil {
		return 0, err
	}
	defer done()
	found, err := find(ctx)
	if err != nil {
		return 0, err
	}
	for n, r := range found {
		if err := s.end(ctx, r.ID); err != nil {
			return n, err
		}
	}
	return len(found), nil
}

// Ended tells whether the record ended here, whoever brought it back.
func Ended(s *Store, id sessions.ID) bool { return s.turns.Ended(id) }

// Spend commits b under an id that is not a record's, and only once:
// ErrUsed where it finds something.
func Spend(ctx context.Context, s *Store, id sessions.ID, b []byte, expiry time.Time) error {
	ctx, done, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	_, found, err := s.backend.Find(ctx, id)
	if err == nil && found {
		err = sessions.ErrUsed
	}
	if err != nil {
		return err
	}
	return s.backend.Commit(ctx, id, b, expiry)
}
