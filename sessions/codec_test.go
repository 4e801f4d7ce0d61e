package sessions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{
		"none":               {},
		"one":                {"a": "1"},
		"empty key":          {"": "1"},
		"empty value":        {"a": ""},
		"several":            {"b": "2", "a": `"x"`, "ab": "[]", "": "null", "é\x00\xff": "{}"},
		"two bytes of size":  {strings.Repeat("k", 127): strings.Repeat("v", 128), strings.Repeat("k", 128): "1"},
		"three bytes of it":  {"a": strings.Repeat("v", 1<<14)},
		"looks like a frame": {"\x01\x01a": "\x01\x01a\x01b"},
	} {
		data, err := sessions.Encode(values)
		if err != nil || !sessions.ValidData(data) {
			t.Errorf("%s: %q is not valid, %v", name, data, err)
		}
		if diff := cmp.Diff(values, sessions.Decode(data)); diff != "" {
			t.Errorf("%s: decoded otherwise:\n%s", name, diff)
		}
		for key, want := range values {
			if got, ok := sessions.FindValue(data, key); got != want || !ok {
				t.Errorf("%s: %q is found as %q, %t", name, key, got, ok)
			}
		}
		if got, ok := sessions.FindValue(data, "nobody"); ok {
			t.Errorf("%s: found %q under a key that is not there", name, got)
		}
	}
}

// invalid is what no version of this code ever stored.
var invalid = map[string]string{
	"unknown version":      "\x02\x01a\x011",
	"version 0":            "\x00",
	"another format":       `{"a":1}`,
	"gob":                  "\x0c\xff\x81\x02\x01\x02",
	"version alone":        "\x01",
	"key without value":    "\x01\x01a",
	"key cut off":          "\x01\x05ab",
	"value cut off":        "\x01\x01a\x05ab",
	"one byte cut off":     "\x01\x01a\x02x",
	"length cut off":       "\x01\x80",
	"length without end":   "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	"length beyond memory": "\x01\x01a\xff\xff\xff\xff\x7f",
	"length spelled long":  "\x01\x81\x00a\x011",
	"more behind the end":  "\x01\x01a\x011\x00",
	"keys out of order":    "\x01\x01b\x011\x01a\x011",
	"a key twice":          "\x01\x01a\x011\x01a\x012",
	"empty key twice":      "\x01\x00\x011\x00\x012",
	"larger than MaxData":  "\x01\x01a\x80\x80\x04" + strings.Repeat("v", sessions.MaxData),
}

// B35: data that this code did not write is told from data that it did.
func TestCodecRefuses(t *testing.T) {
	t.Parallel()
	for name, data := range invalid {
		if sessions.ValidData(data) {
			t.Errorf("%s: %.40q counts as valid", name, data)
		}
	}
}

// B35: the bound is MaxData to the byte, for what is written as for what is
// read.
func TestCodecBound(t *testing.T) {
	t.Parallel()
	const frame = 1 + 1 + 1 + 3 // version, length of the key, key, length of the value
	full := strings.Repeat("v", sessions.MaxData-frame)
	data, err := sessions.Encode(map[string]string{"a": full})
	if err != nil || len(data) != sessions.MaxData || !sessions.ValidData(data) {
		t.Errorf("MaxData bytes: %d, valid %t, %v", len(data), sessions.ValidData(data), err)
	}
	_, err = sessions.Encode(map[string]string{"a": full + "v"})
	wantErr(t, "one byte more", err, sessions.ErrTooLarge)
}

// B35: a stored session that cannot be decoded is ended and logged, so that
// the browser is a stranger from then on instead of an error for ever.
func TestCorruptSessionEnds(t *testing.T) {
	t.Parallel()
	cases := map[string]func(sessions.Record) (sessions.Record, error){
		"the store cannot read the row": func(r sessions.Record) (sessions.Record, error) {
			return sessions.Record{}, sessions.ErrCorrupt
		},
	}
	for name, data := range invalid {
		cases[name] = func(r sessions.Record) (sessions.Record, error) {
			r.Data = data
			return r, nil
		}
	}
	for name, corrupt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := watch()
			m := manager(s, sessions.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
			cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
			handle := load(t, m, cookie).Handle()
			s.find = corrupt

			if known(t, m, cookie) {
				t.Fatal("a session that cannot be decoded let somebody in")
			}
			var line struct{ Level, Session string }
			if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Level != "ERROR" || line.Session != handle {
				t.Errorf("want one error in the log that names the session, got %q", log.String())
			}
			if n, err := s.Count(t.Context(), "session", time.Now()); n != 0 || err != nil {
				t.Errorf("%d records are left, %v", n, err)
			}
		})
	}
}

// B35, B26: when such a session cannot be ended either, the store is down.
func TestCorruptSessionThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	s := watch()
	m := manager(s, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	s.find = func(sessions.Record) (sessions.Record, error) { return sessions.Record{}, sessions.ErrCorrupt }
	s.fail("Delete")
	_, ok, err := m.Load(request(t, cookie))
	wantErr(t, "Load", err, errDown)
	if ok {
		t.Error("let in with an error")
	}
}

// B35: what is too large is refused as a whole, and the session lives on.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	m := manager(sessions.NewMemoryStore(nil), sessions.Options{})
	cookie := stranger(t, m, map[string]any{"small": "kept"})
	s := load(t, m, cookie)
	mustSet(t, s, "large", strings.Repeat("v", sessions.MaxData))
	wantErr(t, "Save", s.Save(t.Context(), nil), sessions.ErrTooLarge)
	again := load(t, m, cookie)
	if text(again, "small") != "kept" || text(again, "large") != "" {
		t.Error("the stored values are not what they were")
	}

	w := httptest.NewRecorder()
	err := again.Rotate(t.Context(), w, sessions.Record{User: "alice"}, nil, map[string]any{"large": strings.Repeat("v", sessions.MaxData)})
	wantErr(t, "Rotate", err, sessions.ErrTooLarge)
	noCookie(t, w)
	if !known(t, m, cookie) {
		t.Error("Rotate ended the old session with an error")
	}
}

// A foreign Keeper may hand over anything: it must not be able to panic a
// handler.
func TestInvalidDataOfAnotherKeeper(t *testing.T) {
	t.Parallel()
	for name, data := range invalid {
		var s sessions.Session
		s.Open(refusing{}, sessions.Record{Version: 1, Data: data})
		var v any
		s.Get("a", &v)
		mustSet(t, &s, "b", 1)
		if err := s.Save(t.Context(), nil); err == nil {
			t.Errorf("%s: saved", name)
		}
		s.Take(t.Context(), "a", &v)
	}
}

var errRefused = errors.New("refused")

// A refusing Keeper stores nothing.
type refusing struct{ sessions.Keeper }

func (refusing) Save(context.Context, http.ResponseWriter, *sessions.Record) error { return errRefused }

// The check at every load, and the look at one value, are free.
func TestCodecAllocations(t *testing.T) {
	data, err := sessions.Encode(map[string]string{"a": "1", "b": strings.Repeat("v", 1000), "c": "3"})
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if _, ok := sessions.FindValue(data, "c"); !ok || !sessions.ValidData(data) {
			t.Error("not found")
		}
	})
	if n != 0 {
		t.Errorf("%g allocations, want none", n)
	}
}

// What Keepers over other formats make is what a Session reads, and back.
func TestEncodeValues(t *testing.T) {
	t.Parallel()
	values := map[string]json.RawMessage{"": json.RawMessage("{}"), "n": json.RawMessage("1.50"), "\x00id": json.RawMessage(`"x"`)}
	data, err := sessions.EncodeValues(values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values, sessions.DecodeValues(data)); diff != "" {
		t.Errorf("decoded otherwise:\n%s", diff)
	}
	var s sessions.Session
	s.Open(refusing{}, sessions.Record{Version: 1, Data: data})
	var n json.Number
	if ok, err := s.Get("n", &n); !ok || err != nil || n != "1.50" {
		t.Errorf("the session has %v, %t, %v", n, ok, err)
	}
	if data, err := sessions.EncodeValues(nil); data != "" || err != nil {
		t.Errorf("no values: got %q, %v", data, err)
	}
	_, err = sessions.EncodeValues(map[string]json.RawMessage{"a": make(json.RawMessage, sessions.MaxData)})
	wantErr(t, "too large", err, sessions.ErrTooLarge)
	for name, data := range invalid {
		if got := sessions.DecodeValues(data); len(got) > 0 {
			t.Errorf("%s: decoded %v", name, got)
		}
	}
}
