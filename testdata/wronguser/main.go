// Wronguser does not compile: its strategies find employees, and its
// authenticator has customers.
package main

import (
	"context"
	"net/http"

	"github.com/gopassport/passport"
)

type (
	Customer struct{}
	Employee struct{}
	Badges   struct{}
)

func (Badges) Authenticate(*http.Request) (res passport.Result[*Employee], err error) {
	return res.Success(new(Employee))
}

func byKey(context.Context, string) (*Employee, error) { return new(Employee), nil }

func main() {
	a := passport.New(passport.Config[*Customer]{})
	a.Use("badge", Badges{})
	a.Use("func", passport.StrategyFunc[*Employee](Badges{}.Authenticate))
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), byKey))
}
