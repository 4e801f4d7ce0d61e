package express_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// A memory is a Table that tests can look into.
type memory struct {
	mu    sync.Mutex
	rows  map[string]express.Row
	calls []string
	fail  string        // this call fails
	err   error         // with this; nil: it hangs
	race  func(*memory) // runs once, before the next write
}

var errDown = errors.New("the database is down")

func newMemory(rows ...express.Row) *memory {
	m := &memory{rows: make(map[string]express.Row), err: errDown}
	for _, r := range rows {
		m.rows[r.ID] = r
	}
	return m
}

func (m *memory) call(ctx context.Context, name string) error {
	m.calls = append(m.calls, name)
	if race := m.race; race != nil && name != "Find" {
		m.race = nil
		race(m)
	}
	if m.fail != name {
		return nil
	}
	if m.err == nil { // longer than anybody should wait
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
	return m.err
}

func (m *memory) Find(ctx context.Context, id string) (express.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Find"); err != nil {
		return express.Row{}, err
	}
	r, ok := m.rows[strings.TrimRight(id, " ")] // as MySQL looks for it
	if !ok {
		return r, sessions.ErrNotFound
	}
	return r, nil
}

func (m *memory) Insert(ctx context.Context, r express.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Insert"); err != nil {
		return err
	}
	m.rows[r.ID] = r
	return nil
}

func (m *memory) Update(ctx context.Context, r express.Row, was string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Update"); err != nil {
		return err
	}
	return m.swap(r.ID, was, r)
}

func (m *memory) Replace(ctx context.Context, old, was string, r express.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Replace"); err != nil {
		return err
	}
	return m.swap(old, was, r)
}

func (m *memory) swap(old, was string, r express.Row) error {
	stored, ok := m.rows[old]
	switch {
	case !ok:
		return sessions.ErrNotFound
	case stored.Data != was:
		return sessions.ErrConflict
	}
	delete(m.rows, old)
	m.rows[r.ID] = r
	return nil
}

func (m *memory) Touch(ctx context.Context, id string, expires int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Touch"); err != nil {
		return err
	}
	if r, ok := m.rows[id]; ok {
		r.Expires = max(r.Expires, expires)
		m.rows[id] = r
	}
	return nil
}

func (m *memory) Delete(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.call(ctx, "Delete"); err != nil {
		return err
	}
	delete(m.rows, id)
	return nil
}

// text is the one row's.
func (m *memory) text(t testing.TB) string { t.Helper(); return m.row(t).Data }

func (m *memory) row(t testing.TB) express.Row {
	t.Helper()
	if len(m.rows) != 1 {
		t.Fatalf("there are %d rows, want 1", len(m.rows))
	}
	for _, r := range m.rows {
		return r
	}
	panic("unreachable")
}

// What Node would sign with secret: the values are those of express-session
// itself.
const (
	secret = "keyboard cat"
	nodeID = "Q2hhbmdlIG1lIHdoZW4geW91IGNhbg_-"
	signed = "s%3AQ2hhbmdlIG1lIHdoZW4geW91IGNhbg_-.S4gjXyywQXlQhu4BiKtrd3bKBt%2FVUNDsh%2FEJkkwfwOQ"
)

// row is one that Node wrote, with a day left.
func row(data string) express.Row {
	return express.Row{ID: nodeID, Data: data, Expires: time.Now().Add(24 * time.Hour).UnixMilli()}
}

const cookieMember = `"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}`

// session is the JSON of one with more members.
func session(members string) string {
	if members != "" {
		members = "," + members
	}
	return "{" + cookieMember + members + "}"
}

// short takes the secret above, which is none for a site.
var short = &express.Options{InsecureShortSecrets: true, Logger: slog.New(slog.DiscardHandler)}

func keeper(t testing.TB, table express.Table, o *express.Options) *express.Keeper {
	t.Helper()
	var opts express.Options
	if o != nil {
		opts = *o
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.InsecureShortSecrets = true
	k, err := express.New(table, express.NumberID, []string{secret}, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// request is what a browser sends that has these cookies.
func request(t testing.TB, values ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	for _, v := range values {
		r.Header.Add("Cookie", "connect.sid="+v)
	}
	return r
}

func load(t testing.TB, k *express.Keeper, values ...string) *sessions.Session {
	t.Helper()
	s, err := sessions.Load(k, request(t, values...))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

// known tells whether the cookies lead to a session.
func known(t testing.TB, k *express.Keeper, values ...string) bool {
	t.Helper()
	_, ok, err := k.Load(request(t, values...))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return ok
}

func set(t testing.TB, k *express.Keeper, cookie, key string, v any) {
	t.Helper()
	s := load(t, k, cookie)
	if err := s.Set(key, v); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), httptest.NewRecorder()); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

// signIn rotates the session of the cookies, and returns the new cookie.
func signIn(t testing.TB, k *express.Keeper, next sessions.Record, values ...string) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := load(t, k, values...).Rotate(t.Context(), w, next, nil, nil); err != nil {
		t.Fatalf("Rotate: %v", err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies were set, want 1", len(cookies))
	}
	return cookies[0]
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func noCookie(t testing.TB, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	if lines := w.Header()["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%s: sets a cookie: %q", what, lines)
	}
}
