// Package fiber is the site on fiber, which is not made of net/http: its
// handlers get no *http.Request and no http.ResponseWriter. Sign-in and
// sign-out are handlers of ours behind its adaptor; for its own handlers a
// route is decided there, and the user handed over.
//
// What a handler of fiber cannot do: change the session (UpdateSession), sign
// in (Login) or leave a message (Flash), which set cookies through a
// ResponseWriter. Such a handler is written for net/http and adapted.
package fiber

import (
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// New returns the site.
func New(a *passport.Authenticator[*site.User]) *fiber.App {
	app := fiber.New()
	app.Post("/login", adaptor.HTTPHandler(a.Handler(a.LoginHandler("local", nil))))
	app.Post("/logout", adaptor.HTTPHandler(a.Handler(a.LogoutHandler(nil))))
	app.Get("/account", require(a), func(c fiber.Ctx) error {
		return c.SendString("Hello, " + admitted(c).user.Name)
	})
	app.Get("/api/me", require(a, "session", "key"), func(c fiber.Ctx) error {
		return c.SendString(admitted(c).user.Name + " by " + admitted(c).strategy)
	})
	return app
}

// An admission is what a handler of fiber is told of who asks.
type admission struct {
	user     *site.User
	strategy string
}

type admissionKey struct{}

func admitted(c fiber.Ctx) admission {
	who, _ := c.Locals(admissionKey{}).(admission)
	return who
}

// require is a.Require for fiber. What it answers, a refusal or the headers of
// a signed-in page, is answered by the adaptor.
func require(a *passport.Authenticator[*site.User], names ...string) fiber.Handler {
	middleware := a.Require(names...)
	return func(c fiber.Ctx) error {
		var who admission
		decide := middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			who.user, _ = a.User(r.Context())
			who.strategy = a.Strategy(r.Context())
		}))
		if err := adaptor.HTTPHandler(a.Handler(decide))(c); err != nil || who.user == nil {
			return err
		}
		c.Locals(admissionKey{}, who)
		return c.Next()
	}
}
