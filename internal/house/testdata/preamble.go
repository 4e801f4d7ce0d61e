// Package docs has what the Go blocks of the documents may name without
// declaring it. See TestMarkdown.
package docs

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
	"github.com/gopassport/passport/strategies/jwt/refresh"
	"github.com/gopassport/passport/strategies/jwt/revocation"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// Application code that every page takes for granted.

type User struct{ ID, Name string }

func (u *User) Key() string { return u.ID }

type Users struct{}

func (Users) ByID(ctx context.Context, id string) (*User, error) { return nil, passport.ErrNoUser }
func (Users) ByName(ctx context.Context, name string) (user *User, hash string, err error) {
	return nil, "", passport.ErrNoUser
}
func (u *User) Stamp() string { return "" }

func (Users) ByKey(ctx context.Context, key string) (*User, error) { return nil, passport.ErrNoUser }

func (Users) FromIdentity(ctx context.Context, id *oauth.Identity) (*User, error) {
	return nil, passport.ErrNoUser
}

func (Users) BySubject(ctx context.Context, issuer, subject string) (id string, err error) {
	return "", passport.ErrNoUser
}

func (Users) FromToken(ctx context.Context, t *jwt.Token) (*User, error) {
	return nil, passport.ErrNoUser
}

var users Users

var serializer = passport.SerializeBy((*User).Key, users.ByID)

func account(w http.ResponseWriter, r *http.Request, user *User) {}

var api http.Handler

var addr string

// What a block has at hand.

var a *passport.Authenticator[*User]

var mux *http.ServeMux

var ctx context.Context

var w http.ResponseWriter

var r *http.Request

var manager *sessions.Manager

var provider *oidcprovider.Provider

var clientID, clientSecret string

var store sessions.Store

var pem, secret []byte
