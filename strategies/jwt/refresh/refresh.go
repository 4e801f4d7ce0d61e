// Package refresh keeps people signed in at an API: with refresh tokens, each
// good for one use, in the store that has the sessions.
//
//	families, err := refresh.New(store, [][]byte{secret}, nil)
//
//	token, family, err := families.Begin(ctx, refresh.Family{User: user.Key()})
//	next, family, err := families.Refresh(ctx, token, nil)
//
// A sign-in begins a family, and the family has one record. Its version is its
// generation: each refresh raises it by compare-and-set and hands out the
// token of the new generation, so that of any number of refreshes at once, at
// any number of instances, one rotates (RFC 9700 section 4.14.2). A token of an
// older generation says that two hold tokens of the family, one of whom stole
// them: the family ends, and [ErrReused] tells.
//
// Two tabs that refresh at the same moment, and a client that lost the answer,
// are no thieves: for a few seconds the last token is answered once more, with
// the same next one. It need not be stored for that: a token is the name of
// the family, the generation, and a MAC of both. A token that was made up
// never reaches the database, and nothing in the database makes a token.
//
// The store may have more abilities: [sessions.Lister] for List and End, and
// [sessions.UserDeleter] for EndUser. A sessions.Manager over the same store
// sweeps families that have expired.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/sessions"
)

// What Refresh says of tokens, to branch on with errors.Is.
var (
	// ErrInvalid: the token is none, or its family has ended or expired.
	ErrInvalid = errors.New("refresh: the token is not valid")
	// ErrReused: the token was used before, so its family has been ended. It is
	// an ErrInvalid too.
	ErrReused = fmt.Errorf("%w: it was used before", ErrInvalid)
)

// Options of [New]. The zero value works.
type Options struct {
	// Name keeps the families of several APIs over one store apart. Letters,
	// digits, '-' and '_', at most 48. Default "api".
	Name string
	// Idle ends a family that was not refreshed for so long. Default 14 days.
	Idle time.Duration
	// Absolute ends a family so long after the sign-in. Default 90 days.
	Absolute time.Duration
	// Grace is how long the last token is answered once more, with the same
	// next one. Default 10 s, at most a minute; negative: not at all.
	Grace time.Duration
	// OnReuse hears of a family that was ended because a token of it was used
	// again: tell its owner. It delays the answer. A panic of it is logged.
	OnReuse func(context.Context, Family)
	// Logger gets what is no refusal, and every reuse. Default slog.Default().
	Logger *slog.Logger
}

// A Family is what a store keeps of one sign-in at an API.
type Family struct {
	// User is the serialized user. Needed, at most 255 bytes.
	User string
	// Client is the client_id that the tokens are for; it may be empty.
	Client string
	// Scope is what was granted, by space.
	Scope string
	// Factors is how the user was authenticated (RFC 8176), by space, and
	// AuthTime when.
	Factors  string
	AuthTime time.Time
	// Stamp is what has to be the same at each refresh, for the check of
	// Refresh to compare: a hash of the user's stamp. At most 64 bytes.
	Stamp string
	// Address and Agent are the client's at the sign-in, for List. They are
	// cut to 45 and 256 bytes. Refresh leaves them empty.
	Address, Agent string

	// Expires is when it ends if it is not refreshed before. In what Begin gets
	// it is the latest that it may end at all; zero: Options.Absolute says so.
	Expires time.Time

	// The rest is not looked at by Begin.

	// Handle names the family in lists, in logs and to End. It is no secret.
	Handle   string
	Created  time.Time
	LastUsed time.Time
}

// Families makes, rotates and ends families. It is safe for concurrent use, in
// any number of instances with the same secrets over one store.
type Families struct {
	store sessions.Store
	realm string
	keys  []key // the newest first
	o     Options
	log   *slog.Logger
}

// New returns Families in store; o may be nil. Secrets, each of at least 32
// bytes, the newest first: that one makes tokens, and all of them check them.
// A secret that is taken away ends its families. Which secret is what comes
// from outside, so it is an error; New panics on wiring mistakes.
func New(store sessions.Store, secrets [][]byte, o *Options) (*Families, error) {
	if absent.Nil(store) {
		panic("refresh: New needs a store, such as that of the sessions")
	}
	f := &Families{store: store}
	if o != nil {
		f.o = *o
	}
	if f.o.Name == "" {
		f.o.Name = "api"
	}
	mustName(f.o.Name)
	// A Manager's name has no colon: no session is a family, or the reverse.
	f.realm = "refresh:" + f.o.Name
	lifetime(&f.o.Idle, 14*24*time.Hour)
	lifetime(&f.o.Absolute, 90*24*time.Hour)
	switch {
	case f.o.Grace == 0:
		f.o.Grace = 10 * time.Second
	case f.o.Grace > time.Minute:
		panic("refresh: Options.Grace is at most a minute: so long a stolen token would go on unseen")
	}
	if f.log = f.o.Logger; f.log == nil {
		f.log = slog.Default()
	}
	var err error
	if f.keys, err = newKeys(secrets, f.realm); err != nil {
		return nil, err
	}
	return f, nil
}

func mustName(name string) {
	ok := len(name) <= 48
	for i := range len(name) {
		c := name[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	}
	if !ok {
		panic("refresh: Options.Name has up to 48 letters, digits, '-' and '_'")
	}
}

func lifetime(d *time.Duration, otherwise time.Duration) {
	if *d < 0 {
		panic("refresh: a lifetime is negative; leave it 0 for the default")
	}
	if *d == 0 {
		*d = otherwise
	}
}

// Begin stores a new family and returns its first token, and the family as it
// is stored. The errors are the store's.
func (f *Families) Begin(ctx context.Context, family Family) (token string, stored Family, err error) {
	if family.User == "" || len(family.User) > 255 || len(family.Stamp) > 64 {
		return "", Family{}, errors.New("refresh: a Family needs a User of at most 255 bytes, and a Stamp of at most 64")
	}
	name := newName()
	r, err := f.record(family, name.id(f.realm))
	if err != nil {
		return "", Family{}, err
	}
	if err := f.store.Create(ctx, r); err != nil {
		return "", Family{}, fmt.Errorf("refresh: %w", err)
	}
	return f.keys[0].token(name, r.Version), familyOf(r), nil
}

// tries is how often a refresh looks again when another one was faster.
const tries = 10

// Refresh uses a token up and returns the next one, with the family. check, if
// any, is asked before that whether the family may go on: load its user and
// compare the stamp. What refuses elsewhere (see passport.Failure) ends the
// family, and is returned in an [ErrInvalid]; any other error is an outage,
// and the token stays good.
//
// After an error that is no ErrInvalid the client may send the same token
// again, within the grace.
func (f *Families) Refresh(ctx context.Context, token string, check func(context.Context, Family) error) (next string, family Family, err error) {
	name, generation, ok := f.open(token)
	if !ok {
		return "", Family{}, fmt.Errorf("%w: it is not ours", ErrInvalid)
	}
	for range tries {
		r, err := f.find(ctx, name.id(f.realm))
		if err != nil {
			return "", Family{}, err
		}
		now := time.Now()
		behind := r.Version - generation
		if behind < 0 {
			return "", Family{}, f.setBack(ctx, r)
		}
		if behind != 0 && !(behind == 1 && now.Sub(time.UnixMilli(r.LastSeen)).Abs() < f.o.Grace) {
			return "", Family{}, f.reused(ctx, r)
		}
		if check != nil {
			if err := f.ask(ctx, r, check); err != nil {
				return "", Family{}, err
			}
			check = nil
			if behind == 1 { // nothing is stored that would tell of an end meanwhile
				if _, err := f.find(ctx, r.ID); err != nil {
					return "", Family{}, err
				}
			}
		}
		if behind == 0 {
			r, err = f.rotate(ctx, r, now)
			if errors.Is(err, sessions.ErrConflict) {
				continue
			}
			if err != nil {
				return "", Family{}, err
			}
		}
		return f.keys[0].token(name, r.Version), familyOf(r), nil
	}
	return "", Family{}, errors.New("refresh: too many refreshes of one family at once")
}

// find returns a record that is valid now.
func (f *Families) find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	r, err := f.store.Find(ctx, id)
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return r, fmt.Errorf("%w: its family has ended", ErrInvalid)
	case errors.Is(err, sessions.ErrCorrupt):
		f.log.ErrorContext(ctx, "refresh: ended a family that cannot be decoded", "family", id.Handle(), "error", err)
		return r, f.end(ctx, id, fmt.Errorf("%w: its record is corrupt", ErrInvalid))
	case err != nil:
		return r, fmt.Errorf("refresh: %w", err)
	case r.Expired(time.Now()):
		// Deleted at once, so that a clock that is set back cannot revive it.
		return r, f.end(ctx, id, fmt.Errorf("%w: its family has expired", ErrInvalid))
	}
	return r, nil
}

// rotate stores the next generation.
func (f *Families) rotate(ctx context.Context, r sessions.Record, now time.Time) (sessions.Record, error) {
	version := r.Version
	r.Version++
	r.LastSeen = now.UnixMilli()
	r.Idle = min(now.Add(f.o.Idle).UnixMilli(), r.Absolute)
	err := f.store.Update(ctx, r, version)
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return r, fmt.Errorf("%w: its family has ended", ErrInvalid)
	case err != nil:
		return r, fmt.Errorf("refresh: %w", err)
	}
	return r, nil
}

// end deletes a family and returns why, unless it cannot be deleted: then
// nobody is told that it has ended.
func (f *Families) end(ctx context.Context, id sessions.ID, why error) error {
	if err := f.store.Delete(ctx, id); err != nil {
		return fmt.Errorf("refresh: ending a family: %w", err)
	}
	return why
}

// reused ends a family whose tokens two have.
func (f *Families) reused(ctx context.Context, r sessions.Record) error {
	err := f.end(ctx, r.ID, ErrReused)
	f.log.WarnContext(ctx, "refresh: a token was used again, so its family ends",
		"family", r.ID.Handle(), "user", r.User, "error", err)
	if f.o.OnReuse != nil {
		f.hear(ctx, familyOf(r))
	}
	return err
}

// setBack ends a family with newer tokens than the database knows of: that came
// back from a backup, so nothing says which tokens were used.
func (f *Families) setBack(ctx context.Context, r sessions.Record) error {
	f.log.WarnContext(ctx, "refresh: a token is newer than the database, so its family ends",
		"family", r.ID.Handle(), "user", r.User)
	return f.end(ctx, r.ID, fmt.Errorf("%w: it is newer than the database", ErrInvalid))
}

// words joins what List and the like show, without what could break a line.
func words(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
