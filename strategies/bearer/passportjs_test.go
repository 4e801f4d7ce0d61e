package bearer_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/bearer"
)

// The rules of passport-http-bearer that have a meaning here, each as one test
// named after it. docs/from-passport-js.md lists all of them.
func TestPassportJSRules(t *testing.T) {
	t.Parallel()
	rules := map[string]func(*testing.T){
		"B1 the realm and the scope stand in the challenge": func(t *testing.T) {
			for want, o := range map[string]*bearer.Options{
				`Bearer realm="Users"`:                   nil,
				`Bearer realm="api", scope="read write"`: {Realm: "api", Scope: "read write"},
			} {
				if got := serve(bearer.New(owner, o), with()).Header().Get("WWW-Authenticate"); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
			defer func() {
				if recover() == nil {
					t.Error("a strategy without a function")
				}
			}()
			bearer.New[*user](nil, nil)
		},
		"B2 a malformed header, and a token in two places, is 400": func(t *testing.T) {
			s := bearer.New(owner, &bearer.Options{InsecureQuery: true})
			query := httptest.NewRequest("GET", "/?access_token=right", nil)
			if w := serve(s, query); w.Code != 200 {
				t.Errorf("in the query alone: %d", w.Code)
			}
			query.Header.Set("Authorization", "bearer right")
			if w := serve(s, query); w.Code != 400 {
				t.Errorf("in two places: %d", w.Code)
			}
			for value, status := range map[string]int{"bearer right": 200, "Bearer": 400, "Bearer right right": 400, "Basic YTpi": 401} {
				if w := serve(s, with(value)); w.Code != status {
					t.Errorf("%s: %d, want %d", value, w.Code, status)
				}
			}
		},
		"B3 a refused token is invalid_token, an error is an error": func(t *testing.T) {
			s := bearer.New(owner, nil)
			w := serve(s, with("Bearer unknown"))
			if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.Contains(got, `error="invalid_token"`) {
				t.Errorf("refused: %d %s", w.Code, got)
			}
			if w := serve(s, with("Bearer outage")); w.Code != 500 {
				t.Errorf("an error: %d", w.Code)
			}
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}
