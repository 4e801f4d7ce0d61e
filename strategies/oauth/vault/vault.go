package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
)

var (
	// ErrNoTokens: there are none, or none that are of use any more. The person
	// has to sign in at the provider again. It wraps oauth.ErrRefused where the
	// provider has just said so, and sessions.ErrCorrupt where there is a
	// record that does not open.
	ErrNoTokens = errors.New("vault: no tokens: the person has to sign in at the provider again")
	// ErrNoKey: the tokens are sealed with a key, which the error names, that
	// is not among Config.Keys. They are kept.
	ErrNoKey = errors.New("vault: the key is not among Config.Keys")
)

// A Store is what a [Vault] needs of a [sessions.Store], which has the
// contracts. All stores of this module have it.
type Store interface {
	Create(ctx context.Context, r sessions.Record) error
	Find(ctx context.Context, id sessions.ID) (sessions.Record, error)
	Update(ctx context.Context, r sessions.Record, version int64) error
	Delete(ctx context.Context, id sessions.ID) error
	sessions.UserDeleter
}

// Config of a [Vault]. Keys and Providers are needed.
type Config struct {
	// Keys encrypt: the first one, the newest, seals, and all open. To change
	// keys put a new one first on every server, call Reseal for each user, and
	// then remove the old one. A server that does not have the new one yet gets
	// ErrNoKey, so first add it as the last one everywhere, then as the first.
	Keys []Key
	// Providers by the name under which their tokens are kept. One that is an
	// [oauth.Refresher] refreshes them.
	Providers map[string]oauth.Provider
	// Early is how long before its end a token is refreshed. Default 1 minute;
	// less than the life of the providers' tokens.
	Early time.Duration
	// Timeout bounds a request to the provider. Default 10 s. All servers over
	// one store need the same.
	Timeout time.Duration
}

// A Vault keeps tokens. It is safe for concurrent use, in any number of
// processes over one store. It starts no goroutine.
//
// Its errors wrap those of the store, but for a provider that cannot be
// reached: that is a *passport.Failure with the code
// oauth.CodeProviderUnavailable, 503.
type Vault struct {
	store          Store
	ring           *ring
	providers      map[string]oauth.Provider
	early, timeout time.Duration
	base           *http.Client // for Client

	mu      sync.Mutex
	flights map[sessions.ID]*flight
}

// New returns a Vault over store, to which it does not talk yet. An error says
// what of the keys cannot be. It panics on wiring mistakes.
func New(store Store, c Config) (*Vault, error) {
	if absent.Nil(store) || len(c.Providers) == 0 {
		panic("vault: New needs a store, and Config.Providers")
	}
	if c.Early < 0 || c.Timeout < 0 {
		panic("vault: Config.Early and Config.Timeout cannot be negative; leave them 0 for the default")
	}
	v := &Vault{
		store: store, providers: make(map[string]oauth.Provider), early: c.Early, timeout: c.Timeout,
		base: oauth.Client(nil), flights: make(map[sessions.ID]*flight),
	}
	for name, p := range c.Providers {
		if name == "" || absent.Nil(p) {
			panic("vault: Config.Providers has a provider without a name, or a name without a provider")
		}
		v.providers[name] = p
	}
	if v.early == 0 {
		v.early = time.Minute
	}
	if v.timeout == 0 {
		v.timeout = 10 * time.Second
	}
	var err error
	v.ring, err = newRing(c.Keys)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Save keeps the tokens of a user at a provider, in the place of those that
// are there: a refresh token that is missing now is not kept from before, as
// the account may be another one. Call it where the identity comes in, at a
// sign-in or a link.
func (v *Vault) Save(ctx context.Context, user, provider string, t *oauth.Tokens) error {
	p, err := v.place(user, provider)
	if err != nil {
		return err
	}
	if t == nil {
		return errors.New("vault: Save needs tokens; oauth.Options.KeepTokens leaves them in the Identity")
	}
	e, err := newEntry(t, entry{})
	if err != nil {
		return err
	}
	for {
		err := v.put(ctx, p, e)
		// Somebody else has saved, or deleted, at the same time.
		if !errors.Is(err, sessions.ErrConflict) && !errors.Is(err, sessions.ErrNotFound) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Delete forgets the tokens of a user at a provider. There are none: nil. A
// refresh under way does not bring them back. The provider is not told.
func (v *Vault) Delete(ctx context.Context, user, provider string) error {
	p, err := v.place(user, provider)
	if err != nil {
		return err
	}
	return wrap(v.store.Delete(ctx, p.id()))
}

// DeleteUser forgets all tokens of a user, those of providers that are not
// configured any more too.
func (v *Vault) DeleteUser(ctx context.Context, user string) error {
	if user == "" {
		return errNobody
	}
	_, err := v.store.DeleteUser(ctx, realm, user, sessions.ID{})
	return wrap(err)
}

// Reseal puts a user's tokens under the newest key, which otherwise happens
// when they are next written. After a change of keys call it for every user,
// before the old key is removed. Tokens whose key is gone, or that do not
// open, are an error, after the others are done.
func (v *Vault) Reseal(ctx context.Context, user string) error {
	var failed []error
	for name := range v.providers {
		p, err := v.place(user, name)
		if err != nil {
			return err
		}
		s, err := v.find(ctx, p)
		if id, _, _ := cutKeyID(s.record.Data); err == nil && id != v.ring.newest {
			err = v.update(ctx, p, s)
		}
		// Who wrote in between has sealed with the newest key.
		if err != nil && !errors.Is(err, sessions.ErrNotFound) && !errors.Is(err, sessions.ErrConflict) {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}
