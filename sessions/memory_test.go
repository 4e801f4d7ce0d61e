package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/storetest"
)

// B06, B09, B10, B15, B24, B43, B44: each case names its rule.
func TestMemoryStoreKit(t *testing.T) {
	storetest.Run(t, func(*testing.T) sessions.Store { return sessions.NewMemoryStore(nil) })
}

// memoryRecord is a record of the given shard, which the id's first byte says.
func memoryRecord(shard, n byte, user string) sessions.Record {
	now := time.Now()
	return sessions.Record{
		ID: sessions.ID{shard, n}, User: user, Version: 1,
		Idle: now.Add(time.Hour).UnixMilli(), Absolute: now.Add(2 * time.Hour).UnixMilli(),
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Mozilla/5.0"},
	}
}

// memoryUsers lists the users of the records in shards 1 and 2.
func memoryUsers(s sessions.Store) string {
	var users []string
	for n := range byte(16) {
		for _, shard := range []byte{1, 2} {
			if r, err := s.Find(context.Background(), sessions.ID{shard, n}); err == nil {
				users = append(users, r.User)
			}
		}
	}
	slices.Sort(users)
	return strings.Join(users, ";")
}

func TestMemoryStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sessions.NewMemoryStore(&sessions.MemoryOptions{MaxRecords: 3 * 64}) // 3 a shard
		ctx := t.Context()
		alice, nobody, bob := memoryRecord(1, 1, "alice"), memoryRecord(1, 2, ""), memoryRecord(1, 3, "bob")
		bob.Idle = time.Now().Add(time.Minute).UnixMilli()
		steps := []struct {
			name string
			wait time.Duration
			call func() error
			want error
			has  string
		}{
			{"fill", 0, func() error {
				return errors.Join(s.Create(ctx, alice), s.Create(ctx, nobody), s.Create(ctx, bob))
			}, nil, ";alice;bob"},
			{"expired goes first", time.Minute, func() error { return s.Create(ctx, memoryRecord(1, 4, "carol")) }, nil, ";alice;carol"},
			{"then an anonymous one", 0, func() error { return s.Create(ctx, memoryRecord(1, 5, "dave")) }, nil, "alice;carol;dave"},
			{"then nobody", 0, func() error { return s.Create(ctx, memoryRecord(1, 6, "eve")) }, sessions.ErrFull, "alice;carol;dave"},
			{"nor for an anonymous one", 0, func() error { return s.Create(ctx, memoryRecord(1, 6, "")) }, sessions.ErrFull, "alice;carol;dave"},
			{"a record makes its own room", 0, func() error { return s.Replace(ctx, alice.ID, 1, memoryRecord(1, 6, "eve")) }, nil, "carol;dave;eve"},
			{"elsewhere is room", 0, func() error { return s.Create(ctx, memoryRecord(2, 1, "frank")) }, nil, "carol;dave;eve;frank"},
			{"not for a replacement", 0, func() error { return s.Replace(ctx, sessions.ID{2, 1}, 1, memoryRecord(1, 7, "frank")) }, sessions.ErrFull, "carol;dave;eve;frank"},
			{"room by deletion", 0, func() error {
				return errors.Join(s.Delete(ctx, sessions.ID{1, 4}), s.Replace(ctx, sessions.ID{2, 1}, 1, memoryRecord(1, 7, "frank")))
			}, nil, "dave;eve;frank"},
			{"a renewed one has not expired", time.Hour - time.Millisecond, func() error {
				later := time.Now().Add(time.Hour).UnixMilli()
				for n := range byte(8) {
					if err := s.Touch(ctx, sessions.ID{1, n}, 0, later); err != nil {
						return err
					}
				}
				time.Sleep(time.Minute)
				return s.Create(ctx, memoryRecord(1, 8, "grace"))
			}, sessions.ErrFull, "dave;eve;frank"},
			{"until it has", time.Hour, func() error { return s.Create(ctx, memoryRecord(1, 8, "grace")) }, nil, "grace"},
		}
		for _, step := range steps {
			time.Sleep(step.wait)
			if err := step.call(); !errors.Is(err, step.want) {
				t.Fatalf("%s: got error %v, want %v", step.name, err, step.want)
			}
			if got := memoryUsers(s); got != step.has {
				t.Fatalf("%s: the store has %q, want %q", step.name, got, step.has)
			}
		}
	})
}

func TestMemoryOnceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sessions.NewMemoryStore(&sessions.MemoryOptions{MaxOnce: 2 * 64}) // 2 a shard
		begin := time.Now()
		once := func(n byte, minutes time.Duration, want error) {
			t.Helper()
			err := s.Once(t.Context(), [32]byte{1, n}, begin.Add(minutes*time.Minute))
			if !errors.Is(err, want) {
				t.Errorf("Once(%d): got error %v, want %v", n, err, want)
			}
		}
		once(1, 1, nil)
		once(2, 2, nil)
		once(3, 60, sessions.ErrFull) // refused: it cannot be remembered
		once(1, 60, sessions.ErrUsed) // and nothing is forgotten for it
		time.Sleep(time.Minute)
		once(3, 60, sessions.ErrFull) // at its time a value is still remembered
		time.Sleep(time.Millisecond)
		once(3, 60, nil)
		once(4, 60, sessions.ErrFull)
		time.Sleep(time.Minute)
		once(4, 60, nil) // for the second, which a sweep has left before
		once(3, 60, sessions.ErrUsed)
	})
}

// A sweep that finds a shard with nothing expired remembers when to look again;
// it must not remember too late a time, whichever way deadlines come in.
func TestMemorySweepLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := sessions.NewMemoryStore(nil), t.Context()
		sweep := func(want int) {
			t.Helper()
			if n, err := s.DeleteExpired(ctx, time.Now(), 10); err != nil || n != want {
				t.Errorf("DeleteExpired: got %d and error %v, want %d", n, err, want)
			}
		}
		long, short, shortened := memoryRecord(1, 1, "long"), memoryRecord(1, 2, "short"), memoryRecord(1, 3, "shortened")
		long.Idle = long.Absolute
		if err := errors.Join(s.Create(ctx, long), s.Create(ctx, shortened)); err != nil {
			t.Fatal(err)
		}
		sweep(0)
		short.Idle = time.Now().Add(time.Minute).UnixMilli()
		if err := s.Create(ctx, short); err != nil {
			t.Fatal(err)
		}
		sweep(0)
		time.Sleep(time.Minute)
		sweep(1)
		shortened.Absolute = time.Now().Add(time.Minute).UnixMilli()
		if err := s.Update(ctx, shortened, 1); err != nil {
			t.Fatal(err)
		}
		sweep(0)
		time.Sleep(time.Minute)
		sweep(1)
		time.Sleep(2 * time.Hour)
		sweep(1)
	})
}

func TestMemoryStoreAllocations(t *testing.T) {
	s, ctx := sessions.NewMemoryStore(nil), t.Context()
	r := memoryRecord(1, 1, "alice")
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"Find": func() error {
			_, err := s.Find(ctx, r.ID)
			return err
		},
		"Touch": func() error { return s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1) },
	}
	for name, call := range calls {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = call() }); n != 0 || err != nil {
			t.Errorf("%s: %v allocations and error %v, want none", name, n, err)
		}
	}
}

func BenchmarkMemoryStore(b *testing.B) {
	s, ctx := sessions.NewMemoryStore(nil), context.Background()
	var ids []sessions.ID
	for n := range 100_000 {
		r := memoryRecord(byte(n), byte(n>>8), fmt.Sprint("user", n))
		r.ID[2] = byte(n >> 16)
		if err := s.Create(ctx, r); err != nil {
			b.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	fail := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			_, err := s.Find(ctx, ids[n%len(ids)])
			fail(err)
		}
	})
	b.Run("Touch", func(b *testing.B) {
		b.ReportAllocs()
		for n := int64(0); b.Loop(); n++ {
			fail(s.Touch(ctx, ids[n%int64(len(ids))], n, n))
		}
	})
	b.Run("Update", func(b *testing.B) {
		b.ReportAllocs()
		r := memoryRecord(0, 0, "user0")
		for b.Loop() {
			fail(s.Update(ctx, r, r.Version))
			r.Version++
		}
	})
	b.Run("Replace", func(b *testing.B) {
		b.ReportAllocs()
		r := memoryRecord(0, 1, "user1")
		r.ID[31] = 1
		fail(s.Create(ctx, r))
		for n := 1; b.Loop(); n++ {
			next := r
			next.ID = sessions.ID{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 1}
			fail(s.Replace(ctx, r.ID, 1, next))
			r = next
		}
	})
}

func ExampleNewMemoryStore() {
	ctx := context.Background()
	store := sessions.NewMemoryStore(&sessions.MemoryOptions{MaxRecords: 10_000})

	day := time.Now().Add(24 * time.Hour).UnixMilli()
	old := sessions.Record{ID: sessions.ID{1}, User: "alice", Version: 1, Idle: day, Absolute: day}
	fmt.Println(store.Create(ctx, old))

	// A login puts a new record in the old one's place, in one step.
	next := sessions.Record{ID: sessions.ID{2}, User: "alice", Version: 1, Idle: day, Absolute: day}
	fmt.Println(store.Replace(ctx, old.ID, old.Version, next))

	// Whoever still has the old one can neither read it nor bring it back.
	fmt.Println(store.Update(ctx, old, old.Version))
	// Output:
	// <nil>
	// <nil>
	// sessions: record not found
}
