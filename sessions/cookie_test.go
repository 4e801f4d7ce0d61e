package sessions_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// B16, B17: the attributes, to the letter. A browser takes the __Host- prefix
// only with Secure, with Path=/ and without Domain.
func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o        sessions.Options
		remember bool
		want     string // a regular expression for the value
		expired  string
	}{
		"default": {
			sessions.Options{}, false,
			`__Host-session=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax`,
			`__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax`,
		},
		"remembered": {
			sessions.Options{Name: "admin_2-x", RememberAbsolute: time.Hour}, true,
			`__Host-admin_2-x=[\w-]{43}; Path=/; Max-Age=3(600|599); HttpOnly; Secure; SameSite=Lax`,
			`__Host-admin_2-x=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax`,
		},
		"plain http": {
			sessions.Options{InsecureHTTP: true}, false,
			`session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax`,
			`session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`,
		},
	} {
		m := manager(sessions.NewMemoryStore(nil), c.o)
		w := httptest.NewRecorder()
		s := load(t, m)
		if err := s.Rotate(t.Context(), w, sessions.Record{User: "alice", Remember: c.remember}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Set-Cookie"); !regexp.MustCompile("^" + c.want + "$").MatchString(got) {
			t.Errorf("%s: set by %s", name, got)
		}
		if user(t, m, cookieOf(t, w)) != "alice" {
			t.Errorf("%s: the cookie does not work", name)
		}
		w = httptest.NewRecorder()
		if err := s.End(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Set-Cookie"); got != c.expired {
			t.Errorf("%s: expired by %s", name, got)
		}
	}
}

// What belongs beside the session cookie has its attributes.
func TestSiblingCookie(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{Name: "admin"})
	want := &http.Cookie{Name: "__Host-admin-flash", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if diff := cmp.Diff(want, m.Cookie("flash")); diff != "" {
		t.Error(diff)
	}
	m = manager(sessions.NewMemoryStore(nil), sessions.Options{InsecureHTTP: true})
	want = &http.Cookie{Name: "session-flash", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if diff := cmp.Diff(want, m.Cookie("flash")); diff != "" {
		t.Error(diff)
	}
}

// B17: the option that drops Secure is logged once, not with every request.
func TestInsecureHTTPWarnsOnce(t *testing.T) {
	t.Parallel()
	for _, insecure := range []bool{false, true} {
		var log bytes.Buffer
		m := manager(sessions.NewMemoryStore(nil), sessions.Options{
			InsecureHTTP: insecure, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		for range 3 {
			known(t, m, signIn(t, m, sessions.Record{User: "alice"}, nil))
		}
		if n := strings.Count(log.String(), "level=WARN"); n != map[bool]int{true: 1}[insecure] {
			t.Errorf("InsecureHTTP %t: %d warnings\n%s", insecure, n, log.String())
		}
	}
}

// B18: no value in the session and no name of a realm makes the cookie larger
// than browsers take, which is 4096 bytes.
func TestCookieSizeIsFixed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"s", strings.Repeat("s", 64)} {
		m := manager(sessions.NewMemoryStore(nil), sessions.Options{Name: name})
		for _, value := range []string{"", strings.Repeat("v", 60_000)} {
			cookie := signIn(t, m, sessions.Record{User: strings.Repeat("u", 200), Remember: true}, map[string]any{"a": value})
			if got, want := len(cookie), len("__Host-")+len(name)+len("=")+43; got != want || got > 200 {
				t.Errorf("name and value have %d bytes, want %d", got, want)
			}
		}
	}
}

// B40: a response that sets or expires the cookie stays out of caches, and
// has one cookie of the name.
func TestCookieIsNotCached(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Add("Vary", "Accept")
	http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	http.SetCookie(w, &http.Cookie{Name: "__Host-session-flash", Value: "x"})
	want := http.Header{"Cache-Control": {"no-store"}, "Vary": {"Accept", "Cookie"}}
	check := func(step string) {
		t.Helper()
		h := w.Header().Clone()
		lines := h["Set-Cookie"]
		delete(h, "Set-Cookie")
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%s:\n%s", step, diff)
		}
		if len(lines) != 3 || lines[0] != "theme=dark" || lines[1] != "__Host-session-flash=x" {
			t.Errorf("%s: cookies %q", step, lines)
		}
	}
	s := load(t, m)
	mustSet(t, s, "a", 1)
	if err := s.Save(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	check("Save")
	if err := s.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	check("Rotate")
	if err := s.End(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	check("End")
}

// B20, B38: whatever is not our cookie, to the byte, is no cookie: no error, and
// nothing is looked up.
func TestMalformedCookiesAreNotLookedUp(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	value := strings.TrimPrefix(cookie, "__Host-session=")
	token, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	// The last character has two bits that belong to no byte: 43 characters
	// of base64url have four spellings for one token.
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", value[42])
	respelled := value[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1])
	for name, header := range map[string]string{
		"empty":               "__Host-session=",
		"no value":            "__Host-session",
		"cut off":             "__Host-session=" + value[:42],
		"longer":              cookie + "A",
		"padded":              cookie + "=",
		"another spelling":    "__Host-session=" + respelled,
		"quoted":              `__Host-session="` + value + `"`,
		"quoted, 43 long":     `__Host-session="` + value[:41] + `"`,
		"standard base64":     "__Host-session=+/" + value[2:],
		"escaped":             "__Host-session=%41" + value[1:41],
		"line break inside":   "__Host-session=" + value[:20] + "\n" + value[20:42],
		"line break more":     "__Host-session=" + value[:20] + "\r\n" + value[20:],
		"NUL":                 "__Host-session=\x00" + value[1:],
		"not ASCII":           "__Host-session=é" + value[2:],
		"not UTF-8":           "__Host-session=\xff" + value[1:],
		"oversized":           "__Host-session=" + strings.Repeat(value, 1000),
		"raw bytes":           "__Host-session=" + string(token),
		"space in the name":   "__Host-session =" + value,
		"space in the value":  "__Host-session= " + value,
		"without the prefix":  "session=" + value,
		"the other prefix":    "__Secure-session=" + value,
		"another case":        "__host-session=" + value,
		"name of a sibling":   "__Host-session-flash=" + value,
		"a longer name":       "x__Host-session=" + value,
		"inside another":      "a=__Host-session=" + value,
		"no name":             "=" + value,
		"comma for semicolon": "a=b, " + cookie,
	} {
		store.taken()
		if known(t, m, header) {
			t.Errorf("%s: let in", name)
		}
		if calls := store.taken(); len(calls) > 0 {
			t.Errorf("%s: looked up: %q", name, calls)
		}
	}
	for i := range len(value) { // B20: tampered
		flipped := []byte(value)
		flipped[i] ^= 1
		if known(t, m, "__Host-session="+string(flipped)) {
			t.Errorf("let in with character %d changed", i)
		}
	}
	for name, header := range map[string][]string{
		"between others":     {"a=b; " + cookie + "; c=d"},
		"without spaces":     {"a=b;" + cookie + ";c=d"},
		"with tabs":          {"a=b;\t" + cookie + "\t;c=d"},
		"on a second line":   {"a=b", cookie},
		"after broken pairs": {";;=;a;__Host-session;" + cookie},
	} {
		r := request(t)
		r.Header["Cookie"] = header
		if _, ok, err := m.Load(r); !ok || err != nil {
			t.Errorf("%s: not let in, %v", name, err)
		}
	}
}

// B19: a cookie that somebody else planted beside ours (a sibling domain, an
// old path) neither takes the session over nor locks the user out.
func TestSeveralCookies(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	alice := signIn(t, m, sessions.Record{User: "alice"}, nil)
	mallory := signIn(t, m, sessions.Record{User: "mallory"}, nil)
	ended := signIn(t, m, sessions.Record{User: "alice"}, nil)
	if err := load(t, m, ended).End(t.Context(), httptest.NewRecorder()); err != nil {
		t.Fatal(err)
	}
	unknown := "__Host-session=" + strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		cookies []string
		want    string
		finds   int
	}{
		"two valid":               {[]string{alice, mallory}, "", 2},
		"two valid, turned":       {[]string{mallory, alice}, "", 2},
		"two valid among others":  {[]string{unknown, mallory, ended, alice}, "", 4},
		"one twice":               {[]string{alice, alice}, "alice", 2},
		"one twice, and another":  {[]string{alice, alice, mallory}, "", 3},
		"garbage first":           {[]string{"__Host-session=garbage", alice}, "alice", 1},
		"garbage last":            {[]string{alice, "__Host-session="}, "alice", 1},
		"much garbage":            {append(slices.Repeat([]string{"__Host-session=x"}, 50), alice), "alice", 1},
		"unknown first":           {[]string{unknown, alice}, "alice", 2},
		"ended first":             {[]string{ended, alice}, "alice", 2},
		"four":                    {[]string{unknown, unknown, ended, alice}, "alice", 4},
		"five, the valid one in":  {[]string{alice, unknown, unknown, unknown, unknown}, "", 0},
		"five, the valid one out": {[]string{unknown, unknown, unknown, unknown, alice}, "", 0},
		"a hundred":               {slices.Repeat([]string{alice}, 100), "", 0},
	} {
		store.taken()
		if got := user(t, m, c.cookies...); got != c.want {
			t.Errorf("%s: signed in as %q, want %q", name, got, c.want)
		}
		if calls := store.taken(); len(calls) != c.finds {
			t.Errorf("%s: %d calls of the store, want %d: %q", name, len(calls), c.finds, calls)
		}
	}
	// Refused is not ended: each works on its own.
	if user(t, m, alice) != "alice" || user(t, m, mallory) != "mallory" {
		t.Error("a refused request ended a session")
	}
}
