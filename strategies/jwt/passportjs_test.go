package jwt_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

// The rules of passport-jwt that hold here, each as one test named after it.
// docs/from-passport-js.md lists all of them.
func TestPassportJSRules(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.ES256]
	rules := map[string]func(*testing.T){
		"J1 what it cannot do without is missed at start": func(t *testing.T) {
			for name, f := range map[string]func(){
				"no function": func() { jwt.New[*User, Claims](config(s.key), nil) },
				"no issuer":   func() { jwt.New(jwt.Config{}, fromClaims) },
				"no keys":     func() { jwt.New(config(nil), fromClaims) },
			} {
				if !panics(f) {
					t.Errorf("%s: a strategy", name)
				}
			}
		},
		"J4 without a token nobody is asked": func(t *testing.T) {
			asked := func(what string) { t.Errorf("%s asked", what) }
			keys := source(func() (*jwt.Key, error) { asked("keys"); return s.key, nil })
			_, h := site(jwt.New(config(keys), func(context.Context, *Claims) (*User, error) {
				asked("the function")
				return nil, passport.ErrNoUser
			}))
			if w := get(h, ""); w.Code != http.StatusUnauthorized {
				t.Errorf("%d, want 401", w.Code)
			}
		},
		"J6 a token that is not right is a refusal": func(t *testing.T) {
			_, h := site(strategy(s.key))
			header := header(jwt.ES256, nil)
			for name, token := range map[string]string{
				"signature": s.sign(header, claims(nil)) + "AAAA",
				"expired":   s.sign(header, claims(with{"exp": in(-time.Hour)})),
				"not yet":   s.sign(header, claims(with{"nbf": in(time.Hour)})),
				"issuer":    s.sign(header, claims(with{"iss": `"https://other.example"`})),
				"audience":  s.sign(header, claims(with{"aud": `"https://other.example"`})),
				"malformed": "a.b",
			} {
				w := get(h, token)
				if got := w.Header().Get("WWW-Authenticate"); w.Code != http.StatusUnauthorized || !strings.Contains(got, `error="invalid_token"`) {
					t.Errorf("%s: %d %s", name, w.Code, got)
				}
			}
		},
		"J8 a user, a refusal, an error, a panic": func(t *testing.T) {
			for name, c := range map[string]struct {
				verify func() (*User, error)
				status int
			}{
				"user":    {func() (*User, error) { return &User{Key: "ada"}, nil }, 200},
				"refusal": {func() (*User, error) { return nil, passport.ErrNoUser }, 401},
				"error":   {func() (*User, error) { return nil, errors.New("no database") }, 500},
				"nobody":  {func() (*User, error) { return nil, nil }, 401},
				"panic":   {func() (*User, error) { panic("lost") }, 500},
			} {
				a, _ := site(jwt.New(config(s.key), func(context.Context, *Claims) (*User, error) { return c.verify() }))
				w := get(a.Require("jwt")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					info, _ := a.Info(r.Context()).(*jwt.Token)
					fmt.Fprint(w, info.Subject)
				})), s.token())
				if w.Code != c.status || w.Code == 200 && w.Body.String() != "user-1" {
					t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.status)
				}
			}
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}
