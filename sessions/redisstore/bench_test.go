//go:build unix

package redisstore_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// processor is the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStore has, beside the store's calls, the bare GET of the same
// record that Find is to stay near, in processor time: 1.25 times at most.
func BenchmarkStore(b *testing.B) {
	s, client, prefix := open(b)
	r := record("alice")
	if err := s.Create(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	key := "{" + prefix + "}:session:" + string(r.ID[:])
	request, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.Run("FindToBare", func(b *testing.B) { // in turns, because machines are noisy
		var find, bare time.Duration
		for b.Loop() {
			start := processor(b)
			for range 100 {
				if err := client.Get(b.Context(), key).Err(); err != nil {
					b.Fatal(err)
				}
			}
			middle := processor(b)
			for range 100 {
				if _, err := s.Find(b.Context(), r.ID); err != nil {
					b.Fatal(err)
				}
			}
			bare, find = bare+middle-start, find+processor(b)-middle
		}
		b.ReportMetric(float64(find)/float64(bare), "times-bare")
	})
	for _, bm := range []struct {
		name string
		call func() error
	}{
		{"Bare", func() error { return client.Get(b.Context(), key).Err() }},
		{"Find", func() error {
			_, err := s.Find(b.Context(), r.ID)
			return err
		}},
		{"BareWithDeadline", func() error { return client.Get(request, key).Err() }},
		{"FindWithDeadline", func() error {
			_, err := s.Find(request, r.ID)
			return err
		}},
		{"Touch", func() error {
			r.LastSeen++
			return s.Touch(b.Context(), r.ID, r.LastSeen, r.Idle)
		}},
		{"Update", func() error {
			r.Version++
			return s.Update(b.Context(), r, r.Version-1)
		}},
		{"Replace", func() error {
			old := r
			r = record("alice")
			return s.Replace(b.Context(), old.ID, old.Version, r)
		}},
		{"List", func() error {
			_, err := s.List(b.Context(), r.Origin.Realm, r.User)
			return err
		}},
		{"CreateAndDelete", func() error {
			next := record("bob")
			if err := s.Create(b.Context(), next); err != nil {
				return err
			}
			return s.Delete(b.Context(), next.ID)
		}},
		{"Once", func() error { return s.Once(b.Context(), record("").ID, time.Now()) }},
		{"DeleteUser", func() error {
			_, err := s.DeleteUser(b.Context(), "session", "bob", sessions.ID{})
			return err
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			start := processor(b)
			for b.Loop() {
				if err := bm.call(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processor(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
