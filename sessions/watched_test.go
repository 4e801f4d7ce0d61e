package sessions_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gopassport/passport/sessions"
)

var errDown = errors.New("the database is down")

// A watched store keeps the names of its calls, and fails where a test says.
type watched struct {
	store
	mu      sync.Mutex
	calls   []string
	down    []string                                       // methods that fail
	created func()                                         // after a Create
	find    func(sessions.Record) (sessions.Record, error) // in the way of what Find found
}

func watch() *watched { return &watched{store: sessions.NewMemoryStore(nil)} }

// taken returns the calls since it was last called.
func (s *watched) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// fail makes the methods fail from now on; none: all is well again.
func (s *watched) fail(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = methods
}

func (s *watched) enter(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, method)
	if slices.Contains(s.down, method) {
		return errDown
	}
	return nil
}

func (s *watched) Create(ctx context.Context, r sessions.Record) error {
	if err := s.enter("Create"); err != nil {
		return err
	}
	err := s.store.Create(ctx, r)
	if s.created != nil {
		s.created()
	}
	return err
}

func (s *watched) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	if err := s.enter("Find"); err != nil {
		return sessions.Record{}, err
	}
	r, err := s.store.Find(ctx, id)
	if err == nil && s.find != nil {
		return s.find(r)
	}
	return r, err
}

func (s *watched) Update(ctx context.Context, r sessions.Record, version int64) error {
	if err := s.enter("Update"); err != nil {
		return err
	}
	return s.store.Update(ctx, r, version)
}

func (s *watched) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	if err := s.enter("Replace"); err != nil {
		return err
	}
	return s.store.Replace(ctx, old, version, r)
}

func (s *watched) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	if err := s.enter("Touch"); err != nil {
		return err
	}
	return s.store.Touch(ctx, id, lastSeen, idle)
}

func (s *watched) Delete(ctx context.Context, id sessions.ID) error {
	if err := s.enter("Delete"); err != nil {
		return err
	}
	return s.store.Delete(ctx, id)
}

func (s *watched) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	if err := s.enter("DeleteUser"); err != nil {
		return 0, err
	}
	return s.store.DeleteUser(ctx, realm, user, keep)
}

func (s *watched) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if err := s.enter("List"); err != nil {
		return nil, err
	}
	return s.store.List(ctx, realm, user)
}

func (s *watched) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := s.enter("DeleteExpired"); err != nil {
		return 0, err
	}
	return s.store.DeleteExpired(ctx, now, limit)
}

// A bare store has no abilities.
type bare struct{ sessions.Store }
