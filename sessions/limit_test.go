package sessions_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
)

// logIn stores a session of the user, and returns its cookies.
func logIn(ctx context.Context, m *sessions.Manager, user string) (*http.Request, error) {
	w := httptest.NewRecorder()
	old, next := sessions.Record{}, sessions.Record{User: user, AuthTime: time.Now().UnixMilli()}
	err := m.Replace(ctx, w, &old, &next)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return r, err
}

func signedIn(t *testing.T, m *sessions.Manager, r *http.Request) bool {
	t.Helper()
	_, ok, err := m.Load(r)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// B41: one sign-in more ends the oldest session, of that user and realm alone.
func TestPerUserDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sessions.NewMemoryStore(nil)
		m := sessions.New(store, &sessions.Options{PerUser: 2, Idle: 2 * time.Hour})
		admins := sessions.New(store, &sessions.Options{Name: "admin"})
		var requests []*http.Request
		for _, user := range []string{"alice", "bob", "alice", "alice", "", "", ""} {
			r, err := logIn(t.Context(), m, user)
			if err != nil {
				t.Fatalf("sign-in of %q: %v", user, err)
			}
			requests = append(requests, r)
			if _, err := logIn(t.Context(), admins, "alice"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		for i, want := range []bool{false, true, true, true, true, true, true} {
			if got := signedIn(t, m, requests[i]); got != want {
				t.Errorf("session %d is valid: got %v, want %v", i, got, want)
			}
		}
		if list, err := admins.List(t.Context(), "alice"); len(list) != 7 || err != nil {
			t.Errorf("the other realm has %d sessions, error %v, want 7", len(list), err)
		}

		time.Sleep(2 * time.Hour) // expired ones do not count
		first, _ := logIn(t.Context(), m, "alice")
		if _, err := logIn(t.Context(), m, "alice"); err != nil || !signedIn(t, m, first) {
			t.Errorf("second sign-in after the others have expired: error %v, and the first is gone", err)
		}
	})
}

// B41: with RefuseMore the sign-in is refused, no cookie is set, and all that
// was there stays, the visitor's own session included.
func TestPerUserRefuses(t *testing.T) {
	ctx := t.Context()
	store := sessions.NewMemoryStore(nil)
	m := sessions.New(store, &sessions.Options{PerUser: 2, RefuseMore: true})
	var requests []*http.Request
	for range 2 {
		r, err := logIn(ctx, m, "alice")
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, r)
	}
	w := httptest.NewRecorder()
	visitor := sessions.Record{Data: ""}
	if err := m.Save(ctx, w, &visitor); err != nil {
		t.Fatal(err)
	}
	old := visitor
	w = httptest.NewRecorder()
	err := m.Replace(ctx, w, &old, &sessions.Record{User: "alice", AuthTime: 1})
	if !errors.Is(err, sessions.ErrLimit) || len(w.Result().Cookies()) > 0 {
		t.Errorf("third sign-in: got error %v and cookies %v, want ErrLimit and none", err, w.Result().Cookies())
	}
	if _, err := store.Find(ctx, visitor.ID); err != nil {
		t.Errorf("the visitor's session: got error %v, want it kept", err)
	}
	for i, r := range requests {
		if !signedIn(t, m, r) {
			t.Errorf("session %d has ended", i)
		}
	}
	// Signing in again in a browser of one's own adds none.
	own, _, err := m.Load(requests[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Replace(ctx, httptest.NewRecorder(), &own, &sessions.Record{User: "alice", AuthTime: 1}); err != nil {
		t.Errorf("sign-in over one's own session: got error %v", err)
	}
}

// B41: any number of sign-ins at once, over two Managers, leave PerUser.
func TestPerUserAtOnce(t *testing.T) {
	for name, refuse := range map[string]bool{"drop": false, "refuse": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &late{MemoryStore: sessions.NewMemoryStore(nil)}
				o := &sessions.Options{PerUser: 5, RefuseMore: refuse}
				managers := []*sessions.Manager{sessions.New(store, o), sessions.New(store, o)}
				requests, errs := make([]*http.Request, 50), make([]error, 50)
				var wg sync.WaitGroup
				for i := range requests {
					wg.Go(func() { requests[i], errs[i] = logIn(t.Context(), managers[i%2], "alice") })
				}
				wg.Wait()
				valid := 0
				for i, err := range errs {
					switch {
					case err != nil && !errors.Is(err, sessions.ErrLimit):
						t.Error(err)
					case err == nil && signedIn(t, managers[0], requests[i]):
						valid++
					case err == nil && refuse:
						t.Error("a session that was accepted has ended")
					case err != nil && len(requests[i].Cookies()) > 0:
						t.Error("a refused sign-in has a cookie")
					}
				}
				list, err := managers[0].List(t.Context(), "alice")
				if valid != 5 || len(list) != 5 || err != nil {
					t.Errorf("%d sessions are valid and %d listed, error %v; want 5", valid, len(list), err)
				}
			})
		})
	}
}

// A late store takes its time before a Create, so that sign-ins overlap.
type late struct {
	*sessions.MemoryStore
	n  int
	mu sync.Mutex
}

func (s *late) Create(ctx context.Context, r sessions.Record) error {
	s.mu.Lock()
	s.n++
	wait := time.Duration(s.n*7%11) * time.Millisecond
	s.mu.Unlock()
	time.Sleep(wait)
	return s.MemoryStore.Create(ctx, r)
}

// stored is a session of alice that was made at the time, and lasts.
func stored(t *testing.T, store sessions.Store, id byte, at time.Time) sessions.Record {
	t.Helper()
	ms, end := at.UnixMilli(), at.Add(time.Hour).UnixMilli()
	r := sessions.Record{ID: sessions.ID{id}, User: "alice", Created: ms, LastSeen: ms, Idle: end, Absolute: end, Version: 1, Origin: &sessions.Origin{Realm: "session"}}
	if err := store.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// B41: the last to sign in is the newest, whatever the clocks of other servers
// say, and in the same millisecond too.
func TestPerUserBehindTheClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"the same millisecond": 0, "a minute": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := sessions.NewMemoryStore(nil)
				stored(t, store, 0xff, time.Now().Add(ahead))
				m := sessions.New(store, &sessions.Options{PerUser: 1})
				for range 20 {
					r, err := logIn(t.Context(), m, "alice")
					if err != nil || !signedIn(t, m, r) {
						t.Fatalf("got error %v, want a session that is valid", err)
					}
				}
			})
		})
	}
}

// B41: of two at the same moment one is refused: a cookie of a session that
// has ended would be worse.
func TestPerUserAtTheSameMoment(t *testing.T) {
	var store *meeting
	store = &meeting{MemoryStore: sessions.NewMemoryStore(nil), created: func() {
		stored(t, store.MemoryStore, 1, time.Now().Add(time.Minute))
	}}
	r, err := logIn(t.Context(), sessions.New(store, &sessions.Options{PerUser: 1}), "alice")
	if !errors.Is(err, sessions.ErrLimit) || len(r.Cookies()) > 0 {
		t.Errorf("got error %v and cookies %v, want ErrLimit and none", err, r.Cookies())
	}
	list, err := store.List(t.Context(), "session", "alice")
	if err != nil || len(list) != 1 || list[0].ID != (sessions.ID{1}) {
		t.Errorf("got sessions %v and error %v, want the other one", list, err)
	}
}

// A meeting store lets something happen right after a Create.
type meeting struct {
	*sessions.MemoryStore
	created func()
}

func (s *meeting) Create(ctx context.Context, r sessions.Record) error {
	err := s.MemoryStore.Create(ctx, r)
	s.created()
	return err
}

// Those who are nobody yet are not counted, and cost no look at a list.
func TestPerUserOfNobody(t *testing.T) {
	s := watch()
	m := sessions.New(s, &sessions.Options{PerUser: 1, RefuseMore: true})
	s.taken()
	for range 2 {
		if _, err := logIn(t.Context(), m, ""); err != nil {
			t.Fatal(err)
		}
	}
	if calls := s.taken(); !slices.Equal(calls, []string{"Create", "Create"}) {
		t.Errorf("got calls %v, want Create alone", calls)
	}
}

// A sign-in that is cut off before it is known to be within the limit leaves
// nothing behind.
func TestPerUserCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := &meeting{sessions.NewMemoryStore(nil), cancel}
	if _, err := logIn(ctx, sessions.New(store, &sessions.Options{PerUser: 1, RefuseMore: true}), "alice"); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want Canceled", err)
	}
	if list, err := store.List(t.Context(), "session", "alice"); len(list) > 0 || err != nil {
		t.Errorf("got sessions %v and error %v, want none", list, err)
	}
}

// B41: where the store fails when the oldest session should end, the sign-in is
// refused and leaves nothing: nobody gets a cookie beyond the limit.
func TestPerUserOutageAfterTheInsert(t *testing.T) {
	for _, down := range []string{"List", "Delete"} {
		t.Run(down, func(t *testing.T) {
			ctx := t.Context()
			s := watch()
			m := sessions.New(s, &sessions.Options{PerUser: 1, Logger: slog.New(slog.DiscardHandler)})
			first, err := logIn(ctx, m, "alice")
			if err != nil {
				t.Fatal(err)
			}
			s.created = func() { s.fail(down) }
			for range 5 {
				r, err := logIn(ctx, m, "alice")
				if !errors.Is(err, errDown) || len(r.Cookies()) > 0 {
					t.Errorf("got error %v and cookies %v, want the store's and none", err, r.Cookies())
				}
				s.fail()
			}
			if !signedIn(t, m, first) {
				t.Error("the session that was there has ended")
			}
			s.created = nil
			last, err := logIn(ctx, m, "alice")
			if err != nil || !signedIn(t, m, last) || signedIn(t, m, first) {
				t.Errorf("once all is well: error %v, want the last session alone", err)
			}
			if list, err := m.List(ctx, "alice"); len(list) != 1 || err != nil {
				t.Errorf("once all is well: %d sessions and error %v, want 1", len(list), err)
			}
		})
	}
}

// A sign-in whose place cannot be told does not happen.
func TestPerUserOutage(t *testing.T) {
	s := watch()
	m := sessions.New(s, &sessions.Options{PerUser: 1})
	s.taken()
	s.fail("List")
	r, err := logIn(t.Context(), m, "alice")
	if !errors.Is(err, errDown) || len(r.Cookies()) > 0 {
		t.Errorf("got error %v and cookies %v, want the store's and none", err, r.Cookies())
	}
	if calls := s.taken(); !slices.Equal(calls, []string{"List"}) {
		t.Errorf("got calls %v, want nothing stored", calls)
	}
}

// Options that would limit nothing, or fail every sign-in, are mistakes.
func TestPerUserMistakes(t *testing.T) {
	memory := sessions.NewMemoryStore(nil)
	for name, c := range map[string]struct {
		store sessions.Store
		o     sessions.Options
	}{
		"negative":           {memory, sessions.Options{PerUser: -1}},
		"no limit to refuse": {memory, sessions.Options{RefuseMore: true}},
		"no Lister":          {struct{ sessions.Store }{memory}, sessions.Options{PerUser: 1}},
		"no Lister inside":   {unlisted{memory}, sessions.Options{PerUser: 1}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: New did not panic", name)
				}
			}()
			sessions.New(c.store, &c.o)
		}()
	}
}

// An unlisted store is a Lister in name.
type unlisted struct{ *sessions.MemoryStore }

func (unlisted) List(context.Context, string, string) ([]sessions.Record, error) {
	return nil, sessions.ErrUnsupported
}
