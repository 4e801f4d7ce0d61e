package apps_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/apikey"
	"github.com/gopassport/passport/strategies/jwt"
)

// A Caller is a person or a program, and what it may.
type Caller struct {
	Name   string
	Scopes []string
}

// newNotes takes tokens of a login server and keys of its own on the same
// routes, and keeps no sessions. Scopes stand in the token, or beside the key.
func newNotes(keys jwt.KeySource, byKeyID func(ctx context.Context, id string) (*Caller, apikey.Key, error)) http.Handler {
	a := passport.New(passport.Config[*Caller]{Logger: config(nil).Logger})
	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{
		Name: "https://login.example.com", Audience: []string{"https://notes.example.com"}, Keys: keys,
	}}}, func(_ context.Context, t *jwt.Token) (*Caller, error) {
		return &Caller{t.Subject, t.Scopes}, nil
	}))
	a.Use("key", apikey.New("notes", byKeyID, nil))

	may := func(scope string) passport.Middleware {
		allow := a.Allow(func(_ context.Context, c *Caller) error {
			if !slices.Contains(c.Scopes, scope) {
				return passport.ErrForbidden
			}
			return nil
		})
		return func(next http.Handler) http.Handler { return a.Require("jwt", "key")(allow(next)) }
	}
	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := a.User(r.Context())
		write(w, r.Method, " by ", caller.Name, ", let in by ", a.Strategy(r.Context()))
	})
	mux := http.NewServeMux()
	mux.Handle("GET /notes", may("notes:read")(notes))
	mux.Handle("POST /notes", may("notes:write")(notes))
	return mux
}

func TestNotes(t *testing.T) {
	t.Parallel()
	secret := []byte("Zb9vQ2n8mS7tX4kLw1eR6yU3iO0pA5dF")
	keys, err := jwt.HMAC(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, stored := apikey.Generate("notes", time.Time{})
	v := visit(t, handler(newNotes(keys, func(_ context.Context, id string) (*Caller, apikey.Key, error) {
		if id != stored.ID {
			return nil, apikey.Key{}, passport.ErrNoUser
		}
		return &Caller{"the printer", []string{"notes:read"}}, stored, nil
	})))
	now := time.Now()
	token := gojwt.NewWithClaims(gojwt.SigningMethodHS256, gojwt.MapClaims{
		"iss": "https://login.example.com", "aud": "https://notes.example.com", "sub": "ann", "client_id": "web", "jti": "1",
		"scope": "notes:read notes:write", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	token.Header["typ"] = "at+jwt"
	signed, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}

	v.header.Set("Accept", "application/json")
	v.sees("GET /notes", "401 /notes no-credentials")
	v.header.Set("Authorization", "Bearer "+signed)
	v.sees("GET /notes", "/notes GET by ann, let in by jwt")
	v.sees("POST /notes", "/notes POST by ann, let in by jwt")
	v.header.Set("Authorization", "Bearer "+signed+"x")
	v.sees("GET /notes", "401 /notes invalid-token")
	v.header.Del("Authorization")
	v.header.Set("X-Api-Key", key)
	v.sees("GET /notes", "/notes GET by the printer, let in by key")
	v.sees("POST /notes", "403 /notes forbidden")
	v.header.Set("X-Api-Key", strings.Replace(key, "notes_", "other_", 1))
	v.sees("GET /notes", "401 /notes invalid-credentials")
}
