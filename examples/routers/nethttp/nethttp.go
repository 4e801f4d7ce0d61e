// Package nethttp is the site on net/http alone.
package nethttp

import (
	"fmt"
	"net/http"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// New returns the site.
func New(a *passport.Authenticator[*site.User]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", nil))
	mux.Handle("POST /logout", a.LogoutHandler(nil))
	mux.Handle("GET /account", a.RequireFunc(account))
	mux.Handle("GET /api/me", a.Require("session", "key")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := a.User(r.Context())
		fmt.Fprintf(w, "%s by %s", user.Name, a.Strategy(r.Context()))
	})))
	return a.Handler(mux)
}

func account(w http.ResponseWriter, _ *http.Request, user *site.User) {
	fmt.Fprint(w, "Hello, ", user.Name)
}
