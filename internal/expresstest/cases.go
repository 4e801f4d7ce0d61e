package expresstest

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// Run runs the cases over the database.
func Run(t *testing.T, db Database) {
	for _, c := range []struct {
		name   string
		change func(*config)
		check  func(*testing.T, *site)
		table  bool // it has to do with the table
	}{
		{"numeric ids", nil, signInAndOut, true},
		{"values", nil, values, true},
		{"two sessions", nil, twoSessions, true},
		{"a new id at sign-in", nil, newID, true},
		{"saves that race", nil, races, true},
		{"deleted stays deleted", nil, staysDeleted, true},
		{"maximum age", func(c *config) { c.settings.MaxAge, c.Options.MaxAge = hour, time.Hour }, maxAge, true},
		{"odd text", nil, oddText, true},
		{"string ids", func(c *config) { c.IDs = "string" }, signInAndOut, false},
		{"resave", func(c *config) { c.Resave, c.settings.MaxAge, c.Options.MaxAge = true, hour, time.Hour }, races, false},
		{"cookies of nobody", nil, badCookies, false},
		{"names that Node has", nil, names, false},
		{"new secret", func(c *config) { c.Secrets = []string{"a newer secret that has at least 32 bytes", secret} }, newSecret, false},
		{"the note stays with its user", func(c *config) { c.KeepSessionInfo = true }, noteStays, false},
		{"no stamp", func(c *config) { c.stamper = true }, noStamp, false},
		{"stamps", func(c *config) { c.stamper, c.Stamps, c.StampKey = true, true, "stamp" }, stamps, false},
	} {
		if db.Short && !c.table {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, open(t, db, c.change))
		})
	}
}

const hour = int64(time.Hour / time.Millisecond)

// Sign in on either, be signed in on both; sign out on either, be out on both.
func signInAndOut(t *testing.T, s *site) {
	for in, from := range s.sides() {
		for out, to := range s.sides() {
			b := newBrowser(t)
			b.wantUser(s, "before", "")
			for _, name := range []string{"alice", "bob"} { // alice's numeric id is 0
				b.login(from, name)
				b.wantUser(s, "signed in on "+in, name)
			}
			stolen := b.with(s, b.cookie(s))
			b.logout(to)
			b.wantUser(s, "signed out on "+out, "")
			stolen.wantUser(s, "with the cookie of a session that was ended on "+out, "")
		}
	}
}

// Data written by one survives the other.
func values(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.node, "alice")
	b.set(s.node, map[string]any{"cart": []any{1, "two", nil}, "emoji": "😀<&>"})
	b.set(s.golang, map[string]any{"theme": map[string]any{"dark": true}})
	b.set(s.node, map[string]any{"last": 1.5})
	b.set(s.golang, map[string]any{"last": 2.5})
	b.wantValue(s, "cart", `[1,"two",null]`)
	b.wantValue(s, "theme", `{"dark":true}`)
	b.wantValue(s, "last", `2.5`)
	b.wantUser(s, "after saves", "alice")

	b.login(s.golang, "alice") // keeps the cart alone
	b.wantValue(s, "cart", `[1,"two",null]`)
	b.wantValue(s, "theme", ``)

	stranger := newBrowser(t)
	stranger.set(s.golang, map[string]any{"cart": 1})
	stranger.wantValue(s, "cart", `1`)
	stranger.wantUser(s, "as a stranger with a session", "")
	stranger.set(s.node, map[string]any{"cart": 2})
	stranger.wantValue(s, "cart", `2`)
}

func twoSessions(t *testing.T, s *site) {
	one, two := newBrowser(t), newBrowser(t)
	one.login(s.node, "alice")
	two.login(s.golang, "bob")
	one.set(s.golang, map[string]any{"cart": 1})
	two.set(s.node, map[string]any{"cart": 2})
	one.wantUser(s, "beside bob", "alice")
	two.wantUser(s, "beside alice", "bob")
	one.logout(s.golang)
	one.wantUser(s, "signed out", "")
	two.wantUser(s, "after alice signed out", "bob")
	two.wantValue(s, "cart", `2`)
}

// B04, B07: a sign-in leaves nothing under the old id.
func newID(t *testing.T, s *site) {
	for in, from := range s.sides() {
		for out, to := range s.sides() {
			b := newBrowser(t)
			b.set(from, map[string]any{"planted": 1})
			old := b.cookie(s)
			b.login(to, "alice")
			if b.cookie(s) == old {
				t.Errorf("begun on %s, signed in on %s: the id stayed", in, out)
			}
			b.wantValue(s, "planted", "")
			b.with(s, old).wantUser(s, "with the cookie from before", "")
			b.with(s, old).wantValue(s, "planted", "")
		}
	}
}

// B03, B20: a cookie that is not signed, or not in the table, is nobody's, and
// its id is never taken.
func badCookies(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.golang, "alice")
	good := b.cookie(s)
	id := b.id(s)
	last := "A"
	if strings.HasSuffix(good, last) {
		last = "E"
	}
	for name, value := range map[string]string{
		"no signature":      "s%3A" + id,
		"empty signature":   "s%3A" + id + ".",
		"another signature": good[:len(good)-1] + last,
		"not signed":        id,
		"another id":        strings.Replace(good, id[:4], "AAAA", 1),
		"too long":          good + strings.Repeat("A", 5000),
	} {
		b.with(s, value).wantUser(s, name, "")
	}
	if b.with(s, good).wantUser(s, "the good one", "alice"); t.Failed() {
		return
	}
	b.logout(s.golang)
	planted := b.with(s, good) // well signed, and of no row
	planted.login(s.golang, "bob")
	if planted.cookie(s) == good {
		t.Error("an id was taken that the table does not have")
	}
	b.with(s, good).wantUser(s, "with the planted cookie", "")
}

// The first secret signs, all verify.
func newSecret(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.node, "alice")
	b.wantUser(s, "under the new secret", "alice")

	older, err := express.New(s.table, express.NumberID, []string{secret}, &express.Options{InsecureHTTP: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := older.Save(t.Context(), w, &sessions.Record{User: "1"}); err != nil {
		t.Fatal(err)
	}
	value := w.Result().Cookies()[0].Value
	b.with(s, value).wantUser(s, "under the old secret", "bob")

	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "connect.sid", Value: b.cookie(s)})
	if _, ok, err := older.Load(r); ok || err != nil {
		t.Errorf("without the new secret: got %v, %v, want nobody", ok, err)
	}
}

// Between two Go requests, and where Node saved while a Go request ran, all
// changes survive. B10
func races(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.node, "alice")
	for other, side := range s.sides() {
		done := b.background("POST", s.golang+"/slow")
		<-s.loaded
		b.set(side, map[string]any{"other": other})
		s.letGo <- struct{}{}
		if got := <-done; got.status != http.StatusOK {
			t.Errorf("saved on Go while %s saved: got %d %s", other, got.status, got.body)
		}
		b.wantValue(s, "other", `"`+other+`"`)
		b.wantValue(s, "slow", `"go"`)
	}
	// Node's save is of the whole session as it was loaded: what Go saved
	// meanwhile is lost. The documents say so.
	done := b.background("POST", s.node+"/slow")
	b.letNodeGo(s, func() { b.set(s.golang, map[string]any{"other": "lost"}) })
	<-done
	b.wantValue(s, "slow", `"node"`)
	b.wantUser(s, "after all that", "alice")
}

// B09: a Go request that loaded a session does not bring it back.
func staysDeleted(t *testing.T, s *site) {
	for out, side := range s.sides() {
		b := newBrowser(t)
		b.login(s.node, "alice")
		id := b.id(s)
		late := b.with(s, b.cookie(s))
		done := late.background("POST", s.golang+"/slow")
		<-s.loaded
		b.logout(side)
		s.letGo <- struct{}{}
		if got := <-done; got.status != http.StatusConflict || got.body != sessions.ErrGone.Error() {
			t.Errorf("saved after a sign-out on %s: got %d %s, want ErrGone", out, got.status, got.body)
		}
		if _, err := s.table.Find(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("after a sign-out on %s: found the row, %v", out, err)
		}
		late.wantUser(s, "after a sign-out on "+out, "")
	}
}

// B12: what expires says is when the session ends, for both; use moves it.
func maxAge(t *testing.T, s *site) {
	for name, side := range s.sides() {
		b := newBrowser(t)
		b.login(side, "alice")
		row := s.row(t, b)
		if left := time.Until(time.UnixMilli(row.Expires)); left < 59*time.Minute || left > 61*time.Minute {
			t.Errorf("begun on %s: ends in %v, want an hour", name, left)
		}
		var said struct {
			Cookie struct {
				OriginalMaxAge int64
				Expires        time.Time
			}
		}
		if err := json.Unmarshal([]byte(row.Data), &said); err != nil {
			t.Fatal(err)
		}
		// Express counts back from a time, which costs a millisecond or two.
		if off := said.Cookie.Expires.Sub(time.UnixMilli(row.Expires)).Abs(); said.Cookie.OriginalMaxAge < hour-100 || off > 2*time.Second {
			t.Errorf("begun on %s: the cookie in the row is %+v, and the row ends at %v", name, said, time.UnixMilli(row.Expires))
		}

		for _, use := range s.sides() { // half an hour later
			row = s.row(t, b)
			row.Expires = time.Now().Add(30 * time.Minute).UnixMilli()
			if err := s.table.Update(t.Context(), row, row.Data); err != nil {
				t.Fatal(err)
			}
			// The Go side gives a touch up that a busy machine delays, and tries
			// again ten seconds later.
			var left time.Duration
			for try := 0; try < 30 && left < 59*time.Minute; try++ {
				time.Sleep(time.Duration(try) * 50 * time.Millisecond)
				b.must("GET", use+"/me", nil)
				left = time.Until(time.UnixMilli(s.row(t, b).Expires))
			}
			if left < 59*time.Minute {
				t.Errorf("begun on %s: after use it ends in %v, want an hour", name, left)
			}
		}
		before := b.cookie(s)
		b.set(s.golang, map[string]any{"cart": 1}) // sends the cookie again
		if b.cookie(s) != before {
			t.Error("a save changed the cookie's value")
		}

		row = s.row(t, b)
		row.Expires = time.Now().Add(-2 * time.Second).UnixMilli()
		if err := s.table.Update(t.Context(), row, row.Data); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // Redis knows no end in the past, but a very near one
		b.wantUser(s, "after the end", "")
	}
}

// Passport.js with keepSessionInfo hands the values of one user's session to
// the next one: what the Go side knows of the first says nothing of the second.
func noteStays(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.golang, "alice")
	if r := s.record(t, b); r.Factors != "pwd" || r.AuthTime == 0 {
		t.Errorf("signed in on Go: got the factors %q at %d, want pwd and now", r.Factors, r.AuthTime)
	}
	b.set(s.node, map[string]any{"cart": 1})
	if r := s.record(t, b); r.Factors != "pwd" {
		t.Errorf("after Node saved: got the factors %q, want pwd", r.Factors)
	}
	b.login(s.node, "bob")
	b.wantValue(s, "cart", `1`)
	if !strings.Contains(s.row(t, b).Data, `"gopassport"`) {
		t.Fatal("Node did not hand the note on, which this case is about")
	}
	if r := s.record(t, b); r.User != "1" || r.Factors != "" || r.AuthTime != 0 || r.Stamp != "" {
		t.Errorf("signed in on Node after somebody else: got %+v, want what Node knows", r)
	}
}

// B24: with a Stamper, a session that has no stamp ends when the Go side meets
// it.
func noStamp(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.golang, "alice")
	b.wantUser(s, "signed in on Go", "alice")
	b.login(s.node, "alice")
	b.must("GET", s.golang+"/me", nil)
	b.wantUser(s, "signed in on Node, without a stamp", "")
}

// B24: a changed password ends the sessions of both sides.
func stamps(t *testing.T, s *site) {
	var browsers []browser
	for name, side := range s.sides() {
		b := newBrowser(t)
		b.login(side, "alice")
		b.wantUser(s, "signed in on "+name, "alice")
		browsers = append(browsers, b)
	}
	s.users.users[0].stamp++
	for _, b := range browsers {
		b.must("GET", s.golang+"/me", nil) // the Go side ends it, for both
		b.wantUser(s, "after a new password", "")
	}
}

// oddText is what no Go type would bring back as it was.
func oddText(t *testing.T, s *site) {
	const odd = ` { "cookie" : {"originalMaxAge":null, "expires":null,"path":"/","x":[ ]} ,"zero":-0, "big":123456789012345678901234567890.10,` +
		"\n" + `"passport":{"user":0,"more":{"b":1,"a":[1e400]}}, "a":"\u00e9\ud800/\/", "":{}, "twice":1,"twice":2 } `
	b := newBrowser(t)
	b.login(s.node, "alice")
	row := s.row(t, b)
	was := row.Data
	row.Data = odd
	if err := s.table.Update(t.Context(), row, was); err != nil {
		t.Fatal(err)
	}
	b.set(s.golang, map[string]any{"new": true})
	want := strings.Replace(odd, `"twice":2 }`, `"twice":2 ,"new":true}`, 1)
	if got := s.row(t, b).Data; got != want {
		t.Errorf("after Go set a value:\ngot  %s\nwant %s", got, want)
	}
	b.wantUser(s, "with an odd text", "alice")
}

// row is the browser's, as it is stored.
func (s *site) row(t *testing.T, b browser) express.Row {
	t.Helper()
	row, err := s.table.Find(t.Context(), b.id(s))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// record is what the Keeper makes of it.
func (s *site) record(t *testing.T, b browser) sessions.Record {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.golang, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "connect.sid", Value: b.cookie(s)})
	record, _, err := s.keeper.Load(r)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// letNodeGo lets the app's /slow save, when it has its session and after do.
// A stranger says so: a request of b would save the session too, with resave.
func (b browser) letNodeGo(s *site, do func()) {
	b.t.Helper()
	stranger := newBrowser(b.t)
	stranger.must("POST", s.node+"/waits", nil)
	do()
	stranger.must("POST", s.node+"/go", nil)
}
