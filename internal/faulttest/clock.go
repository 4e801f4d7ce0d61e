package faulttest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Clocks shows sessions that other servers have written, whose clocks are an
// hour ahead or behind: as after a clock has jumped. Nobody is signed out by
// it, and what has ended stays so.
func Clocks(t *testing.T, db Database) {
	address := db.New(t)
	c := &clocks{newFleet(t, db, address), open(t, db, address)}
	for _, jump := range []time.Duration{-time.Hour, time.Hour} {
		t.Run("a session from "+jump.String(), func(t *testing.T) { c.goesOn(t, jump) })
		t.Run("a save from "+jump.String(), func(t *testing.T) { c.save(t, jump) })
		t.Run("an end, and then "+jump.String(), func(t *testing.T) { c.staysOver(t, jump) })
	}
}

type clocks struct {
	*fleet
	store Store
}

const idle, absolute = 24 * time.Hour, 7 * 24 * time.Hour // the Manager's defaults

// written stores a session that a server with another clock has just made,
// whose idle time is what is given, and returns its cookie.
func (c *clocks) written(t *testing.T, clock time.Time, name string, idle time.Duration) string {
	t.Helper()
	token := make([]byte, 32)
	_, _ = rand.Read(token)
	cookie := base64.RawURLEncoding.EncodeToString(token)
	// The site's own sign-in knows what else a record has.
	c.signedIn(t, 0, name)
	r := wantRows(t, c.store, name, 1)[0]
	if err := c.store.Delete(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	r.ID, r.AuthTime, r.Created, r.LastSeen = idOf(cookie), clock.UnixMilli(), clock.UnixMilli(), clock.UnixMilli()
	r.Idle, r.Absolute = clock.Add(idle).UnixMilli(), clock.Add(absolute).UnixMilli()
	if err := c.store.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return cookie
}

// goesOn: a valid session is used, and no deadline moves back.
func (c *clocks) goesOn(t *testing.T, jump time.Duration) {
	name := "goes on after " + jump.String()
	b := c.with(c.written(t, time.Now().Add(jump), name, idle))
	before := wantRows(t, c.store, name, 1)[0]
	wantBody(t, b.whoami(0), name)
	wantStatus(t, b.set(1, "n", "1"), http.StatusNoContent)
	wantBody(t, b.get(0, "n"), "1")
	after := wantRows(t, c.store, name, 1)[0]
	if after.LastSeen < before.LastSeen || after.Idle < before.Idle || after.Absolute != before.Absolute || after.Created != before.Created {
		t.Errorf("%+v became %+v", before, after)
	}
	if gained := after.Idle - time.Now().Add(idle).UnixMilli(); gained > max(jump, 0).Milliseconds() {
		t.Errorf("it may idle %v longer than it should", time.Duration(gained)*time.Millisecond)
	}
}

// save: what a server with another clock saves changes the values, and moves
// no deadline back.
func (c *clocks) save(t *testing.T, jump time.Duration) {
	name := "saved after " + jump.String()
	b := c.signedIn(t, 0, name)
	wantStatus(t, b.set(0, "n", "1"), http.StatusNoContent)
	r := wantRows(t, c.store, name, 1)[0]
	late := r
	late.LastSeen += jump.Milliseconds()
	late.Idle += jump.Milliseconds()
	if err := errors.Join(c.store.Update(t.Context(), late, r.Version), c.store.Touch(t.Context(), r.ID, late.LastSeen, late.Idle)); err != nil {
		t.Fatal(err)
	}
	after := wantRows(t, c.store, name, 1)[0]
	if after.Idle != max(r.Idle, late.Idle) || after.LastSeen != max(r.LastSeen, late.LastSeen) || after.Absolute != r.Absolute {
		t.Errorf("%+v became %+v", r, after)
	}
	wantBody(t, b.whoami(1), name)
	wantBody(t, b.get(1, "n"), "1")
}

// staysOver: once one server has refused a session because its deadline has
// come, no other server, with whatever clock, brings it back.
func (c *clocks) staysOver(t *testing.T, jump time.Duration) {
	name := "over, and then " + jump.String()
	b := c.with(c.written(t, time.Now().Add(-idle), name, idle)) // to the millisecond
	r := wantRows(t, c.store, name, 1)[0]
	wantBody(t, b.whoami(0), nobody)
	clock := time.Now().Add(jump)
	late := r
	late.LastSeen, late.Idle = clock.UnixMilli(), clock.Add(idle).UnixMilli()
	if err := c.store.Update(t.Context(), late, r.Version); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("a late save: got error %v, want ErrNotFound", err)
	}
	if err := c.store.Touch(t.Context(), r.ID, late.LastSeen, late.Idle); err != nil {
		t.Errorf("a late touch: %v", err)
	}
	next := late
	next.ID = sessions.ID{byte(jump / time.Hour), 1}
	if err := c.store.Replace(t.Context(), r.ID, r.Version, next); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("a late rotation: got error %v, want ErrNotFound", err)
	}
	for n := range 2 {
		wantBody(t, b.whoami(n), nobody)
	}
	wantRows(t, c.store, name, 0)
}
