package passporttest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/passporttest"
)

// The test of a page that asks for a user. t is the test's.
func ExampleLogIn() {
	test := func(t *testing.T, a *passport.Authenticator[*user], pages http.Handler) {
		server := httptest.NewServer(a.Handler(pages))
		defer server.Close()

		browser := passporttest.LogIn(t, server, a, &user{"ann"})
		res, err := browser.Get(server.URL + "/account")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("got %s", res.Status)
		}
	}
	_ = test
}

// What was decided, where only the answer could be seen otherwise.
func ExampleRecorder() {
	a, handler, decided := newSite()
	r := httptest.NewRequest("POST", "/login", nil)
	r.Header.Set("X-Key", "wrong")
	handler.ServeHTTP(httptest.NewRecorder(), r)

	for _, attempt := range decided.Take() {
		fmt.Println(passporttest.Line(attempt))
	}
	_ = a
	// Output: login key fail invalid-credentials
}
