// Package throttle slows down who guesses: names and passwords, codes, PINs.
// Strategy local throttles by itself; [New] does it for any other strategy
// that signs people in by something short:
//
//	a.Use("pin", throttle.New(pin, nameOf, nil))
//
// An attempt is counted before it is decided, by the account that it claims
// and by the client it comes from. What is wrong raises the delay before the
// next, what is right forgives.
package throttle

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/absent"
)

// CodeThrottled is the code of a refusal: 429, with Retry-After.
const CodeThrottled = "throttled"

// A Limiter throttles attempts to sign in. Implementations are safe for
// concurrent use. [Memory] is the default; several servers that should
// count together need one over a store that they share.
type Limiter interface {
	// Attempt is asked before anything is spent on an attempt, and has to count
	// it in that same step: of any number of attempts at once, no more get
	// through than one after the other would. It knows nothing of users, so it
	// treats names that nobody has as any other.
	//
	// account is the canonical name. client is the address, an IPv6 one as its
	// /64 network, or empty if unknown.
	//
	// If the attempt may go on, done is not nil and is called once. To refuse,
	// err is a *passport.Failure with status 429 and a RetryAfter. Any other
	// error means that the store failed.
	Attempt(ctx context.Context, account, client string) (done func(Verdict), err error)
}

// A Verdict is how an attempt ended.
type Verdict uint8

// The verdicts.
const (
	Wrong     Verdict = iota // counts
	Right                    // the account's failures are forgiven, the client's elsewhere are not
	Undecided                // something was broken or busy: as if it had not been
)

// Options of [New] and [Try]. The zero value works.
type Options struct {
	// Limiter throttles attempts. Default: for New a [Memory] of its own, which
	// counts in this process alone; Try needs one.
	Limiter Limiter
	// InsecureIgnoreLimiterErrors lets attempts through, unthrottled, while the
	// Limiter's store fails. Default: they are answered 503.
	InsecureIgnoreLimiterErrors bool
	// Logger gets what is ignored. Default: slog.Default().
	Logger *slog.Logger
}

// New returns a strategy that throttles s; o may be nil. claim finds the name
// that the credentials of a request claim, in one spelling, or says that there
// are none: then s decides unthrottled. It panics on nil.
//
// It is for attempts to sign in. Not for keys that each request carries: more
// than a few at once, of one account or client, have to wait, right as they
// may be, and a key of 128 bits cannot be guessed.
func New[U any](s passport.Strategy[U], claim func(*http.Request) (account string, ok bool), o *Options) passport.Strategy[U] {
	if absent.Nil(s) || claim == nil {
		panic("throttle: New needs a strategy, and a function that finds the name it is asked for")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Limiter == nil {
		opts.Limiter = NewMemory(nil)
	}
	navigator, _ := s.(passport.Navigator)
	bouncer, _ := s.(passport.Bouncer)
	return &strategy[U]{s, claim, opts, navigator, bouncer}
}

// strategy can all that its strategy can.
type strategy[U any] struct {
	s         passport.Strategy[U]
	claim     func(*http.Request) (string, bool)
	o         Options
	navigator passport.Navigator
	bouncer   passport.Bouncer
}

// Navigates implements [passport.Navigator].
func (t *strategy[U]) Navigates(r *http.Request) bool {
	return t.navigator != nil && t.navigator.Navigates(r)
}

// Bounces implements [passport.Bouncer].
func (t *strategy[U]) Bounces(r *http.Request) bool {
	return t.bouncer != nil && t.bouncer.Bounces(r)
}

// Authenticate implements [passport.Strategy].
func (t *strategy[U]) Authenticate(r *http.Request) (res passport.Result[U], err error) {
	account, ok := t.claim(r)
	if !ok {
		return t.s.Authenticate(r)
	}
	refused := Try(r.Context(), &t.o, account, ClientOf(r), func() Verdict {
		res, err = t.s.Authenticate(r)
		if err != nil {
			return Judge(err)
		}
		switch f := res.Failure(); {
		case res.Outcome() == passport.Succeeded:
			return Right
		case res.Outcome() == passport.Failed && (f == nil || f.Status < http.StatusInternalServerError):
			return Wrong
		}
		return Undecided
	})
	if refused != nil {
		return passport.Result[U]{}, refused
	}
	return res, err
}

// Try counts one attempt of a client at an account, and calls decide if it may
// go on. The error, if it may not, is a *[passport.Failure]. An attempt whose
// decide panics is [Undecided].
func Try(ctx context.Context, o *Options, account, client string, decide func() Verdict) error {
	done, err := o.Limiter.Attempt(ctx, account, client)
	if err != nil {
		if f, ok := errors.AsType[*passport.Failure](err); ok { // anything else is the store's
			if _, refused := passport.AsRefusal(f); refused {
				return err
			}
		}
		if !o.InsecureIgnoreLimiterErrors {
			return &passport.Failure{
				Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Message: "Try again later.", Err: err,
			}
		}
		log := o.Logger
		if log == nil {
			log = slog.Default()
		}
		log.WarnContext(ctx, "throttle: attempt not throttled, the limiter failed", "error", err)
		done = func(Verdict) {}
	}
	verdict := Undecided
	defer func() { done(verdict) }()
	verdict = decide()
	return nil
}

// Judge is the verdict on an attempt by its error, which is one of those that
// functions of the application return: see package passport. A Detour is
// right: the user is known.
func Judge(err error) Verdict {
	if err == nil {
		return Right
	}
	if _, refused := passport.AsRefusal(err); refused {
		return Wrong
	}
	if _, detour := errors.AsType[*passport.Detour](err); detour {
		return Right
	}
	return Undecided
}

// ClientOf is the client that a request counts for: see [ClientIn]. Without an
// Authenticator it is the peer.
func ClientOf(r *http.Request) string {
	if passport.EnvOf(r.Context()) != nil {
		return ClientIn(r.Context())
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return clientKey(peer.Addr())
}

// ClientIn is the client of the request whose context it is, below a passport
// Handler or in a strategy: its address as Config.TrustedProxies has it, an
// IPv6 one as its /64 network. Empty if unknown.
func ClientIn(ctx context.Context) string {
	if env := passport.EnvOf(ctx); env != nil {
		return clientKey(env.Client())
	}
	return ""
}

// clientKey is one string for all that one client can choose: everyone who
// has an IPv6 address has 2^64 of them.
func clientKey(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return ""
	}
	if addr.Is4() {
		return addr.String()
	}
	network, _ := addr.Prefix(64)
	return network.String()
}
