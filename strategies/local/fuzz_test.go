package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

// F13: whatever the body, nobody is let in whose name and password do not
// stand in it, once, as strings.
func FuzzLoginBody(f *testing.F) {
	f.Add(false, []byte("username=alice&password=right"))
	f.Add(true, []byte(`{"username":"alice","password":"right"}`))
	f.Fuzz(func(t *testing.T, asJSON bool, body []byte) {
		var name, pw string
		s := local.Func(func(_ context.Context, n, p string) (*user, error) {
			name, pw = n, p
			return &user{n}, nil
		}, &local.Options[*user]{Limiter: free{}, Canonical: func(s string) string { return s }})
		r := httptest.NewRequest(http.MethodPost, "/login?username=query&password=query", bytes.NewReader(body))
		r.Header.Set("Content-Type", formType)
		if asJSON {
			r.Header.Set("Content-Type", jsonType)
		}
		res, err := s.Authenticate(r)
		if err != nil {
			t.Fatalf("broken: %v", err)
		}
		if res.Outcome() != passport.Succeeded {
			if res.Outcome() != passport.Failed || res.Failure().Status >= 500 {
				t.Errorf("%v, %v", res.Outcome(), res.Failure())
			}
			return
		}
		if name == "" || pw == "" || !utf8.ValidString(name+pw) || len(name) > 320 {
			t.Errorf("let in %q, %q", name, pw)
		}
		if asJSON {
			var m map[string]any
			if err := json.Unmarshal(body, &m); err != nil || m["username"] != name || m["password"] != pw {
				t.Errorf("%q, %q out of %s", name, pw, body)
			}
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || len(form["username"]) != 1 || len(form["password"]) != 1 || form.Get("username") != name || form.Get("password") != pw {
			t.Errorf("%q, %q out of %s", name, pw, body)
		}
	})
}

// A21: a name that is canonical stays so, or two servers disagree.
func FuzzCanonical(f *testing.F) {
	f.Add("Ann ")
	f.Add("İstanbul")
	f.Fuzz(func(t *testing.T, name string) {
		if !utf8.ValidString(name) {
			return
		}
		once := local.Canonical(name)
		if twice := local.Canonical(once); twice != once {
			t.Errorf("%+q becomes %+q becomes %+q", name, once, twice)
		}
	})
}
