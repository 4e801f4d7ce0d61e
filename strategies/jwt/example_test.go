package jwt_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

func Example() {
	type Claims struct {
		jwt.Token
		Email string `json:"email"`
	}
	type User struct{ Key, Email string }

	secret := []byte("Zb9vQ2n8mS7tX4kLw1eR6yU3iO0pA5dF") // openssl rand -base64 32
	keys, err := jwt.HMAC(secret, nil)
	if err != nil {
		panic(err)
	}
	a := passport.New(passport.Config[*User]{})
	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{
		Name:     "https://login.example.com",
		Audience: []string{"https://api.example.com"},
		Keys:     keys,
	}}}, func(_ context.Context, c *Claims) (*User, error) {
		return &User{Key: c.Key(), Email: c.Email}, nil
	}))
	notes := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, user *User) {
		fmt.Fprint(w, "notes of ", user.Email)
	}, "jwt")

	now := time.Now()
	token := gojwt.NewWithClaims(gojwt.SigningMethodHS256, gojwt.MapClaims{
		"iss": "https://login.example.com", "aud": "https://api.example.com", "sub": "1", "client_id": "web", "jti": "42",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "email": "ada@example.com",
	})
	token.Header["typ"] = "at+jwt"
	signed, err := token.SignedString(secret)
	if err != nil {
		panic(err)
	}
	for _, authorization := range []string{"Bearer " + signed, "Bearer " + signed + "x", ""} {
		r := httptest.NewRequest(http.MethodGet, "/notes", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		notes.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			fmt.Println(w.Code, w.Body)
		} else {
			fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	// Output:
	// 200 notes of ada@example.com
	// 401 Bearer realm="Users", error="invalid_token", error_description="The token is not valid"
	// 401 Bearer realm="Users"
}

func ExampleRequireScope() {
	type User struct{ Subject string }
	key, err := jwt.HMAC([]byte("Zb9vQ2n8mS7tX4kLw1eR6yU3iO0pA5dF"), nil)
	if err != nil {
		panic(err)
	}
	a := passport.New(passport.Config[*User]{})
	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{
		Name: "https://login.example.com", Audience: []string{"https://api.example.com"}, Keys: key,
	}}}, func(_ context.Context, c *struct{ jwt.Token }) (*User, error) { return &User{c.Subject}, nil }))

	write := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "written") })
	mux := http.NewServeMux()
	mux.Handle("POST /notes", a.Require("jwt")(jwt.RequireScope(a, "notes:write")(write)))

	r := httptest.NewRequest(http.MethodPost, "/notes", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 401
}
