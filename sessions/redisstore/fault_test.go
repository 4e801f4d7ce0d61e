package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
)

// B30, B31: while the server hangs, every call returns when its context ends,
// or at the store's own bound where it has no deadline, with open connections
// and with none. B32: then all is well again.
func TestSuspended(t *testing.T) {
	server := dbtest.Start(t, dbtest.Redis)
	open := func() *redisstore.Store {
		s, err := redisstore.New(connect(t, server.URL()), &redisstore.Options{Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	warm, cold := open(), open()
	exercise(t, warm)
	r := record("alice")
	if err := warm.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	server.Suspend()
	var wg sync.WaitGroup
	for handle, s := range map[string]*redisstore.Store{"open connections": warm, "no connection": cold} {
		for name, call := range map[string]func(context.Context) error{
			"Create":  func(ctx context.Context) error { return s.Create(ctx, record("alice")) },
			"Find":    func(ctx context.Context) error { return second(s.Find(ctx, r.ID)) },
			"Update":  func(ctx context.Context) error { return s.Update(ctx, r, 7) },
			"Replace": func(ctx context.Context) error { return s.Replace(ctx, r.ID, 7, record("alice")) },
			"Touch":   func(ctx context.Context) error { return s.Touch(ctx, r.ID, 1, 1) },
			"Delete":  func(ctx context.Context) error { return s.Delete(ctx, record("").ID) },
			"Once":    func(ctx context.Context) error { return s.Once(ctx, r.ID, time.Now()) },
			"List":    func(ctx context.Context) error { return second(s.List(ctx, "session", "alice")) },
			"Count":   func(ctx context.Context) error { return second(s.Count(ctx, "session", time.Now())) },
			"DeleteUser": func(ctx context.Context) error {
				return second(s.DeleteUser(ctx, "session", "bob", sessions.ID{}))
			},
			"DeleteRealm":   func(ctx context.Context) error { return second(s.DeleteRealm(ctx, "elsewhere")) },
			"DeleteExpired": func(ctx context.Context) error { return second(s.DeleteExpired(ctx, time.UnixMilli(1), 9)) },
		} {
			for bound, deadline := range map[time.Duration]bool{500 * time.Millisecond: true, 300 * time.Millisecond: false} {
				wg.Go(func() {
					ctx := t.Context()
					if deadline {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, bound)
						defer cancel()
					}
					start := time.Now()
					err := call(ctx)
					if took := time.Since(start); took < bound-50*time.Millisecond || took > bound+100*time.Millisecond {
						t.Errorf("%s, %s: took %v, want %v", name, handle, took, bound)
					}
					if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrCorrupt) {
						t.Errorf("%s, %s: got error %v, want DeadlineExceeded", name, handle, err)
					}
				})
			}
		}
	}
	wg.Wait()
	slow := slowContext{t.Context(), time.Now().Add(100 * time.Millisecond)}
	wantError(t, "Find before the context knows that it is over", second(warm.Find(slow, r.ID)), context.DeadlineExceeded)
	server.Resume()
	for _, s := range []*redisstore.Store{warm, cold} {
		if got, err := s.Find(t.Context(), r.ID); err != nil || got.Version != 1 {
			t.Errorf("Find after the server went on: got version %d and error %v, want 1", got.Version, err)
		}
	}
}

// A slowContext has a deadline that the connection hears of first.
type slowContext struct {
	context.Context //nolint:containedctx // it is one
	deadline        time.Time
}

func (c slowContext) Deadline() (time.Time, bool) { return c.deadline, true }

// A server that is not there is an outage, never a missing or broken session.
func TestOutage(t *testing.T) {
	server := dbtest.Start(t, dbtest.Redis)
	impatient := redis.NewClient(&redis.Options{Addr: server.URL().Host, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	defer impatient.Close()
	s := over(t, impatient, "passport")
	r := record("alice")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	for name, err := range map[string]error{
		"Find": second(s.Find(t.Context(), r.ID)), "Update": s.Update(t.Context(), r, 1), "Delete": s.Delete(t.Context(), r.ID),
		"List": second(s.List(t.Context(), "session", "alice")), "Once": s.Once(t.Context(), r.ID, time.Now()),
	} {
		for _, not := range []error{nil, sessions.ErrNotFound, sessions.ErrCorrupt, sessions.ErrConflict, sessions.ErrUsed} {
			if errors.Is(err, not) {
				t.Errorf("%s: got error %v, want one of the connection", name, err)
			}
		}
	}
}

// A client that saves sessions, and remembers what was acknowledged.
type saver struct {
	s        *redisstore.Store
	versions map[sessions.ID]int64       // 0: deleted
	either   map[sessions.ID]sessions.ID // of a Replace whose fate is not known
	unsure   map[sessions.ID]bool
	failed   int
}

// life is what happens to one session, until something fails.
func (c *saver) life(ctx context.Context) {
	r, next := record("alice"), record("alice")
	if !c.did(c.s.Create(ctx, r), r.ID) {
		return
	}
	c.versions[r.ID] = 1
	if !c.did(c.s.Update(ctx, r, 1), r.ID) {
		return
	}
	c.versions[r.ID] = 2
	if err := c.s.Replace(ctx, r.ID, 2, next); err != nil {
		c.failed++
		c.either[r.ID] = next.ID
		return
	}
	c.versions[r.ID], c.versions[next.ID] = 0, 1
	if len(c.versions)%4 == 0 && c.did(c.s.Delete(ctx, next.ID), next.ID) {
		c.versions[next.ID] = 0
	}
}

func (c *saver) did(err error, id sessions.ID) bool {
	if err != nil {
		c.failed++
		c.unsure[id] = true
	}
	return err == nil
}

// check compares what is there with what was acknowledged.
func (c *saver) check(t *testing.T) {
	version := func(id sessions.ID) int64 {
		r, err := c.s.Find(t.Context(), id)
		if err != nil && !errors.Is(err, sessions.ErrNotFound) {
			t.Error(err)
		}
		return r.Version
	}
	for id, want := range c.versions {
		got := version(id)
		next, unsure := c.either[id]
		switch {
		case unsure && (got == 2) == (version(next) == 1):
			t.Errorf("Replace: the old record has version %d, the new one %d; want one of them", got, version(next))
		case unsure || c.unsure[id]:
		case got != want:
			t.Errorf("got version %d of a record, want %d, which was acknowledged", got, want)
		}
	}
}

// B33: what was acknowledged before a kill -9 is there afterwards, and what
// was deleted is not. B06: of a Replace, both halves are, or neither. B32: the
// clients go on by themselves.
func TestKilled(t *testing.T) {
	server := dbtest.Start(t, dbtest.Redis, "--appendonly", "yes", "--appendfsync", "always")
	client := connect(t, server.URL())
	savers := make([]*saver, 20)
	stop, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for i := range savers {
		c := &saver{
			s: over(t, client, "passport"), versions: make(map[sessions.ID]int64),
			either: make(map[sessions.ID]sessions.ID), unsure: make(map[sessions.ID]bool),
		}
		savers[i] = c
		wg.Go(func() {
			for stop.Err() == nil {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				c.life(ctx)
				cancel()
			}
		})
	}
	for range 3 {
		time.Sleep(200 * time.Millisecond)
		server.Kill()
		time.Sleep(250 * time.Millisecond)
		server.Restart()
		start := time.Now()
		// After many refused connections go-redis tries one each second.
		err := errors.New("not called")
		for err != nil && time.Since(start) < 3*time.Second {
			err = savers[0].s.Delete(t.Context(), sessions.ID{})
		}
		if err != nil {
			t.Errorf("after the restart: %v", err)
		}
		t.Logf("answers %v after the restart", time.Since(start))
	}
	time.Sleep(200 * time.Millisecond)
	cancel()
	wg.Wait()
	acknowledged, failed := 0, 0
	for _, c := range savers {
		c.check(t)
		acknowledged += len(c.versions)
		failed += c.failed
	}
	if acknowledged < 100 || failed < 20 {
		t.Errorf("%d records acknowledged, %d calls failed: the test shows little", acknowledged, failed)
	}
	t.Logf("%d records acknowledged, %d calls failed, 3 kills", acknowledged, failed)
}
