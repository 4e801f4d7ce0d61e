// Package echo is the site on echo.
package echo

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// New returns the site.
func New(a *passport.Authenticator[*site.User]) http.Handler {
	e := echo.New()
	e.Use(echo.WrapMiddleware(a.Handler))
	e.POST("/login", echo.WrapHandler(a.LoginHandler("local", nil)))
	e.POST("/logout", echo.WrapHandler(a.LogoutHandler(nil)))
	e.GET("/account", func(c *echo.Context) error {
		user, _ := a.User(c.Request().Context())
		return c.String(http.StatusOK, "Hello, "+user.Name)
	}, echo.WrapMiddleware(a.Require()))
	api := e.Group("/api", echo.WrapMiddleware(a.Require("session", "key")))
	api.GET("/me", func(c *echo.Context) error {
		ctx := c.Request().Context()
		user, _ := a.User(ctx)
		return c.String(http.StatusOK, fmt.Sprintf("%s by %s", user.Name, a.Strategy(ctx)))
	})
	return e
}
