package basic_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/basic"
	"github.com/gopassport/passport/strategies/local"
)

// A Person is what the application knows of somebody.
type Person struct{ Name, Hash string }

// The password is checked, and attempts are throttled, as in a form.
func Example() {
	hasher := password.New(&password.Options{Scheme: password.Argon2id(nil)})
	hash, _ := hasher.Hash(context.Background(), "correct horse: battery")
	byName := func(_ context.Context, name string) (*Person, string, error) {
		if name != "ann" {
			return nil, "", passport.ErrNoUser
		}
		return &Person{name, hash}, hash, nil
	}
	form := local.New(byName, &local.Options[*Person]{Hasher: hasher})
	s := basic.New(form.Verify, nil)

	for _, pw := range []string{"Tr0ub4dor&3", "correct horse: battery"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth("ann", pw)
		res, err := s.Authenticate(r)
		fmt.Println(res.Outcome(), err)
	}
	// Output:
	// fail <nil>
	// success <nil>
}
