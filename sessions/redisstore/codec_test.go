package redisstore_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
)

// FuzzDecode: no bytes make the codec panic, and what it reads it writes back
// to the same.
func FuzzDecode(f *testing.F) {
	whole := string(redisstore.Encode(record("alice")))
	for _, seed := range []string{"", "\x01", whole, whole[:94], whole[:150], strings.Repeat("\xff", 200), whole[:90] + "\xff\xff\xff\xff" + whole[94:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, err := redisstore.Decode(value, new(sessions.Origin))
		if err != nil {
			return
		}
		again, err := redisstore.Decode(string(redisstore.Encode(r)), new(sessions.Origin))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Error(diff)
		}
	})
}

// A record that was cut anywhere before its data is not a shorter record.
func TestDecodeCut(t *testing.T) {
	r := record("alice")
	r.Data = ""
	whole := string(redisstore.Encode(r))
	for n := range whole {
		if got, err := redisstore.Decode(whole[:n], nil); err == nil {
			t.Errorf("cut to %d bytes: got %+v", n, got)
		}
	}
	if _, err := redisstore.Decode(whole, nil); err != nil {
		t.Error(err)
	}
}

// Numbers keep all their bits, in Redis too, where Lua's have 53.
func TestExtremes(t *testing.T) {
	s, _, _ := open(t)
	ctx := t.Context()
	numbers := []int64{
		math.MinInt64, math.MinInt64 + 1, -1 << 53, -1<<53 - 1, -1 << 32, -1<<32 - 1, -2, -1, 0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32,
		1<<53 - 1, 1 << 53, 1<<53 + 1, math.MaxInt64 - 2, math.MaxInt64 - 1,
	}
	for _, n := range numbers {
		r := record("alice")
		r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute = n, n, n, n, n
		r.Version = max(n, 1)
		if err := s.Create(ctx, r); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		find := func(step string) {
			t.Helper()
			r.Origin = nil
			got, err := s.Find(ctx, r.ID)
			if err != nil {
				t.Fatalf("%d: %s: %v", n, step, err)
			}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("%d: %s: %s", n, step, diff)
			}
		}
		find("Create")
		before := max(n, math.MinInt64+1) - 1
		if err := s.Touch(ctx, r.ID, before, before); err != nil {
			t.Fatal(err)
		}
		find("Touch back")
		if err := s.Touch(ctx, r.ID, n+1, n); err != nil {
			t.Fatal(err)
		}
		r.LastSeen = n + 1
		find("Touch of one")
		if r.Version > 1 {
			wantError(t, "Update with the version before", s.Update(ctx, r, r.Version-1), sessions.ErrConflict)
		}
		r.Idle = n + 1
		if err := s.Update(ctx, r, r.Version); err != nil {
			t.Fatal(err)
		}
		r.Version++
		find("Update")
		if err := s.Delete(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
	}
}
