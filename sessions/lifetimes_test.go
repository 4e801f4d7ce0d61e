package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// lives are lifetimes that are all different.
var lives = sessions.Options{
	Idle: 2 * time.Hour, Absolute: 10 * time.Hour,
	RememberIdle: 24 * time.Hour, RememberAbsolute: 100 * time.Hour,
}

// inTime runs a test on a clock of its own.
func inTime(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	})
}

// B12: at a deadline the record is expired, and not a millisecond before.
func TestExpired(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_000_000)
	for name, c := range map[string]struct {
		idle, absolute int64 // from at
		want           bool
	}{
		"neither":          {1, 1, false},
		"idle":             {0, 1, true},
		"absolute":         {1, 0, true},
		"long idle":        {-1, 1_000_000, true},
		"long absolute":    {1_000_000, -1, true},
		"both":             {0, 0, true},
		"of a zero Record": {-at.UnixMilli(), -at.UnixMilli(), true},
	} {
		r := sessions.Record{Idle: at.UnixMilli() + c.idle, Absolute: at.UnixMilli() + c.absolute}
		if got := r.Expired(at); got != c.want {
			t.Errorf("%s: expired %t, want %t", name, got, c.want)
		}
	}
}

// B12: both lifetimes count on the server, to the millisecond, whatever the
// browser keeps, remembered sessions' too (B39). B14: nobody sweeps here.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, remember := range []bool{false, true} {
		idle, absolute := lives.Idle, lives.Absolute
		if remember {
			idle, absolute = lives.RememberIdle, lives.RememberAbsolute
		}
		for offset, valid := range map[time.Duration]bool{-time.Millisecond: true, 0: false, time.Second: false} {
			check := func(t *testing.T, store *watched, m *sessions.Manager, cookie string) {
				t.Helper()
				if got := known(t, m, cookie); got != valid {
					t.Errorf("valid %t, want %t", got, valid)
				}
				// F11: what was refused is gone, so no clock brings it back.
				if n, _ := store.Count(t.Context(), "session", time.Unix(0, 0)); (n == 1) != valid {
					t.Errorf("%d records", n)
				}
			}
			name := fmt.Sprintf("remember=%t, %v", remember, offset)
			inTime(t, "idle, "+name, func(t *testing.T) {
				store := watch()
				m := manager(store, lives)
				cookie := signIn(t, m, sessions.Record{User: "alice", Remember: remember}, nil)
				time.Sleep(idle + offset)
				check(t, store, m, cookie)
			})
			inTime(t, "idle after use, "+name, func(t *testing.T) {
				store := watch()
				m := manager(store, lives)
				cookie := signIn(t, m, sessions.Record{User: "alice", Remember: remember}, nil)
				time.Sleep(idle - time.Second)
				if !known(t, m, cookie) {
					t.Fatal("ended before its time")
				}
				time.Sleep(idle + offset)
				check(t, store, m, cookie)
			})
			inTime(t, "idle after a write, "+name, func(t *testing.T) {
				store := watch()
				m := manager(store, lives)
				cookie := signIn(t, m, sessions.Record{User: "alice", Remember: remember}, nil)
				s := load(t, m, cookie)
				time.Sleep(idle - time.Second)
				mustSet(t, s, "a", 1)
				mustSave(t, s)
				time.Sleep(idle + offset)
				check(t, store, m, cookie)
			})
			// B13: no use moves the absolute deadline.
			inTime(t, "absolute, "+name, func(t *testing.T) {
				store := watch()
				m := manager(store, lives)
				cookie := signIn(t, m, sessions.Record{User: "alice", Remember: remember}, nil)
				end := time.Now().Add(absolute + offset)
				for n := 0; time.Until(end) > idle*3/4; n++ {
					time.Sleep(idle / 2)
					s := load(t, m, cookie)
					mustSet(t, s, "n", n)
					if err := s.Save(t.Context(), nil); err != nil {
						t.Fatalf("session in use ended after %d uses: %v", n, err)
					}
				}
				time.Sleep(time.Until(end))
				check(t, store, m, cookie)
			})
		}
	}
}

// The deadlines that a session starts with, and the cookie's own.
func TestDeadlinesOfNewSessions(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		o              sessions.Options
		next           sessions.Record
		idle, absolute time.Duration
		maxAge         string
	}{
		"default":             {sessions.Options{}, sessions.Record{}, day, 7 * day, ""},
		"default, remembered": {sessions.Options{}, sessions.Record{Remember: true}, 14 * day, 30 * day, "; Max-Age=2592000"},
		"own":                 {lives, sessions.Record{}, lives.Idle, lives.Absolute, ""},
		"own, remembered":     {lives, sessions.Record{Remember: true}, lives.RememberIdle, lives.RememberAbsolute, "; Max-Age=360000"},
		"idle is the longer":  {sessions.Options{Idle: 8 * day}, sessions.Record{}, 7 * day, 7 * day, ""},
	} {
		inTime(t, name, func(t *testing.T) {
			m := manager(sessions.NewMemoryStore(nil), c.o)
			w := httptest.NewRecorder()
			s := load(t, m)
			if err := s.Rotate(t.Context(), w, c.next, nil, nil); err != nil {
				t.Fatal(err)
			}
			r, now := s.Record(), time.Now()
			if r.Created != now.UnixMilli() || r.LastSeen != now.UnixMilli() ||
				r.Idle != now.Add(c.idle).UnixMilli() || r.Absolute != now.Add(c.absolute).UnixMilli() {
				t.Errorf("started with %+v", r)
			}
			if line := w.Header().Get("Set-Cookie"); strings.Contains(line, "Max-Age") != (c.maxAge != "") || !strings.Contains(line, c.maxAge) {
				t.Errorf("cookie %q, want it with %q", line, c.maxAge)
			}
		})
	}
}

// B13: a rotation keeps the end that it is given, and never has a later one
// than a sign-in now would have.
func TestRotateCapsTheLifetime(t *testing.T) {
	t.Parallel()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every synctest clock
	for name, c := range map[string]struct {
		next     sessions.Record
		absolute time.Duration // from the first sign-in
		maxAge   string
	}{
		"step-up keeps the end": {sessions.Record{Absolute: start.Add(lives.Absolute).UnixMilli()}, lives.Absolute, ""},
		"full sign-in":          {sessions.Record{}, time.Hour + lives.Absolute, ""},
		"an end too late":       {sessions.Record{Absolute: start.Add(1000 * time.Hour).UnixMilli()}, time.Hour + lives.Absolute, ""},
		"remembered step-up":    {sessions.Record{Remember: true, Absolute: start.Add(2 * time.Hour).UnixMilli()}, 2 * time.Hour, "; Max-Age=3600;"},
		"an end in the past":    {sessions.Record{Absolute: start.UnixMilli()}, 0, ""},
	} {
		inTime(t, name, func(t *testing.T) {
			m := manager(sessions.NewMemoryStore(nil), lives)
			s := load(t, m, signIn(t, m, sessions.Record{User: "alice"}, nil))
			time.Sleep(time.Hour)
			w := httptest.NewRecorder()
			if err := s.Rotate(t.Context(), w, c.next, nil, nil); err != nil {
				t.Fatal(err)
			}
			r := s.Record()
			if got := time.UnixMilli(r.Absolute).Sub(start); got != c.absolute {
				t.Errorf("ends %v after the first sign-in, want %v", got, c.absolute)
			}
			if r.Idle > r.Absolute {
				t.Error("idle deadline beyond the absolute one")
			}
			if line := w.Header().Get("Set-Cookie"); !strings.Contains(line, c.maxAge) {
				t.Errorf("cookie %q, want it with %q", line, c.maxAge)
			}
			if c.absolute == 0 && known(t, m, cookieOf(t, w)) {
				t.Error("a session that ended before it began lets somebody in")
			}
		})
	}
}

// B11, B13: reading writes once per refresh interval, and then only the idle
// deadline: parallel reads cannot conflict.
func TestTouch(t *testing.T) {
	t.Parallel()
	inTime(t, "once per interval", func(t *testing.T) {
		store := watch()
		m := manager(store, sessions.Options{Refresh: time.Minute})
		cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"a": 1})
		before := load(t, m, cookie).Record()
		store.taken()
		var touched []int
		for second := 1; second <= 200; second++ {
			time.Sleep(time.Second)
			known(t, m, cookie)
			switch calls := store.taken(); {
			case slices.Equal(calls, []string{"Find", "Touch"}):
				touched = append(touched, second)
			case !slices.Equal(calls, []string{"Find"}):
				t.Fatalf("a read did %q", calls)
			}
		}
		if !slices.Equal(touched, []int{60, 120, 180}) {
			t.Errorf("touched after %v seconds, want every 60", touched)
		}
		want := before
		want.LastSeen += 180_000
		want.Idle += 180_000
		if diff := cmp.Diff(want, load(t, m, cookie).Record()); diff != "" {
			t.Errorf("a touch changed something else:\n%s", diff)
		}
	})
	inTime(t, "does not conflict", func(t *testing.T) {
		m := manager(sessions.NewMemoryStore(nil), sessions.Options{Refresh: time.Minute})
		cookie := stranger(t, m, nil)
		s := load(t, m, cookie)
		time.Sleep(time.Minute)
		seen := load(t, m, cookie).Record()
		if seen.LastSeen != time.Now().UnixMilli() {
			t.Error("Load shows the record as it was before the touch")
		}
		record := s.Record() // of before the touch
		if err := m.Save(t.Context(), nil, &record); err != nil {
			t.Errorf("a read made a write fail: %v", err)
		}
	})
	for idle, refresh := range map[time.Duration]time.Duration{0: time.Minute, time.Minute: 30 * time.Second} {
		inTime(t, "by default, Idle "+idle.String(), func(t *testing.T) {
			store := watch()
			m := manager(store, sessions.Options{Idle: idle})
			cookie := stranger(t, m, nil)
			time.Sleep(refresh - time.Millisecond)
			known(t, m, cookie)
			time.Sleep(time.Millisecond)
			store.taken()
			known(t, m, cookie)
			if calls := store.taken(); !slices.Equal(calls, []string{"Find", "Touch"}) {
				t.Errorf("after %v: %q", refresh, calls)
			}
		})
	}
}

// B14: a row that is past its deadline is refused, also where it cannot be
// deleted.
func TestExpiredRowThatStays(t *testing.T) {
	t.Parallel()
	inTime(t, "refused", func(t *testing.T) {
		store := watch()
		m := manager(store, lives)
		cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
		s := load(t, m, cookie)
		time.Sleep(lives.Absolute)
		store.fail("Delete")
		for range 2 {
			if known(t, m, cookie) {
				t.Error("an expired row let alice in")
			}
		}
		// Nor can a request that began in time acknowledge a write to it.
		mustSet(t, s, "a", 1)
		wantErr(t, "Save", s.Save(t.Context(), nil), sessions.ErrGone)
		if list, err := m.List(t.Context(), "alice"); len(list) != 0 || err != nil {
			t.Errorf("alice's list shows it: %v, %v", list, err)
		}
		if n, err := m.Count(t.Context()); n != 0 || err != nil {
			t.Errorf("it is counted: %d, %v", n, err)
		}
	})
	inTime(t, "conflict", func(t *testing.T) {
		m := manager(sessions.NewMemoryStore(nil), lives)
		cookie := stranger(t, m, nil)
		s, other := load(t, m, cookie), load(t, m, cookie)
		mustSet(t, other, "a", 1)
		mustSave(t, other)
		time.Sleep(lives.Idle)
		mustSet(t, s, "b", 1)
		wantErr(t, "Save over a newer row that has expired", s.Save(t.Context(), nil), sessions.ErrGone)
	})
}

// B12, B14: a request that outlives its session does not revive it, whatever it
// does last; where another request has used the session meanwhile, it goes on.
func TestLateRequest(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]func(*testing.T, *sessions.Session) error{
		"Save": func(t *testing.T, s *sessions.Session) error {
			mustSet(t, s, "a", 1)
			return s.Save(t.Context(), nil)
		},
		"Take": func(t *testing.T, s *sessions.Session) error {
			_, err := s.Take(t.Context(), "once", new(int))
			return err
		},
		"Rotate": func(t *testing.T, s *sessions.Session) error {
			return s.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "alice"}, nil, nil)
		},
	} {
		begin := func(t *testing.T) (*watched, *sessions.Manager, string, *sessions.Session) {
			store := watch()
			m := manager(store, lives)
			cookie := signIn(t, m, sessions.Record{User: "alice"}, map[string]any{"once": 1})
			return store, m, cookie, load(t, m, cookie)
		}
		for _, after := range []time.Duration{lives.Idle, 6 * time.Hour, lives.Absolute} {
			inTime(t, fmt.Sprintf("%s after %v", name, after), func(t *testing.T) {
				store, m, cookie, s := begin(t)
				time.Sleep(after)
				wantErr(t, name, last(t, s), sessions.ErrGone)
				if known(t, m, cookie) {
					t.Error("the session is back")
				}
				if n, _ := store.Count(t.Context(), "session", time.Unix(0, 0)); n != 0 {
					t.Errorf("%d records are left", n)
				}
			})
		}
		inTime(t, name+" of a session in use", func(t *testing.T) {
			store, m, cookie, s := begin(t)
			time.Sleep(lives.Idle - time.Second)
			store.taken()
			if !known(t, m, cookie) {
				t.Fatal("ended before its time")
			}
			if calls := store.taken(); !slices.Equal(calls, []string{"Find", "Touch"}) {
				t.Fatalf("got calls %q", calls)
			}
			time.Sleep(time.Hour)
			if err := last(t, s); err != nil {
				t.Error(err)
			}
		})
		inTime(t, name+" in time", func(t *testing.T) {
			store, _, _, s := begin(t)
			time.Sleep(lives.Idle - time.Millisecond)
			store.taken()
			if err := last(t, s); err != nil {
				t.Error(err)
			}
			if calls := store.taken(); len(calls) != 1 {
				t.Errorf("got calls %q, want one", calls)
			}
		})
		inTime(t, name+" in an outage", func(t *testing.T) {
			store, _, _, s := begin(t)
			time.Sleep(lives.Idle)
			store.fail("Find")
			wantErr(t, name, last(t, s), errDown)
		})
	}
}

// F11: a clock that jumps an hour breaks no session and revives none. The
// clock that is set back is played by times that are moved on.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	shift := func(t *testing.T, store store, id sessions.ID, d time.Duration) {
		t.Helper()
		r, err := store.Find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, ms := range []*int64{&r.Created, &r.LastSeen, &r.Idle, &r.Absolute} {
			*ms += d.Milliseconds()
		}
		r.Origin = &sessions.Origin{Realm: "session"}
		store.Delete(t.Context(), id)
		if err := store.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, jump := range []time.Duration{-time.Hour, time.Hour} {
		inTime(t, jump.String(), func(t *testing.T) {
			store := watch()
			m := manager(store, lives)
			cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
			id := load(t, m, cookie).Record().ID
			shift(t, store, id, -jump)
			for range 5 { // and it can be used for as long as before
				s := load(t, m, cookie)
				if s.Record().User != "alice" {
					t.Fatal("the jump ended a session")
				}
				mustSet(t, s, "now", time.Now())
				mustSave(t, s)
				time.Sleep(lives.Idle - time.Second)
			}
			// Nobody gains more than the jump, and idle counts again from then.
			if r := load(t, m, cookie).Record(); r.Absolute-time.Now().UnixMilli() > (lives.Absolute - 8*time.Hour).Milliseconds() {
				t.Error("the jump made the session longer than itself")
			}
			time.Sleep(lives.Idle)
			if known(t, m, cookie) {
				t.Error("the idle deadline does not hold any more")
			}
		})
	}
	inTime(t, "back after a refusal", func(t *testing.T) {
		store := watch()
		m := manager(store, lives)
		cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
		id := load(t, m, cookie).Record().ID
		time.Sleep(lives.Idle)
		if known(t, m, cookie) {
			t.Fatal("not refused")
		}
		if _, err := store.Find(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("the refused row waits for a clock that is set back: %v", err)
		}
	})
}

// hanging is a store that can be read, and hangs when it is written.
type hanging struct {
	sessions.Store
	touches int
}

func (h *hanging) Touch(ctx context.Context, _ sessions.ID, _, _ int64) error {
	h.touches++
	<-ctx.Done()
	return ctx.Err()
}

// TestTouchThatHangs: a session in use waits a quarter of a second for a touch
// that hangs, and the next ones not at all for a while.
func TestTouchThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{Store: sessions.NewMemoryStore(nil)}
		m := manager(store, sessions.Options{})
		cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
		time.Sleep(2 * time.Minute)
		for i, want := range []time.Duration{250 * time.Millisecond, 0, 0} {
			begun := time.Now()
			if user(t, m, cookie) != "alice" {
				t.Error("nobody is signed in")
			}
			if took := time.Since(begun); took != want {
				t.Errorf("load %d took %v, want %v", i, took, want)
			}
		}
		time.Sleep(10 * time.Second)
		user(t, m, cookie)
		if store.touches != 2 {
			t.Errorf("%d touches, want one, and one after ten seconds", store.touches)
		}
	})
}
