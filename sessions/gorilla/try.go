package gorilla

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gopassport/passport/internal/wire"
	"github.com/gopassport/passport/sessions"
)

// findings are what a throw-away session shows of a store.
type findings struct {
	inCookie bool // the cookie is the session: an old one shows old values
	ends     bool // a session that was deleted is not found again
	revives  bool // a save after that brings it back
	cuts     bool // a context that is over stops a call
	small    bool // there is no room for sessions.MaxData
}

// lost names the guarantees that are lost.
func (f findings) lost() []string {
	lost := []string{
		"sessions cannot be listed, counted, swept or revoked by user",
		"one-time values are spent in this process's memory only",
	}
	if f.inCookie {
		lost = append(lost, "two requests overwrite each other's change",
			"an old cookie brings old values back", "a value cannot be taken by one request only",
			"the idle deadline moves when values are saved, not when they are read")
	} else {
		lost = append(lost, "two instances may overwrite each other's change",
			"a crash during a login may leave the old session beside the new")
	}
	switch {
	case !f.ends:
		lost = append(lost, "a session cannot be ended: its cookie counts until its deadline")
	case f.revives:
		lost = append(lost, "a late save on another instance may bring back an ended session")
	}
	if !f.cuts {
		lost = append(lost, "a call that hangs is not cut by its context")
	}
	if f.small {
		lost = append(lost, "there is no room for 64 KiB of values")
	}
	return lost
}

// try makes a session, changes it, deletes it, and looks what the store finds
// by its first cookie. An error: the store is of no use.
func (b *backend) try(ctx context.Context) (f findings, err error) {
	t, err := b.newTrial(ctx)
	if err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.remove(ctx))
		}
	}()
	other, err := b.newTrial(ctx)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, other.remove(ctx)) }()
	if other.cookie == t.cookie {
		return f, errors.New("it gives two sessions one cookie")
	}

	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, _, err = b.read(over, t.cookie)
	f.cuts = errors.Is(err, context.Canceled)

	if err := t.change(ctx, "second"); err != nil {
		return f, fmt.Errorf("it does not change a session: %w", err)
	}
	switch data, err := t.data(ctx); {
	case err != nil:
		return f, err
	case data == "first":
		f.inCookie = true
	case data != "second":
		return f, errors.New("it does not find what a session was changed to")
	}
	f.small = t.change(ctx, strings.Repeat("x", sessions.MaxData)) != nil
	return f, t.end(ctx, &f, other)
}

// end deletes the session, and saves it once more, as a late request would.
// The other stays.
func (t *trial) end(ctx context.Context, f *findings, other *trial) error {
	late, err := t.load(ctx)
	if err != nil {
		return err
	}
	if err := t.remove(ctx); err != nil {
		return fmt.Errorf("it does not delete a session: %w", err)
	}
	if err := t.learn(ctx, other); err != nil {
		return err
	}
	data, err := t.data(ctx)
	if f.ends = data == ""; err != nil || !f.ends {
		return err
	}
	_ = t.save(ctx, late, "late") // it may refuse, or do nothing
	data, err = t.data(ctx)
	f.revives = data != ""
	return errors.Join(err, t.remove(ctx))
}

// learn hears what the store says of the session, which was deleted: twice,
// and each time it must find the other, so that an outage of a moment does not
// become the word for absence.
func (t *trial) learn(ctx context.Context, other *trial) error {
	var said [2]string
	for i := range said {
		if _, err := t.b.open(ctx, t.cookie); err != nil && !t.b.isNotFound(err) {
			said[i] = err.Error()
		}
		if data, err := other.data(ctx); err != nil || data != "first" {
			return errors.Join(errors.New("it does not find a session beside one that was deleted"), err)
		}
	}
	if said[0] != said[1] {
		return fmt.Errorf("it says of one deleted session %q and then %q", said[0], said[1])
	}
	t.b.gone = said[0]
	return nil
}

// A trial is a session that is thrown away. Its cookie is the first that the
// store set.
type trial struct {
	b      *backend
	id     sessions.ID
	cookie string
}

func (b *backend) newTrial(ctx context.Context) (*trial, error) {
	t := &trial{b: b}
	_, _ = rand.Read(t.id[:]) // never fails
	v := new(visit)
	if err := t.save(ctx, v, "first"); err != nil {
		return nil, fmt.Errorf("it does not save a session: %w", err)
	}
	t.cookie = v.made
	if data, err := t.data(ctx); err != nil || data != "first" {
		return nil, errors.Join(errors.New("it does not find a session by its cookie"), err)
	}
	return t, nil
}

// load is a new request with the cookie, which has found the session.
func (t *trial) load(ctx context.Context) (*visit, error) {
	v := &visit{cookies: []string{t.cookie}}
	_, found, err := t.b.Find(v.in(ctx), t.id)
	if err == nil && !found {
		err = errors.New("it does not find a session again")
	}
	return v, err
}

// save is what the request of v does last.
func (t *trial) save(ctx context.Context, v *visit, data string) error {
	r := sessions.Record{ID: t.id, Data: data}
	return t.b.Commit(v.in(ctx), t.id, wire.Encode(r), time.Now().Add(time.Minute))
}

func (t *trial) change(ctx context.Context, data string) error {
	v, err := t.load(ctx)
	if err != nil {
		return err
	}
	return t.save(ctx, v, data)
}

// data is what a new request with the cookie finds; empty: nothing.
func (t *trial) data(ctx context.Context) (string, error) {
	_, value, found, err := t.b.read(ctx, t.cookie)
	if err != nil || !found {
		return "", err
	}
	r, err := wire.Decode(value, t.id)
	return r.Data, err
}

func (t *trial) remove(ctx context.Context) error {
	v := &visit{cookies: []string{t.cookie}}
	return t.b.Remove(v.in(ctx), t.id)
}
