package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
	"github.com/gopassport/passport/strategies/jwt/refresh"
	"github.com/gopassport/passport/strategies/jwt/revocation"
	"github.com/gopassport/passport/strategies/local"
)

// A User is somebody with an account.
type User struct{ Name, Hash string }

var users = map[string]User{"alice": {"alice", "$2a$12$C.fhZZNYItcPcJvbVBWVIeNy9vjnX1WvVkEerSX9igWr.f8I/zTxO"}} // wonderland

func key(u User) string                                 { return u.Name }
func byKey(_ context.Context, key string) (User, error) { return users[key], nil }
func byName(_ context.Context, name string) (User, string, error) {
	return users[name], users[name].Hash, nil
}
func fromToken(_ context.Context, claims *jwt.Token) (User, error) { return users[claims.Subject], nil }
func grant(_ context.Context, _ User, g issuer.Grant) (issuer.Grant, error) {
	if g.Scope != "" && g.Scope != "notes" { // all that there is here
		return g, issuer.ErrInvalidScope
	}
	return g, nil
}

func routes(store sessions.Store, iss *issuer.Issuer, families *refresh.Families) http.Handler {
	serializer := passport.SerializeBy(key, byKey)
	manager := sessions.New(store, nil)
	a := passport.New(passport.Config[User]{Serializer: serializer, Sessions: manager})
	revoked := revocation.New(store, nil)
	trusted := iss.Trusted()
	a.Use("local", local.New(byName, nil))
	a.Use("jwt", jwt.New(jwt.Config{
		Issuers: []jwt.Issuer{trusted},
		Revoked: revoked.Check,
		Leeway:  -1, // the clock that signs is the one that checks
	}, fromToken))
	tokens := issuer.NewEndpoints(issuer.EndpointsConfig[User]{
		Auth: a, Serializer: serializer, Issuer: iss, Families: families, Grant: grant,
	})

	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", nil))
	mux.Handle("POST /logout", a.LogoutHandler(nil))
	mux.Handle("GET /.well-known/jwks.json", iss.JWKS())
	mux.Handle("POST /tokens", a.Require("session", "local")(tokens.Mint()))
	mux.Handle("POST /tokens/refresh", tokens.Refresh())
	mux.Handle("POST /tokens/revoke", tokens.Revoke())
	mux.Handle("POST /logout-everywhere", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, user User) {
		_, err := manager.RevokeUser(r.Context(), key(user)) // first what could make more tokens
		if err == nil {
			_, err = families.EndUser(r.Context(), key(user))
		}
		if err == nil {
			err = revoked.Subject(r.Context(), trusted.Name, key(user))
		}
		if err != nil {
			a.Refuse(w, r, err)
		}
	}, "session", "jwt"))
	mux.Handle("GET /api/me", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, user User) {
		_ = json.NewEncoder(w).Encode(map[string]string{"name": user.Name, "by": a.Strategy(r.Context())})
	}, "session", "jwt"))
	return a.Handler(mux)
}
