package storetest_test

import (
	"context"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A double is a memory store with some methods replaced, and so broken.
type double struct {
	*sessions.MemoryStore
	create        func(context.Context, sessions.Record) error
	find          func(context.Context, sessions.ID) (sessions.Record, error)
	update        func(context.Context, sessions.Record, int64) error
	replace       func(context.Context, sessions.ID, int64, sessions.Record) error
	touch         func(context.Context, sessions.ID, int64, int64) error
	delete        func(context.Context, sessions.ID) error
	once          func(context.Context, [32]byte, time.Time) error
	list          func(context.Context, string, string) ([]sessions.Record, error)
	deleteUser    func(context.Context, string, string, sessions.ID) (int, error)
	deleteRealm   func(context.Context, string) (int, error)
	deleteExpired func(context.Context, time.Time, int) (int, error)
	count         func(context.Context, string, time.Time) (int, error)
}

func (d *double) Create(ctx context.Context, r sessions.Record) error {
	if d.create != nil {
		return d.create(ctx, r)
	}
	return d.MemoryStore.Create(ctx, r)
}

func (d *double) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	if d.find != nil {
		return d.find(ctx, id)
	}
	return d.MemoryStore.Find(ctx, id)
}

func (d *double) Update(ctx context.Context, r sessions.Record, version int64) error {
	if d.update != nil {
		return d.update(ctx, r, version)
	}
	return d.MemoryStore.Update(ctx, r, version)
}

func (d *double) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	if d.replace != nil {
		return d.replace(ctx, old, version, r)
	}
	return d.MemoryStore.Replace(ctx, old, version, r)
}

func (d *double) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	if d.touch != nil {
		return d.touch(ctx, id, lastSeen, idle)
	}
	return d.MemoryStore.Touch(ctx, id, lastSeen, idle)
}

func (d *double) Delete(ctx context.Context, id sessions.ID) error {
	if d.delete != nil {
		return d.delete(ctx, id)
	}
	return d.MemoryStore.Delete(ctx, id)
}

func (d *double) Once(ctx context.Context, key [32]byte, until time.Time) error {
	if d.once != nil {
		return d.once(ctx, key, until)
	}
	return d.MemoryStore.Once(ctx, key, until)
}

func (d *double) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if d.list != nil {
		return d.list(ctx, realm, user)
	}
	return d.MemoryStore.List(ctx, realm, user)
}

func (d *double) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	if d.deleteUser != nil {
		return d.deleteUser(ctx, realm, user, keep)
	}
	return d.MemoryStore.DeleteUser(ctx, realm, user, keep)
}

func (d *double) DeleteRealm(ctx context.Context, realm string) (int, error) {
	if d.deleteRealm != nil {
		return d.deleteRealm(ctx, realm)
	}
	return d.MemoryStore.DeleteRealm(ctx, realm)
}

func (d *double) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if d.deleteExpired != nil {
		return d.deleteExpired(ctx, now, limit)
	}
	return d.MemoryStore.DeleteExpired(ctx, now, limit)
}

func (d *double) Count(ctx context.Context, realm string, now time.Time) (int, error) {
	if d.count != nil {
		return d.count(ctx, realm, now)
	}
	return d.MemoryStore.Count(ctx, realm, now)
}
