package basic_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/basic"
)

// The rules of passport-http that have a meaning here, each as one test named
// after it. docs/from-passport-js.md lists all of them.
func TestPassportJSRules(t *testing.T) {
	t.Parallel()
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("basic", basic.New(check, nil))
	h := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { fmt.Fprint(w, u.name, " ", u.password) }, "basic")
	// answers checks the status of a request, and whether it asks for credentials.
	answers := func(t *testing.T, status int, values ...string) string {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", values...))
		want := ""
		if status == http.StatusUnauthorized {
			want = `Basic realm="Users", charset="UTF-8"`
		}
		if got := w.Header().Get("WWW-Authenticate"); w.Code != status || got != want {
			t.Errorf("%q: %d %s, want %d %s", values, w.Code, got, status, want)
		}
		return w.Body.String()
	}
	rules := map[string]func(*testing.T){
		"H1 what is absent, empty or wrong is asked for again": func(t *testing.T) {
			answers(t, 401)
			answers(t, 401, "Bearer abc")
			answers(t, 401, encoded(":secret"))
			answers(t, 401, encoded("ann:"))
			answers(t, 401, encoded("ann:wrong"))
			answers(t, 500, encoded("outage:secret"))
			if got := answers(t, 200, strings.ToLower("Basic")+strings.TrimPrefix(encoded("ann:secret"), "Basic")); got != "ann secret" {
				t.Errorf("let in: %s", got)
			}
		},
		"H2 the first colon ends the name, and the scheme is a word": func(t *testing.T) {
			if got := answers(t, 200, encoded("ann:a:b:c")); got != "ann a:b:c" {
				t.Errorf("let in: %s", got)
			}
			answers(t, 401, "X"+encoded("ann:secret"))
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}
