// Package gin is the site on gin, whose middleware has another shape: Check is
// made for that.
package gin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// New returns the site.
func New(a *passport.Authenticator[*site.User]) http.Handler {
	r := gin.New()
	r.POST("/login", gin.WrapH(a.LoginHandler("local", nil)))
	r.POST("/logout", gin.WrapH(a.LogoutHandler(nil)))
	r.GET("/account", require(a), func(c *gin.Context) {
		user, _ := a.User(c.Request.Context())
		c.String(http.StatusOK, "Hello, %s", user.Name)
	})
	api := r.Group("/api", require(a, "session", "key"))
	api.GET("/me", func(c *gin.Context) {
		user, _ := a.User(c.Request.Context())
		c.String(http.StatusOK, "%s by %s", user.Name, a.Strategy(c.Request.Context()))
	})
	return a.Handler(r) // around gin, not in it
}

// require is a.Require for gin.
func require(a *passport.Authenticator[*site.User], names ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		r, ok := a.Check(c.Writer, c.Request, names...)
		if !ok {
			c.Abort()
			return
		}
		c.Request = r
	}
}
