package scs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/scs"
)

// A backend keeps bytes, and fails where a test says.
type backend struct {
	mu       sync.Mutex
	data     map[string][]byte
	expiries []time.Time
	fails    map[string]error // by method
	before   func(method string)
}

func newBackend() *backend {
	return &backend{data: make(map[string][]byte), fails: make(map[string]error)}
}

func (b *backend) enter(method string) (func(), error) {
	if b.before != nil {
		b.before(method)
	}
	b.mu.Lock()
	return b.mu.Unlock, b.fails[method]
}

func (b *backend) Find(token string) ([]byte, bool, error) {
	done, err := b.enter("Find")
	defer done()
	data, ok := b.data[token]
	return data, ok, err
}

func (b *backend) Commit(token string, data []byte, expiry time.Time) error {
	done, err := b.enter("Commit")
	defer done()
	if err == nil {
		b.data[token] = data
		b.expiries = append(b.expiries, expiry)
	}
	return err
}

func (b *backend) Delete(token string) error {
	done, err := b.enter("Delete")
	defer done()
	if err == nil {
		delete(b.data, token)
	}
	return err
}

// A ctxBackend takes contexts, and can be iterated.
type ctxBackend struct {
	*backend
	calls []string
}

func (b *ctxBackend) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	b.calls = append(b.calls, "FindCtx")
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	return b.Find(token)
}

func (b *ctxBackend) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	b.calls = append(b.calls, "CommitCtx")
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.Commit(token, data, expiry)
}

func (b *ctxBackend) DeleteCtx(ctx context.Context, token string) error {
	b.calls = append(b.calls, "DeleteCtx")
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.Delete(token)
}

func (b *ctxBackend) AllCtx(ctx context.Context) (map[string][]byte, error) {
	b.calls = append(b.calls, "AllCtx")
	return b.data, ctx.Err()
}

func record(id byte, user string) sessions.Record {
	hour := time.Now().Add(time.Hour).UnixMilli()
	return sessions.Record{
		ID: sessions.ID{id}, User: user, Version: 1, Idle: hour, Absolute: hour,
		Origin: &sessions.Origin{Realm: "session"},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, want, got error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// What is lost is said once, in one line, when the store is made.
func TestSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		backend  scs.Backend
		want, no string
	}{
		"plain":    {newBackend(), "cannot be listed", "read every session"},
		"iterable": {memstore.NewWithCleanupInterval(0), "read every session", "cannot be listed"},
		"no ctx":   {newBackend(), "not cut by its context", "read every session"},
		"ctx":      {&ctxBackend{backend: newBackend()}, "two instances may overwrite each other's change", "not cut by its context"},
	} {
		var log bytes.Buffer
		sessions.New(scs.New(c.backend, &scs.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), nil)
		line := log.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, "level=WARN") || !strings.Contains(line, fmt.Sprintf("%T", c.backend)) ||
			!strings.Contains(line, c.want) || strings.Contains(line, c.no) {
			t.Errorf("%s: got %q, want one line with %q and without %q", name, line, c.want, c.no)
		}
	}
}

// F16: a store without a backend is a mistake of wiring.
func TestNewPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("New(nil) did not panic")
		}
	}()
	scs.New(nil, nil)
}

// B09: what ended in this process stays ended here, although another instance
// brings its row back.
func TestEndedStaysEndedHere(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, s *scs.Store, r sessions.Record) error{
		"Delete": func(ctx context.Context, s *scs.Store, r sessions.Record) error { return s.Delete(ctx, r.ID) },
		"Replace": func(ctx context.Context, s *scs.Store, r sessions.Record) error {
			return s.Replace(ctx, r.ID, 1, record(9, "alice"))
		},
		"DeleteUser": func(ctx context.Context, s *scs.Store, r sessions.Record) error {
			_, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{})
			return err
		},
		"DeleteRealm": func(ctx context.Context, s *scs.Store, _ sessions.Record) error {
			_, err := s.DeleteRealm(ctx, "session")
			return err
		},
	} {
		ctx := t.Context()
		b := &ctxBackend{backend: newBackend()}
		here, elsewhere := scs.New(b, quiet), scs.New(b, quiet)
		r := record(1, "alice")
		must(t, here.Create(ctx, r))
		must(t, end(ctx, here, r))
		wantError(t, name+": Create of the id anew", sessions.ErrConflict, here.Create(ctx, r))
		_, err := elsewhere.Find(ctx, r.ID)
		wantError(t, name+": Find elsewhere", sessions.ErrNotFound, err)

		must(t, elsewhere.Create(ctx, r)) // as a late save there would
		_, err = here.Find(ctx, r.ID)
		wantError(t, name+": Find", sessions.ErrNotFound, err)
		wantError(t, name+": Update", sessions.ErrNotFound, here.Update(ctx, r, 1))
		wantError(t, name+": Replace", sessions.ErrNotFound, here.Replace(ctx, r.ID, 1, record(2, "alice")))
		list, err := here.List(ctx, "session", "alice")
		for _, listed := range list {
			if listed.ID == r.ID {
				t.Errorf("%s: the record is listed (error %v)", name, err)
			}
		}
	}
}

// The page says that two instances may overwrite each other's change: the
// second reads the version before the first has written.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := newBackend()
	one, two := scs.New(b, quiet), scs.New(b, quiet)
	r := record(1, "alice")
	must(t, one.Create(ctx, r))
	first := true
	b.before = func(method string) {
		if method == "Commit" && first {
			first = false
			r := r
			r.Data = "two"
			must(t, two.Update(ctx, r, 1))
		}
	}
	r.Data = "one"
	must(t, one.Update(ctx, r, 1))
	got, err := two.Find(ctx, r.ID)
	if err != nil || got.Data != "one" || got.Version != 2 {
		t.Errorf("got %+v and error %v, want the later write, as if there had been one", got, err)
	}

	// In one instance the same is a conflict: writers take turns.
	must(t, one.Update(ctx, r, 2))
	wantError(t, "Update", sessions.ErrConflict, one.Update(ctx, r, 2))
}

// B26: a backend that fails is an error, never a stranger. With each error
// nothing is stored, and of a Replace the old record stays.
func TestBackendFails(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	old, next := record(1, "alice"), record(2, "alice")
	for _, c := range []struct {
		call, fails string
		f           func(context.Context, *scs.Store) error
	}{
		{"Find", "Find", func(ctx context.Context, s *scs.Store) error { _, err := s.Find(ctx, old.ID); return err }},
		{"Create", "Find", func(ctx context.Context, s *scs.Store) error { return s.Create(ctx, next) }},
		{"Create", "Commit", func(ctx context.Context, s *scs.Store) error { return s.Create(ctx, next) }},
		{"Update", "Find", func(ctx context.Context, s *scs.Store) error { return s.Update(ctx, old, 1) }},
		{"Update", "Commit", func(ctx context.Context, s *scs.Store) error { return s.Update(ctx, old, 1) }},
		{"Touch", "Find", func(ctx context.Context, s *scs.Store) error { return s.Touch(ctx, old.ID, 0, 0) }},
		{"Touch", "Commit", func(ctx context.Context, s *scs.Store) error { return s.Touch(ctx, old.ID, 0, 0) }},
		{"Delete", "Delete", func(ctx context.Context, s *scs.Store) error { return s.Delete(ctx, old.ID) }},
		{"Replace", "Find", func(ctx context.Context, s *scs.Store) error { return s.Replace(ctx, old.ID, 1, next) }},
		{"Replace", "Commit", func(ctx context.Context, s *scs.Store) error { return s.Replace(ctx, old.ID, 1, next) }},
		{"Replace", "Delete", func(ctx context.Context, s *scs.Store) error { return s.Replace(ctx, old.ID, 1, next) }},
		{"Once", "Find", func(ctx context.Context, s *scs.Store) error { return s.Once(ctx, next.ID, time.Now()) }},
		{"Once", "Commit", func(ctx context.Context, s *scs.Store) error { return s.Once(ctx, next.ID, time.Now()) }},
	} {
		name := c.call + " when " + c.fails + " fails"
		b := newBackend()
		s := scs.New(b, quiet)
		must(t, s.Create(t.Context(), old))
		b.fails[c.fails] = down
		wantError(t, name, down, c.f(t.Context(), s))
		delete(b.fails, c.fails)
		if got, err := s.Find(t.Context(), old.ID); err != nil || got.Version != 1 {
			t.Errorf("%s: the old record is %+v (error %v)", name, got, err)
		}
		_, err := s.Find(t.Context(), next.ID)
		wantError(t, name+": Find of the new record", sessions.ErrNotFound, err)
	}
}

// B06: whoever looks while a Replace is between its two writes waits, and sees
// neither both records nor none.
func TestReplaceIsOneStepHere(t *testing.T) {
	t.Parallel()
	b := newBackend()
	s := scs.New(b, quiet)
	old, next := record(1, "alice"), record(2, "alice")
	must(t, s.Create(t.Context(), old))
	looked := false
	b.before = func(method string) {
		if method != "Delete" {
			return
		}
		looked = true
		for name, r := range map[string]sessions.Record{"old": old, "new": next} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := s.Find(ctx, r.ID)
			cancel()
			wantError(t, "Find of the "+name+" record", context.DeadlineExceeded, err)
		}
	}
	must(t, s.Replace(t.Context(), old.ID, 1, next))
	if !looked {
		t.Error("nobody looked")
	}
}

// A Replace that could not delete the old record takes the new one out again,
// with a context that is over too.
func TestReplaceIsUndone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := &ctxBackend{backend: newBackend()}
	s := scs.New(b, quiet)
	old, next := record(1, "alice"), record(2, "alice")
	must(t, s.Create(ctx, old))
	deletes := 0
	b.before = func(method string) {
		if method == "Delete" {
			if deletes++; deletes == 1 {
				b.fails["Delete"] = errors.New("down")
				cancel()
			} else {
				delete(b.fails, "Delete")
			}
		}
	}
	if err := s.Replace(ctx, old.ID, 1, next); err == nil {
		t.Error("Replace: got no error")
	}
	if len(b.data) != 1 {
		t.Errorf("%d rows, want that of the old record", len(b.data))
	}
	if _, err := s.Find(t.Context(), old.ID); err != nil {
		t.Errorf("the old record: %v", err)
	}
}

// B30: a backend that takes a context gets the request's; for any other the
// context counts before the call and while waiting for a turn.
func TestContext(t *testing.T) {
	t.Parallel()
	b := &ctxBackend{backend: newBackend()}
	s := scs.New(b, quiet)
	r := record(1, "alice")
	must(t, s.Create(t.Context(), r))
	must(t, s.Delete(t.Context(), r.ID))
	_, err := s.Count(t.Context(), "session", time.Now())
	must(t, err)
	if got, want := strings.Join(b.calls, " "), "FindCtx CommitCtx DeleteCtx AllCtx"; got != want {
		t.Errorf("calls %q, want %q", got, want)
	}

	plain := newBackend()
	s = scs.New(plain, quiet)
	must(t, s.Create(t.Context(), r))
	began, hang := make(chan struct{}), make(chan struct{})
	var hung atomic.Bool
	plain.before = func(string) {
		if !hung.Swap(true) {
			close(began)
			<-hang
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Update(t.Context(), r, 1); err != nil {
			t.Error(err)
		}
	})
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.Find(ctx, r.ID)
	wantError(t, "Find behind a writer that hangs", context.DeadlineExceeded, err)
	wantError(t, "Delete behind a writer that hangs", context.DeadlineExceeded, s.Delete(ctx, r.ID))
	_, err = scs.New(plain, quiet).DeleteUser(ctx, "session", "alice", sessions.ID{})
	wantError(t, "DeleteUser with a context that is over", context.DeadlineExceeded, err)
	close(hang)
	wg.Wait()
}

// A store that cannot be iterated has no lists, and says so.
func TestNotIterable(t *testing.T) {
	t.Parallel()
	m := sessions.New(scs.New(newBackend(), quiet), nil)
	_, err := m.List(t.Context(), "alice")
	wantError(t, "List", sessions.ErrUnsupported, err)
	_, err = m.RevokeUser(t.Context(), "alice")
	wantError(t, "RevokeUser", sessions.ErrUnsupported, err)
	_, err = m.RevokeAll(t.Context())
	wantError(t, "RevokeAll", sessions.ErrUnsupported, err)
	_, err = m.Count(t.Context())
	wantError(t, "Count", sessions.ErrUnsupported, err)
	wantError(t, "Sweep", sessions.ErrUnsupported, m.Sweep(t.Context(), 0))
}

// Lists pass over what is no record of ours.
func TestForeignRows(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := memstore.NewWithCleanupInterval(0)
	s := scs.New(b, quiet)
	r := record(1, "alice")
	must(t, s.Create(ctx, r))
	must(t, s.Once(ctx, [32]byte{1}, time.Now().Add(time.Hour)))
	later := time.Now().Add(time.Hour)
	must(t, b.Commit("short", []byte("x"), later))
	must(t, b.Commit(strings.Repeat("A", 43), []byte("a session of scs itself"), later))
	must(t, b.Commit(strings.Repeat("!", 43), []byte("no token"), later))
	list, err := s.List(ctx, "session", "alice")
	if err != nil || len(list) != 1 || list[0].ID != r.ID {
		t.Errorf("got %+v and error %v, want the one record", list, err)
	}
	_, err = s.Find(ctx, sessions.ID{}) // 43 times A
	wantError(t, "Find of a row that is no record", sessions.ErrCorrupt, err)
}

// B12, B14: the Manager judges time. The backend's deadline comes an hour
// after the record's, and never at once.
func TestBackendDeadlines(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const year = 365 * 24 * time.Hour
	for name, c := range map[string]struct{ idle, absolute, want time.Duration }{
		"idle first":     {2 * time.Hour, 9 * time.Hour, 3 * time.Hour},
		"absolute first": {9 * time.Hour, 2 * time.Hour, 3 * time.Hour},
		"expired":        {-9 * time.Hour, time.Hour, time.Hour},
		"for ever":       {9 * year, 9 * year, year + time.Hour},
	} {
		b := newBackend()
		s := scs.New(b, quiet)
		r := record(1, "alice")
		r.Idle, r.Absolute = now.Add(c.idle).UnixMilli(), now.Add(c.absolute).UnixMilli()
		must(t, s.Create(t.Context(), r))
		if got := b.expiries[0].Sub(now); got < c.want-time.Second || got > c.want+time.Minute {
			t.Errorf("%s: the backend's deadline is in %v, want %v", name, got, c.want)
		}
	}
}

// B02: nothing that the backend holds works as a cookie.
func TestStoredTokensAreNoCookies(t *testing.T) {
	t.Parallel()
	b := newBackend()
	m := sessions.New(scs.New(b, quiet), nil)
	session, err := sessions.Load(m, httptest.NewRequest("GET", "/", nil))
	must(t, err)
	w := httptest.NewRecorder()
	must(t, session.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil))
	cookie := w.Result().Cookies()[0]
	tried := 0
	for token := range b.data {
		for value, want := range map[string]string{token: "", cookie.Value: "alice"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Cookie", cookie.Name+"="+value)
			session, err := sessions.Load(m, r)
			must(t, err)
			if got := session.Record().User; got != want {
				t.Errorf("cookie %q: got user %q, want %q", value, got, want)
			}
			tried++
		}
	}
	if tried != 2 {
		t.Errorf("tried %d cookies, want 2", tried)
	}
}
