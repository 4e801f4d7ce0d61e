package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

func TestValues(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string
		N    int
	}
	cart := sessions.Key[[]item]("cart")
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	s := load(t, m)
	if v, ok := cart.Get(s); ok || v != nil {
		t.Errorf("an empty session has a cart: %v", v)
	}
	want := []item{{"tea", 2}, {"milk", 1}}
	if err := cart.Set(s, want); err != nil {
		t.Fatal(err)
	}
	if v, ok := cart.Get(s); !ok || !cmp.Equal(v, want) {
		t.Errorf("before Save: %v, %t", v, ok)
	}
	w := httptest.NewRecorder()
	if err := s.Save(t.Context(), w); err != nil || s.Changed() {
		t.Fatalf("Save: %v, changed %t", err, s.Changed())
	}
	s = load(t, m, cookieOf(t, w))
	if v, ok := cart.Get(s); !ok || !cmp.Equal(v, want) {
		t.Errorf("after Save: %v, %t", v, ok)
	}
	if v, ok := sessions.Key[int]("cart").Get(s); ok {
		t.Errorf("a value of another type counts as present: %v", v)
	}
	var n int
	if ok, err := s.Get("cart", &n); !ok || err == nil {
		t.Errorf("Get of a value of another type: %t, %v", ok, err)
	}
	if err := sessions.Key[float64]("nan").Set(s, math.NaN()); err == nil || s.Changed() {
		t.Errorf("a value without JSON was set: %v", err)
	}
	cart.Delete(s)
	if _, ok := cart.Get(s); ok || !s.Changed() {
		t.Error("deleted, and still there")
	}
	mustSave(t, s)
	if _, ok := cart.Get(load(t, m, cookieOf(t, w))); ok {
		t.Error("deleted and saved, and still stored")
	}
}

// B42: nobody who only looks gets a session, and so no crawler does.
func TestUnchangedNewSessionIsNotStored(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(*sessions.Session){
		"reads":             func(s *sessions.Session) { text(s, "a"); s.Record(); s.Handle() },
		"takes":             func(s *sessions.Session) { s.Take(t.Context(), "a", new(string)) },
		"deletes":           func(s *sessions.Session) { s.Delete("a") },
		"sets, then takes":  func(s *sessions.Session) { mustSet(t, s, "a", 1); s.Take(t.Context(), "a", new(int)) },
		"sets, then leaves": func(s *sessions.Session) { mustSet(t, s, "a", 1); s.Delete("a") },
		"sets what cannot":  func(s *sessions.Session) { s.Set("a", func() {}) },
	} {
		store := watch()
		s := load(t, manager(store, sessions.Options{}))
		w := httptest.NewRecorder()
		handle(s)
		if err := s.Save(t.Context(), w); err != nil || s.Changed() {
			t.Errorf("%s: Save: %v, changed %t", name, err, s.Changed())
		}
		if calls := store.taken(); len(calls) > 0 || len(w.Header()) > 0 {
			t.Errorf("%s: a stranger who stores nothing made %q and the header %v", name, calls, w.Header())
		}
	}
}

// B11: an unchanged session is not written.
func TestUnchangedSessionIsNotWritten(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"a": 1})
	store.taken()
	for range 10 {
		s := load(t, m, cookie)
		text(s, "a")
		w := httptest.NewRecorder()
		if err := s.Save(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		noCookie(t, w)
	}
	if calls := slices.Compact(store.taken()); !slices.Equal(calls, []string{"Find"}) {
		t.Errorf("ten requests that only read did %q", calls)
	}
}

// Reverted changes are forgotten: the session shows what is stored.
func TestRevert(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := stranger(t, m, map[string]any{"a": "stored", "b": "stored"})
	s := load(t, m, cookie)
	mustSet(t, s, "a", "changed")
	s.Delete("b")
	s.Revert()
	if s.Changed() || text(s, "a") != "stored" || text(s, "b") != "stored" {
		t.Errorf("after Revert: changed %t, a=%q b=%q", s.Changed(), text(s, "a"), text(s, "b"))
	}
	store.taken()
	mustSave(t, s)
	if calls := store.taken(); len(calls) > 0 {
		t.Errorf("Save after Revert did %q", calls)
	}
}

// A Save on a stored session needs no response, and leaves the cookie alone.
func TestSaveOfStoredSession(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := stranger(t, m, nil)
	store.taken()
	s := load(t, m, cookie)
	mustSet(t, s, "a", "1")
	mustSet(t, s, "b", "2")
	if err := s.Save(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if calls := store.taken(); !slices.Equal(calls, []string{"Find", "Update"}) {
		t.Errorf("one Save did %q", calls)
	}
	if s.Record().Version != 2 || s.Changed() {
		t.Errorf("version %d, changed %t", s.Record().Version, s.Changed())
	}
	mustSet(t, s, "a", "3") // and again, on what was just stored
	if err := s.Save(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if s = load(t, m, cookie); text(s, "a") != "3" || text(s, "b") != "2" {
		t.Errorf("stored: a=%s b=%s", text(s, "a"), text(s, "b"))
	}
}

// B09: a request that loaded the session before it was ended, and writes
// after, does not bring it back.
func TestEndedSessionStaysEnded(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		end := map[string]func(cookie string, s *sessions.Session) error{
			"logout": func(_ string, s *sessions.Session) error { return s.End(t.Context(), httptest.NewRecorder()) },
			"rotation": func(_ string, s *sessions.Session) error {
				return s.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "bob"}, nil, nil)
			},
			"revocation": func(string, *sessions.Session) error { _, err := m.RevokeUser(t.Context(), "alice"); return err },
		}
		late := map[string]func(*sessions.Session, http.ResponseWriter) error{
			"Save": func(s *sessions.Session, w http.ResponseWriter) error {
				mustSet(t, s, "a", "2")
				return s.Save(t.Context(), w)
			},
			"Take": func(s *sessions.Session, w http.ResponseWriter) error {
				ok, err := s.Take(t.Context(), "a", new(string))
				if ok {
					t.Error("took a value of a session that has ended")
				}
				return err
			},
			"Rotate": func(s *sessions.Session, w http.ResponseWriter) error {
				return s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, []string{"a"}, nil)
			},
		}
		for ending, end := range end {
			for writing, write := range late {
				cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"a": "1"})
				slow := load(t, m, cookie)
				if err := end(cookie, load(t, m, cookie)); err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				wantErr(t, writing+" after "+ending, write(slow, w), sessions.ErrGone)
				noCookie(t, w)
				if known(t, m, cookie) {
					t.Errorf("%s after %s brought the session back", writing, ending)
				}
				if list, err := m.List(t.Context(), "alice"); len(list) > 0 || err != nil {
					t.Errorf("%s after %s: alice has %d sessions, %v", writing, ending, len(list), err)
				}
			}
		}
	})
}

// insist saves until nobody else was faster, as [sessions.Session.Save] gives
// up on a session that is written too often.
func insist(t *testing.T, s *sessions.Session, key string, v any) {
	t.Helper()
	for {
		mustSet(t, s, key, v)
		if err := s.Save(t.Context(), nil); !errors.Is(err, sessions.ErrConflict) {
			wantErr(t, "Save", err, nil)
			return
		}
	}
}

// B10: requests that change different keys of one session at once lose
// nothing that was acknowledged.
func TestConcurrentSavesOfDifferentKeys(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		writers, writes := 50, 100
		if _, ok := store.(*sessions.MemoryStore); !ok {
			writers, writes = 10, 5 // the stores' own tests write more
		}
		m := manager(store, sessions.Options{})
		cookie := stranger(t, m, nil)
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				counter := sessions.Key[int](fmt.Sprint("counter ", i))
				for done := 0; done < writes; {
					s, err := sessions.Load(m, request(t, cookie))
					if err != nil {
						t.Errorf("Load: %v", err)
						return
					}
					if n, _ := counter.Get(s); n != done {
						t.Errorf("%s: stored %d, acknowledged %d", counter, n, done)
						return
					}
					counter.Set(s, done+1)
					switch err := s.Save(t.Context(), nil); {
					case err == nil:
						done++
					case !errors.Is(err, sessions.ErrConflict): // which says that nothing was stored
						t.Errorf("Save: %v", err)
						return
					}
				}
			})
		}
		group.Wait()
		s := load(t, m, cookie)
		for i := range writers {
			if n, _ := sessions.Key[int](fmt.Sprint("counter ", i)).Get(s); n != writes {
				t.Errorf("counter %d: %d of %d writes", i, n, writes)
			}
		}
	})
}

// B10: the same key changed elsewhere is a conflict, never a lost update.
func TestSaveOfKeysThatOthersChanged(t *testing.T) {
	t.Parallel()
	set := func(key, value string) func(*sessions.Session) {
		return func(s *sessions.Session) { mustSet(t, s, key, value) }
	}
	drop := func(key string) func(*sessions.Session) { return func(s *sessions.Session) { s.Delete(key) } }
	type values map[string]string
	cases := []struct {
		name         string
		theirs, ours func(*sessions.Session)
		err          error
		want         values
	}{
		{"other keys", set("a", "theirs"), set("b", "ours"), nil, values{"a": "theirs", "b": "ours"}},
		{"new keys", set("x", "theirs"), set("y", "ours"), nil, values{"a": "0", "b": "0", "x": "theirs", "y": "ours"}},
		{"they delete another", drop("a"), set("b", "ours"), nil, values{"a": "", "b": "ours"}},
		{"we delete another", set("a", "theirs"), drop("b"), nil, values{"a": "theirs", "b": ""}},
		{"both set it", set("a", "theirs"), set("a", "ours"), sessions.ErrConflict, values{"a": "theirs", "b": "0"}},
		{"both make it", set("x", "theirs"), set("x", "ours"), sessions.ErrConflict, values{"x": "theirs"}},
		{"they delete it", drop("a"), set("a", "ours"), sessions.ErrConflict, values{"a": "", "b": "0"}},
		{"we delete it", set("a", "theirs"), drop("a"), sessions.ErrConflict, values{"a": "theirs"}},
		{"one of ours is theirs", set("a", "theirs"), func(s *sessions.Session) { set("a", "ours")(s); set("b", "ours")(s) },
			sessions.ErrConflict, values{"a": "theirs", "b": "0"}},
	}
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		for _, c := range cases {
			cookie := stranger(t, m, map[string]any{"a": "0", "b": "0"})
			first, second := load(t, m, cookie), load(t, m, cookie)
			c.theirs(first)
			mustSave(t, first)
			c.ours(second)
			wantErr(t, c.name, second.Save(t.Context(), nil), c.err)
			if second.Changed() {
				t.Errorf("%s: still changed after Save", c.name)
			}
			for what, s := range map[string]*sessions.Session{"stored": load(t, m, cookie), "shown": second} {
				for key, want := range c.want {
					if got := text(s, key); got != want {
						t.Errorf("%s: %s is %s as %q, want %q", c.name, key, what, got, want)
					}
				}
			}
			// After a conflict the session can be used again.
			mustSet(t, second, "again", "yes")
			if err := second.Save(t.Context(), nil); err != nil || text(load(t, m, cookie), "again") != "yes" {
				t.Errorf("%s: the next Save: %v", c.name, err)
			}
		}
	})
}

// A changing Keeper was overtaken by somebody else at every try.
type changing struct {
	sessions.Keeper
	tries int
}

func (k *changing) Save(_ context.Context, _ http.ResponseWriter, rec *sessions.Record) error {
	k.tries++
	data, err := sessions.Encode(map[string]string{"a": "0", "others": fmt.Sprint(k.tries)})
	rec.Data, rec.Version = data, rec.Version+1
	return errors.Join(sessions.ErrConflict, err)
}

func (k *changing) Replace(ctx context.Context, w http.ResponseWriter, old, _ *sessions.Record) error {
	return k.Save(ctx, w, old)
}

func overtaken(t *testing.T) (*sessions.Session, *changing) {
	t.Helper()
	data, err := sessions.Encode(map[string]string{"a": "0"})
	if err != nil {
		t.Fatal(err)
	}
	k, s := new(changing), new(sessions.Session)
	s.Open(k, sessions.Record{Version: 1, Data: data})
	return s, k
}

// Nobody waits for ever for a session that others write all the time.
func TestTriesEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call             func(context.Context, *sessions.Session) error
		tries, cancelled int
	}{
		"Save": {func(ctx context.Context, s *sessions.Session) error {
			mustSet(t, s, "ours", 1)
			return s.Save(ctx, nil)
		}, sessions.SaveTries, 1},
		"Rotate": {func(ctx context.Context, s *sessions.Session) error {
			return s.Rotate(ctx, nil, sessions.Record{}, nil, nil)
		}, sessions.SaveTries, 0},
		"Take": {func(ctx context.Context, s *sessions.Session) error {
			ok, err := s.Take(ctx, "a", new(int))
			if ok {
				t.Error("Take: true with an error")
			}
			return err
		}, sessions.SaveTries*sessions.SaveTries + 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, k := overtaken(t)
				start := time.Now()
				wantErr(t, name, c.call(t.Context(), s), sessions.ErrConflict)
				if k.tries != c.tries {
					t.Errorf("%d tries, want %d", k.tries, c.tries)
				}
				if took := time.Since(start); took == 0 || took > 15*time.Second {
					t.Errorf("took %v: want pauses, but short ones", took)
				}
			})
			// A request that has ended does not try on.
			synctest.Test(t, func(t *testing.T) {
				s, k := overtaken(t)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				wantErr(t, name+" with a context that is done", c.call(ctx, s), context.Canceled)
				if k.tries > c.cancelled {
					t.Errorf("%d tries after the end of the request", k.tries)
				}
			})
		})
	}
}

// With a context that is done nothing is stored, no cookie set, and no change
// forgotten.
func TestCancelled(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"a": "1"})
		before := load(t, m, cookie).Record()

		w := httptest.NewRecorder()
		_, ok, err := m.Load(request(t, cookie).WithContext(ctx))
		wantErr(t, "Load", err, context.Canceled)
		if ok {
			t.Error("Load: true with an error")
		}
		s := load(t, m, cookie)
		mustSet(t, s, "b", "1")
		wantErr(t, "Save", s.Save(ctx, w), context.Canceled)
		wantErr(t, "Rotate", s.Rotate(ctx, w, sessions.Record{User: "bob"}, nil, nil), context.Canceled)
		wantErr(t, "End", s.End(ctx, w), context.Canceled)
		if ok, err := s.Take(ctx, "a", new(string)); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("Take: %t, %v", ok, err)
		}
		if !s.Changed() || text(s, "a") != "1" {
			t.Error("an error took something out of the session")
		}
		fresh := load(t, m)
		mustSet(t, fresh, "a", "1")
		wantErr(t, "Save of a new session", fresh.Save(ctx, w), context.Canceled)
		noCookie(t, w)
		if diff := cmp.Diff(before, load(t, m, cookie).Record()); diff != "" {
			t.Errorf("stored record changed:\n%s", diff)
		}
		if n, err := m.Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d records, want 1, %v", n, err)
		}
	})
}

// B43: of fifty requests that take a value, one gets it.
func TestTakeHasOneWinner(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		cookie := stranger(t, m, map[string]any{"flash": "hello", "other": 0})
		flash := sessions.Key[string]("flash")
		var won atomic.Int32
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range 50 {
			s := load(t, m, cookie)
			group.Go(func() {
				<-start
				if i%5 == 0 { // others write meanwhile
					insist(t, s, fmt.Sprint("other ", i), i)
				}
				v, ok, err := flash.Take(t.Context(), s)
				if err != nil || ok != (v == "hello") {
					t.Errorf("Take: %q, %t, %v", v, ok, err)
				}
				if ok {
					won.Add(1)
				}
				if _, ok := flash.Get(s); ok {
					t.Error("taken, and still in the session")
				}
			})
		}
		close(start)
		group.Wait()
		if n := won.Load(); n != 1 {
			t.Errorf("%d requests took one value", n)
		}
		s := load(t, m, cookie)
		if _, ok := flash.Get(s); ok {
			t.Error("taken, and still stored")
		}
		if n, ok := sessions.Key[int]("other 45").Get(s); !ok || n != 45 {
			t.Error("Take lost what others saved")
		}
	})
}

// B43: the store has forgotten the value before the caller knows it.
func TestTakeStoresFirst(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := stranger(t, m, map[string]any{"flash": "hello"})
	s := load(t, m, cookie)
	store.fail("Update")
	v := "untouched"
	ok, err := s.Take(t.Context(), "flash", &v)
	wantErr(t, "Take", err, errDown)
	if ok || v != "untouched" {
		t.Errorf("Take gave %q, %t though the store failed", v, ok)
	}
	store.fail()
	if ok, err := s.Take(t.Context(), "flash", &v); !ok || err != nil || v != "hello" {
		t.Errorf("the next Take: %q, %t, %v", v, ok, err)
	}
}

func TestTakeAndChanges(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	key := sessions.Key[string]("a")
	take := func(t *testing.T, s *sessions.Session, want string) {
		t.Helper()
		v, ok, err := key.Take(t.Context(), s)
		if v != want || ok != (want != "") || err != nil {
			t.Errorf("Take: %q, %t, %v, want %q", v, ok, err, want)
		}
	}
	t.Run("of a new session", func(t *testing.T) {
		s := load(t, m)
		take(t, s, "")
		key.Set(s, "mine")
		take(t, s, "mine")
		take(t, s, "")
	})
	t.Run("stores no other change", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "1", "b": "1"})
		s := load(t, m, cookie)
		mustSet(t, s, "b", "2")
		take(t, s, "1")
		if stored := load(t, m, cookie); text(stored, "b") != "1" || text(stored, "a") != "" {
			t.Errorf("stored: a=%q b=%q", text(stored, "a"), text(stored, "b"))
		}
		mustSave(t, s)
		if stored := load(t, m, cookie); text(stored, "b") != "2" || text(stored, "a") != "" {
			t.Errorf("stored then: a=%q b=%q", text(stored, "a"), text(stored, "b"))
		}
	})
	t.Run("of a change over a stored value", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "stored"})
		s := load(t, m, cookie)
		key.Set(s, "mine")
		take(t, s, "mine")
		take(t, s, "")
		if text(load(t, m, cookie), "a") != "" {
			t.Error("the stored value came back")
		}
	})
	t.Run("of a deleted value", func(t *testing.T) {
		s := load(t, m, stranger(t, m, map[string]any{"a": "stored"}))
		key.Delete(s)
		take(t, s, "")
	})
	t.Run("of what others changed", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "1"})
		s, other := load(t, m, cookie), load(t, m, cookie)
		key.Set(other, "2")
		mustSave(t, other)
		take(t, s, "2")
	})
	t.Run("set again", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "1"})
		s, other := load(t, m, cookie), load(t, m, cookie)
		mustSet(t, other, "b", "theirs")
		mustSave(t, other)
		take(t, s, "1")
		key.Set(s, "2")
		mustSave(t, s)
		if s := load(t, m, cookie); text(s, "a") != "2" || text(s, "b") != "theirs" {
			t.Errorf("stored: a=%q b=%q", text(s, "a"), text(s, "b"))
		}
	})
	// B10: a Take that meets others' changes must not make Save blind to them.
	t.Run("conflict seen by Save", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "1", "count": "1"})
		s, other := load(t, m, cookie), load(t, m, cookie)
		mustSet(t, other, "count", "theirs")
		mustSave(t, other)
		mustSet(t, s, "count", "ours")
		take(t, s, "1")
		wantErr(t, "Save", s.Save(t.Context(), nil), sessions.ErrConflict)
		if got := text(load(t, m, cookie), "count"); got != "theirs" {
			t.Errorf("count is %q: an update is lost", got)
		}
	})
	t.Run("of another type", func(t *testing.T) {
		cookie := stranger(t, m, map[string]any{"a": "text"})
		if v, ok, err := sessions.Key[int]("a").Take(t.Context(), load(t, m, cookie)); v != 0 || ok || err == nil {
			t.Errorf("Take: %d, %t, %v", v, ok, err)
		}
	})
}

// B04, B06, B07: signing in gives a new id; the old one is gone and only what
// the keep-list names is carried over.
func TestRotate(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		old := stranger(t, m, map[string]any{"cart": "tea", "evil": "planted", "draft": "old"})
		s := load(t, m, old)
		mustSet(t, s, "draft", "new") // not saved
		mustSet(t, s, "evil too", "planted")
		before := s.Record()
		w := httptest.NewRecorder()
		err := s.Rotate(t.Context(), w, sessions.Record{User: "alice", Factors: "pwd", Stamp: "s", AuthTime: 7},
			[]string{"cart", "draft", "absent", "role"}, map[string]any{"role": "admin"})
		if err != nil {
			t.Fatal(err)
		}
		cookie := cookieOf(t, w)
		if cookie == old {
			t.Fatal("the id is the old one")
		}
		if known(t, m, old) {
			t.Error("the old id still leads to a session")
		}
		if _, err := store.Find(t.Context(), before.ID); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("the old record is still there: %v", err)
		}
		after := load(t, m, cookie)
		r := after.Record()
		if r.User != "alice" || r.Factors != "pwd" || r.Stamp != "s" || r.AuthTime != 7 || r.Version != 1 {
			t.Errorf("stored %+v", r)
		}
		want := map[string]string{"cart": `"tea"`, "draft": `"new"`, "role": `"admin"`}
		if diff := cmp.Diff(want, sessions.Decode(r.Data)); diff != "" {
			t.Errorf("values carried over:\n%s", diff)
		}
		r.Origin = s.Record().Origin // Find may leave it out
		if diff := cmp.Diff(s.Record(), r); diff != "" || s.Changed() {
			t.Errorf("the session shows something else than is stored:\n%s", diff)
		}
	})
}

// B07: what Rotate itself writes wins over what it keeps.
func TestRotateValuesWin(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	s := load(t, m, stranger(t, m, map[string]any{"role": "planted"}))
	if err := s.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "alice"}, []string{"role"}, map[string]any{"role": "reader"}); err != nil {
		t.Fatal(err)
	}
	if got := text(s, "role"); got != "reader" {
		t.Errorf("role is %q", got)
	}
	w := httptest.NewRecorder()
	if err := s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, map[string]any{"role": func() {}}); err == nil {
		t.Error("a value without JSON was written")
	}
	noCookie(t, w)
}

// B04, B06: rotation is one step of the store. Whatever fails, there is the
// old session or the new one, and with an error it is the old.
func TestRotateIsOneStep(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"Create", "Find", "Update", "Replace", "Touch", "Delete", ""} {
		store := watch()
		m := manager(store, sessions.Options{})
		old := stranger(t, m, map[string]any{"a": "1"})
		s := load(t, m, old)
		store.taken()
		store.fail(down)
		w := httptest.NewRecorder()
		err := s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil)
		store.fail()
		if calls := store.taken(); !slices.Equal(calls, []string{"Replace"}) {
			t.Errorf("Rotate is %d steps: %q", len(calls), calls)
		}
		if n, _ := m.Count(t.Context()); n != 1 {
			t.Errorf("%s fails: %d sessions, want the old or the new", down, n)
		}
		if failed := down == "Replace"; failed != (err != nil) {
			t.Errorf("%s fails: %v", down, err)
		} else if failed {
			noCookie(t, w)
			if !known(t, m, old) || s.Record().User != "" || s.Handle() != load(t, m, old).Handle() {
				t.Error("an error, and not the old session")
			}
		} else if known(t, m, old) || user(t, m, cookieOf(t, w)) != "alice" {
			t.Errorf("%s fails: no error, and not the new session", down)
		}
	}
}

// Rotate carries over what others saved since the request began.
func TestRotateAfterAnotherSave(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		old := stranger(t, m, map[string]any{"cart": "tea"})
		s, other := load(t, m, old), load(t, m, old)
		mustSet(t, other, "cart", "tea and milk")
		mustSave(t, other)
		w := httptest.NewRecorder()
		if err := s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, []string{"cart"}, nil); err != nil {
			t.Fatal(err)
		}
		if got := text(load(t, m, cookieOf(t, w)), "cart"); got != "tea and milk" {
			t.Errorf("the cart is %q", got)
		}
		if known(t, m, old) {
			t.Error("the old id still leads to a session")
		}
	})
}

// A double click on a login form signs in twice and works; what was decided on
// the ground of somebody's session does not hold when that has ended.
func TestRotateOfAnEndedSession(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		for _, was := range []string{"", "alice"} {
			old := signIn(t, m, sessions.Record{User: was}, map[string]any{"cart": "tea"})
			first, second := load(t, m, old), load(t, m, old)
			if err := first.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "bob"}, nil, nil); err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			err := second.Rotate(t.Context(), w, sessions.Record{User: "bob"}, []string{"cart"}, nil)
			if was != "" {
				wantErr(t, "step-up", err, sessions.ErrGone)
				noCookie(t, w)
				continue
			}
			if err != nil {
				t.Fatalf("double click: %v", err)
			}
			if s := load(t, m, cookieOf(t, w)); s.Record().User != "bob" || text(s, "cart") != "tea" {
				t.Error("double click: not signed in, or without the cart")
			}
		}
		if list, err := m.List(t.Context(), "bob"); len(list) != 3 || err != nil {
			t.Errorf("bob has %d sessions, want 3, %v", len(list), err)
		}
	})
}

// Of step-ups that race on one session, one wins.
func TestConcurrentRotations(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		old := signIn(t, m, sessions.Record{User: "alice"}, nil)
		var won atomic.Int32
		var group sync.WaitGroup
		start := make(chan struct{})
		for range 20 {
			s := load(t, m, old)
			group.Go(func() {
				<-start
				w := httptest.NewRecorder()
				switch err := s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, sessions.ErrGone):
					t.Errorf("Rotate: %v", err)
				default:
					noCookie(t, w)
				}
			})
		}
		close(start)
		group.Wait()
		if n, _ := m.Count(t.Context()); won.Load() != 1 || n != 1 {
			t.Errorf("%d rotations won, %d sessions", won.Load(), n)
		}
	})
}

// B08: signing out deletes the record, expires the cookie, and the next write
// has a new id.
func TestEnd(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"secret": "1"})
		s := load(t, m, cookie)
		id := s.Record().ID
		mustSet(t, s, "unsaved", "1")
		w := httptest.NewRecorder()
		if err := s.End(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		want := []string{"__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}
		if diff := cmp.Diff(want, w.Header()["Set-Cookie"]); diff != "" {
			t.Errorf("the cookie is not expired:\n%s", diff)
		}
		if known(t, m, cookie) {
			t.Error("the old cookie still leads to a session")
		}
		if _, err := store.Find(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("the record is still there: %v", err)
		}
		if s.Handle() != "" || s.Changed() || text(s, "secret") != "" || s.Record() != (sessions.Record{}) {
			t.Error("the session is not empty")
		}

		mustSet(t, s, "a", "1")
		if err := s.Save(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		fresh := cookieOf(t, w) // in the place of the expired one
		if fresh == cookie || strings.HasSuffix(fresh, "=") {
			t.Errorf("the next write has the cookie %q", fresh)
		}
		if after := load(t, m, fresh); after.Record().User != "" || text(after, "secret") != "" || text(after, "a") != "1" {
			t.Error("the next session is not a fresh one")
		}
	})
}

// Tabs of one browser may sign out at once.
func TestEndTwice(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	for _, s := range []*sessions.Session{load(t, m, cookie), load(t, m, cookie), load(t, m)} {
		defer func() {
			if err := s.End(t.Context(), httptest.NewRecorder()); err != nil {
				t.Error(err)
			}
		}()
	}
}

// A Session is for several goroutines of one request. The race detector is the
// judge, so nothing but the Session itself may put them in order.
func TestSessionOfSeveralGoroutines(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	cookie := stranger(t, m, map[string]any{"stored": "1"})
	for name, call := range map[string]func(s *sessions.Session, key string){
		"Set":     func(s *sessions.Session, key string) { s.Set(key, "1") },
		"Delete":  func(s *sessions.Session, key string) { s.Delete(key) },
		"Get":     func(s *sessions.Session, key string) { s.Get(key, new(string)) },
		"Changed": func(s *sessions.Session, _ string) { s.Changed() },
		"Record":  func(s *sessions.Session, _ string) { s.Record() },
		"Handle":  func(s *sessions.Session, _ string) { s.Handle() },
		"Save":    func(s *sessions.Session, _ string) { s.Save(t.Context(), nil) },
		"Take":    func(s *sessions.Session, key string) { s.Take(t.Context(), key, new(string)) },
	} {
		s := load(t, m, cookie)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i, other := range []func(){
			func() { call(s, "a") }, func() { call(s, "b") }, func() { s.Set("c", "1") }, func() { s.Delete("d") },
		} {
			group.Go(func() {
				<-start
				for range 20 {
					other()
				}
				if i == 2 && text(s, "c") != "1" {
					t.Errorf("%s: what was set is not there", name)
				}
			})
		}
		close(start)
		group.Wait()
	}
}

// B44: two requests share no memory. The race detector is the judge.
func TestNoSharedMemory(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		origin := &sessions.Origin{Address: "192.0.2.1", Agent: "one"}
		cookie := signIn(t, m, sessions.Record{User: "alice", Origin: origin}, map[string]any{"list": []int{1}})
		origin.Agent = "changed by the caller"
		list := sessions.Key[[]int]("list")
		var group sync.WaitGroup
		for i := range 8 {
			own := load(t, m, cookie)
			group.Go(func() {
				v, _ := list.Get(own)
				v[0] = i // a value belongs to its caller
				if r := own.Record(); r.Origin != nil {
					r.Origin.Agent = "changed by a request"
				}
				insist(t, own, fmt.Sprint("key ", i), i)
				listed, err := m.List(t.Context(), "alice")
				if err != nil || len(listed) != 1 {
					t.Errorf("List: %d, %v", len(listed), err)
					return
				}
				if got := listed[0].Origin.Agent; got != "one" {
					t.Errorf("the stored agent is %q", got)
				}
				listed[0].Origin.Agent = "changed by a list"
			})
		}
		group.Wait()
		s := load(t, m, cookie)
		if v, _ := list.Get(s); !slices.Equal(v, []int{1}) {
			t.Errorf("the stored list is %v", v)
		}
		for i := range 8 {
			if n, ok := sessions.Key[int](fmt.Sprint("key ", i)).Get(s); !ok || n != i {
				t.Errorf("key %d is %d, %t", i, n, ok)
			}
		}
	})
}

// F16: the zero Session, and one without a Keeper, are empty and store
// nothing.
func TestSessionWithoutKeeper(t *testing.T) {
	t.Parallel()
	data, err := sessions.Encode(map[string]string{"a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	orphan := new(sessions.Session)
	orphan.Open(nil, sessions.Record{Version: 1, Data: data})
	for name, s := range map[string]*sessions.Session{"zero": new(sessions.Session), "orphan": orphan} {
		w := httptest.NewRecorder()
		if err := s.Save(t.Context(), w); err != nil {
			t.Errorf("%s: Save of no change: %v", name, err)
		}
		if name == "zero" && (s.Handle() != "" || s.Record().Version != 0) {
			t.Error("the zero Session has a record")
		}
		if _, err := s.Take(t.Context(), "a", new(int)); name == "orphan" && !errors.Is(err, sessions.ErrNoKeeper) {
			t.Errorf("%s: Take: %v", name, err)
		}
		mustSet(t, s, "b", 1)
		wantErr(t, name+" Save", s.Save(t.Context(), w), sessions.ErrNoKeeper)
		wantErr(t, name+" Rotate", s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil), sessions.ErrNoKeeper)
		wantErr(t, name+" End", s.End(t.Context(), w), sessions.ErrNoKeeper)
		if ok, err := s.Get("none", nil); ok || err != nil {
			t.Errorf("%s: Get: %t, %v", name, ok, err)
		}
		s.Delete("b")
		noCookie(t, w)
	}
}
