package apps_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/storetest"
)

// A Shelf is a store of one's own, for a database that we know nothing of:
// rows of JSON by key. What it must do stands at [sessions.Store], and
// storetest checks it.
type Shelf struct {
	mu   sync.Mutex
	rows map[sessions.ID][]byte
}

// Create implements sessions.Store.
func (s *Shelf) Create(ctx context.Context, r sessions.Record) error {
	return s.change(ctx, func() error {
		if _, taken := s.rows[r.ID]; taken {
			return sessions.ErrConflict
		}
		return s.put(r)
	})
}

// Find implements sessions.Store.
func (s *Shelf) Find(ctx context.Context, id sessions.ID) (r sessions.Record, err error) {
	err = s.change(ctx, func() error { r, err = s.get(id); return err })
	return r, err
}

// Update implements sessions.Store.
func (s *Shelf) Update(ctx context.Context, r sessions.Record, version int64) error {
	return s.change(ctx, func() error {
		old, err := s.get(r.ID)
		switch {
		case err != nil:
			return err
		case old.Version != version:
			return sessions.ErrConflict
		}
		r.Version, r.Created, r.Origin = version+1, old.Created, old.Origin
		r.LastSeen, r.Idle = max(r.LastSeen, old.LastSeen), max(r.Idle, old.Idle)
		return s.put(r)
	})
}

// Replace implements sessions.Store.
func (s *Shelf) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	return s.change(ctx, func() error {
		was, err := s.get(old)
		switch _, taken := s.rows[r.ID]; {
		case err != nil:
			return err
		case was.Version != version, taken:
			return sessions.ErrConflict
		}
		delete(s.rows, old)
		return s.put(r)
	})
}

// Touch implements sessions.Store.
func (s *Shelf) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	return s.change(ctx, func() error {
		r, err := s.get(id)
		if err != nil {
			return nil //nolint:nilerr // it is gone, and stays so
		}
		r.LastSeen, r.Idle = max(r.LastSeen, lastSeen), max(r.Idle, idle)
		return s.put(r)
	})
}

// Delete implements sessions.Store.
func (s *Shelf) Delete(ctx context.Context, id sessions.ID) error {
	return s.change(ctx, func() error { delete(s.rows, id); return nil })
}

// change is a transaction.
func (s *Shelf) change(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

// A row keeps strings as bytes: JSON would mend what is not UTF-8.
type row struct {
	sessions.Record
	User, Data, Factors, Stamp []byte
}

func (s *Shelf) put(r sessions.Record) error {
	value, err := json.Marshal(row{r, []byte(r.User), []byte(r.Data), []byte(r.Factors), []byte(r.Stamp)})
	s.rows[r.ID] = value
	return err
}

func (s *Shelf) get(id sessions.ID) (sessions.Record, error) {
	value, ok := s.rows[id]
	if !ok {
		return sessions.Record{}, sessions.ErrNotFound
	}
	var r row
	if json.Unmarshal(value, &r) != nil {
		return sessions.Record{}, sessions.ErrCorrupt
	}
	r.Record.User, r.Record.Data, r.Record.Factors, r.Record.Stamp = string(r.User), string(r.Data), string(r.Factors), string(r.Stamp)
	return r.Record, nil
}

func newShelf() *Shelf { return &Shelf{rows: make(map[sessions.ID][]byte)} }

func TestShelfIsAStore(t *testing.T) {
	t.Parallel()
	storetest.RunOptions(t, func(*testing.T) sessions.Store { return newShelf() }, &storetest.Options{Lacks: []storetest.Ability{
		storetest.Once, storetest.Lister, storetest.UserDeleter, storetest.RealmDeleter, storetest.ExpiredDeleter, storetest.Counter,
	}})
}

func TestSiteOnAShelf(t *testing.T) {
	t.Parallel()
	shelf, people := newShelf(), newPeople()
	build := func() *passport.Authenticator[*Person] {
		c := config(people)
		c.Sessions = sessions.New(shelf, &sessions.Options{Logger: c.Logger})
		c.Secrets = [][]byte{[]byte("what all instances of the site know")}
		a := passport.New(c)
		a.Use("local", byPassword(people))
		return a
	}
	one, two := visit(t, handler(home(build()))), visit(t, handler(home(build())))
	one.sees("POST /login username=ann&password=wonderland-wonderland", "/ Hello ann")
	two.client.Jar = one.client.Jar // another instance, or this one after a restart
	two.sees("GET /", "/ Hello ann")
	two.sees("POST /logout", "/login Sign in")
	one.sees("GET /", "/login Sign in")
}
