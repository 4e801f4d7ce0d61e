// Package revocation ends signed tokens before they expire: one by its id, or
// all that a subject has had so far. The list is kept in the store of the
// sessions, so that every instance sees it at once.
//
//	revoked := revocation.New(store, nil)
//	a.Use("jwt", jwt.New(jwt.Config{Issuers: issuers, Revoked: revoked.Check}, users.FromClaims))
//
//	err := revoked.Token(ctx, token)              // the *jwt.Token that Authenticator.Info returns
//	err = revoked.Subject(ctx, issuer, user.Key()) // with a new password
//
// Each request then looks up two ids, and is answered with 503 while the store
// cannot tell. Entries go when the tokens that they are about have expired, by
// the sweep of a sessions.Manager over the same store.
package revocation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt"
)

// Options of [New]. The zero value works.
type Options struct {
	// Lifetime is the longest that any token lives, which is how long a
	// revocation of all of a subject's has to be remembered. Default 24 hours.
	Lifetime time.Duration
	// Skew is how far an issuer's clock may be ahead of the one here: tokens
	// issued so long after Subject are taken for older ones, and are revoked
	// too. At most 5 minutes. Default 0, for an issuer of one's own, whose
	// clock is this one; for others' take the Leeway of jwt.Config.
	Skew time.Duration
}

// A List is what was revoked. It is safe for concurrent use, in any number of
// instances over one store.
type List struct {
	store    sessions.Store
	lifetime time.Duration
	skew     time.Duration
}

const (
	maxSkew = 5 * time.Minute
	// settle is how long clocks may differ, and a token be taken after its end.
	settle = 10 * time.Minute
)

// realm is that of no session, whose names have no colon.
const realm = "revoked:"

// New returns a List in store; o may be nil. It panics on wiring mistakes.
func New(store sessions.Store, o *Options) *List {
	if absent.Nil(store) {
		panic("revocation: New needs a store, such as that of the sessions")
	}
	if o == nil {
		o = &Options{}
	}
	if o.Lifetime < 0 || o.Skew < 0 || o.Skew > maxSkew {
		panic("revocation: Options.Lifetime cannot be negative, and Skew is from 0 to 5 minutes; leave them 0 for the default")
	}
	return &List{store, cmp.Or(o.Lifetime, 24*time.Hour), o.Skew}
}

// Token revokes a token that was verified. One without an ID (jti) cannot be
// told from others of its subject.
func (l *List) Token(ctx context.Context, t *jwt.Token) error {
	if t == nil || t.ID == "" {
		return errors.New("revocation: the token has no jti; revoke its subject instead")
	}
	return l.ID(ctx, t.Issuer, t.ID, t.Expires)
}

// ID revokes the token of the issuer with that jti, which expires then: so long
// it is remembered. Called again, it never shortens that.
func (l *List) ID(ctx context.Context, issuer, id string, expires time.Time) error {
	if issuer == "" || id == "" || expires.IsZero() {
		return errors.New("revocation: an issuer, a jti and the token's expiry are needed")
	}
	return l.write(ctx, l.record("jti", issuer, id, expires))
}

// Subject revokes all tokens of the issuer's subject that were issued until
// now. As tokens tell their time in seconds, that takes those of the same
// second, too: a client that gets its next one within it refreshes once more.
// See Options.Skew for an issuer whose clock is ahead of the one here.
func (l *List) Subject(ctx context.Context, issuer, subject string) error {
	if issuer == "" || subject == "" {
		return errors.New("revocation: an issuer and a subject are needed")
	}
	return l.write(ctx, l.record("sub", issuer, subject, time.Now().Add(l.lifetime)))
}

// tries is how often a write that others got ahead of is done again.
const tries = 10

// write stores r, or what it adds to the record that is there.
func (l *List) write(ctx context.Context, r sessions.Record) error {
	for range tries {
		err := l.store.Create(ctx, r)
		if !errors.Is(err, sessions.ErrConflict) {
			return wrap(err)
		}
		old, err := l.store.Find(ctx, r.ID)
		switch {
		case errors.Is(err, sessions.ErrNotFound):
			continue // it was swept
		case errors.Is(err, sessions.ErrCorrupt):
			err = l.store.Delete(ctx, r.ID)
		case err == nil:
			r.Idle, r.Absolute = max(r.Idle, old.Idle), max(r.Absolute, old.Absolute)
			if err = l.store.Update(ctx, r, old.Version); err == nil {
				return nil
			}
		}
		if err != nil && !errors.Is(err, sessions.ErrConflict) && !errors.Is(err, sessions.ErrNotFound) {
			return wrap(err)
		}
	}
	return errors.New("revocation: too many revocations of one token or subject at once")
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	return nil
}

// Check is for [jwt.Config].Revoked: jwt.ErrRevoked where the token was
// revoked, by itself or with its subject. Any other error says that the store
// cannot tell.
func (l *List) Check(ctx context.Context, t *jwt.Token) error {
	if t.ID != "" {
		_, found, err := l.find(ctx, "jti", t.Issuer, t.ID)
		if err != nil || found {
			return revoked(err)
		}
	}
	at, found, err := l.find(ctx, "sub", t.Issuer, t.Subject)
	if err == nil && (!found || t.IssuedAt.Unix() > at.Add(l.skew).Unix()) {
		return nil
	}
	return revoked(err)
}

func revoked(err error) error {
	if err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	return jwt.ErrRevoked
}

// find tells when what the id names was revoked. A record that cannot be read
// says that it was, just now.
func (l *List) find(ctx context.Context, kind, issuer, name string) (at time.Time, found bool, err error) {
	r, err := l.store.Find(ctx, key(kind, issuer, name))
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return at, false, nil
	case errors.Is(err, sessions.ErrCorrupt):
		return time.Now(), true, nil
	}
	return time.UnixMilli(r.LastSeen), err == nil, err
}

// record says that something is revoked as of now, and how long that counts.
func (l *List) record(kind, issuer, name string, until time.Time) sessions.Record {
	now, end := time.Now().UnixMilli(), until.Add(settle).UnixMilli()
	id := key(kind, issuer, name)
	return sessions.Record{
		ID: id, Version: 1, Created: now, LastSeen: now, Idle: end, Absolute: end,
		User:   id.Handle(), // a full store in memory drops the records of nobody
		Origin: &sessions.Origin{Realm: realm},
	}
}

// key is of what no session's key is made of. An issuer has no NUL, being a
// URL or a name in a table.
func key(kind, issuer, name string) sessions.ID {
	return sha256.Sum256([]byte("revoked\x00" + kind + "\x00" + issuer + "\x00" + name))
}
