// Package jwks fetches the keys of an issuer, and keeps them fresh: a
// [jwt.KeySource] of a JSON Web Key Set (RFC 7517) at a URL.
//
//	keys, err := jwks.New(jwks.Config{URL: "https://login.example.com/.well-known/jwks.json"})
//	go keys.Run(ctx) // optional: no request with a known key waits then
//
// Nothing is fetched before the first token comes. A set is good for as long
// as the issuer's Cache-Control says, within a minute and a day. Requests with
// a key of it wait for nobody while one of them fetches the next; where the
// issuer does not answer, or answers what is no set, the last one stays. A key
// that is not in the next set is gone with it.
//
// A token with a kid that is not in the set is a reason to fetch, but not more
// than once in ten seconds, whoever sends what. In between such a token is
// refused, and no kid is remembered: a rotation is found at the next fetch,
// also under a flood of kids that are made up. An issuer that publishes a key
// before it signs with it is followed without a refusal.
package jwks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport/internal/egress"
	"github.com/gopassport/passport/strategies/jwt"
)

// Config of [New]. It needs the URL; all else has a default.
type Config struct {
	// URL of the set: https, or http with InsecureHTTP.
	URL string
	// Algorithms are those that are taken. Default: what each key says; RS256
	// for an RSA key that says nothing; never one with a secret.
	Algorithms []jwt.Algorithm
	// MaxStale is how long a set stays in use after its time while the issuer
	// gives no other. Default 24 h; negative: not at all.
	MaxStale time.Duration
	// Interval is the least time between two fetches. Default 10 s.
	Interval time.Duration
	// Timeout bounds a fetch. Default 5 s.
	Timeout time.Duration
	// Transport sends the requests. Default: one of its own, with the proxy of
	// the environment.
	Transport http.RoundTripper
	// InsecureHTTP takes keys over plain http, for tests: who can change what
	// the network carries can sign.
	InsecureHTTP bool
	// Logger gets fetches that fail, and keys that cannot be used. Default
	// slog.Default().
	Logger *slog.Logger
}

const (
	minLife     = time.Minute
	maxLife     = 24 * time.Hour
	defaultLife = time.Hour // where the issuer says nothing
	maxBody     = 512 << 10
)

// ErrUnavailable: there are no keys, since the issuer does not give any.
var ErrUnavailable = errors.New("jwks: the issuer's keys are not to be had")

var errBad = errors.New("jwks: the issuer's answer cannot be used")

// A Source has the keys at a URL. It is safe for concurrent use, and starts no
// goroutine.
type Source struct {
	c      Config
	client *http.Client
	now    atomic.Pointer[set] // nil before the first
	runs   atomic.Int32        // how many Run at this moment

	mu     sync.Mutex
	flight *flight   // nil when nobody fetches
	tried  time.Time // when the last fetch began
	failed error     // why the last one gave nothing
}

// A set is what one fetch brought.
type set struct {
	keys    []*jwt.Key
	found   *jwt.KeySet
	ids     map[string]bool
	fetched time.Time
	life    time.Duration
	skipped string // what was said about keys that cannot be used
}

func (s *set) fresh(now time.Time) bool { return s != nil && now.Sub(s.fetched) < s.life }

func (s *set) usable(now time.Time, stale time.Duration) bool {
	return s != nil && now.Sub(s.fetched) < s.life+stale
}

// A flight is one fetch, which many may wait for.
type flight struct {
	done chan struct{}
	err  error // once done
}

// New returns a Source. An error says what is wrong with the URL or the
// algorithms; nothing is asked of the network.
func New(c Config) (*Source, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("jwks: Config.URL is no URL of a key set")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && c.InsecureHTTP) {
		return nil, errors.New("jwks: Config.URL is not https: who can change what the network carries could sign")
	}
	for _, alg := range c.Algorithms {
		if !asymmetric(alg) {
			return nil, fmt.Errorf("jwks: %.40q in Config.Algorithms is none that a public key checks", string(alg))
		}
	}
	if c.Interval < 0 || c.Timeout < 0 {
		return nil, errors.New("jwks: Config.Interval and Config.Timeout cannot be negative; leave them 0 for the default")
	}
	c.MaxStale = max(orDefault(c.MaxStale, 24*time.Hour), 0)
	c.Interval = orDefault(c.Interval, 10*time.Second)
	c.Timeout = orDefault(c.Timeout, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Source{c: c, client: egress.Client(egress.Options{
		Timeout: c.Timeout, MaxBody: maxBody, Transport: c.Transport, Bad: errBad,
	})}, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Find implements [jwt.KeySource]. Without keys, and with keys that are too
// old, the error wraps [ErrUnavailable].
func (s *Source) Find(ctx context.Context, alg jwt.Algorithm, id string) (*jwt.Key, error) {
	if !s.takes(alg) {
		return nil, jwt.ErrNoKey
	}
	now := s.now.Load()
	if !now.fresh(time.Now()) {
		// With a set at hand only the one that fetches waits, and Run for all.
		if err := s.fetch(ctx, now.usable(time.Now(), s.c.MaxStale)); err != nil {
			return nil, err
		}
		if now = s.now.Load(); !now.usable(time.Now(), s.c.MaxStale) {
			return nil, s.unavailable()
		}
	}
	key, err := now.found.Find(ctx, alg, id)
	if err == nil || now.ids[id] {
		return key, err
	}
	if err := s.fetch(ctx, false); err != nil {
		return nil, err
	}
	if next := s.now.Load(); next != now {
		return next.found.Find(ctx, alg, id)
	}
	return nil, jwt.ErrNoKey
}
