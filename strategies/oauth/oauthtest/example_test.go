package oauthtest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

// The test of an application, whose t it is.
func Example() {
	test := func(t *testing.T) {
		fake := oauthtest.Start(t)
		fake.SignIn(oauthtest.User{Subject: "42", Email: "bob@example.com", EmailStatus: oauth.EmailUnverified})

		a := passport.New(passport.Config[*user]{Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		)})
		a.Use("fake", oauth.New(fake.Provider("https://example.com/callback"), func(_ context.Context, id *oauth.Identity) (*user, error) {
			return &user{id.Subject}, nil
		}, nil))
		handler := a.Handler(a.LoginHandler("fake", nil))

		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("POST", "/begin", nil))
		back := fake.Visit(t, w.Header().Get("Location"))

		r := httptest.NewRequest("GET", back.String(), nil)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location"))
	}
	_ = test
}
