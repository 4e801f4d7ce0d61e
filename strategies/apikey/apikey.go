// Package apikey lets programs in with keys that their owners make for them.
//
//	key, stored := apikey.Generate("acme", time.Now().AddDate(1, 0, 0)) // key is shown once
//
//	a.Use("key", apikey.New("acme", keys.ByID, nil)) // func(ctx, id) (*User, apikey.Key, error)
//	mux.Handle("/api/", a.Require("session", "key")(api))
//
// The application keeps a [Key] in its own table, and finds it by the id that
// is part of the key. What is no key of the prefix, or has a typing error,
// never reaches the database.
package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/bearertoken"
)

// CodeInvalidRequest is the code of a request with more than one key: 400.
const CodeInvalidRequest = "invalid-request"

// Options of [New]. The zero value works. Functions are called by many
// requests at once.
type Options struct {
	// Header is where the key stands. Default "X-Api-Key".
	Header string
	// Scheme also takes it from the Authorization header, under that scheme,
	// such as "Bearer" or "ApiKey". Under Bearer, a token without the prefix is
	// left to other strategies. Default: none.
	Scheme string
	// Realm stands in challenges. Default "Users".
	Realm string

	// Used stores that a key was used, at most once in UsedEvery: where the
	// stored LastUsed is older. Its errors and panics are logged and refuse
	// nobody. Default: it is not stored.
	Used func(ctx context.Context, id string, at time.Time) error
	// UsedEvery is how exact LastUsed is. Default one minute.
	UsedEvery time.Duration
	// Logger gets what fails without refusing anybody. Default slog.Default().
	Logger *slog.Logger
}

// A Strategy decides about API keys. It is safe for concurrent use.
type Strategy[U any] struct {
	prefix    string
	find      func(context.Context, string) (U, Key, error)
	o         Options
	challenge string // of a request without a key
	refused   string // of one with a key that is wrong
	isNil     func(U) bool
	used      recent
}

// New returns a Strategy for keys with the prefix; o may be nil. find returns
// the owner and the stored key of an id; its errors are those of every
// function of the application. It panics on wiring mistakes.
func New[U any](prefix string, find func(ctx context.Context, id string) (U, Key, error), o *Options) *Strategy[U] {
	mustPrefix(prefix)
	if find == nil {
		panic("apikey: New needs a function that finds the owner and the stored key by id")
	}
	s := &Strategy[U]{prefix: prefix, find: find, isNil: absent.User[U]()}
	if o != nil {
		s.o = *o
	}
	if s.o.UsedEvery < 0 {
		panic("apikey: Options.UsedEvery cannot be negative; leave it 0 for the default")
	}
	if s.o.UsedEvery == 0 {
		s.o.UsedEvery = time.Minute
	}
	if s.o.Header == "" {
		s.o.Header = "X-Api-Key"
	}
	s.o.Header = http.CanonicalHeaderKey(s.o.Header)
	if s.o.Header == "Authorization" {
		panic(`apikey: Options.Header is Authorization; set Options.Scheme, such as "ApiKey", instead`)
	}
	if s.o.Realm == "" {
		s.o.Realm = "Users"
	}
	scheme := s.o.Scheme
	if scheme == "" {
		scheme = "ApiKey"
	}
	s.challenge = passport.Challenge(scheme, "realm", s.o.Realm)
	s.refused = s.challenge
	if s.bearer() {
		s.refused = passport.Challenge(scheme, "realm", s.o.Realm, "error", "invalid_token", "error_description", "The key is not valid.")
	}
	return s
}

func (s *Strategy[U]) bearer() bool { return strings.EqualFold(s.o.Scheme, "Bearer") }

// Authenticate decides about requests that carry a key, and passes all others,
// with a challenge. The result's Info is the stored [Key].
func (s *Strategy[U]) Authenticate(r *http.Request) (passport.Result[U], error) {
	res := passport.Result[U]{}.WithChallenge(s.challenge)
	text, found, err := s.extract(r)
	if err != nil {
		return res.Fail(&passport.Failure{Code: CodeInvalidRequest, Status: http.StatusBadRequest, Err: err})
	}
	if !found {
		return res.Pass()
	}
	res = res.WithChallenge(s.refused)
	user, key, err := s.verify(r.Context(), text)
	if f, refused := passport.AsRefusal(err); refused {
		return res.Fail(f)
	}
	if err != nil {
		return res, err
	}
	return res.WithInfo(key).Success(user)
}

// Verify decides about a key that did not come in a header. Refusals are a
// *passport.Failure below 500; other errors mean that something is broken.
// Without an error there is a user.
func (s *Strategy[U]) Verify(ctx context.Context, key string) (U, error) {
	user, _, err := s.verify(ctx, key)
	return user, err
}

// extract finds the key of the request. One in two places is malformed: what
// stands before the application may have looked at the other.
func (s *Strategy[U]) extract(r *http.Request) (key string, found bool, err error) {
	values := r.Header[s.o.Header]
	if s.o.Scheme != "" {
		token, found, err := bearertoken.Authorization(r, s.o.Scheme)
		switch {
		case err != nil:
			return "", false, fmt.Errorf("apikey: %w", err)
		case found && (!s.bearer() || len(values) > 0 || strings.HasPrefix(token, s.prefix+"_")):
			values = append(slices.Clip(values), token)
		}
	}
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	}
	return "", false, errors.New("apikey: more than one key")
}

func (s *Strategy[U]) verify(ctx context.Context, text string) (user U, key Key, err error) {
	var nobody U
	id, ok := parse(s.prefix, text)
	if !ok {
		return nobody, Key{}, s.wrong(errors.New("apikey: that is no key"))
	}
	if env := passport.EnvOf(ctx); env != nil {
		env.Claim(id)
	}
	user, key, err = s.find(ctx, id)
	if f, refused := passport.AsRefusal(err); refused && f.Code == passport.CodeInvalidCredentials {
		err = s.wrong(err)
	}
	if err != nil {
		return nobody, Key{}, err
	}
	now := time.Now()
	sum := sha256.Sum256([]byte(text))
	switch {
	case subtle.ConstantTimeCompare(sum[:], key.Hash[:]) != 1:
		return nobody, Key{}, s.wrong(errors.New("apikey: wrong secret"))
	case !key.Expires.IsZero() && !now.Before(key.Expires):
		return nobody, Key{}, s.wrong(errors.New("apikey: the key has expired"))
	case s.isNil(user):
		return nobody, Key{}, s.wrong(&passport.Failure{Code: passport.CodeNilUser})
	}
	s.note(ctx, id, key.LastUsed, now)
	return user, key, nil
}

// wrong is the one answer to every key that does not let anyone in.
func (s *Strategy[U]) wrong(cause error) error {
	return &passport.Failure{
		Code: passport.CodeInvalidCredentials, Status: http.StatusUnauthorized,
		Message: "The key is not valid.", Challenge: s.refused, Err: cause,
	}
}

// note stores that the key was used, where that was not stored lately.
func (s *Strategy[U]) note(ctx context.Context, id string, last, now time.Time) {
	if s.o.Used == nil || now.Sub(last) < s.o.UsedEvery || !s.used.first(id, now, s.o.UsedEvery) {
		return
	}
	logger := s.o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	defer func() {
		if p := recover(); p != nil {
			logger.ErrorContext(ctx, "apikey: Used panicked", "key", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if err := s.o.Used(ctx, id, now); err != nil {
		logger.WarnContext(ctx, "apikey: could not store that a key was used", "key", id, "error", err)
	}
}

// recent remembers which keys were noted lately, so that requests at once do
// not all write.
type recent struct {
	mu sync.Mutex
	at map[string]time.Time
}

const maxRecent = 10_000

func (n *recent) first(id string, now time.Time, every time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last, ok := n.at[id]; ok && now.Sub(last) < every {
		return false
	}
	if n.at == nil || len(n.at) >= maxRecent {
		n.at = make(map[string]time.Time)
	}
	n.at[id] = now
	return true
}
