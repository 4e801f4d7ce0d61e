// Package chi is the site on chi: its middleware is ours.
package chi

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// New returns the site.
func New(a *passport.Authenticator[*site.User]) http.Handler {
	r := chi.NewRouter()
	r.Use(a.Handler)
	r.Method(http.MethodPost, "/login", a.LoginHandler("local", nil))
	r.Method(http.MethodPost, "/logout", a.LogoutHandler(nil))
	r.With(a.Require()).Get("/account", func(w http.ResponseWriter, r *http.Request) {
		user, _ := a.User(r.Context())
		fmt.Fprint(w, "Hello, ", user.Name)
	})
	r.Route("/api", func(r chi.Router) {
		r.Use(a.Require("session", "key"))
		r.Get("/me", func(w http.ResponseWriter, r *http.Request) {
			user, _ := a.User(r.Context())
			fmt.Fprintf(w, "%s by %s", user.Name, a.Strategy(r.Context()))
		})
	})
	return r
}
