package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/gopassport/passport/sessions"
)

const realm = "storetest" // of every record that the cases make

// newID is a random id.
func newID() sessions.ID {
	var id sessions.ID
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// newRecord is a valid record of the user, with a new id and distinct values
// in its fields.
func newRecord(user string) sessions.Record {
	now := time.Now().UnixMilli()
	return sessions.Record{
		ID: newID(), User: user, Data: `{"cart":["tea"]}`, Factors: "pwd otp", Stamp: "c3RhbXA",
		AuthTime: now - 5000, Created: now - 4000, LastSeen: now - 3000,
		Idle: now + time.Hour.Milliseconds(), Absolute: now + 24*time.Hour.Milliseconds(),
		Version: 1,
		Origin:  &sessions.Origin{Realm: realm, Address: "2001:db8::1", Agent: "Mozilla/5.0 (X11; Linux x86_64)"},
	}
}

// expiredRecord is a record that has just expired.
func expiredRecord(user string) sessions.Record {
	r := newRecord(user)
	r.Idle = time.Now().UnixMilli() - 1
	return r
}

// create stores records, and returns the first error.
func create(ctx context.Context, s sessions.Store, records ...sessions.Record) error {
	for _, r := range records {
		if err := s.Create(ctx, r); err != nil {
			return fmt.Errorf("Create: %w", err)
		}
	}
	return nil
}

// stored tells how the record that s has differs from want, Origin aside.
func stored(ctx context.Context, s sessions.Store, want sessions.Record) error {
	got, err := s.Find(ctx, want.ID)
	if err != nil {
		return fmt.Errorf("Find: %w", err)
	}
	return same(got, want)
}

// same tells how two records differ, Origin aside.
func same(got, want sessions.Record) error {
	got.Origin, want.Origin = nil, nil
	if got != want {
		return fmt.Errorf("got %s, want %s", show(got), show(want))
	}
	return nil
}

// show prints a record, its long values cut.
func show(r sessions.Record) string {
	if len(r.Data) > 200 {
		r.Data = fmt.Sprintf("%.200s... (%d bytes)", r.Data, len(r.Data))
	}
	return fmt.Sprintf("%+q", fmt.Sprintf("%+v", r))
}

// absent returns an error unless s has no record of the id.
func absent(ctx context.Context, s sessions.Store, id sessions.ID) error {
	return wantError("Find of an absent record", sessions.ErrNotFound, ignore(s.Find(ctx, id)))
}

func ignore(_ sessions.Record, err error) error { return err }

// wantError returns an error unless got is want.
func wantError(what string, want, got error) error {
	if !errors.Is(got, want) {
		return fmt.Errorf("%s: got error %v, want %v", what, got, want)
	}
	return nil
}

// together calls f with 0 to n-1 at once, and returns what they return.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// recordCases are about Create and Find.
func recordCases() []Case {
	return []Case{{
		Name: "RoundTrip",
		Rule: "Find must return every field as Create was given it, byte for byte: a changed value corrupts the session, a changed user id signs in somebody else.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			for name, change := range recordVariants() {
				r := newRecord("alice")
				change(&r)
				if err := create(ctx, s, r); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := stored(ctx, s, r); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		},
	}, {
		Name: "FindUnknown",
		Rule: "Find of an unknown id must return ErrNotFound: any other error is an outage and answers 503 to everybody with an old cookie.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			if err := create(ctx, s, newRecord("alice")); err != nil {
				return err
			}
			return absent(ctx, s, newID())
		},
	}, {
		Name: "CreateExisting",
		Rule: "Create of an id that exists must return ErrConflict and change nothing: it would hand one browser's session to another.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			first, second := newRecord("alice"), newRecord("bob")
			second.ID = first.ID
			if err := create(ctx, s, first); err != nil {
				return err
			}
			if err := wantError("second Create", sessions.ErrConflict, s.Create(ctx, second)); err != nil {
				return err
			}
			return stored(ctx, s, first)
		},
	}, {
		Name: "EveryBitOfID",
		Rule: "Ids that differ in one bit must be different records: a key column with a collation or a padding makes two ids equal.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			first := newRecord("alice")
			copy(first.ID[:], strings.Repeat("A", 31)+" ") // 'a' and NUL are one bit away
			if err := create(ctx, s, first); err != nil {
				return err
			}
			for bit := range 8 * len(first.ID) {
				id := first.ID
				id[bit/8] ^= 1 << (bit % 8)
				if err := absent(ctx, s, id); err != nil {
					return fmt.Errorf("bit %d: %w", bit, err)
				}
				if err := s.Delete(ctx, id); err != nil {
					return err
				}
			}
			return stored(ctx, s, first)
		},
	}, {
		Name: "TimeIsData",
		Rule: "Find, Update, Touch and Replace must treat an expired record that was not swept as any other: the Manager judges time, and must be able to tell an expired session from none.",
		Check: func(ctx context.Context, s, _ sessions.Store) error {
			r := expiredRecord("alice")
			r.Absolute = r.Idle
			if err := create(ctx, s, r); err != nil {
				return err
			}
			if err := stored(ctx, s, r); err != nil {
				return err
			}
			if err := s.Update(ctx, r, 1); err != nil {
				return fmt.Errorf("Update: %w", err)
			}
			r.Version = 2
			r.LastSeen++
			if err := s.Touch(ctx, r.ID, r.LastSeen, r.Idle); err != nil {
				return fmt.Errorf("Touch: %w", err)
			}
			if err := stored(ctx, s, r); err != nil {
				return err
			}
			next := expiredRecord("alice")
			if err := s.Replace(ctx, r.ID, 2, next); err != nil {
				return fmt.Errorf("Replace: %w", err)
			}
			return stored(ctx, s, next)
		},
	}, {
		Name:  "Copies",
		Rule:  "A store must share no memory with its callers: a request that changes its copy would change the session of every other.",
		Needs: []Ability{Lister},
		Check: checkCopies,
	}}
}

// recordVariants change a record in the ways that stores get wrong.
func recordVariants() map[string]func(*sessions.Record) {
	var all strings.Builder // every byte: NUL, quotes, controls, invalid UTF-8
	for b := range 256 {
		all.WriteByte(byte(b))
	}
	bytes := all.String()
	return map[string]func(*sessions.Record){
		"plain":         func(*sessions.Record) {},
		"remembered":    func(r *sessions.Record) { r.Remember = true },
		"empty strings": func(r *sessions.Record) { r.User, r.Data, r.Factors, r.Stamp = "", "", "", "" },
		"anonymous":     func(r *sessions.Record) { r.User, r.AuthTime = "", 0 },
		"every byte":    func(r *sessions.Record) { r.User, r.Data, r.Factors, r.Stamp = bytes, bytes, bytes, bytes },
		"NUL first":     func(r *sessions.Record) { r.User, r.Data = "\x00alice", "\x00\x00data" },
		"NUL last":      func(r *sessions.Record) { r.User, r.Data = "alice\x00", "data\x00\x00" },
		"no UTF-8":      func(r *sessions.Record) { r.User, r.Data = "\xff\xfe\xc3", "\xc3\x28\xa0\xa1" },
		"Unicode":       func(r *sessions.Record) { r.User, r.Data = "Zoë \U0001F600 e\u0301", "\U0001F600\u2028\uFEFF" },
		"spaces":        func(r *sessions.Record) { r.User, r.Data, r.Stamp = " alice ", "\n data \t", " " },
		"digits":        func(r *sessions.Record) { r.User, r.Data, r.Stamp = "007", "1e3", "0x10" },
		"long data":     func(r *sessions.Record) { r.Data = strings.Repeat(bytes, sessions.MaxData/len(bytes)) },
		"long user":     func(r *sessions.Record) { r.User = strings.Repeat("u", 255) },
		"last times": func(r *sessions.Record) {
			r.AuthTime, r.Created, r.LastSeen = math.MaxInt64-4, math.MaxInt64-3, math.MaxInt64-2
			r.Idle, r.Absolute, r.Version = math.MaxInt64-1, math.MaxInt64, math.MaxInt64-5
		},
		"first times": func(r *sessions.Record) {
			r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute = 0, 0, 0, 0, 0
		},
		"zero id": func(r *sessions.Record) { r.ID = sessions.ID{} },
		"no origin": func(r *sessions.Record) {
			r.Origin = nil
		},
	}
}

func checkCopies(ctx context.Context, s, _ sessions.Store) error {
	r := newRecord("alice")
	want := *r.Origin
	if err := create(ctx, s, r); err != nil {
		return err
	}
	r.Origin.Agent = "changed after Create"
	next := newRecord("bob")
	if err := create(ctx, s, next); err != nil {
		return err
	}
	last := newRecord("bob")
	if err := s.Replace(ctx, next.ID, 1, last); err != nil {
		return fmt.Errorf("Replace: %w", err)
	}
	last.Origin.Agent = "changed after Replace"
	look := func(i int) error {
		found, err := s.Find(ctx, r.ID)
		if err != nil {
			return fmt.Errorf("Find: %w", err)
		}
		if found.Origin != nil {
			found.Origin.Agent = fmt.Sprint("changed after Find ", i)
		}
		for _, user := range []string{"alice", "bob"} {
			list, err := s.(sessions.Lister).List(ctx, realm, user)
			if err != nil || len(list) != 1 {
				return fmt.Errorf("List(%s): got %d records and error %v, want 1", user, len(list), err)
			}
			if got := list[0].Origin; got == nil || *got != want {
				return fmt.Errorf("List(%s): got Origin %+v, want %+v", user, got, want)
			}
			list[0].Origin.Agent = fmt.Sprint("changed after List ", i)
			list[0].User = "mallory"
		}
		return nil
	}
	for i := range 2 {
		if err := look(i); err != nil {
			return err
		}
	}
	return errors.Join(together(8, look)...) // the race detector sees what the values do not show
}
