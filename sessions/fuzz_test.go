package sessions_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// B20, F13: no Cookie header makes Load panic or fail, reaches the store
// without a well-formed cookie of ours, or is adopted.
func FuzzCookie(f *testing.F) {
	token := strings.Repeat("A", 43)
	for _, header := range []string{
		"", ";", "=", "a=b; c=d", "__Host-session", "__Host-session=",
		"__Host-session=" + token, "__Host-session=" + token + "; __Host-session=" + token[1:] + "E",
		"\t__Host-session=" + token + " ;a", "__Host-session=\"" + token + "\"",
		strings.Repeat("__Host-session="+token+";", 5),
	} {
		f.Add(header)
	}
	ours := regexp.MustCompile(`^[ \t]*__Host-session=[A-Za-z0-9_-]{43}[ \t]*$`)
	store := watch()
	m := manager(store, sessions.Options{})
	f.Fuzz(func(t *testing.T, header string) {
		formed := 0
		for pair := range strings.SplitSeq(header, ";") {
			if ours.MatchString(pair) {
				formed++
			}
		}
		store.taken()
		r := request(t, header)
		if record, ok, err := m.Load(r); ok || err != nil || record != (sessions.Record{}) {
			t.Errorf("an empty store let in %+v, %t, %v", record, ok, err)
		}
		if calls := store.taken(); len(calls) > min(formed, 4) || len(slices.Compact(calls)) > 1 {
			t.Errorf("%d well-formed cookies made the calls %q", formed, calls)
		}
		if s := load(t, m, header); s.Handle() != "" || s.Changed() {
			t.Error("a session came out of a header")
		}
		if n, err := m.Count(t.Context()); n != 0 || err != nil {
			t.Errorf("%d sessions are stored, %v", n, err)
		}
	})
}

// B35, F13: stored data is refused, or is the one spelling of its values; and
// all that is written can be read.
func FuzzCodec(f *testing.F) {
	data, err := sessions.Encode(map[string]string{"a": "1", "b": `"x"`, "": "null"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "key", "value")
	for _, data := range invalid {
		if len(data) < 1000 {
			f.Add(data, "", "")
		}
	}
	f.Fuzz(func(t *testing.T, data, key, value string) {
		values := sessions.Decode(data) // does not panic, whatever it is given
		sessions.FindValue(data, key)
		if !sessions.ValidData(data) {
			values = make(map[string]string)
		} else if again, err := sessions.Encode(values); again != data || err != nil {
			t.Errorf("%q is spelled %q, %v", data, again, err)
		}
		values[key] = value
		data, err := sessions.Encode(values)
		if err != nil {
			if len(key)+len(value)+len(data) < sessions.MaxData-20 && len(values) == 1 {
				t.Errorf("%d bytes: %v", len(key)+len(value), err)
			}
			return
		}
		if !sessions.ValidData(data) {
			t.Errorf("what was written is not valid: %q", data)
		}
		if diff := cmp.Diff(values, sessions.Decode(data)); diff != "" {
			t.Error(diff)
		}
		for key := range maps.Keys(values) {
			if got, ok := sessions.FindValue(data, key); !ok || got != values[key] {
				t.Errorf("%q is found as %q, %t", key, got, ok)
			}
		}
	})
}
