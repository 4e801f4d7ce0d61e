package scs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/scs"
)

// A slowBackend takes its time in one of its methods, unless the context ends.
type slowBackend struct {
	*backend
	in   string
	time time.Duration
}

func (b *slowBackend) wait(ctx context.Context, method string) error {
	if b.in != method {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.time):
		return nil
	}
}

func (b *slowBackend) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if err := b.wait(ctx, "Find"); err != nil {
		return nil, false, err
	}
	return b.Find(token)
}

func (b *slowBackend) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	if err := b.wait(ctx, "Commit"); err != nil {
		return err
	}
	return b.Commit(token, data, expiry)
}

func (b *slowBackend) DeleteCtx(ctx context.Context, token string) error {
	if err := b.wait(ctx, "Delete"); err != nil {
		return err
	}
	return b.Delete(token)
}

func (b *slowBackend) AllCtx(ctx context.Context) (map[string][]byte, error) {
	return b.data, b.wait(ctx, "All")
}

// calls are all that reach the backend, on a store that has record 1.
var calls = []struct {
	name string
	in   []string // methods of the backend
	f    func(context.Context, *scs.Store) error
}{
	{"Create", []string{"Find", "Commit"}, func(ctx context.Context, s *scs.Store) error { return s.Create(ctx, record(2, "alice")) }},
	{"Find", []string{"Find"}, func(ctx context.Context, s *scs.Store) error { _, err := s.Find(ctx, sessions.ID{1}); return err }},
	{"Update", []string{"Find", "Commit"}, func(ctx context.Context, s *scs.Store) error { return s.Update(ctx, record(1, "alice"), 1) }},
	{"Replace", []string{"Find", "Commit"}, func(ctx context.Context, s *scs.Store) error {
		return s.Replace(ctx, sessions.ID{1}, 1, record(2, "alice"))
	}},
	{"Touch", []string{"Find", "Commit"}, func(ctx context.Context, s *scs.Store) error { return s.Touch(ctx, sessions.ID{1}, 0, 0) }},
	{"Delete", []string{"Delete"}, func(ctx context.Context, s *scs.Store) error { return s.Delete(ctx, sessions.ID{1}) }},
	{"Once", []string{"Find", "Commit"}, func(ctx context.Context, s *scs.Store) error {
		return s.Once(ctx, [32]byte{1}, time.Now().Add(time.Hour))
	}},
	{"List", []string{"All"}, func(ctx context.Context, s *scs.Store) error {
		_, err := s.List(ctx, "session", "alice")
		return err
	}},
	{"DeleteUser", []string{"All", "Delete"}, func(ctx context.Context, s *scs.Store) error {
		_, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{})
		return err
	}},
	{"DeleteRealm", []string{"All", "Delete"}, func(ctx context.Context, s *scs.Store) error {
		_, err := s.DeleteRealm(ctx, "session")
		return err
	}},
	{"Count", []string{"All"}, func(ctx context.Context, s *scs.Store) error {
		_, err := s.Count(ctx, "session", time.Now())
		return err
	}},
}

// B31: a backend that hangs is left after Options.Timeout, unless the context
// says something else.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ timeout, own, want time.Duration }{
		{0, 0, 5 * time.Second},
		{time.Second, 0, time.Second},
		{time.Second, time.Minute, time.Minute},
		{-1, time.Minute, time.Minute},
	} {
		for _, call := range calls {
			for _, in := range call.in {
				synctest.Test(t, func(t *testing.T) {
					b := &slowBackend{backend: newBackend(), in: in}
					s := scs.New(b, &scs.Options{Logger: quiet.Logger, Timeout: c.timeout})
					must(t, s.Create(t.Context(), record(1, "alice")))
					b.time = 24 * time.Hour
					ctx := t.Context()
					if c.own > 0 {
						var cancel func()
						ctx, cancel = context.WithTimeout(ctx, c.own)
						defer cancel()
					}
					began := time.Now()
					wantError(t, call.name+" while "+in+" hangs", context.DeadlineExceeded, call.f(ctx, s))
					if got := time.Since(began); got != c.want {
						t.Errorf("%s while %s hangs: gave up after %v, want %v", call.name, in, got, c.want)
					}
					b.in = ""
					if _, err := s.Find(t.Context(), sessions.ID{1}); err != nil {
						t.Errorf("%s while %s hung: the record: %v", call.name, in, err)
					}
				})
			}
		}
	}
}

// B31: nor does anybody wait for a turn for longer, also where the backend
// takes no context, or the one who has the turn has time.
func TestTimeoutOfTurns(t *testing.T) {
	t.Parallel()
	for _, call := range calls {
		switch call.name {
		case "Once", "List", "Count":
			continue // they wait for nobody
		}
		synctest.Test(t, func(t *testing.T) {
			b := &slowBackend{backend: newBackend()}
			s := scs.New(b, quiet)
			must(t, s.Create(t.Context(), record(1, "alice")))
			b.in, b.time = "Commit", time.Hour
			hour, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			go func() { _ = s.Replace(hour, sessions.ID{1}, 1, record(2, "alice")) }()
			synctest.Wait()
			began := time.Now()
			wantError(t, call.name+" behind a slow writer", context.DeadlineExceeded, call.f(t.Context(), s))
			if got, want := time.Since(began), 5*time.Second; got != want {
				t.Errorf("%s behind a slow writer: gave up after %v, want %v", call.name, got, want)
			}
		})
	}
}

// Whoever revokes many sessions has Options.Timeout for each.
func TestTimeoutOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{backend: newBackend(), in: "Delete", time: 3 * time.Second}
		s := scs.New(b, quiet)
		for id := range byte(9) {
			must(t, s.Create(t.Context(), record(id, "alice")))
		}
		n, err := s.DeleteUser(t.Context(), "session", "alice", sessions.ID{})
		if n != 8 || err != nil { // keep is record 0
			t.Errorf("deleted %d, error %v, want 8", n, err)
		}
	})
}

// A negative Timeout sets no bound.
func TestNoTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &slowBackend{backend: newBackend()}
		s := scs.New(b, &scs.Options{Logger: quiet.Logger, Timeout: -1})
		must(t, s.Create(t.Context(), record(1, "alice")))
		b.in, b.time = "Find", time.Hour
		_, err := s.Find(t.Context(), sessions.ID{1})
		must(t, err)
	})
}
