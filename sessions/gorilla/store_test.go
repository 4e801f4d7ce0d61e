package gorilla_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	gsessions "github.com/gorilla/sessions"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/gorilla"
)

// A counter counts what the Keeper stores, and fails where a test says.
type counter struct {
	sessions.Keeper
	loads, saves int
	down         error
}

func (k *counter) Load(r *http.Request) (sessions.Record, bool, error) {
	k.loads++
	if k.down != nil {
		return sessions.Record{}, false, k.down
	}
	return k.Keeper.Load(r)
}

func (k *counter) Save(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	k.saves++
	return k.Keeper.Save(ctx, w, rec)
}

func newCounter() *counter {
	return &counter{Keeper: sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: quiet})}
}

// visit serves one request of the browser.
func (b *browser) visit(h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h(w, b.request())
	b.take(w)
	return w
}

// The example of the gorilla package's page.
func TestGorillaPage(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	store := gorilla.NewStore(keeper)
	b := newBrowser(keeper)
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		// Get a session. We're ignoring the error resulted from decoding an
		// existing session: Get() always returns a session, even if empty.
		session, _ := store.Get(r, "session-name")
		if !session.IsNew {
			t.Error("it is not new")
		}
		// Set some session values.
		session.Values["foo"] = "bar"
		session.Values[42] = 1
		must(t, session.Save(r, w))
		session.Values[42] = 43
		// Save it before we write to the response/return from the handler.
		must(t, session.Save(r, w))
	})
	if got := len(w.Result().Cookies()); got != 1 {
		t.Errorf("%d cookies, want the one of the session", got)
	}
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session-name")
		must(t, err)
		if diff := cmp.Diff(map[any]any{"foo": "bar", 42: 43}, session.Values); diff != "" || session.IsNew {
			t.Errorf("IsNew %t, -want +got\n%s", session.IsNew, diff)
		}
		if again, _ := store.Get(r, "session-name"); again != session {
			t.Error("a second Get returns another session")
		}
		for n := range 3 { // a change to what was just saved
			session.Values["foo"] = n
			must(t, session.Save(r, nil))
		}
	})
	other := newBrowser(keeper)
	other.visit(func(_ http.ResponseWriter, r *http.Request) {
		if session, err := store.Get(r, "session-name"); err != nil || len(session.Values) != 0 {
			t.Errorf("another browser has %v (error %v)", session.Values, err)
		}
	})
	if _, err := store.Get(b.request(), "no cookie name"); err == nil {
		t.Error("Get took a name that gorilla refuses")
	}
}

// Flashes are read once.
func TestFlashes(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	store := gorilla.NewStore(keeper)
	b := newBrowser(keeper)
	var read [][]any
	handler := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session-name")
		must(t, err)
		// Get the previous flashes, if any; else set a new one.
		flashes := session.Flashes()
		if len(flashes) == 0 {
			session.AddFlash("Hello, flash messages world!")
			session.AddFlash(7, "other")
		}
		read = append(read, flashes)
		must(t, session.Save(r, w))
	}
	for range 3 {
		b.visit(handler)
	}
	if diff := cmp.Diff([][]any{nil, {"Hello, flash messages world!"}, nil}, read); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "session-name")
		if diff := cmp.Diff([]any{7, 7}, session.Flashes("other")); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

type M map[string]any

type Person struct {
	FirstName string
	Age       int
}

// Types of one's own are registered with gob, as the gorilla page says, and
// sessions.Save saves all.
func TestSaveAll(t *testing.T) {
	t.Parallel()
	gob.Register(&Person{})
	gob.Register(&M{})
	keeper := newCounter()
	store := gorilla.NewStore(keeper)
	b := newBrowser(keeper)
	person, model := &Person{"Ada", 36}, &M{"n": 1}
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		one, _ := store.Get(r, "session-one")
		two, _ := store.Get(r, "session-two")
		one.Values["person"] = person
		two.Values["model"] = model
		must(t, gsessions.Save(r, w))
	})
	if got := len(w.Result().Cookies()); got != 1 {
		t.Errorf("%d cookies, want the one of the session", got)
	}
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		one, _ := store.Get(r, "session-one")
		two, _ := store.Get(r, "session-two")
		got := []any{one.Values["person"], two.Values["model"]}
		if diff := cmp.Diff([]any{person, model}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
	if got := b.load(t).Record().Version; got != 2 {
		t.Errorf("version %d, want 2: both names are in one record", got)
	}

	type hidden struct{ A int }
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		one, _ := store.Get(r, "session-one")
		one.Values["hidden"] = hidden{1}
		if err := one.Save(r, w); err == nil {
			t.Error("a type that is not registered was saved")
		}
	})
}

// B11, B42: what did not change is not written, and a stranger who only reads
// has no session.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	store := gorilla.NewStore(keeper)
	b := newBrowser(keeper)
	read := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "s")
		must(t, err)
		must(t, session.Save(r, w))
		must(t, store.Save(r, w, session))
	}
	b.visit(read)
	if len(b.jar) != 0 || keeper.saves != 0 {
		t.Errorf("a stranger has cookies %v after %d saves", b.jar, keeper.saves)
	}
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "s")
		session.Values["a"], session.Values["b"], session.Values[3] = 1, []any{"x", 2}, 4.5
		must(t, session.Save(r, w))
		must(t, session.Save(r, w))
	})
	for range 5 {
		b.visit(read)
	}
	if keeper.saves != 1 || keeper.loads != 7 {
		t.Errorf("%d saves and %d loads, want 1 and 7", keeper.saves, keeper.loads)
	}
}

// B10: two requests at once. Different entries both stay, of one name and of
// two; the same entry is a conflict that is told.
func TestTwoRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		one, two func(map[any]any)
		want     map[any]any
		err      error
	}{
		{"different entries", set("a", 10), set("b", 20), map[any]any{"a": 10, "b": 20}, nil},
		{"a new entry each", set("c", 3), set("d", 4), map[any]any{"a": 1, "b": 2, "c": 3, "d": 4}, nil},
		{"one deletes, one changes", drop("a"), set("b", 20), map[any]any{"b": 20}, nil},
		{"both to the same", set("a", 10), set("a", 10), map[any]any{"a": 10, "b": 2}, nil},
		{"both delete", drop("a"), drop("a"), map[any]any{"b": 2}, nil},
		{"the same entry", set("a", 10), set("a", 11), map[any]any{"a": 10, "b": 2}, sessions.ErrConflict},
		{"deleted and changed", drop("a"), set("a", 11), map[any]any{"b": 2}, sessions.ErrConflict},
		{"one of several", set("a", 10), func(m map[any]any) { m["a"], m["b"] = 11, 20 }, map[any]any{"a": 10, "b": 2}, sessions.ErrConflict},
	} {
		keeper := newCounter()
		store := gorilla.NewStore(keeper)
		b := newBrowser(keeper)
		b.visit(func(w http.ResponseWriter, r *http.Request) {
			session, _ := store.Get(r, "s")
			session.Values["a"], session.Values["b"] = 1, 2
			must(t, session.Save(r, w))
		})
		r1, r2 := b.request(), b.request()
		one, _ := store.Get(r1, "s")
		two, _ := store.Get(r2, "s")
		other, _ := store.Get(r2, "other")
		c.one(one.Values)
		c.two(two.Values)
		other.Values["x"] = "y"
		must(t, one.Save(r1, nil))
		wantError(t, c.name, c.err, two.Save(r2, nil))
		must(t, other.Save(r2, nil))
		r := b.request()
		session, _ := store.Get(r, "s")
		other, _ = store.Get(r, "other")
		if diff := cmp.Diff(c.want, session.Values); diff != "" || other.Values["x"] != "y" {
			t.Errorf("%s: other %v, -want +got\n%s", c.name, other.Values, diff)
		}
	}
}

func set(key string, v int) func(map[any]any) { return func(m map[any]any) { m[key] = v } }
func drop(key string) func(map[any]any)       { return func(m map[any]any) { delete(m, key) } }

// B09: after a sign-out elsewhere nothing is stored, and it is said.
func TestGone(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	b := newBrowser(keeper)
	b.signIn(t, "alice")
	ours, r := b.load(t), b.request()
	store := gorilla.NewStoreOf(func(context.Context) *sessions.Session { return ours })
	session, err := store.Get(r, "s")
	must(t, err)
	jar := maps.Clone(b.jar)
	b.signOut(t)
	session.Values["a"] = 1
	w := httptest.NewRecorder()
	wantError(t, "Save", sessions.ErrGone, session.Save(r, w))
	if got := (&browser{keeper: keeper, jar: jar}).load(t).Record(); got.Version != 0 || len(w.Header()) != 0 {
		t.Errorf("stored %+v, headers %v", got, w.Header())
	}
	if ours.Changed() {
		t.Error("a change is left that cannot be saved")
	}
}

// What the handler changed in our session is saved with it, and its conflict
// is told.
func TestOurChanges(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	b := newBrowser(keeper)
	b.signIn(t, "alice")
	for _, other := range []string{"theme", "language"} {
		ours, theirs, r := b.load(t), b.load(t), b.request()
		store := gorilla.NewStoreOf(func(context.Context) *sessions.Session { return ours })
		session, err := store.Get(r, other)
		must(t, err)
		session.Values["a"] = 1
		must(t, ours.Set("theme", other))
		must(t, theirs.Set(other, "theirs"))
		must(t, theirs.Save(t.Context(), nil))
		want := error(nil)
		if other == "theme" {
			want = sessions.ErrConflict
		}
		wantError(t, other, want, session.Save(r, nil))
		again, err := gorilla.NewStore(keeper).Get(b.request(), other)
		if saved := again.Values["a"] == 1; saved != (want == nil) || err != nil {
			t.Errorf("%s: saved %t (error %v), want %t", other, saved, err, want == nil)
		}
	}
}

// Where the entries clash, of that name nothing is stored; what the handler
// changed in our session itself was saved before, and stays.
func TestOurChangesStay(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	b := newBrowser(keeper)
	b.signIn(t, "alice")
	ours, r1, r2 := b.load(t), b.request(), b.request()
	store := gorilla.NewStoreOf(func(context.Context) *sessions.Session { return ours })
	mine, _ := store.Get(r1, "s")
	theirs, _ := gorilla.NewStore(keeper).Get(r2, "s")
	theirs.Values["a"] = "theirs"
	must(t, theirs.Save(r2, nil))
	must(t, ours.Set("theme", "dark"))
	mine.Values["a"], mine.Values["b"] = "mine", "mine"
	wantError(t, "Save", sessions.ErrConflict, mine.Save(r1, nil))
	var theme string
	if _, err := b.load(t).Get("theme", &theme); err != nil || theme != "dark" {
		t.Errorf("our value is %q (error %v), want dark", theme, err)
	}
	again, _ := gorilla.NewStore(keeper).Get(b.request(), "s")
	if diff := cmp.Diff(map[any]any{"a": "theirs"}, again.Values); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A negative MaxAge deletes the values of that name, and signs nobody out.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	store := gorilla.NewStore(keeper)
	b := newBrowser(keeper)
	b.signIn(t, "alice")
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"one", "two"} {
			session, _ := store.Get(r, name)
			session.Values["a"] = name
		}
		must(t, gsessions.Save(r, w))
	})
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "one")
		session.Options.MaxAge = -1
		must(t, session.Save(r, w))
	})
	if got := w.Header()["Set-Cookie"]; got != nil {
		t.Errorf("cookies %q, want none", got)
	}
	r := b.request()
	one, _ := store.Get(r, "one")
	two, _ := store.Get(r, "two")
	var stored any
	if found, err := b.load(t).Get(gorilla.Key("one"), &stored); found || err != nil {
		t.Errorf("stored %v (error %v)", stored, err)
	}
	if len(one.Values) != 0 || !one.IsNew || two.Values["a"] != "two" || b.user(t) != "alice" {
		t.Errorf("got %v, %v and user %q", one.Values, two.Values, b.user(t))
	}
}

// A negative MaxAge deletes what is stored when it is saved, not what was
// there at Get: gorilla's users sign people out with it.
func TestMaxAgeAfterAnotherTab(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stored, other any // under the name, at Get and when it is saved
		ours          any // under "ours", where the other tab has "theirs"
		err           error
	}{
		"nothing else":            {encoded(t, map[any]any{"user": 1}), nil, nil, nil},
		"the same entry":          {encoded(t, map[any]any{"user": 1}), encoded(t, map[any]any{"user": 2}), nil, nil},
		"one more entry":          {encoded(t, map[any]any{"user": 1}), encoded(t, map[any]any{"user": 1, "b": 2}), nil, nil},
		"the first entry":         {nil, encoded(t, map[any]any{"user": 2}), nil, nil},
		"what does not decode":    {"text", nil, nil, nil},
		"a clash of another kind": {encoded(t, map[any]any{"user": 1}), nil, "ours", sessions.ErrConflict},
	} {
		keeper := newCounter()
		b := newBrowser(keeper)
		b.signIn(t, "alice")
		put := func(key string, v any) {
			if v == nil {
				return
			}
			s := b.load(t)
			must(t, s.Set(key, v))
			must(t, s.Save(t.Context(), nil))
		}
		put(gorilla.Key("s"), c.stored)
		ours, r := b.load(t), b.request()
		session, _ := gorilla.NewStoreOf(func(context.Context) *sessions.Session { return ours }).Get(r, "s")
		put(gorilla.Key("s"), c.other)
		put("ours", "theirs")
		if c.ours != nil {
			must(t, ours.Set("ours", c.ours))
		}
		session.Options.MaxAge = -1
		wantError(t, name, c.err, session.Save(r, nil))
		after := b.load(t)
		var left any
		if found, err := after.Get(gorilla.Key("s"), &left); found || err != nil || ours.Changed() {
			t.Errorf("%s: %v is left (error %v), unsaved changes %t", name, left, err, ours.Changed())
		}
		if _, err := after.Get("ours", &left); left != "theirs" || err != nil {
			t.Errorf("%s: got %v (error %v), want what the other tab stored", name, left, err)
		}
		session.Options.MaxAge, session.Values["user"] = 0, 3
		must(t, session.Save(r, nil))
		again, err := gorilla.NewStore(keeper).Get(b.request(), "s")
		if diff := cmp.Diff(map[any]any{"user": 3}, again.Values); diff != "" || err != nil {
			t.Errorf("%s: signed in once more: error %v, -want +got\n%s", name, err, diff)
		}
	}
}

// B26: a Keeper that fails is an error of Get and of Save, with a session all
// the same, as gorilla's users expect.
func TestKeeperFails(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	keeper.down = errors.New("down")
	store := gorilla.NewStore(keeper)
	r := httptest.NewRequest("GET", "/", nil)
	for range 2 {
		session, err := store.Get(r, "s")
		if session == nil || !errors.Is(err, keeper.down) {
			t.Fatalf("Get: got %v and error %v", session, err)
		}
		session.Values["a"] = 1
		wantError(t, "Save", keeper.down, session.Save(r, httptest.NewRecorder()))
	}
	if keeper.loads != 1 || keeper.saves != 0 {
		t.Errorf("%d loads and %d saves, want 1 and 0", keeper.loads, keeper.saves)
	}
}

// encoded is how values are stored.
func encoded(t *testing.T, values map[any]any) []map[string][]byte {
	keeper := newCounter()
	b := newBrowser(keeper)
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := gorilla.NewStore(keeper).Get(r, "s")
		session.Values = values
		must(t, session.Save(r, w))
	})
	var stored []map[string][]byte
	_, err := b.load(t).Get(gorilla.Key("s"), &stored)
	must(t, err)
	return stored
}

// Values that do not decode any more are an error with a new session, which
// takes their place when it is saved.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	half := encoded(t, map[any]any{"x": 1, "y": 2})
	half[1]["v"] = []byte("y")
	for name, v := range map[string]any{
		"another kind of value": "text",
		"half of it":            half,
		"no gob":                []map[string][]byte{{"k": []byte("x"), "v": []byte("y")}},
	} {
		keeper := newCounter()
		store := gorilla.NewStore(keeper)
		b := newBrowser(keeper)
		s := b.load(t)
		must(t, s.Set(gorilla.Key("s"), v))
		w := httptest.NewRecorder()
		must(t, s.Save(t.Context(), w))
		b.take(w)
		b.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "s")
			if err == nil || session == nil || !session.IsNew || len(session.Values) != 0 {
				t.Fatalf("%s: got %v and error %v", name, session, err)
			}
			session.Values["a"] = 1
			must(t, session.Save(r, w))
		})
		session, err := store.Get(b.request(), "s")
		if diff := cmp.Diff(map[any]any{"a": 1}, session.Values); diff != "" || err != nil {
			t.Errorf("%s: error %v, -want +got\n%s", name, err, diff)
		}
	}
}

// The registry of a request may be older than the middleware that knows the
// session, and requests are derived from each other: it is one session.
func TestDerivedRequests(t *testing.T) {
	t.Parallel()
	keeper := newCounter()
	type key struct{}
	store := gorilla.NewStoreOf(func(ctx context.Context) *sessions.Session {
		if s, ok := ctx.Value(key{}).(*sessions.Session); ok {
			return s
		}
		return new(sessions.Session)
	})
	outer := httptest.NewRequest("GET", "/", nil)
	early, err := store.Get(outer, "early")
	must(t, err)
	early.Values["a"] = 1
	wantError(t, "Save outside", sessions.ErrNoKeeper, early.Save(outer, httptest.NewRecorder()))

	s, err := sessions.Load(keeper, outer)
	must(t, err)
	inner := outer.WithContext(context.WithValue(outer.Context(), key{}, s))
	session, err := store.Get(inner, "s")
	must(t, err)
	session.Values["b"] = 2
	w := httptest.NewRecorder()
	must(t, gsessions.Save(inner, w)) // with the registry's own request
	b := newBrowser(keeper)
	b.take(w)
	got, err := gorilla.NewStore(keeper).Get(b.request(), "s")
	if err != nil || got.Values["b"] != 2 {
		t.Errorf("got %v and error %v", got.Values, err)
	}
	if len(w.Result().Cookies()) != 1 {
		t.Errorf("cookies %v, want one", w.Result().Cookies())
	}
}

// Two Stores in one process and one request are apart.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	one, two := newCounter(), newCounter()
	stores := []*gorilla.Store{gorilla.NewStore(one), gorilla.NewStore(two)}
	r := httptest.NewRequest("GET", "/", nil)
	for i, store := range stores {
		session, err := store.New(r, "s")
		must(t, err)
		session.Values["n"] = fmt.Sprint(i)
		must(t, session.Save(r, httptest.NewRecorder()))
	}
	if one.saves != 1 || two.saves != 1 {
		t.Errorf("%d and %d saves, want 1 and 1", one.saves, two.saves)
	}
}

// F16: a Store without sessions is a mistake of wiring.
func TestNewStorePanics(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(){
		"NewStore":   func() { gorilla.NewStore(nil) },
		"NewStoreOf": func() { gorilla.NewStoreOf(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s(nil) did not panic", name)
				}
			}()
			make()
		}()
	}
}
