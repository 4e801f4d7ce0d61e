package passport_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// TestStream: an answer that asks again ends within the second in which its
// session does, whatever ended it, and goes on until then. E17
func TestStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(*app, *browser)
		ends bool
	}{
		"nothing happens": {func(*app, *browser) {}, false},
		"another user's session is revoked": {func(a *app, _ *browser) {
			a.as("bob")
			_, _ = a.keeper.RevokeUser(context.Background(), "bob")
		}, false},
		"another page of the browser": {func(_ *app, b *browser) { b.send("POST", "/set?key=k&value=v") }, false},
		"revoked": {func(a *app, b *browser) {
			if err := a.keeper.Revoke(context.Background(), "alice", a.store.of("alice")[0].ID.Handle()); err != nil {
				a.t.Error(err)
			}
		}, true},
		"all of the user's are revoked": {func(a *app, _ *browser) { _, _ = a.keeper.RevokeUser(context.Background(), "alice") }, true},
		"everybody's are revoked":       {func(a *app, _ *browser) { _, _ = a.keeper.RevokeAll(context.Background()) }, true},
		"a new password":                {func(a *app, _ *browser) { a.users.set(user{ID: "alice", Stamp: "2"}) }, true},
		"signed out":                    {func(_ *app, b *browser) { b.clone().send("POST", "/logout") }, true},
		"signed in anew":                {func(_ *app, b *browser) { b.clone().login("key", "bob") }, true},
		"the user is gone":              {func(a *app, _ *browser) { a.users.delete("alice") }, true},
		"the store is away":             {func(a *app, _ *browser) { a.store.down("Find") }, true},
		"the users are away":            {func(a *app, _ *browser) { a.users.fail(errDown) }, true},
		"the absolute end":              {func(*app, *browser) { time.Sleep(3 * time.Minute) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *config) {
					c.Serializer = passport.StampBy(c.Serializer, func(u *user) string { return u.Stamp })
				}).routes()
				a.keeper.Manager = sessions.New(a.store, &sessions.Options{Idle: time.Minute, Absolute: 5 * time.Minute, Refresh: 10 * time.Second})
				events := make(chan string)
				a.mux.Handle("GET /events", Stream(a.Authenticator, events))
				b := a.as("alice")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var over atomic.Bool
				go func() {
					a.ServeHTTP(httptest.NewRecorder(), b.request("GET", "/events").WithContext(ctx))
					over.Store(true)
				}()
				events <- "first"
				time.Sleep(2 * time.Minute) // longer than idle: who listens is there
				if synctest.Wait(); over.Load() {
					t.Fatal("it is over before")
				}
				test.end(a, b)
				time.Sleep(time.Second)
				if synctest.Wait(); over.Load() != test.ends {
					t.Errorf("a second later it is over: %v", over.Load())
				}
				if !test.ends {
					events <- "more"
				}
				cancel()
				if synctest.Wait(); !over.Load() {
					t.Error("it goes on without a client")
				}
			})
		})
	}
}

// TestStreamOnce: what a request was told when it came does not change, and
// the Manager alone knows nothing of stamps: that is why Stream runs Handler
// again.
func TestStreamOnce(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) {
		c.Serializer = passport.StampBy(c.Serializer, func(u *user) string { return u.Stamp })
	}).routes()
	a.mux.HandleFunc("GET /change", func(w http.ResponseWriter, r *http.Request) {
		a.users.set(user{ID: "alice", Stamp: "2"})
		if res, err := a.Authenticate(r, "session"); err != nil || res.Err() != nil {
			t.Errorf("session: %v, %v", err, res.Err())
		}
		if _, found, err := a.keeper.Load(r); !found || err != nil {
			t.Errorf("Load: %v, %v", found, err)
		}
		if StillIn(a.Authenticator, r) {
			t.Error("still in")
		}
		if _, found, _ := a.keeper.Load(r); found {
			t.Error("Handler did not end the session")
		}
		io.WriteString(w, "done")
	})
	if w := a.as("alice").send("GET", "/change"); w.Body.String() != "done" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
