package vault

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gopassport/passport/sessions"
)

const (
	// realm keeps the records apart from sessions: no Manager may have a name
	// with a space, so that no cookie finds one.
	realm = "oauth tokens"
	// never is a deadline that no sweep sees: 9999-12-31, in unix milliseconds,
	// which every store can hold.
	never = 253402214400000
)

var errNobody = errors.New("vault: the user is empty")

// A place is where one record is.
type place struct{ user, provider string }

// place checks where tokens may be.
func (v *Vault) place(user, provider string) (place, error) {
	if user == "" {
		return place{}, errNobody
	}
	if v.providers[provider] == nil {
		return place{}, fmt.Errorf("vault: the provider %q is not among Config.Providers", provider)
	}
	return place{user, provider}, nil
}

func (p place) id() sessions.ID {
	b := binary.AppendUvarint([]byte(realm+"\x00"), uint64(len(p.user)))
	return sha256.Sum256(append(append(b, p.user...), p.provider...))
}

// stored is an entry with its record.
type stored struct {
	entry
	record sessions.Record
}

// find reads a place. Nothing there: sessions.ErrNotFound.
func (v *Vault) find(ctx context.Context, p place) (s stored, err error) {
	if s.record, err = v.store.Find(ctx, p.id()); err != nil {
		return s, wrap(err)
	}
	plain, err := v.ring.open(p, s.record.Data)
	if err != nil {
		return s, err
	}
	s.entry, err = decode(plain)
	return s, err
}

// update writes what find read, where nobody else has: sessions.ErrConflict,
// sessions.ErrNotFound.
func (v *Vault) update(ctx context.Context, p place, s stored) error {
	s.record.Data = v.ring.seal(p, s.encode())
	s.record.LastSeen = time.Now().UnixMilli()
	return wrap(v.store.Update(ctx, s.record, s.record.Version))
}

// put writes an entry over whatever is there, which need not open.
func (v *Vault) put(ctx context.Context, p place, e entry) error {
	r, err := v.store.Find(ctx, p.id())
	switch {
	case err == nil:
		return v.update(ctx, p, stored{e, r})
	case errors.Is(err, sessions.ErrCorrupt):
		if err := v.store.Delete(ctx, p.id()); err != nil {
			return wrap(err)
		}
	case !errors.Is(err, sessions.ErrNotFound):
		return wrap(err)
	}
	now := time.Now().UnixMilli()
	r = sessions.Record{
		ID: p.id(), User: p.user, Data: v.ring.seal(p, e.encode()),
		Created: now, LastSeen: now, Idle: never, Absolute: never, Version: 1,
		Origin: &sessions.Origin{Realm: realm},
	}
	return wrap(v.store.Create(ctx, r))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}
