package bearertoken_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/bearertoken"
)

// request has the Authorization headers given.
func request(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header["Authorization"] = values
	return r
}

// D33: the scheme in any case, one space or more, a token68 and nothing else;
// one header.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		values []string
		want   string
		bad    bool
	}{
		{"none", nil, "", false},
		{"token", []string{"Bearer abc"}, "abc", false},
		{"scheme in lower case", []string{"bearer abc"}, "abc", false},
		{"scheme in upper case", []string{"BEARER abc"}, "abc", false},
		{"several spaces", []string{"Bearer   abc"}, "abc", false},
		{"all of token68", []string{"Bearer aZ09-._~+/=="}, "aZ09-._~+/==", false},
		{"another scheme", []string{"Basic abc"}, "", false},
		{"a longer scheme", []string{"XBearerY abc"}, "", false},
		{"empty", []string{""}, "", false},
		{"no token", []string{"Bearer"}, "", true},
		{"spaces alone", []string{"Bearer  "}, "", true},
		{"padding alone", []string{"Bearer =="}, "", true},
		{"two words", []string{"Bearer abc def"}, "", true},
		{"space behind", []string{"Bearer abc "}, "", true},
		{"a tab", []string{"Bearer \tabc"}, "", true},
		{"a list", []string{"Bearer abc, Bearer def"}, "", true},
		{"padding within", []string{"Bearer a=c"}, "", true},
		{"a quote", []string{`Bearer "abc"`}, "", true},
		{"not ASCII", []string{"Bearer ab\u00e9"}, "", true},
		{"a NUL", []string{"Bearer ab\x00"}, "", true},
		{"two headers", []string{"Bearer abc", "Bearer abc"}, "", true},
		{"two headers of two schemes", []string{"Basic abc", "Bearer abc"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, found, err := bearertoken.Authorization(request(c.values...), "Bearer")
			if got != c.want || found != (c.want != "") || (err != nil) != c.bad {
				t.Errorf("got %q, %v, %v; want %q, an error: %v", got, found, err, c.want, c.bad)
			}
		})
	}
}

// D33, D34: a token in two places is malformed; the form counts only where it
// is one, and not in a GET; the query only where it is switched on.
func TestFind(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	all := bearertoken.Places{Form: true, Query: true}
	for _, c := range []struct {
		name                               string
		places                             bearertoken.Places
		method, target, kind, body, header string
		want                               string
		bad                                bool
	}{
		{name: "nothing", places: all, method: "POST", target: "/"},
		{name: "header", places: all, method: "POST", target: "/", header: "Bearer h", want: "h"},
		{name: "form", places: all, method: "POST", target: "/", kind: form, body: "access_token=f", want: "f"},
		{name: "form in UTF-8", places: all, method: "PUT", target: "/", kind: form + "; charset=UTF-8", body: "access_token=f", want: "f"},
		{name: "query", places: all, method: "GET", target: "/?access_token=q", want: "q"},

		{name: "form switched off", places: bearertoken.Places{Query: true}, method: "POST", target: "/", kind: form, body: "access_token=f"},
		{name: "form of a GET", places: all, method: "GET", target: "/", kind: form, body: "access_token=f"},
		{name: "form of a HEAD", places: all, method: "HEAD", target: "/", kind: form, body: "access_token=f"},
		{name: "multipart", places: all, method: "POST", target: "/", kind: "multipart/form-data; boundary=x", body: "access_token=f"},
		{name: "JSON", places: all, method: "POST", target: "/", kind: "application/json", body: `{"access_token":"f"}`},
		{name: "form in Latin-1", places: all, method: "POST", target: "/", kind: form + "; charset=latin1", body: "access_token=f"},
		{name: "query switched off", places: bearertoken.Places{Form: true}, method: "GET", target: "/?access_token=q"},
		{name: "both switched off", method: "POST", target: "/?access_token=q", kind: form, body: "access_token=f"},

		{name: "header and form", places: all, method: "POST", target: "/", header: "Bearer h", kind: form, body: "access_token=h", bad: true},
		{name: "header and query", places: all, method: "GET", target: "/?access_token=h", header: "Bearer h", bad: true},
		{name: "form and query", places: all, method: "POST", target: "/?access_token=q", kind: form, body: "access_token=f", bad: true},
		{name: "all three", places: all, method: "POST", target: "/?access_token=q", header: "Bearer h", kind: form, body: "access_token=f", bad: true},
		{name: "another scheme and form", places: all, method: "POST", target: "/", header: "Basic h", kind: form, body: "access_token=f", bad: true},
		{name: "form twice", places: all, method: "POST", target: "/", kind: form, body: "access_token=f&access_token=f", bad: true},
		{name: "query twice", places: all, method: "GET", target: "/?access_token=q&access_token=q", bad: true},
		{name: "empty in the form", places: all, method: "POST", target: "/", kind: form, body: "access_token=", bad: true},
		{name: "no token68", places: all, method: "GET", target: "/?access_token=a%20b", bad: true},
		{name: "malformed form", places: all, method: "POST", target: "/", kind: form, body: "access_token=%zz", bad: true},
		{name: "endless form", places: all, method: "POST", target: "/", kind: form, body: "x=" + strings.Repeat("x", 70<<10), bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			got, found, err := c.places.Find(r)
			if (err != nil) != c.bad || err == nil && (got != c.want || found != (c.want != "")) {
				t.Errorf("got %q, %v, %v; want %q, an error: %v", got, found, err, c.want, c.bad)
			}
		})
	}
}

// D36: what a client reads stays within RFC 6750's characters, whatever went
// wrong.
func TestAnswers(t *testing.T) {
	t.Parallel()
	a := bearertoken.NewAnswers(`Us"ers`, "read write", "https://api.example.com/.well-known/oauth-protected-resource")
	if got, want := a.Challenge(), `Bearer realm="Us\"ers", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource", scope="read write"`; got != want {
		t.Errorf("Challenge: %s, want %s", got, want)
	}
	description := regexp.MustCompile(`error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]+"`)
	_, _, cause := bearertoken.Authorization(request("Bearer \x01canary\""), "Bearer")
	for name, c := range map[string]string{
		"InvalidToken":      a.InvalidToken(cause).Challenge,
		"InsufficientScope": a.InsufficientScope("admin", cause).Challenge,
	} {
		if !description.MatchString(c) || strings.Contains(c, "canary") {
			t.Errorf("%s: %s", name, c)
		}
	}
}

// F13, D33: a token that is found is the one token68 of one header.
func FuzzAuthorization(f *testing.F) {
	f.Fuzz(func(t *testing.T, one, two string, both bool) {
		values := []string{one}
		if both {
			values = append(values, two)
		}
		token, found, err := bearertoken.Authorization(request(values...), "Bearer")
		if found != (token != "") || found && err != nil {
			t.Fatalf("%q, %v, %v", token, found, err)
		}
		if !found {
			return
		}
		if both {
			t.Fatalf("took %q of two headers", token)
		}
		if !regexp.MustCompile(`\A(?i:Bearer) +`+regexp.QuoteMeta(token)+`\z`).MatchString(one) ||
			!regexp.MustCompile(`\A[A-Za-z0-9._~+/-]+=*\z`).MatchString(token) {
			t.Fatalf("took %q of %q", token, one)
		}
	})
}
