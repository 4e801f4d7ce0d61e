package main

import (
	"context"
	"database/sql"
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

// A User is a row of the table.
type User struct {
	ID      int64
	Name    string
	Created time.Time

	hash  string
	stamp int64
}

// Key is what a session keeps of a user.
func (u *User) Key() string { return strconv.FormatInt(u.ID, 10) }

// Stamp changes with the password, which ends every session made before.
func (u *User) Stamp() string { return strconv.FormatInt(u.stamp, 10) }

// users keeps the accounts.
type users struct {
	db     *sql.DB
	hasher *password.Hasher
	policy password.Policy
}

// byKey finds the user of a session. sql.ErrNoRows ends the session.
func (s *users) byKey(ctx context.Context, key string) (*User, error) {
	return s.find(ctx, "id", key)
}

// byName finds who wants to sign in, and the stored hash.
func (s *users) byName(ctx context.Context, name string) (*User, string, error) {
	user, err := s.find(ctx, "name", name)
	if err != nil {
		return nil, "", err
	}
	return user, user.hash, nil
}

func (s *users) find(ctx context.Context, column, value string) (*User, error) {
	var u User
	var created int64
	row := s.db.QueryRowContext(ctx, `SELECT id, name, hash, stamp, created FROM users WHERE `+column+` = ?`, value)
	if err := row.Scan(&u.ID, &u.Name, &u.hash, &u.stamp, &created); err != nil {
		return nil, err
	}
	u.Created = time.Unix(created, 0)
	return &u, nil
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
	if !validName.MatchString(form.name) {
		return nil, refuse("A name has 2 to 30 letters, digits, hyphens or underscores.")
	}
	if err := s.policy.Check(ctx, form.password); err != nil {
		return nil, badPassword(err)
	}
	added, err := s.add(ctx, form)
	switch {
	case err != nil:
		return nil, badPassword(err)
	case !added:
		return nil, refuse("That name is taken. Please choose another one.")
	}
	return s.find(ctx, "name", form.name)
}

// add is false where the name is taken.
func (s *users) add(ctx context.Context, form newAccount) (bool, error) {
	hash, err := s.hasher.Hash(ctx, form.password)
	if err != nil {
		return false, err
	}
	res, err := s.db.ExecContext(ctx, `INSERT INTO users (name, hash, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		form.name, hash, time.Now().Unix())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
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
	res, err := s.db.ExecContext(ctx, `UPDATE users SET hash = ?, stamp = stamp + 1 WHERE id = ? AND stamp = ?`,
		hash, user.ID, user.stamp)
	if err != nil {
		return nil, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return nil, errors.Join(passport.ErrNoUser, err)
	}
	return s.find(ctx, "id", user.Key())
}

// seed makes the users of the first start.
func (s *users) seed(ctx context.Context) error {
	var some bool
	if err := s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&some); err != nil || some {
		return err
	}
	for _, form := range []newAccount{{"alice", "wonderland-wonderland"}, {"bob", "builder-builder"}} {
		if _, err := s.add(ctx, form); err != nil {
			return err
		}
	}
	return nil
}

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
