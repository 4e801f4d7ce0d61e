package local_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func newStrategy(o local.Options[*user]) *local.Strategy[*user] {
	if o.Hasher == nil {
		o.Hasher = newHasher(&quick{})
	}
	o.Limiter = free{}
	return local.New(accounts().find, &o)
}

func TestBodies(t *testing.T) { // A18, A19, A20, E13, L2, L3, L4
	const ok = `{"username":"alice","password":"right"}`
	for _, tt := range []struct {
		name, contentType, body string
		code                    string // "" is success, "pass" is Pass
	}{
		{"form", formType, "username=alice&password=right", ""},
		{"form, more fields", formType, "remember=1&username=alice&password=right&remember=2", ""},
		{"form, UTF-8", formType + "; charset=UTF-8", "username=alice&password=right", ""},
		{"form, Latin-1", formType + "; charset=iso-8859-1", "username=alice&password=right", "unsupported-media-type"},
		{"form, torn parameter", formType + "; charset", "username=alice&password=right", "unsupported-media-type"},
		{"form, wrong password", formType, "username=alice&password=Right", "invalid-credentials"},
		{"form, spaces count", formType, "username=alice&password=right+", "invalid-credentials"},
		{"form, name twice", formType, "username=alice&username=bob&password=right", "bad-request"},
		{"form, password twice", formType, "username=alice&password=x&password=right", "bad-request"},
		{"form, same name twice", formType, "username=alice&username=alice&password=right", "bad-request"},
		{"form, brackets", formType, "username[]=alice&password=right", "bad-request"},
		{"form, malformed", formType, "username=alice&password=%zz", "bad-request"},
		{"form, semicolon", formType, "username=alice;password=right", "bad-request"},
		{"no name", formType, "password=right", "bad-request"},
		{"empty name", formType, "username=&password=right", "bad-request"},
		{"blank name", formType, "username=+&password=right", "bad-request"},
		{"no password", formType, "username=alice", "bad-request"},
		{"empty password", formType, "username=alice&password=", "bad-request"},
		{"empty body", formType, "", "bad-request"},
		{"name of 320 bytes", formType, "username=" + strings.Repeat("a", 320) + "&password=x", "invalid-credentials"},
		{"name of 321 bytes", formType, "username=" + strings.Repeat("a", 321) + "&password=x", "too-large"},
		{"name with NUL", formType, "username=alice%00&password=right", "bad-request"},
		{"name with line end", formType, "username=ali%0Ace&password=right", "bad-request"},
		{"name not UTF-8", formType, "username=alice%ff&password=right", "bad-request"},
		{"64 KiB", formType, "username=alice&password=right&x=" + strings.Repeat("x", 64<<10-32), ""},
		{"64 KiB and one", formType, "username=alice&password=right&x=" + strings.Repeat("x", 64<<10-31), "too-large"},
		{"JSON", jsonType, ok, ""},
		{"JSON, UTF-8", jsonType + "; charset=utf-8", ok, ""},
		{"JSON, UTF-16", jsonType + "; charset=utf-16", ok, "unsupported-media-type"},
		{"JSON, more members", jsonType, `{"a":[{"username":"bob"}],"username":"alice","password":"right","b":null}`, ""},
		{"JSON, escapes", jsonType, `{"username":"\u0061lice","password":"right"}`, ""},
		{"JSON, password true", jsonType, `{"username":"alice","password":true}`, "bad-request"},
		{"JSON, password 0", jsonType, `{"username":"alice","password":0}`, "bad-request"},
		{"JSON, password null", jsonType, `{"username":"alice","password":null}`, "bad-request"},
		{"JSON, password array", jsonType, `{"username":"alice","password":["right"]}`, "bad-request"},
		{"JSON, password object", jsonType, `{"username":"alice","password":{"$ne":""}}`, "bad-request"},
		{"JSON, name object", jsonType, `{"username":{"$gt":""},"password":"right"}`, "bad-request"},
		{"JSON, password twice", jsonType, `{"username":"alice","password":"x","password":"right"}`, "bad-request"},
		{"JSON, twice by escape", jsonType, `{"username":"alice","password":"x","passwor\u0064":"right"}`, "bad-request"},
		{"JSON, another case", jsonType, `{"Username":"alice","PASSWORD":"right"}`, "bad-request"},
		{"JSON, half a pair", jsonType, `{"username":"alice","password":"\ud800"}`, "bad-request"},
		{"JSON, not UTF-8", jsonType, "{\"username\":\"alice\",\"password\":\"right\",\"x\":\"\xff\"}", "bad-request"},
		{"JSON, more behind", jsonType, ok + `{}`, "bad-request"},
		{"JSON, torn", jsonType, ok[:len(ok)-1], "bad-request"},
		{"JSON, array", jsonType, `[` + ok + `]`, "bad-request"},
		{"JSON, string", jsonType, `"alice"`, "bad-request"},
		{"JSON, empty body", jsonType, "", "bad-request"},
		{"JSON, no password", jsonType, `{"username":"alice"}`, "bad-request"},
		{"multipart", "multipart/form-data; boundary=x", "--x\r\n", "unsupported-media-type"},
		{"text", "text/plain", "username=alice&password=right", "pass"},
		{"no type", "", "username=alice&password=right", "pass"},
		{"malformed type", ";", "username=alice&password=right", "pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStrategy(local.Options[*user]{})
			for _, r := range []*http.Request{post(tt.contentType, tt.body), unsized(post(tt.contentType, tt.body))} {
				outcome, f := decide(t, s, r)
				got := ""
				switch outcome {
				case passport.Passed:
					got = "pass"
				case passport.Failed:
					got = f.Code
					want := map[string]int{"bad-request": 400, "too-large": 413, "unsupported-media-type": 415, "invalid-credentials": 401}[f.Code]
					if f.Status != want || f.Message == "" {
						t.Errorf("status %d, message %q", f.Status, f.Message)
					}
				}
				if got != tt.code {
					t.Errorf("%q, want %q", got, tt.code)
				}
			}
		})
	}
}

func TestNotAString(t *testing.T) { // A20
	s := newStrategy(local.Options[*user]{})
	for _, value := range []string{`true`, `0`, `["right"]`, `{"$ne":""}`, `"\ud800"`} {
		for _, body := range []string{`{"username":"alice","password":` + value + `}`, `{"username":` + value + `,"password":"right"}`} {
			if outcome, f := decide(t, s, post(jsonType, body)); outcome != passport.Failed || f.Message != "A field is not a string." {
				t.Errorf("%s: %v, %v", body, outcome, f)
			}
		}
	}
}

// unsized is r as a client sends it that does not say how much comes.
func unsized(r *http.Request) *http.Request {
	r.ContentLength = -1
	return r
}

func TestNeverTheQuery(t *testing.T) { // A19
	s := newStrategy(local.Options[*user]{})
	const query = "?username=alice&password=right"
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		r := httptest.NewRequest(method, "/login"+query, strings.NewReader(query[1:]))
		r.Header.Set("Content-Type", formType)
		if outcome, _ := decide(t, s, r); outcome != passport.Passed {
			t.Errorf("%s: %v, want pass", method, outcome)
		}
	}
	for _, body := range []string{"", "username=alice", "password=right"} {
		r := post(formType, body)
		r.URL.RawQuery = query[1:]
		if outcome, f := decide(t, s, r); outcome != passport.Failed || f.Message != "Missing credentials." {
			t.Errorf("body %q: %v, %v", body, outcome, f)
		}
		r = post(formType, body)
		r.URL.RawQuery = query[1:]
		if err := r.ParseForm(); err != nil { // by a middleware
			t.Fatal(err)
		}
		if outcome, _ := decide(t, s, r); outcome != passport.Failed {
			t.Errorf("parsed body %q: %v", body, outcome)
		}
	}
}

func TestFieldNames(t *testing.T) { // L2
	s := newStrategy(local.Options[*user]{NameField: "email", PasswordField: "secret"})
	for _, r := range []*http.Request{
		post(formType, "email=alice&secret=right&username=bob&password=x"),
		post(jsonType, `{"email":"alice","secret":"right","password":0}`),
	} {
		if outcome, f := decide(t, s, r); outcome != passport.Succeeded {
			t.Errorf("%v", f)
		}
	}
}

func TestBodyIsThereAgain(t *testing.T) {
	s := newStrategy(local.Options[*user]{})
	r := post(formType, "username=alice&password=right&next=%2Fa")
	if outcome, _ := decide(t, s, r); outcome != passport.Succeeded {
		t.Fatal(outcome)
	}
	if next := r.PostFormValue("next"); next != "/a" {
		t.Errorf("next %q", next)
	}
	// And the other way round: the form was read before.
	if outcome, f := decide(t, s, r); outcome != passport.Succeeded {
		t.Errorf("after ParseForm: %v", f)
	}
}

func TestOuterLimit(t *testing.T) { // A18
	s := newStrategy(local.Options[*user]{})
	r := unsized(post(formType, "username=alice&password=right"))
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 10)
	if outcome, f := decide(t, s, r); outcome != passport.Failed || f.Status != 413 {
		t.Errorf("%v, %v", outcome, f)
	}
	r = unsized(post(formType, ""))
	r.Body = io.NopCloser(torn{})
	if outcome, f := decide(t, s, r); outcome != passport.Failed || f.Status != 400 {
		t.Errorf("torn: %v, %v", outcome, f)
	}
}

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// zeros is an endless body.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	z.n -= n
	for i := range p[:n] {
		p[i] = 'x'
	}
	return int(n), nil
}

func TestHugeBody(t *testing.T) { // A18
	s := newStrategy(local.Options[*user]{})
	for _, sized := range []bool{true, false} {
		body := &zeros{100 << 20}
		r := httptest.NewRequest(http.MethodPost, "/login", body)
		r.Header.Set("Content-Type", formType)
		r.ContentLength = -1
		if sized {
			r.ContentLength = body.n
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		outcome, f := decide(t, s, r)
		runtime.ReadMemStats(&after)
		if outcome != passport.Failed || f.Status != 413 || f.Code != "too-large" {
			t.Errorf("%v, %v; want 413", outcome, f)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%d bytes allocated, want less than 1 MB", grown)
		}
		if read := 100<<20 - body.n; sized && read > 0 || read > 64<<10+1 {
			t.Errorf("%d bytes read", read)
		}
	}
}
