package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/throttle"
)

// A PIN has ten thousand values: nobody may try them all.
func ExampleNew() {
	type door struct{ room, pin string }
	find := func(r *http.Request) (door, bool) {
		d := door{r.Header.Get("X-Room"), r.Header.Get("X-Pin")}
		return d, d.pin != ""
	}
	pin := passport.Credentials(find, func(_ context.Context, d door) (string, error) {
		if d.pin != "2580" {
			return "", passport.ErrInvalidCredentials
		}
		return "guest of " + d.room, nil
	})
	room := func(r *http.Request) (string, bool) {
		d, ok := find(r)
		return d.room, ok
	}
	s := throttle.New(pin, room, nil)

	for _, guess := range []string{"0000", "0001", "0002", "0003", "0004", "2580"} {
		r, _ := http.NewRequest("POST", "/", nil)
		r.Header.Set("X-Room", "7")
		r.Header.Set("X-Pin", guess)
		_, err := s.Authenticate(r)
		f, _ := errors.AsType[*passport.Failure](err)
		fmt.Println(guess, f != nil && f.Code == throttle.CodeThrottled)
	}
	// Output:
	// 0000 false
	// 0001 false
	// 0002 false
	// 0003 false
	// 0004 false
	// 2580 true
}

// A Limiter of one's own counts attempts in a store that several servers
// share. This one only counts.
func ExampleTry() {
	l := throttle.NewMemory(nil)
	for range 6 {
		err := throttle.Try(context.Background(), &throttle.Options{Limiter: l}, "ann", "192.0.2.1", func() throttle.Verdict {
			return throttle.Wrong
		})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// passport: throttled: throttle: too many failures at the account
}
