package storetest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A mistake breaks a store, and names the cases that must catch it.
type mistake struct {
	name  string
	cases string
	make  func(m *sessions.MemoryStore, d *double)
}

// gap is the moment between two steps that ought to be one.
func gap() {
	runtime.Gosched()
	time.Sleep(100 * time.Microsecond)
}

// storeMistakes are those that the methods of sessions.Store can make.
func storeMistakes() []mistake {
	return []mistake{
		{"Find cuts data at a NUL", "RoundTrip", func(m *sessions.MemoryStore, d *double) {
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				r, err := m.Find(ctx, id)
				r.Data, _, _ = strings.Cut(r.Data, "\x00")
				return r, err
			}
		}},
		{"Create mends UTF-8", "RoundTrip", func(m *sessions.MemoryStore, d *double) {
			d.create = func(ctx context.Context, r sessions.Record) error {
				r.User = strings.ToValidUTF8(r.User, "\ufffd")
				return m.Create(ctx, r)
			}
		}},
		{"Find makes what is missing", "FindUnknown UpdateDeleted TouchDeleted ReplaceDeleted", func(m *sessions.MemoryStore, d *double) {
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				r, err := m.Find(ctx, id)
				if errors.Is(err, sessions.ErrNotFound) {
					return sessions.Record{ID: id}, nil
				}
				return r, err
			}
		}},
		{"Create upserts", "CreateExisting CreateRace", func(m *sessions.MemoryStore, d *double) {
			d.create = func(ctx context.Context, r sessions.Record) error {
				if err := m.Delete(ctx, r.ID); err != nil {
					return err
				}
				_ = m.Create(ctx, r)
				return nil
			}
		}},
		{"ids without case", "EveryBitOfID", func(m *sessions.MemoryStore, d *double) {
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				r, err := m.Find(ctx, id)
				if err != nil {
					r, err = m.Find(ctx, sessions.ID([]byte(strings.ToUpper(string(id[:])))))
				}
				return r, err
			}
		}},
		{"Find hides what has expired", "TimeIsData", func(m *sessions.MemoryStore, d *double) {
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				r, err := m.Find(ctx, id)
				if err == nil && r.Expired(time.Now()) {
					return sessions.Record{}, sessions.ErrNotFound
				}
				return r, err
			}
		}},
		{"List shares its memory", "Copies", func(m *sessions.MemoryStore, d *double) {
			var mu sync.Mutex
			lists := make(map[string][]sessions.Record)
			d.list = func(ctx context.Context, realm, user string) ([]sessions.Record, error) {
				mu.Lock()
				defer mu.Unlock()
				if lists[user] == nil {
					lists[user], _ = m.List(ctx, realm, user)
				}
				return slices.Clone(lists[user]), nil // the Origins are shared
			}
		}},
		{"Update keeps the version it is given", "Update", func(m *sessions.MemoryStore, d *double) {
			given := make(map[sessions.ID]int64)
			var mu sync.Mutex
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				mu.Lock()
				defer mu.Unlock()
				err := m.Update(ctx, r, version)
				if err == nil {
					given[r.ID] = r.Version
				}
				return err
			}
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				mu.Lock()
				defer mu.Unlock()
				r, err := m.Find(ctx, id)
				if v, ok := given[id]; ok && err == nil {
					r.Version = max(v, r.Version-1)
				}
				return r, err
			}
		}},
		{"Update looks, then writes", "NothingLost", func(m *sessions.MemoryStore, d *double) {
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				old, err := m.Find(ctx, r.ID)
				if err != nil {
					return err
				}
				if old.Version != version {
					return sessions.ErrConflict
				}
				gap()
				for {
					old, err := m.Find(ctx, r.ID)
					if err != nil {
						return err
					}
					if err := m.Update(ctx, r, old.Version); !errors.Is(err, sessions.ErrConflict) {
						return err
					}
				}
			}
		}},
		{"Update writes over any version", "UpdateConflict NothingLost Instances", func(m *sessions.MemoryStore, d *double) {
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				old, err := m.Find(ctx, r.ID)
				if err != nil {
					return err
				}
				return m.Update(ctx, r, old.Version)
			}
		}},
		{"Update upserts", "UpdateDeleted UpdateDeleteRace Instances", func(m *sessions.MemoryStore, d *double) {
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				err := m.Update(ctx, r, version)
				if errors.Is(err, sessions.ErrNotFound) {
					return m.Create(ctx, r)
				}
				return err
			}
		}},
		{"Update moves times back", "UpdateForward", func(m *sessions.MemoryStore, d *double) {
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				return rewrite(ctx, m, r, version, func(next *sessions.Record) { next.LastSeen, next.Idle = r.LastSeen, r.Idle })
			}
		}},
		{"Update writes Created and Origin", "UpdateOrigin", func(m *sessions.MemoryStore, d *double) {
			d.update = func(ctx context.Context, r sessions.Record, version int64) error {
				return rewrite(ctx, m, r, version, func(next *sessions.Record) { next.Created, next.Origin = r.Created, r.Origin })
			}
		}},
		{"the index keeps the first user", "UpdateUser", func(m *sessions.MemoryStore, d *double) {
			d.list = func(ctx context.Context, realm, user string) ([]sessions.Record, error) {
				list, err := m.List(ctx, realm, user)
				return slices.DeleteFunc(list, func(r sessions.Record) bool { return r.Version > 1 }), err
			}
		}},
		{"Replace creates and forgets old", "Replace ReplaceRace", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				return m.Create(ctx, r)
			}
		}},
		{"Replace ignores the version", "ReplaceConflict", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, _ int64, r sessions.Record) error {
				was, err := m.Find(ctx, old)
				if err != nil {
					return err
				}
				return m.Replace(ctx, old, was.Version, r)
			}
		}},
		{"Replace of what is gone creates", "ReplaceDeleted ReplaceRace", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				gap()
				err := m.Replace(ctx, old, version, r)
				if errors.Is(err, sessions.ErrNotFound) {
					return m.Create(ctx, r)
				}
				return err
			}
		}},
		{"Replace deletes old before it knows", "ReplaceExisting", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				return errors.Join(m.Delete(ctx, old), m.Create(ctx, r))
			}
		}},
		{"Replace creates, then deletes", "ReplaceOneStep ReplaceRace", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				if err := m.Create(ctx, r); err != nil {
					return err
				}
				gap()
				return m.Delete(ctx, old)
			}
		}},
		{"Replace fails and leaves the new record", "ReplaceDeleteRace", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				if err := m.Create(ctx, r); err != nil {
					return err
				}
				gap()
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				return m.Delete(ctx, old)
			}
		}},
		{"Replace deletes, then creates", "ReplaceOneStep DeleteUserRotating", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				if err := check(ctx, m, old, version); err != nil {
					return err
				}
				if err := m.Delete(ctx, old); err != nil {
					return err
				}
				gap()
				return m.Create(ctx, r)
			}
		}},
		{"Touch moves times back", "Touch", func(m *sessions.MemoryStore, d *double) {
			d.touch = func(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
				r, ok := found(ctx, m, id)
				if !ok {
					return nil
				}
				r.LastSeen, r.Idle = lastSeen, idle
				return errors.Join(m.Delete(ctx, id), m.Create(ctx, r))
			}
		}},
		{"Touch changes the version", "Touch", func(m *sessions.MemoryStore, d *double) {
			d.touch = func(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
				r, ok := found(ctx, m, id)
				if !ok {
					return nil
				}
				r.LastSeen, r.Idle = lastSeen, idle
				return m.Update(ctx, r, r.Version)
			}
		}},
		{"Touch creates", "TouchDeleted UpdateDeleteRace", func(m *sessions.MemoryStore, d *double) {
			d.touch = func(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
				gap()
				if _, err := m.Find(ctx, id); err != nil {
					return m.Create(ctx, sessions.Record{ID: id, LastSeen: lastSeen, Idle: idle, Version: 1})
				}
				return m.Touch(ctx, id, lastSeen, idle)
			}
		}},
		{"Touch looks, then writes", "TouchRace", func(m *sessions.MemoryStore, d *double) {
			var mu sync.Mutex
			d.touch = func(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
				r, ok := found(ctx, m, id)
				if !ok {
					return nil
				}
				gap()
				r.LastSeen, r.Idle = max(r.LastSeen, lastSeen), max(r.Idle, idle)
				mu.Lock()
				defer mu.Unlock()
				return errors.Join(m.Delete(ctx, id), m.Create(ctx, r))
			}
		}},
		{"Delete minds the version", "Delete", func(m *sessions.MemoryStore, d *double) {
			d.delete = func(ctx context.Context, id sessions.ID) error {
				if r, ok := found(ctx, m, id); !ok || r.Version != 1 {
					return nil
				}
				return m.Delete(ctx, id)
			}
		}},
		{"Delete of nothing is an error", "DeleteAbsent", func(m *sessions.MemoryStore, d *double) {
			d.delete = func(ctx context.Context, id sessions.ID) error {
				if _, err := m.Find(ctx, id); err != nil {
					return err
				}
				return m.Delete(ctx, id)
			}
		}},
	}
}

// found is Find for those who do not ask why not.
func found(ctx context.Context, m *sessions.MemoryStore, id sessions.ID) (sessions.Record, bool) {
	r, err := m.Find(ctx, id)
	return r, err == nil
}

// check is a versioned write's condition, looked at on its own.
func check(ctx context.Context, m *sessions.MemoryStore, id sessions.ID, version int64) error {
	r, err := m.Find(ctx, id)
	if err == nil && r.Version != version {
		err = sessions.ErrConflict
	}
	return err
}

// rewrite updates a record and then changes what Update would not.
func rewrite(ctx context.Context, m *sessions.MemoryStore, r sessions.Record, version int64, change func(*sessions.Record)) error {
	if err := m.Update(ctx, r, version); err != nil {
		return err
	}
	list, err := m.List(ctx, "storetest", r.User)
	if err != nil {
		return err
	}
	for _, next := range list {
		if next.ID != r.ID {
			continue
		}
		change(&next)
		if err := m.Delete(ctx, r.ID); err != nil {
			return err
		}
		return m.Create(ctx, next)
	}
	return nil
}
