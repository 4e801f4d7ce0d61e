package gorilla_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/securecookie"
	gsessions "github.com/gorilla/sessions"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/gorilla"
)

const (
	tokenCookie = "__Host-session"
	storeCookie = "__Host-session-store"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	quiet  = slog.New(slog.DiscardHandler)
)

func newKeeper(t *testing.T, store gsessions.Store, o gorilla.Options) *gorilla.Keeper {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	k, err := gorilla.NewKeeper(t.Context(), store, &o)
	must(t, err)
	return k
}

// backends are stores that keep sessions on the server, each in a way of its
// own.
func backends(t *testing.T) map[string]gsessions.Store {
	all := map[string]gsessions.Store{"files": gsessions.NewFilesystemStore(t.TempDir(), secret)}
	for name, change := range map[string]func(*table){
		"table":           func(*table) {},
		"updates":         func(s *table) { s.updates = true },
		"knows no delete": func(s *table) { s.keeps = true },
		"hides errors":    func(s *table) { s.neverNew, s.byRequest = true, true },
		"contexts":        func(s *table) { s.contexts = true },
		"JSON":            func(s *table) { s.json = true },
		"says it its way": func(s *table) { s.unknown = errors.New("no such session") },
	} {
		s := newTable()
		change(s)
		all[name] = s
	}
	return all
}

// The life of a session over every kind of store. B04, B07, B08: as
// over a Store of our own.
func TestKeeper(t *testing.T) {
	t.Parallel()
	for name, store := range backends(t) {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, store, gorilla.Options{})
			alice, bob := newBrowser(k), newBrowser(k)
			if s := alice.load(t); s.Handle() != "" {
				t.Error("a stranger has a session")
			}

			// Values of a stranger, and then a sign-in.
			w := httptest.NewRecorder()
			s := alice.load(t)
			must(t, s.Set("cart", "tea"))
			must(t, s.Set("seen", 1))
			must(t, s.Save(t.Context(), w))
			alice.take(w)
			before, anonymous := maps.Clone(alice.jar), alice.load(t).Record()
			w = httptest.NewRecorder()
			must(t, alice.load(t).Rotate(t.Context(), w, sessions.Record{User: "alice"}, []string{"cart"}, map[string]any{"hello": true}))
			alice.take(w)
			bob.signIn(t, "bob")

			after := alice.load(t)
			if got := after.Record(); got.User != "alice" || got.ID == anonymous.ID || got.Version != 1 {
				t.Errorf("signed in as %+v", got)
			}
			for key, want := range map[string]bool{"cart": true, "hello": true, "seen": false} {
				var v any
				if got, err := after.Get(key, &v); got != want || err != nil {
					t.Errorf("value %q: got %t and error %v, want %t", key, got, err, want)
				}
			}
			for name := range before {
				if before[name] == alice.jar[name] {
					t.Errorf("cookie %s is the one from before the sign-in", name)
				}
			}
			old := &browser{keeper: k, jar: before}
			if old.load(t).Handle() != "" {
				t.Error("the old cookies still have a session")
			}

			// Two requests at once: different keys merge, one key is a conflict.
			one, two := alice.load(t), alice.load(t)
			must(t, one.Set("a", 1))
			must(t, two.Set("b", 2))
			must(t, one.Save(t.Context(), nil))
			must(t, two.Save(t.Context(), nil))
			three := alice.load(t)
			must(t, three.Set("b", 3))
			must(t, two.Set("b", 4))
			must(t, three.Save(t.Context(), nil))
			wantError(t, "Save of a key that another request changed", sessions.ErrConflict, two.Save(t.Context(), nil))
			must(t, two.Set("c", 5)) // on what the conflict returned
			must(t, two.Save(t.Context(), nil))
			if got, want := alice.load(t).Record().Version, int64(5); got != want {
				t.Errorf("version %d, want %d", got, want)
			}

			// A sign-in while another request saves.
			s, other := alice.load(t), alice.load(t)
			must(t, other.Set("d", 6))
			must(t, other.Save(t.Context(), nil))
			w = httptest.NewRecorder()
			must(t, s.Rotate(t.Context(), w, sessions.Record{User: "alice", AuthTime: 1}, []string{"a", "d"}, nil))
			alice.take(w)
			if got := alice.load(t); got.Record().Version != 1 || got.Record().User != "alice" {
				t.Errorf("signed in again as %+v", got.Record())
			}
			must(t, s.Set("e", 7)) // by the request that signed in
			must(t, s.Save(t.Context(), nil))

			// Signed out, against what still runs.
			late, rotating := alice.load(t), alice.load(t)
			copied := maps.Clone(alice.jar)
			alice.signOut(t)
			if len(alice.jar) != 0 {
				t.Errorf("cookies %v are left", slices.Collect(maps.Keys(alice.jar)))
			}
			// B09: and brings nothing back.
			must(t, late.Set("late", true))
			wantError(t, "Save", sessions.ErrGone, late.Save(t.Context(), nil))
			wantError(t, "Rotate", sessions.ErrGone, rotating.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "alice"}, nil, nil))
			for where, keeper := range map[string]*gorilla.Keeper{"here": k, "elsewhere": newKeeper(t, store, gorilla.Options{})} {
				thief := &browser{keeper: keeper, jar: copied}
				if got := thief.user(t); got != "" {
					t.Errorf("signed out, and %s the cookies are still those of %q", where, got)
				}
			}
			if got := bob.user(t); got != "bob" {
				t.Errorf("got user %q, want bob", got)
			}
			bob.signOut(t)
		})
	}
}

// B43: of two requests one takes the value.
func TestTake(t *testing.T) {
	t.Parallel()
	for name, store := range backends(t) {
		b := newBrowser(newKeeper(t, store, gorilla.Options{}))
		w := httptest.NewRecorder()
		must(t, b.load(t).Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, map[string]any{"flash": "hello"}))
		b.take(w)
		won, one, two := 0, b.load(t), b.load(t)
		for _, s := range []*sessions.Session{one, two} {
			var v string
			got, err := s.Take(t.Context(), "flash", &v)
			if err != nil || got && v != "hello" {
				t.Errorf("%s: took %q, error %v", name, v, err)
			}
			if got {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%s: %d requests took it, want 1", name, won)
		}
	}
}

// B16, B17, B40: the cookies are ours, whatever the store's Options say.
func TestCookies(t *testing.T) {
	t.Parallel()
	store := gsessions.NewFilesystemStore(t.TempDir(), secret)
	store.Options = &gsessions.Options{Path: "/app", Domain: "example.com", MaxAge: 5, SameSite: http.SameSiteNoneMode}
	for _, c := range []struct {
		o        gorilla.Options
		remember bool
		want     []string
	}{
		{gorilla.Options{}, false, []string{"__Host-session=…; Path=/; HttpOnly; Secure; SameSite=Lax", "__Host-session-store=…; Path=/; HttpOnly; Secure; SameSite=Lax"}},
		{gorilla.Options{Options: sessions.Options{Name: "admin", InsecureHTTP: true, RememberAbsolute: time.Hour}}, true,
			[]string{"admin=…; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", "admin-store=…; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newKeeper(t, store, c.o)
			w := httptest.NewRecorder()
			must(t, newBrowser(k).load(t).Rotate(t.Context(), w, sessions.Record{User: "alice", Remember: c.remember}, nil, nil))
			var got []string
			for _, line := range w.Header()["Set-Cookie"] {
				name, rest, _ := strings.Cut(line, "=")
				_, rest, _ = strings.Cut(rest, ";")
				got = append(got, name+"=…;"+rest)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("cookies\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", got)
			}
		})
	}
}

// Of two sign-ins in one response the browser gets the cookies of the last.
func TestTwoSignIns(t *testing.T) {
	t.Parallel()
	b := newBrowser(newKeeper(t, newTable(), gorilla.Options{}))
	s, w := b.load(t), httptest.NewRecorder()
	for _, user := range []string{"alice", "bob"} {
		must(t, s.Rotate(t.Context(), w, sessions.Record{User: user}, nil, nil))
	}
	b.take(w)
	if got := len(w.Header()["Set-Cookie"]); got != 2 || b.user(t) != "bob" {
		t.Errorf("%d cookies of user %q, want 2 of bob", got, b.user(t))
	}
}

// B02: neither what the store holds nor half of what the browser holds is a
// session.
func TestHalfIsNothing(t *testing.T) {
	t.Parallel()
	store := newTable() // its ids are its cookies
	k := newKeeper(t, store, gorilla.Options{})
	alice, bob := newBrowser(k), newBrowser(k)
	alice.signIn(t, "alice")
	bob.signIn(t, "bob")
	for name, jar := range map[string]map[string]string{
		"the token alone":             {tokenCookie: alice.jar[tokenCookie]},
		"the store's cookie alone":    {storeCookie: alice.jar[storeCookie]},
		"with another's cookie":       {tokenCookie: alice.jar[tokenCookie], storeCookie: bob.jar[storeCookie]},
		"the store's id as a token":   {tokenCookie: alice.jar[storeCookie], storeCookie: alice.jar[storeCookie]},
		"a token that nobody has":     {tokenCookie: strings.Repeat("A", 43), storeCookie: alice.jar[storeCookie]},
		"a cookie of nobody's":        {tokenCookie: alice.jar[tokenCookie], storeCookie: "unknown"},
		"an empty one of the store's": {tokenCookie: alice.jar[tokenCookie], storeCookie: ""},
	} {
		b := &browser{keeper: k, jar: jar}
		if got := b.load(t).Record(); got.Version != 0 {
			t.Errorf("%s: got %+v, want a stranger", name, got)
		}
	}
	for row := range store.rows {
		b := &browser{keeper: k, jar: map[string]string{tokenCookie: row, storeCookie: row}}
		if got := b.user(t); got != "" {
			t.Errorf("the row's id signs in %q", got)
		}
	}
	if alice.user(t) != "alice" || bob.user(t) != "bob" {
		t.Error("a session was ended by that")
	}
}

// A cookie that does not decode is a stranger's, and the store is asked about
// four of them at most.
func TestMalformedCookies(t *testing.T) {
	t.Parallel()
	files := newBrowser(newKeeper(t, gsessions.NewFilesystemStore(t.TempDir(), secret), gorilla.Options{}))
	files.signIn(t, "alice")
	files.jar[storeCookie] = "x" + files.jar[storeCookie]
	if got := files.user(t); got != "" {
		t.Errorf("got user %q, want a stranger", got)
	}

	b := newBrowser(newKeeper(t, newTable(), gorilla.Options{}))
	other := newBrowser(b.keeper)
	b.signIn(t, "alice")
	other.signIn(t, "bob")
	for n, want := range map[int]string{0: "alice", 3: "alice", 4: "", 100: ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: tokenCookie, Value: b.jar[tokenCookie]})
		for range n {
			r.AddCookie(&http.Cookie{Name: storeCookie, Value: other.jar[storeCookie]})
		}
		r.AddCookie(&http.Cookie{Name: storeCookie, Value: b.jar[storeCookie]})
		rec, _, err := b.keeper.Load(r)
		if rec.User != want || err != nil {
			t.Errorf("behind %d others: got user %q and error %v, want %q", n, rec.User, err, want)
		}
	}
}

// What each call costs the store.
func TestTrips(t *testing.T) {
	t.Parallel()
	store := newTable()
	b := newBrowser(newKeeper(t, store, gorilla.Options{}))
	var s *sessions.Session
	for _, c := range []struct {
		name         string
		f            func()
		loads, saves int
	}{
		{"a stranger", func() { b.load(t) }, 0, 0},
		{"first sign-in", func() { b.signIn(t, "alice") }, 0, 1},
		{"load", func() { s = b.load(t) }, 1, 0},
		{"save", func() { must(t, s.Set("a", 1)); must(t, s.Save(t.Context(), nil)) }, 1, 1},
		{"sign-in, with its load", func() { b.signIn(t, "bob") }, 2, 2},
		{"sign-out, with its load", func() { b.signOut(t) }, 2, 1},
	} {
		store.loads, store.saves = 0, 0
		c.f()
		if store.loads != c.loads || store.saves != c.saves {
			t.Errorf("%s: %d loads and %d saves, want %d and %d", c.name, store.loads, store.saves, c.loads, c.saves)
		}
	}
}

// There is no list to show them: addresses and agents are not kept.
func TestNoAddressIsKept(t *testing.T) {
	t.Parallel()
	store := newTable()
	store.json = true
	k := newKeeper(t, store, gorilla.Options{})
	rec := sessions.Record{User: "alice", Origin: &sessions.Origin{Address: "192.0.2.7", Agent: "Firefox"}}
	next := rec
	must(t, k.Save(t.Context(), httptest.NewRecorder(), &rec))
	must(t, k.Replace(t.Context(), httptest.NewRecorder(), &sessions.Record{}, &next))
	if store.len() != 2 {
		t.Errorf("%d rows, want 2", store.len())
	}
	for _, row := range store.rows {
		values := make(map[any]any)
		must(t, store.decode(row, values))
		stored, err := base64.RawURLEncoding.DecodeString(values["passport"].(string))
		if s := string(stored); err != nil || !strings.Contains(s, "alice") || strings.Contains(s, "192.0.2.7") || strings.Contains(s, "Firefox") {
			t.Errorf("stored %q (error %v)", s, err)
		}
	}
}

// B02: realms over one store are apart, also when cookies are renamed.
func TestRealms(t *testing.T) {
	t.Parallel()
	store := newTable()
	users := newBrowser(newKeeper(t, store, gorilla.Options{}))
	users.signIn(t, "1")
	admins := newBrowser(newKeeper(t, store, gorilla.Options{Options: sessions.Options{Name: "admin"}}))
	admins.jar = map[string]string{"__Host-admin": users.jar[tokenCookie], "__Host-admin-store": users.jar[storeCookie]}
	if got := admins.user(t); got != "" {
		t.Errorf("user %q is an administrator", got)
	}
}

// B26, B27: a store that fails is an error, and touches no cookie.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	store := newTable()
	k := newKeeper(t, store, gorilla.Options{})
	b := newBrowser(k)
	b.signIn(t, "alice")
	s := b.load(t)
	store.setDown(true)
	_, err := sessions.Load(k, b.request())
	wantError(t, "Load", errDown, err)
	must(t, s.Set("a", 1))
	w := httptest.NewRecorder()
	wantError(t, "Save", errDown, s.Save(t.Context(), w))
	wantError(t, "Rotate", errDown, s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil))
	wantError(t, "End", errDown, s.End(t.Context(), w))
	wantError(t, "Save of a new one", errDown, k.Save(t.Context(), w, &sessions.Record{User: "alice"}))
	if got := w.Header(); len(got) != 0 {
		t.Errorf("headers %v, want none", got)
	}
	store.setDown(false)
	if got := b.user(t); got != "alice" {
		t.Errorf("got user %q, want alice", got)
	}
	if got := store.len(); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

// An application may know better which errors mean that there is nothing.
func TestNotFound(t *testing.T) {
	t.Parallel()
	store := newTable()
	k := newKeeper(t, store, gorilla.Options{NotFound: func(err error) bool { return errors.Is(err, errDown) }})
	b := newBrowser(k)
	b.signIn(t, "alice")
	store.setDown(true)
	if got := b.user(t); got != "" {
		t.Errorf("got user %q, want a stranger", got)
	}
}

// B35: a session that cannot be decoded is ended.
func TestCorrupt(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"no base64": "!", "no record": "AAAA"} {
		store := newTable()
		store.contexts = true
		b := newBrowser(newKeeper(t, store, gorilla.Options{}))
		b.signIn(t, "alice")
		row, err := store.encode(map[any]any{"passport": value})
		must(t, err)
		store.rows[b.jar[storeCookie]] = row
		if got := b.user(t); got != "" {
			t.Errorf("%s: got user %q", name, got)
		}
		if got := store.len(); got != 0 {
			t.Errorf("%s: %d rows, want none", name, got)
		}
	}
}

// B12, B13: both deadlines count on the server; use moves the idle one alone.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newTable()
		store.contexts = true
		b := newBrowser(newKeeper(t, store, gorilla.Options{Options: sessions.Options{Idle: time.Hour, Absolute: 3 * time.Hour}}))
		b.signIn(t, "alice")
		for range 3 {
			time.Sleep(59 * time.Minute)
			if got := b.user(t); got != "alice" {
				t.Fatalf("got user %q, want alice", got)
			}
		}
		time.Sleep(3 * time.Minute)
		if got := b.user(t); got != "" || store.len() != 0 {
			t.Errorf("at the absolute deadline: got user %q and %d rows", got, store.len())
		}
		b.signIn(t, "alice")
		time.Sleep(time.Hour)
		if got := b.user(t); got != "" || store.len() != 0 {
			t.Errorf("at the idle deadline: got user %q and %d rows", got, store.len())
		}
	})
}

// NewKeeper names what is lost over the store at hand, in one line, and leaves
// nothing in it.
func TestFindings(t *testing.T) {
	t.Parallel()
	const (
		noList   = "sessions cannot be listed, counted, swept or revoked by user"
		noOnce   = "one-time values are spent in this process's memory only"
		lostEdit = "two instances may overwrite each other's change"
		crash    = "a crash during a login may leave the old session beside the new"
		revives  = "a late save on another instance may bring back an ended session"
		hangs    = "a call that hangs is not cut by its context"
		small    = "there is no room for 64 KiB of values"
	)
	files := gsessions.NewFilesystemStore(t.TempDir(), secret)
	roomy := gsessions.NewFilesystemStore(t.TempDir(), secret)
	roomy.MaxLength(0)
	for name, c := range map[string]struct {
		store gsessions.Store
		want  []string
	}{
		"files":           {files, []string{revives, hangs, small}},
		"roomy files":     {roomy, []string{revives, hangs}},
		"table":           {newTable(), []string{revives, hangs}},
		"knows no delete": {&table{keeps: true}, []string{revives, hangs}},
		"updates":         {&table{updates: true}, []string{hangs}},
		"contexts":        {&table{updates: true, contexts: true}, nil},
		"hides errors":    {&table{neverNew: true, byRequest: true}, []string{revives, hangs}},
		"small":           {&table{updates: true, limit: 1000}, []string{hangs, small}},
	} {
		s, isTable := c.store.(*table)
		if isTable {
			s.rows, s.loaded = make(map[string][]byte), make(map[*http.Request]bool)
		}
		var log bytes.Buffer
		newKeeper(t, c.store, gorilla.Options{Options: sessions.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
		line, want := log.String(), fmt.Sprint(append([]string{noList, noOnce, lostEdit, crash}, c.want...))
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, "level=WARN") ||
			!strings.Contains(line, fmt.Sprintf("%T", c.store)) || !strings.Contains(line, "lost=\""+want+"\"") {
			t.Errorf("%s: got %s\nwant one line with %s", name, line, want)
		}
		if isTable && !s.keeps && s.len() != 0 {
			t.Errorf("%s: %d rows are left", name, s.len())
		}
	}
}

// A store that is of no use is refused, with the reason, and F16: a nil one
// panics.
func TestNewKeeperRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store gsessions.Store
		want  string
	}{
		"cookies":      {gsessions.NewCookieStore(secret), "nobody can be signed out: choose a store that keeps sessions on the server, or set Options.InsecureNoLogout"},
		"down":         {&table{down: true}, "it does not save a session: the database is down"},
		"no directory": {gsessions.NewFilesystemStore("/nowhere/at/all", secret), "it does not save a session: open /nowhere"},
		"no new":       {&table{refusesNew: true}, "it does not save a session: the database is down"},
		"no session":   {&table{noSession: true}, "the store made no session"},
		"one cookie":   {&table{oneCookie: true}, "it gives two sessions one cookie"},
		"no cookie":    {&table{noCookie: true}, "the store set no cookie"},
		"loses":        {&table{loses: true}, "it does not find what a session was changed to"},
		"only one":     {&table{onlyOne: true}, "it does not save a session: the database is down"},
		"forgets":      {&table{forgets: true}, "it does not find a session by its cookie"},
	} {
		if s, ok := c.store.(*table); ok {
			s.rows, s.loaded = make(map[string][]byte), make(map[*http.Request]bool)
		}
		k, err := gorilla.NewKeeper(t.Context(), c.store, &gorilla.Options{Options: sessions.Options{Logger: quiet}})
		if k != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), fmt.Sprintf("%T", c.store)) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
		if s, ok := c.store.(*table); ok && s.len() != 0 && !s.noCookie { // by which it could be found
			t.Errorf("%s: %d rows are left", name, s.len())
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewKeeper with no store did not panic")
		}
	}()
	_, _ = gorilla.NewKeeper(t.Context(), nil, nil)
}

// A CookieStore takes an option, and then says what that means. In this
// process a sign-out counts all the same, for as long as it is remembered.
func TestInsecureNoLogout(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := gorilla.Options{InsecureNoLogout: true, Options: sessions.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	store := gsessions.NewCookieStore(secret)
	k := newKeeper(t, store, o)
	for _, want := range []string{"a session cannot be ended", "an old cookie brings old values back", "no room for 64 KiB"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say: %s\n%s", want, log.String())
		}
	}
	b := newBrowser(k)
	b.signIn(t, "alice")
	w := httptest.NewRecorder()
	s := b.load(t)
	must(t, s.Set("a", 1))
	if err := s.Save(t.Context(), nil); err == nil {
		t.Error("Save without a response: got no error")
	}
	must(t, s.Save(t.Context(), w))
	if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie" { // B40
		t.Errorf("headers %v of a response that sets a cookie", h)
	}
	b.take(w)
	var a int
	if _, err := b.load(t).Get("a", &a); err != nil || a != 1 || b.user(t) != "alice" {
		t.Errorf("got a = %d and error %v, want 1", a, err)
	}
	copied := maps.Clone(b.jar)
	b.signOut(t)
	if got := b.user(t); got != "" {
		t.Errorf("got user %q", got)
	}
	if got := (&browser{keeper: k, jar: copied}).user(t); got != "" {
		t.Errorf("in the process that signed out, the copied cookie is that of %q", got)
	}
	if got := (&browser{keeper: newKeeper(t, store, o), jar: copied}).user(t); got != "alice" {
		t.Errorf("after a restart the copied cookie is that of %q: the page says that it counts", got)
	}

	// B18: what a browser would drop is refused, whatever the store takes.
	for _, codec := range store.Codecs {
		codec.(*securecookie.SecureCookie).MaxLength(0)
	}
	b.signIn(t, "alice")
	s = b.load(t)
	must(t, s.Set("big", strings.Repeat("x", 2950)))
	w = httptest.NewRecorder()
	wantError(t, "Save of too much", sessions.ErrTooLarge, s.Save(t.Context(), w))
	if len(w.Header()) != 0 {
		t.Errorf("headers %v, want none", w.Header())
	}
}

// The page says: kept within one process. Another instance may bring back what
// was ended here, and it stays ended here.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store   *table
		revived string
	}{
		"overwrites": {newTable(), "alice"},
		"updates":    {&table{rows: make(map[string][]byte), loaded: make(map[*http.Request]bool), updates: true}, ""},
	} {
		here := newBrowser(newKeeper(t, c.store, gorilla.Options{}))
		here.signIn(t, "alice")
		there := &browser{keeper: newKeeper(t, c.store, gorilla.Options{}), jar: maps.Clone(here.jar)}

		// There, a request reads the version; here, somebody signs out; there,
		// it writes.
		slow := &slowStore{table: c.store}
		there.keeper = newKeeper(t, slow, gorilla.Options{})
		s := there.load(t)
		must(t, s.Set("a", 1))
		slow.beforeSave = func() { slow.beforeSave = nil; here.signOut(t) }
		jar := maps.Clone(here.jar)
		must(t, s.Save(t.Context(), nil))
		if got := there.user(t); got != c.revived {
			t.Errorf("%s: there, got user %q, want %q", name, got, c.revived)
		}
		here.jar = jar
		if got := here.user(t); got != "" {
			t.Errorf("%s: here, got user %q, want nobody", name, got)
		}
	}
}

type slowStore struct {
	*table
	beforeSave func()
}

func (s *slowStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if s.beforeSave != nil {
		s.beforeSave()
	}
	return s.table.Save(r, w, session)
}

// One-time values are spent once in this process.
func TestOnce(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, newTable(), gorilla.Options{})
	later := time.Now().Add(time.Hour)
	must(t, k.Once(context.Background(), [32]byte{1}, later))
	wantError(t, "Once", sessions.ErrUsed, k.Once(context.Background(), [32]byte{1}, later))
	if got := k.Cookie("flash").Name; got != "__Host-session-flash" {
		t.Errorf("cookie %q", got)
	}
}
