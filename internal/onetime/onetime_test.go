package onetime_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/internal/onetime"
	"github.com/gopassport/passport/internal/seal"
	"github.com/gopassport/passport/sessions"
)

// jar is a Jar whose values are spent in memory. Its secret is made of key.
func jar(t testing.TB, key byte) onetime.Jar {
	t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{key}, seal.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	var spent sync.Map
	return onetime.Jar{
		Sealer: sealer,
		Cookie: func(suffix string) *http.Cookie {
			return &http.Cookie{Name: "__Host-x-" + suffix, Path: "/", Secure: true}
		},
		Spend: func(_ context.Context, purpose string, id []byte, _ time.Time) error {
			if _, used := spent.LoadOrStore(purpose+string(id), true); used {
				return sessions.ErrUsed
			}
			return nil
		},
	}
}

// leave returns the cookie that was left.
func leave(t testing.TB, j onetime.Jar, suffix, value string) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if !j.Leave(w, suffix, []byte(value)) {
		t.Fatal("not left")
	}
	c, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

func TestTake(t *testing.T) {
	t.Parallel()
	j := jar(t, 'a')
	c := leave(t, j, "flash", "hello")
	if c.MaxAge != 600 || !c.Secure || c.Path != "/" || strings.Contains(c.Value, "hello") {
		t.Errorf("%+v", c)
	}
	for range 2 { // does not take it
		if got := j.Peek(with(c), "flash"); string(got) != "hello" {
			t.Errorf("peeked at %q", got)
		}
	}
	for i, want := range []string{"hello", ""} {
		w := httptest.NewRecorder()
		got, err := j.Take(w, with(c), "flash")
		if err != nil || string(got) != want {
			t.Errorf("%d: %q, %v", i, got, err)
		}
		if set := w.Header().Get("Set-Cookie"); !strings.HasPrefix(set, "__Host-x-flash=;") || !strings.Contains(set, "Max-Age=0") {
			t.Errorf("%d: the cookie stays: %q", i, set)
		}
	}
	w := httptest.NewRecorder()
	if got, err := j.Take(w, with(), "flash"); got != nil || err != nil || w.Header()["Set-Cookie"] != nil {
		t.Errorf("of nothing: %q, %v, %v", got, err, w.Header())
	}
}

// TestOneWinner: of many requests with one cookie, one gets the value. B43
func TestOneWinner(t *testing.T) {
	t.Parallel()
	j := jar(t, 'a')
	c := leave(t, j, "flash", "hello")
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := j.Take(httptest.NewRecorder(), with(c), "flash"); err == nil && v != nil {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got it", got.Load())
	}
}

// TestOutage: where nobody knows whether it was spent, it is not shown, and
// stays.
func TestOutage(t *testing.T) {
	t.Parallel()
	j := jar(t, 'a')
	c := leave(t, j, "flash", "hello")
	down := errors.New("down")
	spend := j.Spend
	j.Spend = func(context.Context, string, []byte, time.Time) error { return down }
	w := httptest.NewRecorder()
	if got, err := j.Take(w, with(c), "flash"); !errors.Is(err, down) || got != nil || w.Header()["Set-Cookie"] != nil {
		t.Errorf("%q, %v, %v", got, err, w.Header())
	}
	j.Spend = spend
	if got, err := j.Take(w, with(c), "flash"); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestForeign: what was left under another name, sealed with another secret,
// or planted beside it, is nothing. B22
func TestForeign(t *testing.T) {
	t.Parallel()
	j := jar(t, 'a')
	flash, way := leave(t, j, "flash", "hello"), leave(t, j, "return", "/evil")
	other := leave(t, jar(t, 'b'), "flash", "evil")
	as := func(c *http.Cookie, name string) *http.Cookie {
		return &http.Cookie{Name: "__Host-x-" + name, Value: c.Value}
	}
	for name, test := range map[string]struct {
		cookies []*http.Cookie
		want    string
	}{
		"ours":              {[]*http.Cookie{flash}, "hello"},
		"renamed":           {[]*http.Cookie{as(way, "flash")}, ""},
		"another secret":    {[]*http.Cookie{other}, ""},
		"planted before it": {[]*http.Cookie{other, flash}, "hello"},
		"planted behind it": {[]*http.Cookie{flash, other}, "hello"},
		"nonsense":          {[]*http.Cookie{{Name: "__Host-x-flash", Value: "x"}}, ""},
		"another case":      {[]*http.Cookie{{Name: "__host-x-flash", Value: flash.Value}}, ""},
	} {
		if got := string(j.Peek(with(test.cookies...), "flash")); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	// Sealed for the cookie, but by other hands: too short for an id.
	short := j.Sealer.Seal("cookie\x00__Host-x-flash", []byte("short"), time.Now().Add(time.Minute))
	if got := j.Peek(with(&http.Cookie{Name: "__Host-x-flash", Value: short}), "flash"); got != nil {
		t.Errorf("%q", got)
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := jar(t, 'a')
		c := leave(t, j, "flash", "hello")
		time.Sleep(10*time.Minute - time.Millisecond)
		if j.Peek(with(c), "flash") == nil {
			t.Error("gone too early")
		}
		time.Sleep(time.Millisecond)
		if j.Peek(with(c), "flash") != nil {
			t.Error("there too long")
		}
	})
}

// TestTooLong: what a browser would drop is not sent.
func TestTooLong(t *testing.T) {
	t.Parallel()
	j := jar(t, 'a')
	limit := 0
	for n := 2900; n < 3200; n++ {
		w := httptest.NewRecorder()
		left := j.Leave(w, "flash", make([]byte, n))
		pair, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		switch {
		case left && len(pair)-1 > 4096:
			t.Fatalf("%d bytes make a cookie of %d", n, len(pair)-1)
		case left:
			limit = n
		case w.Header()["Set-Cookie"] != nil:
			t.Fatalf("%d bytes: not left, and sent", n)
		}
	}
	if limit < 2950 || limit == 3199 {
		t.Errorf("the limit is %d", limit)
	}
}

// FuzzOpenCookie: whatever a client sends, nothing comes out that was not left
// there. F13
func FuzzOpenCookie(f *testing.F) {
	j := jar(f, 'a')
	f.Add("__Host-x-flash=")
	f.Add("__Host-x-flash=" + strings.Repeat("A", 100))
	f.Add("__Host-x-flash=" + leave(f, jar(f, 'b'), "flash", "evil").Value)
	f.Add("__Host-x-flash=" + leave(f, j, "return", "/evil").Value)
	f.Add("__Host-x-flash=\"quoted\"; ;;=; __Host-x-flash; a=b")
	f.Fuzz(func(t *testing.T, header string) {
		r := with()
		r.Header.Set("Cookie", header)
		if got := j.Peek(r, "flash"); got != nil {
			t.Errorf("%q", got)
		}
		w := httptest.NewRecorder()
		if got, err := j.Take(w, r, "flash"); got != nil || err != nil || w.Header()["Set-Cookie"] != nil {
			t.Errorf("%q, %v, %v", got, err, w.Header())
		}
	})
}
