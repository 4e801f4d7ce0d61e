package sessions

import (
	"context"
	"log/slog"
	"time"
)

// A Call is one call of a [Manager] to its store, for metrics.
type Call struct {
	Name     string        // the method of Store, Once or an ability: "Find", "DeleteExpired"
	Duration time.Duration // of the call alone
	Records  int           // listed, counted or deleted by List, Count, DeleteUser, DeleteRealm, DeleteExpired; otherwise 0
	Err      error         // ErrNotFound, ErrConflict, ErrUsed and ErrMore are everyday
}

// calls is the Manager's way to its store: Options.OnCall hears of every call,
// and Close waits for every write.
type calls struct {
	to     Store
	once   Once
	hook   func(context.Context, Call)
	log    *slog.Logger
	writes *writes
}

// read makes a call that changes nothing.
func (c *calls) read(ctx context.Context, name string, f func() (int, error)) error {
	start := time.Now()
	n, err := f()
	c.tell(ctx, Call{name, time.Since(start), n, err})
	return err
}

// write makes a call that Close waits for.
func (c *calls) write(ctx context.Context, name string, id ID, f func() (int, error)) (int, error) {
	start := time.Now()
	if ctx.Value(heldKey{}) != c.writes {
		w := &pending{name, id, start}
		if err := c.writes.begin(w); err != nil {
			return 0, err
		}
		defer c.writes.end(w)
	}
	n, err := f()
	c.tell(ctx, Call{name, time.Since(start), n, err})
	return n, err
}

// hold begins a write of several calls, with the context that it returns:
// Close waits for all of them, or for none.
func (c *calls) hold(ctx context.Context, name string, id ID) (held context.Context, done func(), err error) {
	w := &pending{name, id, time.Now()}
	if err := c.writes.begin(w); err != nil {
		return nil, nil, err
	}
	return context.WithValue(ctx, heldKey{}, c.writes), func() { c.writes.end(w) }, nil
}

type heldKey struct{}

// tell calls the hook, which must not undo what was done by a panic.
func (c *calls) tell(ctx context.Context, call Call) {
	if c.hook == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			c.log.ErrorContext(ctx, "sessions: Options.OnCall panicked", "panic", p)
		}
	}()
	c.hook(ctx, call)
}

func (c *calls) Find(ctx context.Context, id ID) (r Record, err error) {
	if c.hook == nil { // the way of every request
		return c.to.Find(ctx, id)
	}
	err = c.read(ctx, "Find", func() (int, error) {
		r, err = c.to.Find(ctx, id)
		return 0, err
	})
	return r, err
}

func (c *calls) Create(ctx context.Context, r Record) error {
	_, err := c.write(ctx, "Create", r.ID, func() (int, error) { return 0, c.to.Create(ctx, r) })
	return err
}

func (c *calls) Update(ctx context.Context, r Record, version int64) error {
	_, err := c.write(ctx, "Update", r.ID, func() (int, error) { return 0, c.to.Update(ctx, r, version) })
	return err
}

func (c *calls) Replace(ctx context.Context, old ID, version int64, r Record) error {
	_, err := c.write(ctx, "Replace", r.ID, func() (int, error) { return 0, c.to.Replace(ctx, old, version, r) })
	return err
}

func (c *calls) Touch(ctx context.Context, id ID, lastSeen, idle int64) error {
	_, err := c.write(ctx, "Touch", id, func() (int, error) { return 0, c.to.Touch(ctx, id, lastSeen, idle) })
	return err
}

func (c *calls) Delete(ctx context.Context, id ID) error {
	_, err := c.write(ctx, "Delete", id, func() (int, error) { return 0, c.to.Delete(ctx, id) })
	return err
}

func (c *calls) Once(ctx context.Context, key [32]byte, until time.Time) error {
	_, err := c.write(ctx, "Once", ID{}, func() (int, error) { return 0, c.once.Once(ctx, key, until) })
	return err
}

// The abilities: ErrUnsupported where the store lacks one.

func (c *calls) List(ctx context.Context, realm, user string) (list []Record, err error) {
	s, ok := c.to.(Lister)
	if !ok {
		return nil, ErrUnsupported
	}
	err = c.read(ctx, "List", func() (int, error) {
		list, err = s.List(ctx, realm, user)
		return len(list), err
	})
	return list, err
}

func (c *calls) Count(ctx context.Context, realm string, now time.Time) (n int, err error) {
	s, ok := c.to.(Counter)
	if !ok {
		return 0, ErrUnsupported
	}
	err = c.read(ctx, "Count", func() (int, error) {
		n, err = s.Count(ctx, realm, now)
		return n, err
	})
	return n, err
}

func (c *calls) DeleteUser(ctx context.Context, realm, user string, keep ID) (int, error) {
	s, ok := c.to.(UserDeleter)
	if !ok {
		return 0, ErrUnsupported
	}
	return c.write(ctx, "DeleteUser", ID{}, func() (int, error) { return s.DeleteUser(ctx, realm, user, keep) })
}

func (c *calls) DeleteRealm(ctx context.Context, realm string) (int, error) {
	s, ok := c.to.(RealmDeleter)
	if !ok {
		return 0, ErrUnsupported
	}
	return c.write(ctx, "DeleteRealm", ID{}, func() (int, error) { return s.DeleteRealm(ctx, realm) })
}

func (c *calls) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	s, ok := c.to.(ExpiredDeleter)
	if !ok {
		return 0, ErrUnsupported
	}
	return c.write(ctx, "DeleteExpired", ID{}, func() (int, error) { return s.DeleteExpired(ctx, now, limit) })
}
