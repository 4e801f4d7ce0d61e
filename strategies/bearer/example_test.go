package bearer_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/bearer"
)

func Example() {
	// The application's table has the SHA-256 of each token.
	owners := map[[32]byte]string{sha256.Sum256([]byte("mF_9.B5f-4.1JqM")): "ann"}
	find := func(_ context.Context, token string) (string, error) {
		owner, ok := owners[sha256.Sum256([]byte(token))]
		if !ok {
			return "", passport.ErrNoUser
		}
		return owner, nil
	}
	a := passport.New(passport.Config[string]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("bearer", bearer.New(find, &bearer.Options{Realm: "example"}))
	api := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, owner string) { fmt.Fprint(w, owner) }, "bearer")

	for _, header := range []string{"", "Bearer mF_9.B5f-4.1JqM", "Bearer guess"} {
		r := httptest.NewRequest("GET", "/api/orders", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header()["Www-Authenticate"])
	}
	// Output:
	// 401 [Bearer realm="example"]
	// 200 []
	// 401 [Bearer realm="example", error="invalid_token", error_description="The token is not valid"]
}
