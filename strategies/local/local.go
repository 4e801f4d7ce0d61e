// Package local signs people in with a name and a password from a form or a
// JSON body.
//
//	a.Use("local", local.New(users.ByName, nil))
//
// The application finds the user and the stored hash; the strategy does the
// rest. Nothing it answers, and no time it takes, tells a stranger whether an
// account exists: an unknown name, a wrong password and a locked account are
// the same refusal after the same work (see package password). Attempts are
// throttled by account and by client before any hash is computed (see
// package throttle).
//
// Credentials come from the body of a POST alone, never from the query, which
// ends up in logs.
package local

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/throttle"
)

// The codes of this strategy's failures, besides passport's
// invalid-credentials and unavailable.
const (
	CodeBadRequest           = "bad-request"            // 400
	CodeTooLarge             = "too-large"              // 413
	CodeUnsupportedMediaType = "unsupported-media-type" // 415
	CodeThrottled            = throttle.CodeThrottled   // 429, with Retry-After
	CodeBusy                 = "busy"                   // 503, with Retry-After
)

// Options of [New] and [Func]. The zero value works. Functions are called by
// many requests at once.
type Options[U any] struct {
	// NameField and PasswordField are the fields of the form, or the members of
	// the JSON object. Default: "username" and "password".
	NameField, PasswordField string

	// MaxBody bounds the body, in bytes, before it is parsed. Default: 64 KiB.
	MaxBody int64
	// MaxName bounds the name, in bytes. Default: 320, the longest e-mail
	// address.
	MaxName int

	// Canonical makes one of all spellings of a name. Its result is what find
	// gets and what attempts are counted by. Use the same function where names
	// are registered. Default: the function [Canonical].
	Canonical func(name string) string

	// Hasher checks the passwords. Default: password.New(nil). Share one with
	// registration, as it bounds how many hashes are computed at once. [Func]
	// has no use for it.
	Hasher *password.Hasher

	// Rehash stores a new hash after a sign-in whose stored hash has another
	// cost or format than the Hasher's. It has to compare and set, in one step,
	// since the person may be changing the password just then:
	//
	//	UPDATE users SET hash = new WHERE id = ? AND hash = old
	//
	// Its errors and panics are logged and never fail the sign-in. Default: old
	// hashes stay as they are.
	Rehash func(ctx context.Context, user U, old, new string) error

	// Limiter throttles attempts. Default: throttle.NewMemory(nil), which counts
	// in this process alone.
	Limiter throttle.Limiter
	// InsecureIgnoreLimiterErrors lets attempts through, unthrottled, while the
	// Limiter's store fails. Default: they are answered 503.
	InsecureIgnoreLimiterErrors bool

	// Logger gets what fails without failing a sign-in. Default: slog.Default().
	Logger *slog.Logger
}

// A Strategy signs in with a name and a password. It is safe for concurrent
// use.
type Strategy[U any] struct {
	o      Options[U]
	limits throttle.Options
	isNil  func(U) bool
	// check decides about a canonical name. After an error that is no refusal
	// nothing is known. upgrade, if any, is to be called once the decision
	// stands.
	check func(ctx context.Context, name, password string) (user U, upgrade func(), err error)
}

// New returns a Strategy that finds the user by the canonical name and checks
// the password against the stored hash; o may be nil. It panics on wiring
// mistakes, and takes the time of one hash.
//
// Of find's errors passport.ErrNoUser, passport.ErrInvalidCredentials,
// sql.ErrNoRows and every *passport.Failure below 500 (locked, disabled, not
// verified) are answered exactly as a wrong password, as nothing is proven
// yet; which one it was is in the cause, for logs. A *passport.Detour, for a
// second factor, is held back until the password has proven right; return the
// hash with it. Any other error means that something is broken, and is
// returned as it is. A user with an empty hash cannot sign in here.
func New[U any](find func(ctx context.Context, name string) (user U, hash string, err error), o *Options[U]) *Strategy[U] {
	if find == nil {
		panic("local: New needs a function that finds a user and the stored hash by name")
	}
	s := newStrategy(o)
	if s.o.Hasher == nil {
		s.o.Hasher = password.New(nil)
	}
	s.check = s.byHash(find)
	return s
}

// Func returns a Strategy whose passwords are checked elsewhere: LDAP, PAM, a
// service. verify gets the canonical name and a password that is not empty,
// valid UTF-8 and without a NUL; an LDAP server takes an empty password for a
// request to bind anonymously, and grants it.
//
// Of verify's errors passport.ErrNoUser, passport.ErrInvalidCredentials and
// sql.ErrNoRows are answered the same. A *passport.Failure and a
// *passport.Detour are answered as they are, so return them only once the
// password is proven. That verify takes as long for an unknown user is up to
// it.
func Func[U any](verify func(ctx context.Context, name, password string) (U, error), o *Options[U]) *Strategy[U] {
	if verify == nil {
		panic("local: Func needs a function that verifies a name and a password")
	}
	s := newStrategy(o)
	s.check = func(ctx context.Context, name, password string) (U, func(), error) {
		var nobody U
		if strings.IndexByte(password, 0) >= 0 || !utf8.ValidString(password) {
			return nobody, nil, wrong(errors.New("local: the password is not text"))
		}
		user, err := verify(ctx, name, password)
		_, chosen := errors.AsType[*passport.Failure](err)
		if f, refused := passport.AsRefusal(err); refused && !chosen && f.Code == passport.CodeInvalidCredentials {
			err = wrong(err)
		}
		if err != nil {
			return nobody, nil, err
		}
		return user, nil, nil
	}
	return s
}

func newStrategy[U any](o *Options[U]) *Strategy[U] {
	s := &Strategy[U]{isNil: absent.User[U]()}
	if o != nil {
		s.o = *o
	}
	if s.o.NameField == "" {
		s.o.NameField = "username"
	}
	if s.o.PasswordField == "" {
		s.o.PasswordField = "password"
	}
	if s.o.NameField == s.o.PasswordField {
		panic("local: Options.NameField and Options.PasswordField are the same")
	}
	if s.o.MaxBody < 0 || s.o.MaxName < 0 {
		panic("local: Options.MaxBody and Options.MaxName cannot be negative; leave them 0 for the default")
	}
	if s.o.MaxBody == 0 {
		s.o.MaxBody = 64 << 10
	}
	if s.o.MaxName == 0 {
		s.o.MaxName = 320
	}
	if s.o.Canonical == nil {
		s.o.Canonical = Canonical
	}
	if s.o.Limiter == nil {
		s.o.Limiter = throttle.NewMemory(nil)
	}
	s.limits = throttle.Options{
		Limiter: s.o.Limiter, InsecureIgnoreLimiterErrors: s.o.InsecureIgnoreLimiterErrors, Logger: s.o.Logger,
	}
	return s
}

// Authenticate decides about POST requests with a form or a JSON body, and
// passes all others. The body can be read again afterwards.
func (s *Strategy[U]) Authenticate(r *http.Request) (passport.Result[U], error) {
	res := passport.Result[U]{}.WithFactor("pwd")
	name, password, found, err := s.credentials(r)
	if err == nil && !found {
		return res.Pass()
	}
	var user U
	if err == nil {
		user, err = s.verify(r.Context(), name, password, throttle.ClientOf(r))
	}
	if f, refused := passport.AsRefusal(err); refused {
		return res.Fail(f)
	}
	if err != nil {
		return res, err
	}
	return res.Success(user)
}

// Verify decides about a name and a password, throttled like a sign-in. Use it
// where a person who is signed in has to prove it again: to change the
// password, to delete the account. Refusals are a *passport.Failure below
// 500; other errors mean that something is broken; without an error there is
// a user. The client is taken from the context of a request below passport's
// Handler, if it is one.
func (s *Strategy[U]) Verify(ctx context.Context, name, password string) (U, error) {
	return s.verify(ctx, name, password, throttle.ClientIn(ctx))
}

func (s *Strategy[U]) verify(ctx context.Context, name, password, client string) (user U, err error) {
	account, err := s.account(name)
	if err == nil && password == "" {
		err = missing("password")
	}
	if err != nil {
		return user, err
	}
	if env := passport.EnvOf(ctx); env != nil {
		env.Claim(account)
	}
	user, upgrade, err := s.throttled(ctx, account, password, client)
	if upgrade != nil {
		upgrade()
	}
	return user, err
}

// throttled counts one attempt before anything is spent on it, and settles
// the account when it is decided, or when check panics.
func (s *Strategy[U]) throttled(ctx context.Context, account, password, client string) (user U, upgrade func(), err error) {
	refused := throttle.Try(ctx, &s.limits, account, client, func() throttle.Verdict {
		user, upgrade, err = s.check(ctx, account, password)
		if err == nil && s.isNil(user) {
			upgrade, err = nil, wrong(&passport.Failure{Code: passport.CodeNilUser})
		}
		return throttle.Judge(err)
	})
	if refused != nil {
		return user, nil, refused
	}
	return user, upgrade, err
}

func (s *Strategy[U]) logger() *slog.Logger {
	if s.o.Logger != nil {
		return s.o.Logger
	}
	return slog.Default()
}

// wrong is the one answer to everything that a stranger must not tell apart.
func wrong(cause error) error {
	return &passport.Failure{
		Code: passport.CodeInvalidCredentials, Status: http.StatusUnauthorized,
		Message: "Wrong name or password.", Err: cause,
	}
}

func missing(what string) error {
	return bad("Missing credentials.", errors.New("local: no "+what))
}
