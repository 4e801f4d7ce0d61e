package explain_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/explain"
)

// Two authenticators, one page.
func Example() {
	why := explain.New(nil)
	quiet := slog.New(slog.DiscardHandler)
	users := passport.New(passport.Config[string]{OnAttempt: why.Named("users"), Logger: quiet})
	admins := passport.New(passport.Config[string]{OnAttempt: why.Named("admins"), Logger: quiet})
	key := passport.Credentials(passport.HeaderCredential("X-Key"), func(context.Context, string) (string, error) {
		return "", passport.ErrNoUser
	})
	users.Use("key", key)
	admins.Use("key", key)

	mux := http.NewServeMux()
	mux.Handle("GET /api", users.Require("key")(http.NotFoundHandler()))
	mux.Handle("GET /admin", admins.Require("key")(http.NotFoundHandler()))
	mux.Handle("GET /debug/passport", why)

	for _, path := range []string{"/api", "/admin"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("X-Key", "some key")
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	for _, n := range why.Entries() {
		fmt.Println(n.Authenticator, n.Event, n.Strategy, n.Outcome, n.Code, n.Page)
	}
	// Output:
	// admins require key fail invalid-credentials https://github.com/gopassport/passport/blob/main/docs/errors/invalid-credentials.md
	// users require key fail invalid-credentials https://github.com/gopassport/passport/blob/main/docs/errors/invalid-credentials.md
}
