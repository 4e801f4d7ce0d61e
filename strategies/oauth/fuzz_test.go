package oauth_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// FuzzAttempt: no cookie but one that was sealed for this very flow opens, and
// none breaks anything. F13
func FuzzAttempt(f *testing.F) {
	s := newSite(f, setup{provider: &stub{}})
	b := s.browser()
	b.begin()
	own := b.cookies[b.open()[0]]
	for _, seed := range []string{"1.OWN", "", ".", "1.", "OWN", "1.OWNA", "1..OWN", ".OWN", "99999999999999999999.OWN", "1.OWN.OWN", "1.OWN=", "1.O\nWN", "1.AAAA"} {
		f.Add(seed) // OWN is what was sealed, which each process does anew
	}
	var env *passport.Env
	s.build(setup{provider: &stub{}, wrap: func(strategy *oauth.Strategy[*user]) passport.Strategy[*user] {
		return planter{strategy, func(r *http.Request) (res passport.Result[*user], err error) {
			env = passport.EnvOf(r.Context())
			return res.Pass()
		}}
	}})
	s.browser().send("POST", "/auth/fake", "")
	_, sealed, _ := strings.Cut(own, ".")
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ReplaceAll(value, "OWN", sealed)
		_, got, _ := strings.Cut(value, ".")
		if opens := oauth.Opens(&stub{}, env, value); opens != (got == sealed) {
			t.Errorf("%q: opens: %t", value, opens)
		}
	})
}

// FuzzJSON: what is parsed is what encoding/json reads, and less: no member
// twice, not deep, nothing behind it. F13
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		goodToken, goodProfile, "", "null", "1e400", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[{"a":{"b":1}},{"a":{"b":1}}]`, `{"":{}}{}`, "{\"a\":\"\xff\"}",
		strings.Repeat("[", 33), strings.Repeat("[", 33) + strings.Repeat("]", 33), `{"a\"":":","b":"{\"c\":1}"}`, ` [1 , 2] `, `"\ud800"`, "[1,]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := oauth.ParseJSON(body)
		if err != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q is no JSON, and read as %v", body, got)
		}
		if depth, twice := walk(json.NewDecoder(bytes.NewReader(body))); depth > 32 || twice {
			t.Errorf("%q: %d deep, a member twice: %t", body, depth, twice)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := oauth.ParseJSON(again); err != nil {
			t.Errorf("%q: read, and written as %q, which is not: %v", body, again, err)
		}
	})
}

// walk tells of a JSON text how deep it is, and whether an object has a member
// twice, token by token.
func walk(dec *json.Decoder) (deepest int, twice bool) {
	type level struct {
		names map[string]bool // nil in a list
		value bool            // a value comes next
	}
	var stack []level
	for {
		token, err := dec.Token()
		if err != nil {
			return deepest, twice
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].names != nil {
			top := &stack[n-1]
			if name, ok := token.(string); ok && !top.value {
				twice = twice || top.names[name]
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{names: make(map[string]bool)})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		deepest = max(deepest, len(stack))
	}
}

// FuzzToken: whatever a token endpoint answers, it is a token that can stand
// in a header, or an error. F13
func FuzzToken(f *testing.F) {
	for kind, body := range map[string]string{
		"application/json": goodToken, "application/json; charset=utf-8": `{"access_token":"` + canary + `","expires_in":"60","scope":"a b"}`,
		"application/x-www-form-urlencoded": "access_token=" + canary + "&expires_in=60", "text/plain": "access_token=%zz", "": `{"access_token":1}`,
	} {
		f.Add(200, kind, []byte(body))
		f.Add(400, kind, []byte(`{"error":"invalid_grant","error_description":"`+canary+`"}`))
	}
	f.Add(200, "application/json", []byte(`{"access_token":"a","access_token":"b"}`))
	f.Add(200, "application/json", []byte(`{"access_token":"a\r\nX: y"}`))
	f.Add(503, "text/html", []byte(canary))
	f.Fuzz(func(t *testing.T, status int, kind string, body []byte) {
		var sent http.Header
		p := redeems(t, func(r *http.Request) *http.Response {
			if r.URL.Path == "/me" {
				sent = r.Header
				return answers(r, 200, "application/json", []byte(goodProfile))
			}
			return answers(r, status, kind, body)
		})
		id, err := p.Finish(t.Context(), &oauth.Flow{Code: "c", Verifier: "v"})
		switch {
		case err == nil && (status < 200 || status > 299 || id.Tokens.Access == ""):
			t.Errorf("%d %q: %v", status, body, id)
		case err == nil && strings.ContainsFunc(sent.Get("Authorization"), func(c rune) bool { return c < ' ' || c == 0x7f }):
			t.Errorf("%q: sent %q", body, sent.Get("Authorization"))
		}
	})
}

// FuzzClaims: a profile names somebody by text within bounds, or nobody. F13,
// C22, C27
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		goodProfile, `{"sub":1}`, `{"sub":""}`, `{"sub":"a b","email":"a@b@c","email_verified":true}`, `{"SUB":"1"}`, `{"sub":"1","email":"a@b","email_verified":"true"}`,
		`{"id":7,"sub":"\u0000"}`, `[]`, `{"sub":"\u202e"}`, `{"sub":"` + strings.Repeat("a", 256) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := redeems(t, func(r *http.Request) *http.Response {
			if r.URL.Path == "/me" {
				return answers(r, 200, "application/json", body)
			}
			return answers(r, 200, "application/json", []byte(goodToken))
		})
		s := newSite(t, setup{provider: p})
		b := s.browser()
		to := b.begin()
		_, state, _ := strings.Cut(to, "&state=")
		state, _, _ = strings.Cut(state, "&")
		w := b.get(callbackPath + "?code=c&state=" + state)
		known := s.verified()
		if (w.Header().Get("Location") == "/") != (len(known) == 1) || (b.me() != "") != (len(known) == 1) {
			t.Fatalf("%q: %d, %d verified", body, w.Code, len(known))
		}
		for _, id := range known {
			if id.Subject == "" || len(id.Subject) > 255 || strings.ContainsAny(id.Subject, "\x00\r\n") {
				t.Errorf("%q: subject %q", body, id.Subject)
			}
			if n := strings.Count(id.Email, "@"); id.Email != "" && n != 1 || id.Email == "" && id.EmailStatus != oauth.EmailUnknown {
				t.Errorf("%q: email %q, %s", body, id.Email, id.EmailStatus)
			}
			var claims map[string]any
			if err := json.Unmarshal(body, &claims); err != nil || claims["sub"] != id.Subject {
				t.Errorf("%q: subject %q", body, id.Subject)
			}
		}
	})
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func answers(r *http.Request, status int, kind string, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}
}

// redeems is a provider whose requests are answered by a function.
func redeems(t testing.TB, answer roundTripper) oauth.Provider {
	p, err := oauth.NewProvider(oauth.Service{
		Issuer: "https://stub.example", API: "https://stub.example", Profile: oauth.UserInfo("/me"),
		Endpoint: oauth2.Endpoint{AuthURL: "https://stub.example/authorize", TokenURL: "https://stub.example/token"},
	}, oauth.Config{ClientID: "c", ClientSecret: "s", RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: answer})})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
