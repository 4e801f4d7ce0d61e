package strategytest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategytest"
)

// A test of a strategy calls Run. What it would report of one that tells a
// stranger whether a key exists, by an outage:
func ExampleRules() {
	strategy := passport.Credentials(passport.HeaderCredential("X-Api-Key"), func(_ context.Context, key string) (string, error) {
		if key != "0123456789abcdef" {
			return "", errors.New("no row for key " + key)
		}
		return "ann", nil
	})
	request := func(key string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Api-Key", key)
			return strategy, r
		}
	}
	cases := strategytest.Cases[string]{
		Right:  request("0123456789abcdef"),
		Wrong:  request("fedcba9876543210"),
		Absent: request(""),
	}
	for _, rule := range strategytest.Rules[string]() {
		if err := rule.Check(context.Background(), cases); err != nil {
			fmt.Printf("%s: %.75s\n", rule.Name, err)
		}
	}
	// Output:
	// WrongFails: Wrong: got broken, by an error of type *errors.errorString, want fail
	// HostileHeaders: X-Api-Key: " ": broken, by an error of type *errors.errorString
	// NoSecret: Wrong: the error has the request's header X-Api-Key
}
