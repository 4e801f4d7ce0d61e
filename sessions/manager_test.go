package sessions_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// A sink takes every record and keeps none.
type sink struct{ sessions.Store }

func (sink) Create(context.Context, sessions.Record) error { return nil }

// B01: tokens have 256 random bits, one length, and no character that a
// cookie or a URL would escape.
func TestTokens(t *testing.T) {
	t.Parallel()
	const tokens, bits = 25_000, 256
	m := manager(sink{}, sessions.Options{})
	w := httptest.NewRecorder()
	seen := make(map[string]struct{}, tokens)
	var ones [bits]int
	for range tokens {
		if err := m.Save(t.Context(), w, new(sessions.Record)); err != nil {
			t.Fatal(err)
		}
		value := strings.TrimPrefix(cookieOf(t, w), "__Host-session=")
		token, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil || len(value) != 43 || len(token) != bits/8 {
			t.Fatalf("%q is not 32 bytes of base64url: %v", value, err)
		}
		seen[value] = struct{}{}
		for i := range ones {
			ones[i] += int(token[i/8]>>(i%8)) & 1
		}
	}
	if len(seen) != tokens {
		t.Errorf("%d of %d tokens are unique", len(seen), tokens)
	}
	// One bit of 256 leaves four sigma in one run of sixty by chance alone,
	// three do in none; a bit that is stuck is beyond a hundred.
	const sigma = 79.06 // sqrt(tokens)/2
	beyond := 0
	for i, n := range ones {
		switch off := math.Abs(float64(n) - tokens/2); {
		case off > 6*sigma:
			t.Errorf("bit %d is set in %d of %d tokens", i, n, tokens)
		case off > 4*sigma:
			beyond++
		}
	}
	if beyond > 2 {
		t.Errorf("%d bits are beyond four sigma", beyond)
	}
}

// B02: nothing in the database can be used as a cookie.
func TestStoredFieldsAreNoCookies(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		var cookies []string
		for i := range 5 {
			next := sessions.Record{User: "alice", Factors: "pwd otp", Stamp: "stamp", AuthTime: 7, Remember: i%2 == 0}
			cookies = append(cookies, signIn(t, m, next, map[string]any{"a": i}))
		}
		records, err := store.List(t.Context(), "session", "alice")
		if err != nil || len(records) != len(cookies) {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for _, r := range records {
			for field, raw := range fields(reflect.ValueOf(r)) {
				for _, try := range []string{
					string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
					base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
					base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
				} {
					if known(t, m, "__Host-session="+try) {
						t.Errorf("field %s, as %q, is a cookie", field, try)
					}
				}
			}
			if known(t, m, "__Host-session="+r.ID.Handle()) {
				t.Error("the handle is a cookie")
			}
		}
		for _, cookie := range cookies { // which shows that the tries did reach the store
			if !known(t, m, cookie) {
				t.Error("a cookie that was sent does not work")
			}
		}
	})
}

// fields are the bytes of a struct's fields by name, those behind pointers
// included.
func fields(v reflect.Value) map[string][]byte {
	all := make(map[string][]byte)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, reflect.Indirect(v.Field(i))
		switch f.Kind() {
		case reflect.Struct:
			for inner, raw := range fields(f) {
				all[name+"."+inner] = raw
			}
		case reflect.Array:
			raw := make([]byte, f.Len())
			reflect.Copy(reflect.ValueOf(raw), f)
			all[name] = raw
		case reflect.Invalid:
		default:
			all[name] = fmt.Append(nil, f.Interface())
		}
	}
	return all
}

// B03: an id that a client made up is never adopted.
func TestUnknownTokenIsNotAdopted(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		m := manager(store, sessions.Options{})
		planted := "__Host-session=" + strings.Repeat("A", 43)
		for name, store := range map[string]func(*sessions.Session, http.ResponseWriter) error{
			"Save": func(s *sessions.Session, w http.ResponseWriter) error {
				mustSet(t, s, "a", "1")
				return s.Save(t.Context(), w)
			},
			"Rotate": func(s *sessions.Session, w http.ResponseWriter) error {
				return s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil)
			},
		} {
			s := load(t, m, planted)
			if s.Record() != (sessions.Record{}) {
				t.Fatal("a made-up id has a record")
			}
			w := httptest.NewRecorder()
			if err := store(s, w); err != nil {
				t.Fatal(err)
			}
			if fresh := cookieOf(t, w); fresh == planted || !known(t, m, fresh) {
				t.Errorf("%s: new session has the cookie %q", name, fresh)
			}
			if known(t, m, planted) {
				t.Errorf("%s adopted the id", name)
			}
		}
	})
}

// B03: nor is an id that a caller left in the record.
func TestNewRecordHasNewID(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	first := sessions.Record{}
	if err := m.Save(t.Context(), httptest.NewRecorder(), &first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Version = 0
	if err := m.Save(t.Context(), httptest.NewRecorder(), &second); err != nil {
		t.Fatal(err)
	}
	if first.ID == second.ID || first.ID == (sessions.ID{}) {
		t.Error("two new records have one id")
	}
}

// Two Managers over one store have nothing of each other, also when a cookie
// is renamed.
func TestRealmsAreApart(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		customers := manager(store, sessions.Options{Name: "customers"})
		admins := manager(store, sessions.Options{Name: "admins"})
		cookie := signIn(t, customers, sessions.Record{User: "1"}, nil)
		admin := signIn(t, admins, sessions.Record{User: "1"}, nil)

		_, value, _ := strings.Cut(cookie, "=")
		for _, try := range []string{cookie, "__Host-admins=" + value} {
			if known(t, admins, try) {
				t.Errorf("%.20s… of a customer is a cookie of an administrator", try)
			}
		}
		// Each finds its own among both.
		if !known(t, customers, admin, cookie) || !known(t, admins, admin, cookie) {
			t.Error("the other realm's cookie is in the way")
		}
		handle := load(t, customers, cookie).Handle()
		wantErr(t, "Revoke in the other realm", admins.Revoke(t.Context(), "1", handle), sessions.ErrNotFound)
		for _, revoke := range []func(context.Context) (int, error){
			admins.RevokeAll,
			func(ctx context.Context) (int, error) { return admins.RevokeUser(ctx, "1") },
		} {
			admin := signIn(t, admins, sessions.Record{User: "1"}, nil)
			if n, err := revoke(t.Context()); n == 0 || err != nil || known(t, admins, admin) {
				t.Errorf("revoked %d, %v", n, err)
			}
			if !known(t, customers, cookie) {
				t.Fatal("an administrator's revocation ended a customer's session")
			}
		}
		if n, err := customers.Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d customers, %v", n, err)
		}
		if list, err := customers.List(t.Context(), "1"); len(list) != 1 || err != nil {
			t.Errorf("%d sessions of the customer, %v", len(list), err)
		}
	})
}

// B26, B27: a store that cannot answer is an error, nobody is signed in or
// out, and no cookie is touched: Load has no response to touch one on.
func TestLoadWhenStoreFails(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	store.fail("Find")
	r, ok, err := m.Load(request(t, cookie))
	wantErr(t, "Load", err, errDown)
	if ok || r != (sessions.Record{}) {
		t.Errorf("Load gave %+v, %t with an error", r, ok)
	}
	s, err := sessions.Load(m, request(t, cookie))
	wantErr(t, "sessions.Load", err, errDown)
	if s != nil {
		t.Error("sessions.Load gave a session with an error")
	}
	// A valid session must not hide that another cookie could not be judged.
	store.fail()
	other := signIn(t, m, sessions.Record{User: "bob"}, nil)
	first := true
	store.find = func(r sessions.Record) (sessions.Record, error) {
		if first {
			first = false
			return r, nil
		}
		return sessions.Record{}, errDown
	}
	_, ok, err = m.Load(request(t, cookie, other))
	wantErr(t, "Load of two cookies", err, errDown)
	if ok {
		t.Error("let in by the first of two cookies")
	}
	store.find = nil
	if user(t, m, cookie) != "alice" {
		t.Error("after the outage the session is lost")
	}
}

// A touch that fails costs the request nothing.
func TestLoadWhenTouchFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := watch()
		m := manager(store, sessions.Options{Refresh: time.Minute})
		cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
		before := load(t, m, cookie).Record()
		time.Sleep(time.Minute)
		store.taken()
		store.fail("Touch")
		if diff := cmp.Diff(before, load(t, m, cookie).Record()); diff != "" {
			t.Errorf("a touch that failed changed the session:\n%s", diff)
		}
		if !slices.Contains(store.taken(), "Touch") {
			t.Error("there was no touch")
		}
	})
}

// B28, B29: no cookie leaves for what was not stored, and none is expired for
// what was not deleted.
func TestWriteWhenStoreFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		down  string
		fresh bool
		call  func(*sessions.Session, http.ResponseWriter) error
	}{
		"Save of a new session": {"Create", true, func(s *sessions.Session, w http.ResponseWriter) error { return s.Save(t.Context(), w) }},
		"Save":                  {"Update", false, func(s *sessions.Session, w http.ResponseWriter) error { return s.Save(t.Context(), w) }},
		"Rotate of a new session": {"Create", true, func(s *sessions.Session, w http.ResponseWriter) error {
			return s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil)
		}},
		"Rotate": {"Replace", false, func(s *sessions.Session, w http.ResponseWriter) error {
			return s.Rotate(t.Context(), w, sessions.Record{User: "bob"}, nil, nil)
		}},
		"End": {"Delete", false, func(s *sessions.Session, w http.ResponseWriter) error { return s.End(t.Context(), w) }},
	} {
		store := watch()
		m := manager(store, sessions.Options{})
		cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
		s := load(t, m, cookie)
		if c.fresh {
			s = load(t, m)
		}
		mustSet(t, s, "a", "1")
		before := s.Record()
		w := httptest.NewRecorder()
		store.fail(c.down)
		wantErr(t, name, c.call(s, w), errDown)
		noCookie(t, w)
		if s.Record() != before || !s.Changed() || text(s, "a") != "1" {
			t.Errorf("%s: the session forgot something with an error", name)
		}
		store.fail()
		if n, _ := m.Count(t.Context()); n != 1 || user(t, m, cookie) != "alice" {
			t.Errorf("%s: %d sessions after the outage, cookie of %q", name, n, user(t, m, cookie))
		}
		if err := c.call(s, w); err != nil {
			t.Errorf("%s after the outage: %v", name, err)
		}
	}
}

// Nothing is stored for which no cookie can be set: a handler without a
// response is told, and does not panic. Ending takes none.
func TestWriteWithoutResponse(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	for name, call := range map[string]func() error{
		"Save of a new session": func() error {
			s := load(t, m)
			mustSet(t, s, "a", 1)
			return s.Save(t.Context(), nil)
		},
		"Rotate": func() error {
			return load(t, m, cookie).Rotate(t.Context(), nil, sessions.Record{User: "bob"}, nil, nil)
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "ResponseWriter") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, _ := m.Count(t.Context()); n != 1 || user(t, m, cookie) != "alice" {
		t.Errorf("%d sessions, cookie of %q", n, user(t, m, cookie))
	}
	if err := load(t, m, cookie).End(t.Context(), nil); err != nil || user(t, m, cookie) != "" {
		t.Errorf("End: %v, cookie of %q", err, user(t, m, cookie))
	}
}

// A conflict can only be told when the store says what is there now.
func TestConflictWhenStoreFails(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := stranger(t, m, map[string]any{"a": "1"})
	s, other := load(t, m, cookie), load(t, m, cookie)
	mustSet(t, other, "a", "2")
	mustSave(t, other)
	store.fail("Find")
	mustSet(t, s, "b", "1")
	wantErr(t, "Save", s.Save(t.Context(), nil), errDown)
	if !s.Changed() {
		t.Error("the change is forgotten")
	}
}

// B23: no log record and no error holds a token, or a key of the store: a
// short hash has to do.
func TestNoSecretsInLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	store := watch()
	m := manager(store, sessions.Options{
		Refresh: time.Nanosecond, InsecureHTTP: true,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})),
	})
	said := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("want an error")
		}
		log.WriteString(fmt.Sprintf("%v %+v %#v\n", err, err, err))
	}
	var cookies []string
	var ids []sessions.ID
	for _, name := range []string{"alice", "bob"} {
		cookie := signIn(t, m, sessions.Record{User: name}, map[string]any{"a": "1"})
		cookies = append(cookies, cookie)
		ids = append(ids, load(t, m, cookie).Record().ID)
	}

	known(t, m, cookies...) // two valid ones
	for _, down := range []string{"Find", "Delete", "Update", "Replace", "Touch"} {
		s := load(t, m, cookies[0])
		mustSet(t, s, "a", down)
		store.fail(down)
		switch w := httptest.NewRecorder(); down {
		case "Find":
			_, _, err := m.Load(request(t, cookies[0]))
			said(err)
		case "Delete":
			said(s.End(t.Context(), w))
			said(m.Revoke(t.Context(), "alice", s.Handle()))
			store.find = func(r sessions.Record) (sessions.Record, error) { r.Idle = 0; return r, nil }
			known(t, m, cookies[0])
			store.find = nil
		case "Update":
			said(s.Save(t.Context(), w))
		case "Replace":
			said(s.Rotate(t.Context(), w, sessions.Record{}, nil, nil))
		case "Touch":
			known(t, m, cookies[0])
		}
		store.fail()
	}
	said(m.Revoke(t.Context(), "alice", strings.TrimPrefix(cookies[0], "session=")))
	store.find = func(r sessions.Record) (sessions.Record, error) { r.Data = "corrupt"; return r, nil }
	known(t, m, cookies[0])

	for _, hint := range []string{"InsecureHTTP", "two valid", "could not delete", "could not touch", "cannot be decoded", ids[0].Handle()} {
		if !strings.Contains(log.String(), hint) {
			t.Errorf("the log has no %q, so this test proves nothing about it", hint)
		}
	}
	for i, cookie := range cookies {
		value := strings.TrimPrefix(cookie, "session=")
		token, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		for what, raw := range map[string][]byte{"token": token, "key": ids[i][:]} {
			for _, secret := range []string{
				string(raw), hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
				base64.RawURLEncoding.EncodeToString(raw), fmt.Sprint(raw), strconv.Quote(string(raw)),
			} {
				if strings.Contains(strings.ToLower(log.String()), strings.ToLower(secret)) {
					t.Errorf("the log has a %s: %s", what, secret)
				}
			}
		}
	}
}

// B23: a token counts in a cookie alone.
func TestTokenElsewhereIsNotRead(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	_, value, _ := strings.Cut(cookie, "=")
	store.taken()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/?"+cookie+"&session="+value, strings.NewReader(cookie))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+value)
	r.Header.Set("__Host-session", value)
	r.Header.Set("Cookie2", cookie)
	if _, ok, err := m.Load(r); ok || err != nil {
		t.Errorf("let in without a cookie: %v", err)
	}
	if calls := store.taken(); len(calls) > 0 {
		t.Errorf("looked up: %q", calls)
	}
}

// noRandom is a random source that fails.
type noRandom struct{}

func (noRandom) Read([]byte) (int, error) { return 0, errors.New("no randomness left") }

// F10: without randomness the process dies. It does not make do.
func TestNoRandomnessIsFatal(t *testing.T) {
	const child = "SESSIONS_TEST_WITHOUT_RANDOMNESS"
	if os.Getenv(child) != "" {
		rand.Reader = noRandom{}
		w := httptest.NewRecorder()
		err := manager(sessions.NewMemoryStore(nil), sessions.Options{}).Save(context.Background(), w, new(sessions.Record))
		fmt.Printf("survived: %v %v\n", err, w.Header())
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoRandomnessIsFatal$", "-test.count=1")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !bytes.Contains(out, []byte("fatal error: crypto/rand")) || bytes.Contains(out, []byte("survived")) {
		t.Errorf("the process did not die of it: %v\n%s", err, out)
	}
}

// F16: what cannot work is said at start-up, with the way out.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	for name, c := range map[string]struct {
		store sessions.Store
		o     *sessions.Options
		want  string
	}{
		"no store":             {nil, nil, "NewMemoryStore"},
		"negative Idle":        {store, &sessions.Options{Idle: -1}, "negative"},
		"negative Absolute":    {store, &sessions.Options{Absolute: -1}, "negative"},
		"negative remembered":  {store, &sessions.Options{RememberIdle: -1}, "negative"},
		"negative remembered ": {store, &sessions.Options{RememberAbsolute: -1}, "negative"},
		"negative Refresh":     {store, &sessions.Options{Refresh: -1}, "negative"},
		"slow Refresh":         {store, &sessions.Options{Idle: time.Minute, Refresh: 31 * time.Second}, "half of Idle"},
		"slow for remembered":  {store, &sessions.Options{RememberIdle: time.Minute, Refresh: 31 * time.Second}, "half of Idle"},
		// B17: the prefix, and with it Secure and Path=/, is not for options.
		"prefix __Host-":   {store, &sessions.Options{Name: "__Host-session"}, "InsecureHTTP"},
		"prefix __Secure-": {store, &sessions.Options{Name: "__Secure-session", InsecureHTTP: true}, "InsecureHTTP"},
		"prefix __host-":   {store, &sessions.Options{Name: "__host-session", InsecureHTTP: true}, "InsecureHTTP"},
		"name with ;":      {store, &sessions.Options{Name: "a;Domain=example.com"}, "letter"},
		"name with =":      {store, &sessions.Options{Name: "a=b"}, "letter"},
		"name with a line": {store, &sessions.Options{Name: "a\r\nb"}, "letter"},
		"name with NUL":    {store, &sessions.Options{Name: "a\x00"}, "letter"},
		"name not ASCII":   {store, &sessions.Options{Name: "séance"}, "letter"},
		"name too long":    {store, &sessions.Options{Name: strings.Repeat("a", 65)}, "64"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "sessions: ") || !strings.Contains(got, c.want) {
					t.Errorf("%s: panics with %q, want one about %q", name, got, c.want)
				}
			}()
			sessions.New(c.store, c.o)
		}()
	}
}

// F16: no options are the default ones, and every default fits the others.
func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*sessions.Options{
		"nil":              nil,
		"zero":             {},
		"short Idle":       {Idle: time.Second},
		"short remembered": {RememberIdle: time.Minute},
		"one nanosecond":   {Idle: 1, Absolute: 1, RememberIdle: 1, RememberAbsolute: 1},
		"longest name":     {Name: strings.Repeat("a", 64)},
	} {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s: %v", name, p)
				}
			}()
			sessions.New(sessions.NewMemoryStore(nil), o)
		}()
	}
}

// What a client sends about itself is text, and bounded, before it is stored.
func TestOriginIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sent, want string }{
		"plain":    {"Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"},
		"control":  {"a\x00b\r\nc\x1b[31md\x7f", "abc[31md"},
		"not text": {"a\xff\xfeb", "ab"},
		"long":     {strings.Repeat("a", 300), strings.Repeat("a", 256)},
		"a rune":   {strings.Repeat("a", 255) + "é", strings.Repeat("a", 255)},
	} {
		m := manager(sessions.NewMemoryStore(nil), sessions.Options{Name: "site"})
		origin := &sessions.Origin{Realm: "another", Agent: c.sent, Address: strings.Repeat("1", 60)}
		signIn(t, m, sessions.Record{User: "alice", Origin: origin}, nil)
		list, err := m.List(t.Context(), "alice")
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d sessions, %v", name, len(list), err)
		}
		if got := *list[0].Origin; got != (sessions.Origin{Realm: "site", Agent: c.want, Address: strings.Repeat("1", 45)}) {
			t.Errorf("%s: stored %+v", name, got)
		}
		if origin.Realm != "another" || origin.Agent != c.sent {
			t.Errorf("%s: the caller's Origin was changed", name)
		}
	}
}

// A one-time value is spent in the store, for every instance; by the Manager
// itself where the store cannot, which is said at start-up.
func TestManagerOnce(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		until := time.Now().Add(time.Hour)
		for name, c := range map[string]struct {
			store sessions.Store
			there error // a second time, on another instance
			warns int
		}{
			"in the store":      {store, sessions.ErrUsed, 0},
			"store that cannot": {bare{store}, nil, 1},
		} {
			var log bytes.Buffer
			here := manager(c.store, sessions.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			there := manager(c.store, sessions.Options{})
			wantErr(t, name, here.Once(t.Context(), [32]byte{1}, until), nil)
			wantErr(t, name+", again", here.Once(t.Context(), [32]byte{1}, until), sessions.ErrUsed)
			wantErr(t, name+", on another instance", there.Once(t.Context(), [32]byte{1}, until), c.there)
			if n := strings.Count(log.String(), "level=WARN"); n != c.warns {
				t.Errorf("%s: %d warnings, want %d:\n%s", name, n, c.warns, log.String())
			}
		}
	})
}

// The hot path: a request with a session allocates nothing here, nor does one
// that is refused.
func TestLoadAllocations(t *testing.T) {
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	valid := signIn(t, m, sessions.Record{User: "alice", Factors: "pwd"}, map[string]any{"a": 1, "b": "2"})
	for name, c := range map[string]struct {
		cookies []string
		ok      bool
	}{
		"valid":             {[]string{"theme=dark", valid, "lang=en"}, true},
		"unknown":           {[]string{"__Host-session=" + strings.Repeat("A", 43)}, false},
		"malformed":         {[]string{"__Host-session=" + strings.Repeat("=", 43)}, false},
		"too long":          {[]string{"__Host-session=" + strings.Repeat("A", 5000)}, false},
		"of another name":   {[]string{"session=" + strings.Repeat("A", 43)}, false},
		"none":              {nil, false},
		"valid and garbage": {[]string{"__Host-session=x", valid}, true},
	} {
		r := request(t, c.cookies...)
		n := testing.AllocsPerRun(100, func() {
			if _, ok, err := m.Load(r); ok != c.ok || err != nil {
				t.Errorf("%s: %t, %v", name, ok, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %g allocations, want none", name, n)
		}
	}
}
