package express_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// What no request changed stays byte for byte, whatever it is.
func TestUntouched(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing else":         session(""),
		"spaces":               " {\n\t\"cookie\" : { } ,\r\n \"a\" : [ 1 , 2 ] \n} \t",
		"numbers":              session(`"a":-0,"b":1.0,"c":1e400,"d":123456789012345678901234567890,"e":0.10`),
		"order":                session(`"z":1,"a":{"z":1,"a":2}`),
		"escapes":              session(`"a":"\u0041\/\ud83d\ude00","\u0062":1,"c":"<&>\u2028` + "\u2028" + `"`),
		"half a pair":          session(`"a":"\ud800","\ud800":1,"\udfff":2`),
		"two of a name":        session(`"a":1,"b":2,"a":3`),
		"names of JavaScript":  session(`"__proto__":{"a":1},"constructor":1,"toString":2`),
		"an empty name":        session(`"":{}`),
		"no UTF-8":             session("\"a\":\"\xff\""),
		"a NUL":                session(`"a":"\u0000","\u0000express":"another id"`),
		"more in the cookie":   `{"cookie":{"originalMaxAge":null,"expires":null,"partitioned":true,"x":[1.0]}}`,
		"more in passport":     session(`"passport":{"more":{"b":1,"a":2},"user":7,"user2":8}`),
		"no object there":      session(`"passport":[7]`),
		"a user of no kind":    session(`"passport":{"user":{"id":7}}`),
		"a note of another":    session(`"passport":{"user":7},"gopassport":{"about":"x","more":1}`),
		"a note of no kind":    session(`"gopassport":17`),
		"deep":                 session(`"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)),
		"a name with a quote":  session(`"\"},{":"\"},{"`),
		"a name case apart":    session(`"Cookie":1,"PASSPORT":2,"GoPassport":3`),
		"connect-flash":        session(`"flash":{"error":["Wrong \"password\""]}`),
		"cookie is not first":  `{"a":1,` + cookieMember + `,"passport":{"user":7}}`,
		"nearly 64 KiB of one": session(`"a":"` + strings.Repeat("x", 60<<10) + `"`),
	} {
		table := newMemory(row(text))
		k := keeper(t, table, nil)
		if !known(t, k, signed) {
			t.Errorf("%s: no session", name)
			continue
		}
		set(t, k, signed, "new", true)
		end := strings.LastIndexByte(text, '}')
		if got, want := table.text(t), text[:end]+`,"new":true`+text[end:]; got != want {
			t.Errorf("%s: with a new value:\ngot  %.200s\nwant %.200s", name, got, want)
		}
		set(t, k, signed, "new", []int{1})
		s := load(t, k, signed)
		s.Delete("new")
		if err := s.Save(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := table.text(t); got != text {
			t.Errorf("%s: with the value taken out again:\ngot  %.200s\nwant %.200s", name, got, text)
		}
	}
}

// A value is changed where it stands.
func TestChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string
		value  any
		after  string
	}{
		"a number":           {`"b":1,"a": 2.50 ,"c":3`, 7, `"b":1,"a": 7 ,"c":3`},
		"the same":           {`"a": [ 1,2 ]`, []int{1, 2}, `"a": [ 1,2 ]`},
		"the last of a name": {`"a":1,"a":2`, 3, `"a":1,"a":3`},
		"an escaped name":    {`"\u0061":1`, 2, `"\u0061":2`},
		"taken out":          {`"b":1 ,"a":2, "c":3`, nil, `"b":1 , "c":3`},
		"all of a name":      {`"a":1,"b":2,"a":3`, nil, `"b":2`},
		"the only one":       {`"a":1`, nil, ``},
	} {
		table := newMemory(row(session(c.before)))
		s := load(t, keeper(t, table, nil), signed)
		if c.value == nil {
			s.Delete("a")
		} else if err := s.Set("a", c.value); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got, want := table.text(t), session(c.after); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// unreadable is no session, to Node either.
var unreadable = map[string]string{
	"nothing":         "",
	"null":            "null",
	"an array":        "[" + session("") + "]",
	"a string":        `"` + nodeID + `"`,
	"cut off":         strings.TrimSuffix(session(""), "}"),
	"more behind it":  session("") + "{}",
	"no cookie":       `{"passport":{"user":7}}`,
	"a null cookie":   `{"cookie":null,"passport":{"user":7}}`,
	"a string cookie": `{"cookie":"x","passport":{"user":7}}`,
	"too deep":        session(`"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000)),
	"not JSON":        "{cookie:{}}",
	"a comma more":    `{` + cookieMember + `,}`,
}

// B35: what cannot be read is a stranger's, left alone, and logged without its
// id.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for name, text := range unreadable {
		var log bytes.Buffer
		table := newMemory(row(text))
		k := keeper(t, table, &express.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		log.Reset()
		if known(t, k, signed) {
			t.Errorf("%s: let in", name)
		}
		if table.text(t) != text {
			t.Errorf("%s: the row was changed to %q", name, table.text(t))
		}
		if !strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), nodeID) {
			t.Errorf("%s: want an error in the log, without the id, got %s", name, &log)
		}
	}
}

// A session that a Record cannot hold is an error: as a stranger, its user
// could not sign out.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session(`"a":"` + strings.Repeat("x", sessions.MaxData) + `"`)))
	_, ok, err := keeper(t, table, nil).Load(request(t, signed))
	wantErr(t, "Load", err, sessions.ErrTooLarge)
	if ok {
		t.Error("let in with an error")
	}
}

// reserved has no values of the application's: the members that Express owns,
// and the names that it takes from no row.
var reserved = []string{
	"cookie", "passport", "gopassport",
	"id", "req", "touch", "resetMaxAge", "save", "reload", "destroy", "regenerate",
	"constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
	"__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
}

// They are not to be had, not to be set, and stay as they are where a row has
// them.
func TestReserved(t *testing.T) {
	t.Parallel()
	text := session(`"passport":{"user":7},"gopassport":{},"a":1,"id":2,"toString":{}`)
	table := newMemory(row(text))
	k := keeper(t, table, nil)
	for _, key := range reserved {
		s := load(t, k, signed)
		var v any
		if ok, _ := s.Get(key, &v); ok {
			t.Errorf("%s is a value of the session: %v", key, v)
		}
		if err := s.Set(key, map[string]int{"user": 8}); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), nil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s was set: got error %v, want one that names it", key, err)
		}
		s.Revert()
		s.Delete(key)
		if err := s.Save(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if got := table.text(t); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
}

// FuzzDocument: a value set and taken out again leaves the text as it was, and
// while it is there everything else is.
func FuzzDocument(f *testing.F) {
	f.Add(session(`"a":1`), "new", `{"b":[1]}`)
	f.Add(" {\n\"cookie\" : { } ,\r\n \"a\" : 1e400 \n} \t", "a\"", `-0`)
	f.Add(session(`"":1,"":2,"\ud800":3`), "\ufffd", "null")
	for _, text := range unreadable {
		f.Add(text, "a", "1")
	}
	f.Fuzz(func(t *testing.T, text, key, value string) {
		if !json.Valid([]byte(value)) || !utf8.ValidString(key) || key == "\x00express" || slices.Contains(reserved, key) {
			return
		}
		table := newMemory(row(text))
		k := keeper(t, table, nil)
		record, ok, err := k.Load(request(t, signed))
		if errors.Is(err, sessions.ErrTooLarge) || !ok {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var s sessions.Session
		s.Open(k, record)
		var before any
		if had, _ := s.Get(key, &before); had || strings.Contains(text, "originalMaxAge\":") && !strings.Contains(text, "null") {
			return // a change, or one of the time in the cookie
		}
		if err := s.Set(key, json.RawMessage(value)); err != nil {
			return
		}
		if err := s.Save(t.Context(), nil); err != nil {
			if errors.Is(err, sessions.ErrTooLarge) {
				return
			}
			t.Fatal(err)
		}
		between := members(t, table.text(t))
		delete(between, key)
		if diff := cmp.Diff(members(t, text), between); diff != "" {
			t.Errorf("other members changed: %s", diff)
		}
		s.Delete(key)
		if err := s.Save(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := table.text(t); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	})
}

// members are those of a JSON object, each as it is written.
func members(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%q: more behind the end", text)
	}
	return all
}
