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
