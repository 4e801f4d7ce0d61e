package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
)

// Token returns the tokens of a user at a provider, refreshed where the access
// token ends soon; see the package comment. They are the caller's. None that
// are of use: [ErrNoTokens].
//
// It reads the store each time, so that what another server deleted is gone.
func (v *Vault) Token(ctx context.Context, user, provider string) (*oauth.Tokens, error) {
	p, err := v.place(user, provider)
	if err != nil {
		return nil, err
	}
	s, next, err := v.look(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case next == use:
		return s.tokens(), nil
	}
	return v.alone(ctx, p.id(), func() (*oauth.Tokens, error) { return v.renew(ctx, p) })
}

// A step is what to do about an entry.
type step int

const (
	use     step = iota // it is good as it is
	wait                // for somebody who refreshes it
	refresh             // it
)

// look reads a place and says what is next.
func (v *Vault) look(ctx context.Context, p place) (s stored, next step, err error) {
	s, err = v.find(ctx, p)
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return s, use, ErrNoTokens
	case errors.Is(err, sessions.ErrCorrupt):
		return s, use, fmt.Errorf("%w: %w", ErrNoTokens, err)
	case err != nil:
		return s, use, err
	case s.Access == "":
		return s, use, ErrNoTokens
	}
	now := time.Now()
	left := s.left(now)
	_, refreshes := v.providers[p.provider].(oauth.Refresher)
	switch {
	case left > v.early:
		return s, use, nil
	case !refreshes || s.Refresh == "":
		if left <= 0 {
			return s, use, ErrNoTokens
		}
		return s, use, nil
	case now.UnixMilli() >= s.Until:
		return s, refresh, nil
	case left > 0:
		return s, use, nil // somebody refreshes it, or the provider is down
	case s.Down:
		return s, use, unavailable(errors.New("vault: the provider did not refresh the token a moment ago"))
	}
	return s, wait, nil
}

// renew refreshes, or waits for another process that does.
func (v *Vault) renew(ctx context.Context, p place) (*oauth.Tokens, error) {
	for {
		s, next, err := v.look(ctx, p)
		switch {
		case err != nil:
			return nil, err
		case next == use:
			return s.tokens(), nil
		case next == refresh:
			tokens, err := v.refresh(ctx, p, s)
			if !errors.Is(err, errAgain) {
				return tokens, err
			}
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// errAgain: somebody else has changed the record; look again.
var errAgain = errors.New("vault: changed by somebody else")

// refresh takes the lease, asks the provider and stores what it answers. From
// the lease on nothing of it ends with ctx: a refresh token that is shown and
// not replaced is lost.
func (v *Vault) refresh(ctx context.Context, p place, s stored) (*oauth.Tokens, error) {
	began := time.Now()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), began.Add(2*v.timeout))
	defer cancel()

	old := s.entry
	s.Until, s.Down = began.Add(3*v.timeout).UnixMilli(), false
	if err := v.update(ctx, p, s); err != nil {
		return nil, again(err)
	}
	s.record.Version++
	got, failed := v.ask(ctx, p, old)
	switch {
	case failed == nil:
		s.entry = got
	case errors.Is(failed, oauth.ErrRefused):
		s.entry = entry{}
	default:
		s.Until, s.Down = time.Now().Add(v.timeout).UnixMilli(), true
		_ = v.update(ctx, p, s) // else the lease keeps the others away
		if old.left(time.Now()) > 0 {
			return old.tokens(), nil
		}
		return nil, unavailable(failed)
	}
	if err := v.insist(ctx, p, s); err != nil {
		return nil, again(err)
	}
	if failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTokens, failed)
	}
	return s.tokens(), nil
}

// ask makes the one request.
func (v *Vault) ask(ctx context.Context, p place, old entry) (entry, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	t, err := v.providers[p.provider].(oauth.Refresher).Refresh(ctx, old.tokens())
	if err != nil || t == nil {
		return entry{}, cmp.Or(err, oauth.ErrBadAnswer)
	}
	return newEntry(t, old)
}

// insist stores, and tries again while the store cannot.
func (v *Vault) insist(ctx context.Context, p place, s stored) error {
	for {
		err := v.update(ctx, p, s)
		if err == nil || errors.Is(err, sessions.ErrConflict) || errors.Is(err, sessions.ErrNotFound) {
			return err
		}
		if pause(ctx) != nil {
			return fmt.Errorf("vault: what the provider issued could not be stored: %w", err)
		}
	}
}

// again is err, or errAgain where the record is not what it was. Where an
// answer of the store was lost it may be we who wrote it.
func again(err error) error {
	if errors.Is(err, sessions.ErrConflict) || errors.Is(err, sessions.ErrNotFound) {
		return errAgain
	}
	return err
}

// pause waits a moment, for processes to take turns.
func pause(ctx context.Context) error {
	t := time.NewTimer(25*time.Millisecond + rand.N(50*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func unavailable(cause error) error {
	return &passport.Failure{Code: oauth.CodeProviderUnavailable, Status: http.StatusServiceUnavailable, Err: cause}
}

// A flight is a call of Token that others in the process wait for.
type flight struct {
	done   chan struct{}
	tokens *oauth.Tokens
	err    error
}

// alone lets one caller at a time do it, and hands what it returned to those
// who came meanwhile.
func (v *Vault) alone(ctx context.Context, id sessions.ID, do func() (*oauth.Tokens, error)) (*oauth.Tokens, error) {
	for {
		v.mu.Lock()
		f, flying := v.flights[id]
		if !flying {
			f = &flight{done: make(chan struct{}), err: errAgain}
			v.flights[id] = f
		}
		v.mu.Unlock()
		if !flying {
			return v.fly(ctx, id, f, do)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.done:
		}
		if f.err == nil {
			return clone(f.tokens), nil
		}
		if !errors.Is(f.err, errAgain) {
			return nil, f.err
		}
	}
}

// fly does it. Who went away, or panicked, leaves it to the next.
func (v *Vault) fly(ctx context.Context, id sessions.ID, f *flight, do func() (*oauth.Tokens, error)) (*oauth.Tokens, error) {
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.flights, id)
		close(f.done)
	}()
	t, err := do()
	switch {
	case err == nil:
		f.tokens, f.err = clone(t), nil // t is the caller's
	case ctx.Err() == nil:
		f.err = err
	}
	return t, err
}

func clone(t *oauth.Tokens) *oauth.Tokens {
	c := *t
	c.Scopes = slices.Clone(t.Scopes)
	return &c
}
