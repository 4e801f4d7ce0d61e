// Package site is what the programs beside it have in common: an Authenticator
// with two ways in, and a user.
package site

import (
	"context"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

// A User of the site.
type User struct{ Name, hash, key string }

// alice signs in with the password wonderland, and her programs with a key.
func alice() *User {
	return &User{"alice", "$2a$12$C.fhZZNYItcPcJvbVBWVIeNy9vjnX1WvVkEerSX9igWr.f8I/zTxO", "k-4711"}
}

// New returns the Authenticator: "local" by a form, "key" by X-Api-Key.
func New() *passport.Authenticator[*User] {
	a := passport.New(passport.Config[*User]{
		Serializer: passport.SerializeBy(func(u *User) string { return u.Name }, byName),
		LoginPage:  "/login",
	})
	a.Use("local", local.New(func(ctx context.Context, name string) (*User, string, error) {
		u, err := byName(ctx, name)
		if err != nil {
			return nil, "", err
		}
		return u, u.hash, nil
	}, nil))
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), byKey))
	return a
}

func byName(_ context.Context, name string) (*User, error) {
	if name != alice().Name {
		return nil, passport.ErrNoUser
	}
	return alice(), nil
}

func byKey(_ context.Context, key string) (*User, error) {
	if key != alice().key {
		return nil, passport.ErrInvalidCredentials
	}
	return alice(), nil
}
