package express_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

const day = 24 * time.Hour

// left is how long the one row has.
func left(t *testing.T, table *memory) time.Duration {
	t.Helper()
	return time.Until(time.UnixMilli(table.row(t).Expires))
}

// B12, B14: the row's end counts, to the millisecond, whatever the cookie and
// the JSON say, and the row is left to Node's sweeper.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := row(strings.Replace(session(""), `"expires":null`, `"expires":"2099-01-01T00:00:00.000Z"`, 1))
		r.Expires = time.Now().Add(time.Minute).UnixMilli()
		table := newMemory(r)
		k := keeper(t, table, &express.Options{Idle: time.Minute})
		s := load(t, k, signed)
		time.Sleep(time.Minute - time.Millisecond)
		table.fail = "Touch"
		if !known(t, k, signed) {
			t.Error("a millisecond early: refused")
		}
		time.Sleep(time.Millisecond)
		if known(t, k, signed) {
			t.Error("at its end: let in")
		}
		if err := s.Set("a", 1); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "Save after the end", s.Save(t.Context(), nil), sessions.ErrGone)
		if table.row(t) != r {
			t.Error("the row was changed")
		}
	})
}

// B12, B13: what Go signed in ends at its absolute end however it is used, and
// is deleted then, for Node too. A touch of Node's does not save it.
func TestAbsolute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newMemory()
		k := keeper(t, table, &express.Options{Absolute: 3 * day, Idle: 2 * day})
		cookie := signIn(t, k, sessions.Record{User: "7"}).Value
		if got := left(t, table); got != 2*day {
			t.Errorf("has %v, want 2 days", got)
		}
		time.Sleep(2*day - time.Hour)
		set(t, k, cookie, "a", 1)
		if got := left(t, table); got != day+time.Hour {
			t.Errorf("used again has %v, want no more than to its absolute end", got)
		}
		time.Sleep(time.Hour)
		table.calls = nil
		known(t, k, cookie)
		if slices.Contains(table.calls, "Touch") {
			t.Error("touched, though its end can move no more")
		}
		r := table.row(t)
		r.Expires += day.Milliseconds() // Node's touch
		table.rows[r.ID] = r
		time.Sleep(day - time.Millisecond)
		s := load(t, k, cookie)
		if s.Record().User != "7" {
			t.Error("a millisecond early: refused")
		}
		time.Sleep(time.Millisecond)
		if err := s.Set("a", 2); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "Save after the end", s.Save(t.Context(), nil), sessions.ErrGone)
		if known(t, k, cookie) {
			t.Error("at its end: let in")
		}
		if len(table.rows) > 0 {
			t.Error("the row is still there")
		}
	})
}

// B13: a record that is to end earlier does.
func TestCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newMemory()
		k := keeper(t, table, nil)
		end := time.Now().Add(15 * time.Minute)
		cookie := signIn(t, k, sessions.Record{AuthTime: 1, Absolute: end.UnixMilli()}).Value // as a Detour does
		if got := left(t, table); got != 15*time.Minute {
			t.Errorf("has %v, want 15 minutes", got)
		}
		if r := load(t, k, cookie).Record(); r.Absolute != end.UnixMilli() || r.User != "" || r.AuthTime != 1 {
			t.Errorf("loaded %+v", r)
		}
		// What Node signed in has no such end, and hands none on.
		table = newMemory(row(session(`"passport":{"user":7}`)))
		k = keeper(t, table, nil)
		old := load(t, k, signed).Record()
		if old.Absolute != express.Never {
			t.Errorf("of Node: got the end %d, want none", old.Absolute)
		}
		cookie = signIn(t, k, sessions.Record{User: "7", Absolute: old.Absolute}, signed).Value
		if got := time.Until(time.UnixMilli(load(t, k, cookie).Record().Absolute)); got != 30*day {
			t.Errorf("ends in %v, want 30 days", got)
		}
	})
}

// B11: a session that is read is touched once per refresh interval, for as
// long as its own maximum age says.
func TestTouch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age  string
		life time.Duration
	}{
		"no maximum age": {"null", day},
		"an hour":        {"3600000", time.Hour},
		"a fraction":     {"3599999.5", time.Hour - time.Millisecond},
		"five seconds":   {"5000", 5 * time.Second},
		"no number":      {`"3600000"`, day},
		"negative":       {"-1", day},
		"very long":      {"1e300", 100 * 365 * day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := row(strings.Replace(session(""), `"originalMaxAge":null`, `"originalMaxAge":`+c.age, 1))
				r.Expires = time.Now().Add(c.life).UnixMilli()
				table := newMemory(r)
				k := keeper(t, table, nil)
				refresh := min(time.Minute, c.life/2)
				for range 4 {
					time.Sleep(refresh / 4)
					known(t, k, signed)
				}
				// The third or fourth is due, by rounding.
				touches := len(slices.DeleteFunc(slices.Clone(table.calls), func(c string) bool { return c != "Touch" }))
				if touches != 1 {
					t.Errorf("touched %d times in one interval, want once", touches)
				}
				if got := left(t, table); got < c.life-refresh/4-time.Millisecond || got > c.life {
					t.Errorf("has %v, want %v", got, c.life)
				}
				if table.text(t) != r.Data {
					t.Error("a touch changed the text")
				}
			})
		})
	}
}

// A touch that fails costs nothing but that, and the next ones wait.
func TestTouchFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := row(session(""))
		r.Expires -= time.Hour.Milliseconds()
		table := newMemory(r)
		table.fail, table.err = "Touch", nil // hangs
		k := keeper(t, table, nil)
		begin := time.Now()
		for range 10 {
			if !known(t, k, signed) {
				t.Fatal("refused")
			}
		}
		if took := time.Since(begin); took > 300*time.Millisecond {
			t.Errorf("ten requests waited %v, want 250 ms", took)
		}
		table.fail = ""
		time.Sleep(11 * time.Second)
		known(t, k, signed)
		if got := left(t, table); got != day {
			t.Errorf("has %v, want a day", got)
		}
	})
}

// A session with a maximum age says its end in its own cookie too, as
// express-session does, and a save sends the browser the new one.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := newMemory()
		k := keeper(t, table, &express.Options{MaxAge: time.Hour})
		cookie := signIn(t, k, sessions.Record{User: "7"})
		want := func(at time.Time) {
			t.Helper()
			said := `"cookie":{"originalMaxAge":3600000,"expires":"` + at.UTC().Format("2006-01-02T15:04:05.000Z") + `",`
			if got := table.text(t); !strings.Contains(got, said) || !time.UnixMilli(table.row(t).Expires).Equal(at) {
				t.Errorf("got %s until %v, want %s", got, time.UnixMilli(table.row(t).Expires), said)
			}
		}
		want(time.Now().Add(time.Hour))
		time.Sleep(30 * time.Minute)
		s := load(t, k, cookie.Value)
		if err := s.Set("a", 1); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := s.Save(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		want(time.Now().Add(time.Hour))
		again := w.Result().Cookies()[0]
		if again.Value != cookie.Value || !again.Expires.Equal(time.Now().Add(time.Hour).Truncate(time.Second)) {
			t.Errorf("got the cookie %s", again.Raw)
		}
	})
}

// B12: a row without an end, as connect-redis makes them with disableTTL,
// keeps none, and its cookie ends by its maximum age all the same.
func TestMaxAgeWithoutEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := row(strings.Replace(session(`"passport":{"user":7}`), `"originalMaxAge":null`, `"originalMaxAge":3600000`, 1))
		r.Expires = express.Never
		table := newMemory(r)
		s := load(t, keeper(t, table, nil), signed)
		if err := s.Set("a", 1); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if err := s.Save(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Hour).UTC()
		if want := `"expires":"` + at.Format("2006-01-02T15:04:05.000Z") + `"`; !strings.Contains(table.text(t), want) {
			t.Errorf("got %s, want %s", table.text(t), want)
		}
		if got := w.Result().Cookies()[0]; !got.Expires.Equal(at.Truncate(time.Second)) {
			t.Errorf("got the cookie %s, want its end at %v", got.Raw, at)
		}
		if got := table.row(t).Expires; got != express.Never {
			t.Errorf("the row got the end %d, want Never", got)
		}
	})
}
