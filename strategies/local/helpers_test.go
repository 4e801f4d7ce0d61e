package local_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/throttle"
)

type user struct{ name string }

// quick is a Scheme that costs nothing and counts its work. Its hashes begin
// with "quick$", or with "old$" if they are to be renewed.
type quick struct {
	verified, hashed atomic.Int64
	gate             chan struct{} // if set, each Verify waits for it
}

func (*quick) Identify(stored string) bool {
	return strings.HasPrefix(stored, "quick$") || strings.HasPrefix(stored, "old$")
}
func (*quick) MaxBytes() int              { return 72 }
func (*quick) Current(stored string) bool { return strings.HasPrefix(stored, "quick$") }

func (q *quick) Hash(pw string) (string, error) {
	q.hashed.Add(1)
	return "quick$" + digest(pw), nil
}

func (q *quick) Verify(stored, pw string) (bool, error) {
	if strings.HasSuffix(stored, "$malformed") {
		return false, password.ErrBadHash
	}
	q.verified.Add(1)
	if q.gate != nil {
		<-q.gate
	}
	_, d, _ := strings.Cut(stored, "$")
	return d == digest(pw), nil
}

func digest(pw string) string {
	sum := sha256.Sum256([]byte(pw))
	return hex.EncodeToString(sum[:])
}

// users are the application's: each account's hash, or what find says of it.
type users struct {
	mu     sync.Mutex
	hash   map[string]string
	errs   map[string]error
	lookup []string
}

func (u *users) find(_ context.Context, name string) (*user, string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lookup = append(u.lookup, name)
	if err := u.errs[name]; err != nil {
		return nil, u.hash[name], err
	}
	hash, ok := u.hash[name]
	if !ok {
		return nil, "", passport.ErrNoUser
	}
	return &user{name}, hash, nil
}

// newHasher returns a Hasher over q that lets hundreds in.
func newHasher(q *quick) *password.Hasher {
	return password.New(&password.Options{Scheme: q, Concurrent: 300})
}

func newAuthenticator(log *slog.Logger) *passport.Authenticator[*user] {
	return passport.New(passport.Config[*user]{Logger: log, Serializer: passport.SerializeBy(
		func(u *user) string { return u.name },
		func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
	)})
}

// free is a Limiter that lets everyone in.
type free struct{}

func (free) Attempt(context.Context, string, string) (func(throttle.Verdict), error) {
	return func(throttle.Verdict) {}, nil
}

func form(name, pw string) *http.Request {
	return formFrom("192.0.2.1:1234", name, pw)
}

func formFrom(addr, name, pw string) *http.Request {
	body := url.Values{"username": {name}, "password": {pw}}.Encode()
	r := post("application/x-www-form-urlencoded", body)
	r.RemoteAddr = addr
	return r
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

// decide is the outcome and the failure of one attempt; broken ones have the
// error's.
func decide(t *testing.T, s passport.Strategy[*user], r *http.Request) (passport.Outcome, *passport.Failure) {
	t.Helper()
	res, err := s.Authenticate(r)
	if err != nil {
		f, ok := asFailure(err)
		if !ok {
			t.Fatalf("broken: %v", err)
		}
		return passport.Broken, f
	}
	return res.Outcome(), res.Failure()
}
