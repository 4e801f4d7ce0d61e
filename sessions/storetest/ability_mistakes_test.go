package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gopassport/passport/sessions"
)

// abilityMistakes are those that instances and abilities can make.
func abilityMistakes() []mistake {
	return []mistake{
		{"instances have caches", "Instances", func(m *sessions.MemoryStore, d *double) {
			// Only what was read before is stale: the first Find of an id is fresh.
			cache := make(map[sessions.ID]sessions.Record)
			var mu sync.Mutex
			d.find = func(ctx context.Context, id sessions.ID) (sessions.Record, error) {
				mu.Lock()
				defer mu.Unlock()
				if r, ok := cache[id]; ok {
					return r, nil
				}
				r, err := m.Find(ctx, id)
				if err == nil {
					cache[id] = r
				}
				return r, err
			}
		}},
		{"List misses the expired", "List", func(m *sessions.MemoryStore, d *double) {
			d.list = func(ctx context.Context, realm, user string) ([]sessions.Record, error) {
				list, err := m.List(ctx, realm, user)
				return slices.DeleteFunc(list, func(r sessions.Record) bool { return r.Expired(time.Now()) }), err
			}
		}},
		{"List is a little late", "LimitPerUser", func(m *sessions.MemoryStore, d *double) {
			d.list = func(ctx context.Context, realm, user string) ([]sessions.Record, error) {
				list, err := m.List(ctx, realm, user)
				return list[:min(len(list), 2)], err // the newest are not there yet
			}
		}},
		{"List pads user ids", "UsersExact", func(m *sessions.MemoryStore, d *double) {
			d.list = func(ctx context.Context, realm, user string) ([]sessions.Record, error) {
				list, err := m.List(ctx, realm, user)
				more, _ := m.List(ctx, realm, user+" ")
				return append(list, more...), err
			}
		}},
		{"nobody is a user", "NobodyIsNoUser", func(m *sessions.MemoryStore, d *double) {
			d.deleteUser = func(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
				if user == "" {
					return m.DeleteRealm(ctx, realm)
				}
				return m.DeleteUser(ctx, realm, user, keep)
			}
		}},
		{"DeleteUser keeps none", "DeleteUser", func(m *sessions.MemoryStore, d *double) {
			d.deleteUser = func(ctx context.Context, realm, user string, _ sessions.ID) (int, error) {
				return m.DeleteUser(ctx, realm, user, sessions.ID{})
			}
		}},
		{"DeleteUser lists, then deletes", "DeleteUserRotating", func(m *sessions.MemoryStore, d *double) {
			d.deleteUser = func(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
				list, err := m.List(ctx, realm, user)
				gap()
				for _, r := range list {
					err = errors.Join(err, m.Delete(ctx, r.ID))
				}
				return len(list), err
			}
		}},
		{"DeleteRealm lists, then deletes", "DeleteRealmRotating", func(m *sessions.MemoryStore, d *double) {
			d.deleteRealm = func(ctx context.Context, realm string) (int, error) {
				list, err := m.List(ctx, realm, "alice")
				gap()
				for _, r := range list {
					err = errors.Join(err, m.Delete(ctx, r.ID))
				}
				return len(list), err
			}
		}},
		{"DeleteRealm ignores case", "DeleteRealm", func(m *sessions.MemoryStore, d *double) {
			d.deleteRealm = func(ctx context.Context, realm string) (int, error) {
				n, err := m.DeleteRealm(ctx, realm)
				_, _ = m.DeleteRealm(ctx, strings.ToUpper(realm[:1])+realm[1:])
				return n, err
			}
		}},
		{"Count counts up to its deadline", "Count", func(m *sessions.MemoryStore, d *double) {
			d.count = func(ctx context.Context, realm string, now time.Time) (int, error) {
				return m.Count(ctx, realm, now.Add(-time.Millisecond))
			}
		}},
		{"DeleteExpired spares the deadline itself", "ExpiryEdges", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return m.DeleteExpired(ctx, now.Add(-time.Millisecond), limit)
			}
		}},
		{"DeleteExpired is early", "ExpiryEdges", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return m.DeleteExpired(ctx, now.Add(time.Millisecond), limit)
			}
		}},
		{"DeleteExpired has no limit", "ExpiryBatches", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, _ int) (int, error) {
				return m.DeleteExpired(ctx, now, 1<<30)
			}
		}},
		{"DeleteExpired looks, then deletes", "ExpiryRenewed", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				list, err := m.List(ctx, "storetest", "alice")
				gap()
				n := 0
				for _, r := range list {
					if r.Expired(now) && n < limit {
						n++
						err = errors.Join(err, m.Delete(ctx, r.ID))
					}
				}
				return n, err
			}
		}},
		{"sweepers count the same record", "ExpirySweepers", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				list, _ := m.List(ctx, "storetest", "bob")
				gap()
				_, err := m.DeleteExpired(ctx, now, limit)
				return min(limit, len(list)), err
			}
		}},
		{"Once always says yes", "Once OnceRace", func(m *sessions.MemoryStore, d *double) {
			d.once = func(ctx context.Context, _ [32]byte, _ time.Time) error { return ctx.Err() }
		}},
		{"Once looks, then spends", "OnceRace", func(m *sessions.MemoryStore, d *double) {
			var spent sync.Map
			d.once = func(ctx context.Context, key [32]byte, until time.Time) error {
				if _, used := spent.Load(key); used {
					return sessions.ErrUsed
				}
				gap()
				spent.Store(key, true)
				return nil
			}
		}},
		{"Once looks at half the key", "OnceKeys", func(m *sessions.MemoryStore, d *double) {
			d.once = func(ctx context.Context, key [32]byte, until time.Time) error {
				clear(key[16:])
				return m.Once(ctx, key, until)
			}
		}},
		{"Once forgets early", "OnceSwept", func(m *sessions.MemoryStore, d *double) {
			d.once = func(ctx context.Context, key [32]byte, until time.Time) error {
				return m.Once(ctx, key, until.Add(-time.Second))
			}
		}},
		{"Once never forgets", "OnceSwept", func(m *sessions.MemoryStore, d *double) {
			d.once = func(ctx context.Context, key [32]byte, until time.Time) error {
				return m.Once(ctx, key, until.Add(time.Hour))
			}
		}},
		{"DeleteExpired is never done", "OnceSwept", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				n, err := m.DeleteExpired(ctx, now, limit)
				return n, cmp.Or(err, sessions.ErrMore)
			}
		}},
		{"DeleteExpired counts keys", "OnceSwept", func(m *sessions.MemoryStore, d *double) {
			d.deleteExpired = func(ctx context.Context, now time.Time, limit int) (int, error) {
				n, err := m.DeleteExpired(ctx, now, limit)
				return n + limit, err
			}
		}},
		{"a context that is over is ignored", "ContextOver", func(m *sessions.MemoryStore, d *double) {
			d.touch = func(_ context.Context, id sessions.ID, lastSeen, idle int64) error {
				return m.Touch(context.Background(), id, lastSeen, idle)
			}
		}},
		{"a context that is over stores first", "ContextOver", func(m *sessions.MemoryStore, d *double) {
			d.replace = func(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
				_ = m.Create(context.Background(), r)
				return m.Replace(ctx, old, version, r)
			}
		}},
	}
}
