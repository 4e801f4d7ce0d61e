package passport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// A user of the tests. Stamp changes with the password.
type user struct{ ID, Stamp string }

func (u *user) Key() string { return u.ID }

var alice = &user{"alice", "1"}

// A directory is the application's table of users.
type directory struct {
	mu    sync.Mutex
	users map[string]user
	err   error // what every look-up returns, unless nil
}

func newDirectory(ids ...string) *directory {
	d := &directory{users: make(map[string]user)}
	for _, id := range ids {
		d.set(user{ID: id, Stamp: "1"})
	}
	return d
}

func (d *directory) byID(_ context.Context, id string) (*user, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	u, ok := d.users[id]
	if !ok {
		return nil, passport.ErrNoUser
	}
	return &u, nil
}

func (d *directory) set(u user) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users[u.ID] = u
}

func (d *directory) delete(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.users, id)
}

func (d *directory) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// errDown is an outage as drivers word it. Nothing of it may reach a client.
var errDown = errors.New("dial tcp db-7.internal:3306: user root: connection refused")

// A store is a memory store whose calls can fail, before or after they took
// effect.
type store struct {
	*sessions.MemoryStore
	mu     sync.Mutex
	calls  []string
	before func(op string) error
	after  func(op string) error
}

func (s *store) do(op string, f func() error) error {
	s.mu.Lock()
	s.calls = append(s.calls, op)
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	err := f()
	if err == nil && after != nil {
		err = after(op)
	}
	return err
}

func (s *store) Create(ctx context.Context, r sessions.Record) error {
	return s.do("Create", func() error { return s.MemoryStore.Create(ctx, r) })
}

func (s *store) Find(ctx context.Context, id sessions.ID) (r sessions.Record, err error) {
	err = s.do("Find", func() error { r, err = s.MemoryStore.Find(ctx, id); return err })
	return r, err
}

func (s *store) Update(ctx context.Context, r sessions.Record, version int64) error {
	return s.do("Update", func() error { return s.MemoryStore.Update(ctx, r, version) })
}

func (s *store) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	return s.do("Replace", func() error { return s.MemoryStore.Replace(ctx, old, version, r) })
}

func (s *store) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	return s.do("Touch", func() error { return s.MemoryStore.Touch(ctx, id, lastSeen, idle) })
}

func (s *store) Delete(ctx context.Context, id sessions.ID) error {
	return s.do("Delete", func() error { return s.MemoryStore.Delete(ctx, id) })
}

func (s *store) Once(ctx context.Context, key [32]byte, until time.Time) error {
	return s.do("Once", func() error { return s.MemoryStore.Once(ctx, key, until) })
}

// only fails the named operations; all where none is named.
func only(err error, ops ...string) func(string) error {
	return func(op string) error {
		if len(ops) == 0 || slices.Contains(ops, op) {
			return err
		}
		return nil
	}
}

func (s *store) down(ops ...string) { s.faults(only(errDown, ops...), nil) }
func (s *store) late(ops ...string) { s.faults(nil, only(errDown, ops...)) }
func (s *store) up()                { s.faults(nil, nil) }

func (s *store) faults(before, after func(string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

func (s *store) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// rows counts the stored sessions, signed in or not.
func (s *store) rows() int {
	n, err := s.Count(context.Background(), "session", time.Now())
	if err != nil {
		panic(err)
	}
	return n
}

// of are the stored sessions of a user.
func (s *store) of(id string) []sessions.Record {
	records, err := s.List(context.Background(), "session", id)
	if err != nil {
		panic(err)
	}
	return records
}

// A keeper is a Manager with a hook before each of its methods.
type keeper struct {
	*sessions.Manager
	hook func(method string)
}

func (k *keeper) call(method string) {
	if k.hook != nil {
		k.hook(method)
	}
}

func (k *keeper) Load(r *http.Request) (sessions.Record, bool, error) {
	k.call("Load")
	return k.Manager.Load(r)
}

func (k *keeper) Save(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	k.call("Save")
	return k.Manager.Save(ctx, w, rec)
}

func (k *keeper) Replace(ctx context.Context, w http.ResponseWriter, old, next *sessions.Record) error {
	k.call("Replace")
	return k.Manager.Replace(ctx, w, old, next)
}

func (k *keeper) End(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	k.call("End")
	return k.Manager.End(ctx, w, rec)
}

func (k *keeper) Once(ctx context.Context, key [32]byte, until time.Time) error {
	k.call("Once")
	return k.Manager.Once(ctx, key, until)
}

// A lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines are the lines of the log that contain s.
func (b *lockedBuffer) lines(s string) []string {
	return slices.DeleteFunc(strings.Split(b.String(), "\n"), func(line string) bool { return !strings.Contains(line, s) })
}

// An app is an application: an authenticator, a few routes, and all that can
// go wrong with them.
type app struct {
	*passport.Authenticator[*user]
	t      testing.TB
	users  *directory
	store  *store
	keeper *keeper
	log    *lockedBuffer
	mux    *http.ServeMux

	mu       sync.Mutex
	attempts []passport.Attempt
}

const sessionCookie = "__Host-session"

// secret seals in tests.
var secret = []byte("a secret of thirty-two bytes....")

// newApp makes one with the users alice, bob and root, who sign in with
// X-Key: NAME (strategy "key"), X-Pwd: NAME (factor pwd) or X-Otp: NAME
// (factor otp).
func newApp(t testing.TB, changes ...func(*passport.Config[*user])) *app {
	s := &app{t: t, users: newDirectory("alice", "bob", "root"), log: new(lockedBuffer), mux: http.NewServeMux()}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.store = &store{MemoryStore: sessions.NewMemoryStore(nil)}
	s.keeper = &keeper{Manager: sessions.New(s.store, &sessions.Options{Logger: logger})}
	c := passport.Config[*user]{
		Serializer: passport.SerializeBy((*user).Key, s.users.byID),
		Sessions:   s.keeper,
		Secrets:    [][]byte{secret},
		Logger:     logger,
		OnAttempt:  s.onAttempt,
	}
	for _, change := range changes {
		change(&c)
	}
	s.Authenticator = passport.New(c)
	s.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), s.users.byID))
	for name, factor := range map[string]string{"X-Pwd": "pwd", "X-Otp": "otp"} {
		s.UseFunc(factor, func(r *http.Request) (passport.Result[*user], error) {
			res := passport.Result[*user]{}.WithFactor(factor)
			if r.Header.Get(name) == "" {
				return res.Pass()
			}
			u, err := s.users.byID(r.Context(), r.Header.Get(name))
			if err != nil {
				return res, err
			}
			return res.Success(u)
		})
	}
	return s
}

// routes adds the routes that most tests use.
func (s *app) routes() *app {
	for _, name := range []string{"key", "pwd", "otp"} {
		s.mux.Handle("/login/"+name, s.LoginHandler(name, nil))
	}
	s.mux.Handle("/logout", s.LogoutHandler(nil))
	s.mux.Handle("/me", s.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { io.WriteString(w, u.ID) }))
	s.mux.HandleFunc("/who", s.who)
	s.mux.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		if err := s.UpdateSession(w, r, func(ses *sessions.Session) error {
			return ses.Set(r.FormValue("key"), r.FormValue("value"))
		}); err != nil {
			s.Refuse(w, r, err)
		}
	})
	s.mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		v, _ := sessions.Key[string](r.FormValue("key")).Get(s.Session(r.Context()))
		io.WriteString(w, v)
	})
	return s
}

// who writes who the user is, or nobody.
func (s *app) who(w http.ResponseWriter, r *http.Request) {
	if u, ok := s.User(r.Context()); ok {
		io.WriteString(w, u.ID)
		return
	}
	io.WriteString(w, "nobody")
}

func (s *app) onAttempt(_ context.Context, a passport.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
}

// took returns the attempts since the last call.
func (s *app) took() []passport.Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.attempts
	s.attempts = nil
	return all
}

func (s *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Handler(s.mux).ServeHTTP(w, r) }

// A browser keeps cookies between its requests.
type browser struct {
	t       testing.TB
	h       http.Handler
	cookies map[string]string
}

func newBrowser(t testing.TB, h http.Handler) *browser {
	return &browser{t, h, make(map[string]string)}
}

func (s *app) browser() *browser { return newBrowser(s.t, s) }

// as is a browser that is signed in.
func (s *app) as(id string) *browser {
	s.t.Helper()
	b := s.browser()
	b.login("key", id)
	return b
}

// login signs in by strategy key, pwd or otp.
func (b *browser) login(strategy, id string) {
	b.t.Helper()
	name := map[string]string{"key": "X-Key", "pwd": "X-Pwd", "otp": "X-Otp"}[strategy]
	if w := b.send("POST", "/login/"+strategy, name, id); w.Code != http.StatusSeeOther {
		b.t.Fatalf("login of %s by %s: %d %s", id, strategy, w.Code, w.Body)
	}
}

// clone is another browser with the same cookies now.
func (b *browser) clone() *browser { return &browser{b.t, b.h, maps.Clone(b.cookies)} }

// request makes a request with the browser's cookies and pairs of headers.
func (b *browser) request(method, target string, headers ...string) *http.Request {
	if strings.HasPrefix(target, "/") {
		target = "https://example.com" + target
	}
	r := httptest.NewRequest(method, target, nil)
	r.RequestURI = r.URL.RequestURI()
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: b.cookies[name]})
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// send makes a request and keeps the cookies of the answer.
func (b *browser) send(method, target string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do(b.request(method, target, headers...))
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	b.keep(w.Header())
	return w
}

func (b *browser) keep(header http.Header) {
	b.t.Helper()
	for _, line := range header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			b.t.Fatalf("Set-Cookie %q: %v", line, err)
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

// who is whom the application takes the browser for.
func (b *browser) who() string {
	b.t.Helper()
	w := b.send("GET", "/who")
	if w.Code != http.StatusOK {
		b.t.Fatalf("GET /who: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// panics returns what f panics with; nil if it does not.
func panics(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// code is the code of a problem.
func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		t.Fatalf("no problem: %d %v %s", w.Code, w.Header(), w.Body)
	}
	var p struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p.Code
}

// named gives an application a realm and a secret of its own.
func named(name string, secrets ...[]byte) func(*passport.Config[*user]) {
	return func(c *passport.Config[*user]) {
		manager := sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Name: name, Logger: c.Logger})
		c.Sessions, c.Secrets = manager, secrets
	}
}
