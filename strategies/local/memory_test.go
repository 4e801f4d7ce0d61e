package local_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/throttle"
)

// end makes one attempt that ends with v.
func end(t *testing.T, l *throttle.Memory, account, client string, v throttle.Verdict) error {
	t.Helper()
	done, err := l.Attempt(t.Context(), account, client)
	if err == nil {
		done(v)
	}
	return err
}

// A22, A23: a flood of names, refused for its client or never decided, pushes
// no counter out, so that the bound on guesses at one account stands.
func TestFloodOfNamesEvictsNothing(t *testing.T) {
	for name, verdict := range map[string]throttle.Verdict{"refused": throttle.Wrong, "undecided": throttle.Undecided} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := throttle.NewMemory(nil)
				guesses := 0
				for minute := range 4 {
					for range 50 {
						if err := end(t, l, "victim", fmt.Sprint("guesser", guesses), throttle.Wrong); err != nil {
							break
						}
						guesses++
					}
					before := l.Len()
					let := 0
					for i := range 50_000 {
						if end(t, l, fmt.Sprint("junk", minute, i), "flood", verdict) == nil {
							let++
						}
					}
					if verdict == throttle.Wrong && let > 30 {
						t.Fatalf("%d of the flood are let in", let)
					}
					if more := l.Len() - before; more > 31 {
						t.Errorf("%d more entries", more)
					}
					time.Sleep(time.Minute)
				}
				if guesses > 12 { // 5, and one a minute where the delay is over
					t.Errorf("%d guesses in 4 minutes", guesses)
				}
			})
		})
	}
}

// A23: the counter of an attempt under way stays, whatever comes meanwhile.
func TestUnderWayIsNotEvicted(t *testing.T) {
	l := throttle.NewMemory(&throttle.MemoryOptions{Entries: 10})
	var dones []func(throttle.Verdict)
	for i := range 5 {
		done, err := l.Attempt(t.Context(), "victim", fmt.Sprint("guesser", i))
		if err != nil {
			t.Fatal(err)
		}
		dones = append(dones, done)
	}
	var others []func(throttle.Verdict)
	for i := range 1000 {
		done, err := l.Attempt(t.Context(), fmt.Sprint("other", i), fmt.Sprint("client", i))
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, done)
	}
	if err := end(t, l, "victim", "late", throttle.Wrong); err == nil {
		t.Error("a sixth guess while five are under way")
	}
	for _, done := range slices.Concat(dones, others) {
		done(throttle.Wrong)
	}
	if err := end(t, l, "victim", "late", throttle.Wrong); err == nil {
		t.Error("a sixth guess after five failures")
	}
	// The room that they took is given back.
	if err := end(t, l, "one more", "one more", throttle.Wrong); err != nil {
		t.Fatal(err)
	}
	if n := l.Len(); n > 20 {
		t.Errorf("%d entries, want at most 20", n)
	}
}

// A22: nor do names with a failure each, of a client each, push out a counter
// that has more.
func TestHeavyCounterStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := throttle.NewMemory(&throttle.MemoryOptions{Entries: 100})
		for i := range 8 {
			for end(t, l, "victim", fmt.Sprint("guesser", i), throttle.Wrong) != nil {
				time.Sleep(time.Second)
			}
		}
		for i := range 10_000 {
			if err := end(t, l, fmt.Sprint("junk", i), fmt.Sprint("client", i), throttle.Wrong); err != nil {
				t.Fatal(err)
			}
		}
		if end(t, l, "victim", "late", throttle.Wrong) == nil {
			t.Error("the victim's counter was pushed out")
		}
		// Once it is forgiven it goes as any other.
		time.Sleep(8 * 24 * time.Hour)
		for i := range 200 {
			if err := end(t, l, fmt.Sprint("junk", i), fmt.Sprint("client", i), throttle.Wrong); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.Len(); n > 200 {
			t.Errorf("%d entries", n)
		}
	})
}

// A26: whoever shares an address with the owner gets the same answers for the
// owner's name as for one that nobody has.
func TestSharedAddressTellsNothing(t *testing.T) {
	for _, junk := range []int{0, 1, 15, 18, 19, 20, 21, 30} {
		answers := func(name string) (all []string) {
			synctest.Test(t, func(t *testing.T) {
				s := throttledStrategy(&quick{})
				if o, f := decide(t, s, formFrom(home, "alice", "right")); o != passport.Succeeded {
					t.Fatal(f)
				}
				guess := func(name string) {
					for {
						_, f := decide(t, s, formFrom(home, name, "wrong"))
						all = append(all, fmt.Sprint(f.Code, f.Status, f.Message, f.RetryAfter))
						if f.Code != local.CodeThrottled {
							return
						}
						time.Sleep(f.RetryAfter)
					}
				}
				for i := range junk {
					guess(fmt.Sprint("junk", i))
				}
				for i := range 15 {
					guess(name)
					guess(fmt.Sprint("more", i))
				}
			})
			return all
		}
		if diff := cmp.Diff(answers("nobody"), answers("alice")); diff != "" {
			t.Errorf("after %d failures elsewhere: %s", junk, diff)
		}
	}
}

// A22: what a neighbour behind the same address did costs the owner a minute
// at most, and elsewhere nothing.
func TestNeighbourCostsAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttledStrategy(&quick{})
		for _, from := range []string{home, addr(1)} {
			if o, f := decide(t, s, formFrom(from, "alice", "right")); o != passport.Succeeded {
				t.Fatal(f)
			}
		}
		for i := range 200 {
			for {
				_, f := decide(t, s, formFrom(home, fmt.Sprint("junk", i), "wrong"))
				if f.Code != local.CodeThrottled {
					break
				}
				time.Sleep(f.RetryAfter)
			}
		}
		_, f := decide(t, s, formFrom(home, "alice", "right"))
		if f == nil || f.Code != local.CodeThrottled || f.RetryAfter != time.Minute {
			t.Fatalf("at the neighbour's address: %v", f)
		}
		if o, f := decide(t, s, formFrom(addr(1), "alice", "right")); o != passport.Succeeded {
			t.Errorf("elsewhere: %v", f)
		}
		time.Sleep(time.Minute)
		if o, f := decide(t, s, formFrom(home, "alice", "right")); o != passport.Succeeded {
			t.Errorf("a minute later: %v", f)
		}
	})
}

// A25: people of one office who mistype and then get in do not keep each
// other waiting.
func TestOfficeMistypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := throttle.NewMemory(nil)
		for day := range 3 {
			for i := range 100 {
				name := fmt.Sprint("colleague", i)
				for range min(day, 1) { // on the first day they are strangers
					if err := end(t, l, name, "office", throttle.Wrong); err != nil {
						t.Fatalf("day %d, %s: %v", day, name, err)
					}
				}
				if err := end(t, l, name, "office", throttle.Right); err != nil {
					t.Fatalf("day %d, %s: %v", day, name, err)
				}
				time.Sleep(time.Minute)
			}
			time.Sleep(20 * time.Hour)
		}
	})
}

// A25: and nobody saves up failures at an account of their own, to be
// forgiven others when it counts.
func TestForgivenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := throttle.NewMemory(nil)
		attempt := func(account string, v throttle.Verdict) {
			t.Helper()
			if err := end(t, l, account, "client", v); err != nil {
				t.Fatal(err)
			}
		}
		attempt("own", throttle.Right)
		for range 4 {
			attempt("own", throttle.Wrong)
		}
		time.Sleep(15 * time.Minute) // the client's are forgotten, the pair's are not
		for i := range 19 {
			attempt(fmt.Sprint("victim", i), throttle.Wrong)
		}
		attempt("own", throttle.Right)
		attempt("own", throttle.Right)
		attempt("victim19", throttle.Wrong)
		f, ok := errors.AsType[*passport.Failure](end(t, l, "victim20", "client", throttle.Wrong))
		if !ok || f.RetryAfter != time.Second {
			t.Errorf("failure 21: %v", f)
		}
	})
}
