// Package basic signs programs in with a name and a password in every request
// (RFC 7617).
//
//	a.Use("basic", basic.New(users.Check, nil)) // func(ctx, name, password) (*User, error)
//
// The password of a person belongs behind the same throttle and the same
// hashing as in a form; package local has both:
//
//	form := local.New(users.ByName, nil)
//	a.Use("basic", basic.New(form.Verify, nil))
//
// Each request then costs a password hash. For programs that come often, give
// out keys instead (package apikey). Digest (RFC 7616) is not offered.
package basic

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/bearertoken"
)

// CodeInvalidRequest is the code of a request with two Authorization headers:
// 400.
const CodeInvalidRequest = "invalid-request"

// Options of [New]. The zero value works.
type Options struct {
	// Realm tells people what the password is for: browsers may show it, and
	// send the same password to all that has the same realm. Default "Users".
	Realm string
	// TrustedOrigins ("https://app.example.com") may send unsafe requests with
	// credentials that the browser keeps.
	TrustedOrigins []string
}

// A Strategy decides about Basic credentials. It is safe for concurrent use.
type Strategy[U any] struct {
	verify    func(ctx context.Context, name, password string) (U, error)
	challenge string
	cross     *http.CrossOriginProtection
}

// New returns a Strategy that has verify check the name and the password; o
// may be nil. Both are valid UTF-8 without control characters, and neither is
// empty. verify's errors are those of every function of the application. It
// panics on wiring mistakes.
func New[U any](verify func(ctx context.Context, name, password string) (U, error), o *Options) *Strategy[U] {
	if verify == nil {
		panic("basic: New needs a function that verifies a name and a password")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Realm == "" {
		opts.Realm = "Users"
	}
	s := &Strategy[U]{
		verify: verify,
		// Credentials are read as UTF-8 and no other way (RFC 7617 section 2.1).
		challenge: passport.Challenge("Basic", "realm", opts.Realm, "charset", "UTF-8"),
		cross:     http.NewCrossOriginProtection(),
	}
	for _, origin := range opts.TrustedOrigins {
		if err := s.cross.AddTrustedOrigin(origin); err != nil {
			panic("basic: Options.TrustedOrigins: " + err.Error())
		}
	}
	return s
}

// Authenticate decides about requests with Basic credentials, and passes all
// others, with a challenge. A browser that was given them once sends them by
// itself, also for other sites: an unsafe request of another origin is refused
// with 403.
func (s *Strategy[U]) Authenticate(r *http.Request) (passport.Result[U], error) {
	res := passport.Result[U]{}.WithFactor("pwd").WithChallenge(s.challenge)
	credentials, found, err := bearertoken.Authorization(r, "Basic")
	switch {
	case err != nil && len(r.Header["Authorization"]) > 1:
		return res.Fail(&passport.Failure{Code: CodeInvalidRequest, Status: http.StatusBadRequest, Err: err})
	case err != nil:
		return res.Fail(err)
	case !found:
		return res.Pass()
	}
	if err := s.cross.Check(r); err != nil {
		return res.Fail(&passport.Failure{Code: passport.CodeCrossOrigin, Status: http.StatusForbidden, Err: err})
	}
	name, password, err := parse(credentials)
	if err != nil {
		return res.Fail(err)
	}
	if env := passport.EnvOf(r.Context()); env != nil {
		env.Claim(name)
	}
	user, err := s.verify(r.Context(), name, password)
	if f, refused := passport.AsRefusal(err); refused {
		return res.Fail(f)
	}
	if err != nil {
		return res, err
	}
	return res.Success(user)
}

// parse reads user-pass of RFC 7617 section 2: the first colon ends the name,
// the password may have more. Its errors hold nothing of what was sent.
func parse(credentials string) (name, password string, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(credentials)
	if err != nil {
		return "", "", errors.New("basic: the credentials are not base64")
	}
	name, password, _ = strings.Cut(string(raw), ":")
	switch {
	case !utf8.Valid(raw):
		return "", "", errors.New("basic: the credentials are not UTF-8")
	case strings.ContainsFunc(string(raw), unicode.IsControl):
		return "", "", errors.New("basic: the credentials have control characters")
	case name == "" || password == "":
		return "", "", errors.New("basic: the credentials have no colon, or nothing on a side of it")
	}
	return name, password, nil
}
