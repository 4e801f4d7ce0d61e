package faulttest

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// Shutdown ends a server while 20 people save: it waits for them, and the
// other server has what they were told is saved.
func Shutdown(t *testing.T, db Database) {
	f := newFleet(t, db, db.New(t))
	var people []*browser
	var finish []func() answer
	for range 20 {
		b := f.signedIn(t, 1, "alice")
		people = append(people, b)
		finish = append(finish, b.hold(0, "/set", "key=n&value=1"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- f.servers[0].shutdown(ctx) }()
	for f.browser().whoami(0).err == nil { // until nobody new gets in
		time.Sleep(time.Millisecond)
	}
	for _, done := range finish {
		wantStatus(t, done(), http.StatusNoContent)
	}
	if err := <-over; err != nil {
		t.Errorf("the server's end: %v", err)
	}
	if err := f.servers[0].site.manager.Close(ctx); err != nil {
		t.Errorf("the manager's end: %v", err)
	}
	for _, b := range people {
		wantBody(t, b.get(1, "n"), "1")
	}
}
