package apikey_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/apikey"
)

func Example() {
	// Made at the owner's wish, and shown once.
	key, stored := apikey.Generate("acme", time.Now().AddDate(1, 0, 0))
	fmt.Println(len(key), key[:5], len(stored.ID))

	owners := map[string]string{stored.ID: "ann"} // the application's table
	byID := func(_ context.Context, id string) (string, apikey.Key, error) {
		owner, ok := owners[id]
		if !ok {
			return "", apikey.Key{}, passport.ErrNoUser
		}
		return owner, stored, nil
	}
	s := apikey.New("acme", byID, nil)
	for _, sent := range []string{key, key[:len(key)-1] + "?"} {
		r := httptest.NewRequest("GET", "/api/orders", nil)
		r.Header.Set("X-Api-Key", sent)
		res, err := s.Authenticate(r)
		fmt.Println(res.Outcome(), res.User(), err)
	}
	// Output:
	// 81 acme_ 16
	// success ann <nil>
	// fail  <nil>
}
