package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
)

// A User is somebody with an account.
type User struct {
	ID      int64
	Name    string
	Created time.Time

	hash  string // empty: no password, but an account elsewhere
	stamp int64
}

// Key is what a session keeps of a user.
func (u *User) Key() string { return strconv.FormatInt(u.ID, 10) }

// Stamp changes with the password, which ends every session made before.
func (u *User) Stamp() string { return strconv.FormatInt(u.stamp, 10) }

// users are the accounts, and the rules for them.
type users struct {
	db     database
	hasher *password.Hasher
	policy password.Policy
}

// byName finds who wants to sign in, and the stored hash.
func (s *users) byName(ctx context.Context, name string) (*User, string, error) {
	user, err := s.db.byName(ctx, name)
	if err != nil {
		return nil, "", err
	}
	return user, user.hash, nil
}

// newAccount is what the registration form asks for.
type newAccount struct{ name, password string }

// signUp is the strategy behind the registration form: who makes an account
// is signed in. The name is kept in the spelling that sign-in looks for.
func (s *users) signUp(r *http.Request) (passport.Result[*User], error) {
	res := passport.Result[*User]{}.WithFactor("pwd")
	user, err := s.register(r.Context(), newAccount{
		name:     local.Canonical(r.PostFormValue("username")),
		password: r.PostFormValue("password"),
	})
	if err != nil {
		return res, err
	}
	return res.Success(user)
}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,29}$`)

// register makes an account. Its refusals are shown to the person.
func (s *users) register(ctx context.Context, form newAccount) (*User, error) {
	if err := checkName(form.name); err != nil {
		return nil, err
	}
	if err := s.policy.Check(ctx, form.password); err != nil {
		return nil, badPassword(err)
	}
	added, err := s.add(ctx, form)
	switch {
	case err != nil:
		return nil, badPassword(err)
	case !added:
		return nil, errTaken
	}
	return s.db.byName(ctx, form.name)
}

func checkName(name string) error {
	if !validName.MatchString(name) {
		return refuse("A name has 2 to 30 letters, digits, hyphens or underscores.")
	}
	return nil
}

// add is false where the name is taken.
func (s *users) add(ctx context.Context, form newAccount) (bool, error) {
	hash, err := s.hasher.Hash(ctx, form.password)
	if err != nil {
		return false, err
	}
	return s.db.add(ctx, form.name, hash, "")
}

// setPassword changes the password, raises the stamp and returns the user as
// stored now. It changes nothing where the hash is not the one that the
// current password was checked against: of two changes at once, one counts.
func (s *users) setPassword(ctx context.Context, user *User, new string) (*User, error) {
	if err := s.policy.Check(ctx, new); err != nil {
		return nil, badPassword(err)
	}
	hash, err := s.hasher.Hash(ctx, new)
	if err != nil {
		return nil, badPassword(err)
	}
	changed, err := s.db.setHash(ctx, user, hash)
	if err != nil {
		return nil, err
	}
	if !changed {
		return nil, passport.ErrNoUser
	}
	return s.db.byID(ctx, user.Key())
}

// seed makes the users of the first start.
func (s *users) seed(ctx context.Context) error {
	for _, form := range []newAccount{{"alice", "wonderland-wonderland"}, {"bob", "builder-builder"}} {
		_, err := s.db.byName(ctx, form.name)
		if errors.Is(err, passport.ErrNoUser) {
			_, err = s.add(ctx, form)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errTaken = refuse("That name is taken. Please choose another one.")

// refuse is a refusal with words for the person.
func refuse(message string) *passport.Failure {
	return &passport.Failure{Code: "bad-form", Status: http.StatusUnprocessableEntity, Message: message}
}

// badPassword finds words for what is wrong with a new password.
func badPassword(err error) error {
	weak, ok := errors.AsType[*password.PolicyError](err)
	if !ok {
		return err
	}
	switch weak.Reason {
	case password.Empty:
		return refuse("Please choose a password.")
	case password.TooShort:
		return refuse(fmt.Sprintf("Please choose a password of at least %d characters.", weak.Limit))
	case password.TooLong:
		return refuse(fmt.Sprintf("That password is too long. At most %d bytes can be kept.", weak.Limit))
	case password.Blocked:
		return refuse("That password is on the lists that attackers try first. Please choose another one.")
	}
	return refuse("That password has characters that cannot be kept.")
}
