package sessions_test

import (
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A store is one with all abilities.
type store interface {
	sessions.Store
	sessions.Once
	sessions.Lister
	sessions.UserDeleter
	sessions.RealmDeleter
	sessions.ExpiredDeleter
	sessions.Counter
}

// stores are what the rules that a database could break are checked on.
var stores = map[string]func(testing.TB) store{
	"memory": func(testing.TB) store { return sessions.NewMemoryStore(nil) },
	"sqlite": openSQLite,
}

// openSQLite opens a store over a new file. These tests lose no power, so the
// file need not survive that.
func openSQLite(t testing.TB) store {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "sessions.db")+"?_pragma=busy_timeout(2000)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func onEachStore(t *testing.T, check func(*testing.T, store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

// manager is a Manager that logs nothing, unless the options have a logger.
func manager(s sessions.Store, o sessions.Options) *sessions.Manager {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return sessions.New(s, &o)
}

// request is what a browser sends that has these cookies.
func request(t testing.TB, cookies ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// load is the session of a request with the cookies.
func load(t testing.TB, k sessions.Keeper, cookies ...string) *sessions.Session {
	t.Helper()
	s, err := sessions.Load(k, request(t, cookies...))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

// user is who a request with the cookies is.
func user(t testing.TB, m *sessions.Manager, cookies ...string) string {
	t.Helper()
	return load(t, m, cookies...).Record().User
}

// known tells whether the cookies lead to a session.
func known(t testing.TB, m *sessions.Manager, cookies ...string) bool {
	t.Helper()
	_, ok, err := m.Load(request(t, cookies...))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return ok
}

// cookieOf is the name and value of the one cookie that the response sets.
func cookieOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 1 {
		t.Fatalf("response sets %d cookies, want 1: %q", len(lines), lines)
	}
	pair, _, _ := strings.Cut(lines[0], ";")
	return pair
}

// noCookie fails the test when the response touches a cookie.
func noCookie(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	if lines := w.Header()["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("response sets a cookie: %q", lines)
	}
}

// signIn makes a session of the record with the values, and returns its
// cookie.
func signIn(t testing.TB, k sessions.Keeper, next sessions.Record, values map[string]any) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := load(t, k).Rotate(t.Context(), w, next, nil, values); err != nil {
		t.Fatalf("Rotate: %v", err)
	}
	return cookieOf(t, w)
}

// stranger makes a session in which nobody is signed in.
func stranger(t testing.TB, k sessions.Keeper, values map[string]any) string {
	t.Helper()
	return signIn(t, k, sessions.Record{}, values)
}

func mustSet(t testing.TB, s *sessions.Session, key string, v any) {
	t.Helper()
	if err := s.Set(key, v); err != nil {
		t.Fatalf("Set: %v", err)
	}
}

func mustSave(t testing.TB, s *sessions.Session) {
	t.Helper()
	if err := s.Save(t.Context(), httptest.NewRecorder()); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

func text(s *sessions.Session, key string) string {
	v, _ := sessions.Key[string](key).Get(s)
	return v
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}
