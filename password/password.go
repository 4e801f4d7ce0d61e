// Package password hashes and checks passwords, at a rate the machine can
// bear.
//
// A [Hasher] makes hashes with one [Scheme], checks those of several by the
// stored string's own format, and says when a hash should be made anew. It
// stores nothing: finding the user and keeping the hash is the application's.
//
// Checking is built so that its duration does not tell strangers who has an
// account. [Hasher.Verify] with no stored hash does the same work as with one,
// and so it does for a stored hash that it will not compute. What a password
// may be is decided before any hash is looked at, the same for everyone.
//
// Hashing is slow on purpose, so that a burst of logins could take all cores
// and all memory. The Hasher runs a few at once and lets the others wait in a
// short queue; past that it answers [BusyError]. Share one Hasher between
// login, registration and password change, or the bound is no bound.
//
// Passwords are never trimmed, cut or case-folded. They are normalised to
// Unicode NFKC, so that "é" is one password however a keyboard composes it;
// see [Options.Raw].
package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Options of [New]. The zero value works.
type Options struct {
	// Scheme makes new hashes. Default: Bcrypt(DefaultCost).
	Scheme Scheme

	// Accept are the schemes whose hashes are checked besides, and then said
	// to need a rehash. Default: bcrypt, argon2id and Django's PBKDF2. An empty
	// slice that is not nil accepts Scheme alone.
	Accept []Scheme

	// Concurrent is how many hashes are computed at once. Default: GOMAXPROCS
	// as it is when New is called, minus one, at least 1, which leaves a core
	// for requests that do not hash. The memory of argon2id is bounded by this
	// times that of one hash.
	Concurrent int

	// Queue is how many more may wait. Default: 16 for each of Concurrent,
	// under 4 s at bcrypt's default cost. Negative: none.
	Queue int

	// Wait is how long one waits at most. Default: 5 s.
	Wait time.Duration

	// Raw turns normalisation off: passwords are hashed as the bytes that
	// came. ASCII passwords are the same either way. It is for databases that
	// were filled without normalisation by people who type full-width or
	// decomposed characters; without it those few have to reset theirs.
	Raw bool
}

// A Hasher makes and checks password hashes. It is safe for concurrent use,
// and starts no goroutines of its own.
type Hasher struct {
	scheme  Scheme
	accept  []Scheme // scheme first
	longest int      // bytes that at least one scheme takes
	dummy   string   // what is checked when there is nothing to check
	raw     bool
	gate    gate
}

// ErrMismatch is in every refusal of [Hasher.Verify]: the password is wrong,
// there was no hash, or one of the two is not acceptable. The rest of the
// error says which, for logs alone.
var ErrMismatch = errors.New("password: does not match")

// ErrNoHash is in the refusal when the stored hash was empty.
var ErrNoHash = errors.New("password: no stored hash")

// New returns a Hasher; o may be nil. It computes one hash, so that the first
// login takes no longer than the second. It panics on options that cannot
// work.
func New(o *Options) *Hasher {
	if o == nil {
		o = &Options{}
	}
	h := &Hasher{scheme: o.Scheme, raw: o.Raw}
	if h.scheme == nil {
		h.scheme = Bcrypt(DefaultCost)
	}
	accept := o.Accept
	if accept == nil {
		accept = []Scheme{Bcrypt(DefaultCost), Argon2id(nil), DjangoPBKDF2()}
	}
	h.accept = append([]Scheme{h.scheme}, accept...)
	for _, s := range h.accept {
		if s == nil {
			panic("password: Options.Accept has a nil Scheme; leave it out")
		}
		h.longest = max(h.longest, s.MaxBytes())
	}
	if o.Concurrent < 0 || o.Wait < 0 {
		panic("password: Options.Concurrent and Options.Wait cannot be negative; leave them 0 for the default")
	}
	h.gate = newGate(o.Concurrent, o.Queue, o.Wait)
	dummy, err := h.scheme.Hash(rand.Text())
	if err != nil {
		panic("password: Options.Scheme cannot make hashes; put it into Options.Accept: " + err.Error())
	}
	h.dummy = dummy
	return h
}

// Hash returns the hash of a password, to be stored with the user. A password
// that cannot be hashed whole is a [*PolicyError]; one that is weak is not, as
// that is for [Policy] to say. Waiting ends with ctx and its error, or with a
// [*BusyError].
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	password, err := h.prepare(password)
	if err != nil {
		return "", err
	}
	if limit := h.scheme.MaxBytes(); len(password) > limit {
		return "", tooLong(limit)
	}
	if err := h.gate.enter(ctx); err != nil {
		return "", err
	}
	defer h.gate.leave()
	return h.scheme.Hash(password)
}

// Verify reports whether stored is a hash of password: nil if so, and
// rehash then says that [Hasher.Hash] would make it in another format or at
// another cost today. A refusal is an [ErrMismatch]; any other error, a
// [*BusyError] or that of ctx, decides nothing.
//
// For a user who does not exist, call it with an empty stored hash, which
// never matches and takes as long as one that does exist. There is no shorter
// way that a stranger could not measure:
//
//   - A password that no scheme takes (empty, with a NUL, not UTF-8, too long)
//     is refused before the stored hash is looked at, with no work at all.
//   - A stored hash that is empty, malformed, of no accepted format, or whose
//     cost is outside the bounds of its scheme, is not computed. The same goes
//     for a password too long for the scheme of that very hash, as bcrypt
//     would cut it. Each does the work of one hash of [Options.Scheme].
//   - A stored bcrypt hash of a lower cost is made up to the configured one.
//
// A stored hash of another scheme, or of a higher cost, takes its own time
// until it is rehashed.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (rehash bool, err error) {
	password, err = h.prepare(password)
	if err != nil {
		return false, mismatch(err)
	}
	if err := h.gate.enter(ctx); err != nil {
		return false, err
	}
	defer h.gate.leave()
	matches, err := h.compare(stored, password)
	if err != nil {
		// Only the time it takes is wanted.
		_, _ = h.scheme.Verify(h.dummy, password[:min(len(password), h.scheme.MaxBytes())])
		return false, mismatch(err)
	}
	if !matches {
		return false, ErrMismatch
	}
	return !h.scheme.Current(stored) && len(password) <= h.scheme.MaxBytes(), nil
}

// compare does the work of one hash, or returns an error and does none.
func (h *Hasher) compare(stored, password string) (bool, error) {
	if stored == "" {
		return false, ErrNoHash
	}
	for _, s := range h.accept {
		if !s.Identify(stored) {
			continue
		}
		if limit := s.MaxBytes(); len(password) > limit {
			return false, tooLong(limit)
		}
		return s.Verify(stored, password)
	}
	return false, fmt.Errorf("%w: unknown format", ErrBadHash)
}

func mismatch(cause error) error { return fmt.Errorf("%w (%w)", ErrMismatch, cause) }
