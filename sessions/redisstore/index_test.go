package redisstore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
)

// entry is what the indexes have of a record.
func entry(r sessions.Record) string {
	realm, user := sha256.Sum256([]byte(r.Origin.Realm)), sha256.Sum256([]byte(r.User))
	return string(realm[:16]) + string(user[:16]) + string(r.ID[:])
}

// An index is what a test looks at behind the store's back.
type index struct {
	t      *testing.T
	client *redis.Client
	prefix string
}

func (x index) key(r sessions.Record) string { return "{" + x.prefix + "}:session:" + string(r.ID[:]) }

// want checks how many entries both indexes have.
func (x index) want(step string, n int64) {
	x.t.Helper()
	for _, name := range []string{"expires", "owners"} {
		if got := x.client.ZCard(x.t.Context(), "{"+x.prefix+"}:"+name).Val(); got != n {
			x.t.Errorf("%s: the index %s has %d entries, want %d", step, name, got, n)
		}
	}
}

// An entry whose record is gone, by time or by another's hand, goes when it is
// met, whoever meets it, and counts as nothing.
func TestIndexDrift(t *testing.T) {
	for _, how := range []string{"deleted", "expired"} {
		for _, tt := range []struct {
			meets string
			call  func(s abilities, t *testing.T) (int, error)
			want  int
			left  int64
		}{
			{"List", func(s abilities, t *testing.T) (int, error) {
				list, err := s.List(t.Context(), "session", "alice")
				return len(list), err
			}, 1, 1},
			{"Count", func(s abilities, t *testing.T) (int, error) { return s.Count(t.Context(), "session", time.Now()) }, 1, 1},
			{"DeleteUser", func(s abilities, t *testing.T) (int, error) {
				return s.DeleteUser(t.Context(), "session", "alice", sessions.ID{})
			}, 1, 0},
			{"DeleteRealm", func(s abilities, t *testing.T) (int, error) { return s.DeleteRealm(t.Context(), "session") }, 1, 0},
			{"DeleteExpired", func(s abilities, t *testing.T) (int, error) {
				return s.DeleteExpired(t.Context(), time.UnixMilli(1e14), 2)
			}, 1, 0},
		} {
			t.Run(how+"/"+tt.meets, func(t *testing.T) {
				s, client, prefix := open(t)
				x := index{t, client, prefix}
				ctx := t.Context()
				stays := record("alice")
				stays.Idle += 5000 // last in the order of deadlines
				if err := s.Create(ctx, stays); err != nil {
					t.Fatal(err)
				}
				for range 4 {
					r := record("alice")
					if err := s.Create(ctx, r); err != nil {
						t.Fatal(err)
					}
					if how == "deleted" {
						client.Del(ctx, x.key(r))
					} else {
						client.PExpireAt(ctx, x.key(r), time.Now())
					}
				}
				x.want("before", 5)
				if n, err := tt.call(s, t); n != tt.want || err != nil {
					t.Errorf("got %d and error %v, want %d", n, err, tt.want)
				}
				x.want("after", tt.left)
			})
		}
	}
}

type abilities interface {
	sessions.Lister
	sessions.UserDeleter
	sessions.RealmDeleter
	sessions.ExpiredDeleter
	sessions.Counter
}

// No call leaves an entry without a record, or a record without an entry.
func TestIndexFollows(t *testing.T) {
	s, client, prefix := open(t)
	x := index{t, client, prefix}
	ctx := t.Context()
	anonymous, alice := record(""), record("alice")
	asBob := alice
	asBob.User = "bob"
	for _, step := range []struct {
		name string
		call func() error
		left int64
	}{
		{"Create", func() error { return errors.Join(s.Create(ctx, anonymous), s.Create(ctx, record("alice"))) }, 2},
		{"Replace", func() error { return s.Replace(ctx, anonymous.ID, 1, alice) }, 2},
		{"Update", func() error { return s.Update(ctx, asBob, 1) }, 2},
		{"Touch", func() error { return s.Touch(ctx, alice.ID, 2e12, 4e12) }, 2},
		{"Update of nothing", func() error { return is(s.Update(ctx, anonymous, 1), sessions.ErrNotFound) }, 2},
		{"Touch of nothing", func() error { return s.Touch(ctx, anonymous.ID, 2e12, 4e12) }, 2},
		{"Delete", func() error { return s.Delete(ctx, alice.ID) }, 1},
		{"Delete of nothing", func() error { return s.Delete(ctx, alice.ID) }, 1},
		{"DeleteUser", func() error { return second(s.DeleteUser(ctx, "session", "alice", sessions.ID{})) }, 0},
	} {
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		x.want(step.name, step.left)
	}
}

// The indexes come back as sessions are used, when something took them away.
func TestIndexLost(t *testing.T) {
	s, client, prefix := open(t)
	x := index{t, client, prefix}
	ctx := t.Context()
	touched, updated := record("alice"), record("alice")
	if err := errors.Join(s.Create(ctx, touched), s.Create(ctx, updated)); err != nil {
		t.Fatal(err)
	}
	client.Del(ctx, "{"+prefix+"}:expires", "{"+prefix+"}:owners")
	x.want("taken away", 0)
	if err := errors.Join(s.Touch(ctx, touched.ID, touched.LastSeen+1, touched.Idle), s.Update(ctx, updated, 1)); err != nil {
		t.Fatal(err)
	}
	x.want("used", 2)
	if n, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{}); n != 2 || err != nil {
		t.Errorf("DeleteUser: got %d and error %v, want 2", n, err)
	}
}

// An entry that names somebody else's record shows and deletes nothing.
func TestIndexOfAnother(t *testing.T) {
	s, client, prefix := open(t)
	x := index{t, client, prefix}
	ctx := t.Context()
	bob := record("bob")
	if err := s.Create(ctx, bob); err != nil {
		t.Fatal(err)
	}
	wrong := bob
	wrong.User = "alice"
	for _, call := range []func() (int, error){
		func() (int, error) {
			list, err := s.List(ctx, "session", "alice")
			return len(list), err
		},
		func() (int, error) { return s.DeleteUser(ctx, "session", "alice", sessions.ID{}) },
		func() (int, error) { return s.DeleteExpired(ctx, time.Now(), 10) },
	} {
		client.ZAdd(ctx, "{"+prefix+"}:owners", redis.Z{Member: entry(wrong)})
		client.ZAdd(ctx, "{"+prefix+"}:expires", redis.Z{Member: entry(wrong)})
		if n, err := call(); n != 0 || err != nil {
			t.Errorf("got %d and error %v, want 0", n, err)
		}
	}
	x.want("in the end", 1)
	if _, err := s.Find(ctx, bob.ID); err != nil {
		t.Errorf("Find: %v", err)
	}
}

// An entry with the wrong deadline ends no session, nor the sweep, and is
// mended.
func TestIndexOfAnotherTime(t *testing.T) {
	s, client, prefix := open(t)
	ctx := t.Context()
	for range 2 {
		r := record("alice")
		if err := s.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
		client.ZAdd(ctx, "{"+prefix+"}:expires", redis.Z{Member: entry(r), Score: float64(time.Now().Add(-time.Minute).UnixMilli())})
	}
	if n, err := s.DeleteExpired(ctx, time.Now(), 1); n != 0 || err != nil {
		t.Errorf("DeleteExpired: got %d and error %v, want 0", n, err)
	}
	if n := client.ZCount(ctx, "{"+prefix+"}:expires", "3e12", "3e12").Val(); n != 2 {
		t.Errorf("%d entries have the right deadline, want 2", n)
	}
}

// A list that meets a rotation has the record under one id or the other: the
// limit of sessions per user counts by it.
func TestListDuringReplace(t *testing.T) {
	s, _, _ := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r := record("alice")
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	rotations := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			next := record("alice")
			if s.Replace(ctx, r.ID, 1, next) == nil {
				r = next
			}
		}
		rotations <- n
	}()
	lists := 0
	for ; ctx.Err() == nil; lists++ {
		list, err := s.List(ctx, "session", "alice")
		if err != nil && ctx.Err() == nil || err == nil && len(list) != 1 {
			t.Errorf("got %d records and error %v, want 1", len(list), err)
		}
	}
	if n := <-rotations; n < 100 || lists < 100 {
		t.Errorf("%d rotations, %d lists: the test shows little", n, lists)
	}
}

// When nobody sweeps, sign-ins clean up: the indexes do not grow for ever.
func TestIndexWithoutSweeper(t *testing.T) {
	s, client, prefix := open(t)
	x := index{t, client, prefix}
	ctx := t.Context()
	past := float64(time.Now().Add(-3 * time.Hour).UnixMilli())
	for i := range 10 {
		old := record(fmt.Sprint("user", i))
		client.ZAdd(ctx, "{"+prefix+"}:owners", redis.Z{Member: entry(old)})
		client.ZAdd(ctx, "{"+prefix+"}:expires", redis.Z{Member: entry(old), Score: past})
		client.ZAdd(ctx, "{"+prefix+"}:once", redis.Z{Member: string(old.ID[:]), Score: past})
	}
	r := record("alice")
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	x.want("after Create", 9)
	for i := range 4 {
		next := record("alice")
		if err := errors.Join(s.Replace(ctx, r.ID, 1, next), s.Once(ctx, next.ID, time.Now().Add(time.Duration(i)*time.Hour))); err != nil {
			t.Fatal(err)
		}
		r = next
	}
	x.want("after Replace", 1)
	if n := client.ZCard(ctx, "{"+prefix+"}:once").Val(); n != 10-8+4 {
		t.Errorf("%d spent keys are there, want 6", n)
	}
}

// More records than a batch.
func TestBatches(t *testing.T) {
	s, client, prefix := open(t)
	x := index{t, client, prefix}
	ctx := t.Context()
	const n = 1203
	fill := func() (last sessions.Record) {
		for range n {
			last = record("alice")
			if err := s.Create(ctx, last); err != nil {
				t.Fatal(err)
			}
		}
		return last
	}
	last := fill()
	if list, err := s.List(ctx, "session", "alice"); len(list) != n || err != nil {
		t.Errorf("List: got %d and error %v, want %d", len(list), err, n)
	}
	if got, err := s.Count(ctx, "session", time.Now()); got != n || err != nil {
		t.Errorf("Count: got %d and error %v, want %d", got, err, n)
	}
	if got, err := s.DeleteUser(ctx, "session", "alice", last.ID); got != n-1 || err != nil {
		t.Errorf("DeleteUser: got %d and error %v, want %d", got, err, n-1)
	}
	x.want("after DeleteUser", 1)
	fill()
	if got, err := s.DeleteExpired(ctx, time.UnixMilli(1e14), 1001); got != 1001 || err != nil {
		t.Errorf("DeleteExpired: got %d and error %v, want 1001", got, err)
	}
	if got, err := s.DeleteRealm(ctx, "session"); got != n+1-1001 || err != nil {
		t.Errorf("DeleteRealm: got %d and error %v, want %d", got, err, n+1-1001)
	}
	x.want("in the end", 0)
}

// B15: spent values are swept in bounded steps too, and keep nobody from the
// records.
func TestSweepOfSpentValues(t *testing.T) {
	s, _, _ := open(t)
	ctx := t.Context()
	for i := range 25 {
		if err := errors.Join(s.Once(ctx, [32]byte{byte(i)}, time.UnixMilli(1)), s.Create(ctx, record("alice"))); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct {
		n   int
		err error
	}{{10, sessions.ErrMore}, {10, sessions.ErrMore}, {5, nil}} {
		if n, err := s.DeleteExpired(ctx, time.UnixMilli(1e14), 10); n != want.n || !errors.Is(err, want.err) {
			t.Errorf("DeleteExpired: got %d and error %v, want %d and %v", n, err, want.n, want.err)
		}
	}
}
