package passport_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/sessions"
)

// TestInterleaved: 1,000 users whose requests are under way at once, through
// guards that are wired once; each sees only itself, at every point of its
// request. F08
func TestInterleaved(t *testing.T) {
	t.Parallel()
	const n = 1000
	a := newApp(t, func(c *config) { c.OnAttempt = nil })
	started, gate := make(chan struct{}), make(chan struct{})
	check := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before, _ := a.User(r.Context())
		started <- struct{}{}
		<-gate
		after, _ := a.User(r.Context())
		if before == nil || after == nil || before.ID != after.ID {
			t.Errorf("%v became %v", before, after)
			return
		}
		io.WriteString(w, after.ID)
	})
	guard := a.Require("key")(check)
	a.mux.Handle("/a", guard)
	a.mux.Handle("/b", a.Optional("key")(guard)) // one handler below two routers
	a.routes()
	var wg sync.WaitGroup
	for i := range n {
		id := fmt.Sprint("user", i)
		a.users.set(user{ID: id, Stamp: "1"})
		path := []string{"/a", "/b"}[i%2]
		wg.Go(func() {
			if w := a.browser().send("GET", path, "X-Key", id); w.Body.String() != id {
				t.Errorf("%s is %s", id, w.Body)
			}
		})
	}
	for range n {
		<-started
	}
	close(gate)
	wg.Wait()
}

// TestNeverCross: 64 browsers of 64 users, all at once, sign in and out, read
// and write; each finds only its own. F09
func TestNeverCross(t *testing.T) {
	t.Parallel()
	const browsers, rounds = 64, 80 // some 200 requests each
	a := newApp(t, func(c *config) { c.OnAttempt = nil }).routes()
	h := a.Handler(a.mux)
	var wg sync.WaitGroup
	for i := range browsers {
		id := fmt.Sprint("user", i)
		a.users.set(user{ID: id, Stamp: "1"})
		wg.Go(func() {
			b := newBrowser(t, h)
			who, note := "nobody", ""
			for n := range rounds {
				switch rand.N(8) {
				case 0:
					b.send("POST", "/login/key", "X-Key", id)
					who, note = id, ""
				case 1:
					b.send("POST", "/logout")
					who, note = "nobody", ""
				case 2, 3:
					note = fmt.Sprint(id, "-", n)
					b.send("POST", "/set?key=note&value="+note)
				}
				if got := b.who(); got != who {
					t.Errorf("%s is %s", who, got)
					return
				}
				if got := b.send("GET", "/get?key=note").Body.String(); got != note {
					t.Errorf("%s has the note %q, not %q", id, got, note)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestSharedSession: two requests of one browser have copies of its session:
// what one changes and does not save is not in the other. Run it with -race.
// B44
func TestSharedSession(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	k := sessions.Key[[]string]("k")
	var both sync.WaitGroup
	both.Add(2)
	a.mux.HandleFunc("/change", func(_ http.ResponseWriter, r *http.Request) {
		s := a.Session(r.Context())
		v, _ := k.Get(s)
		v[0] = r.FormValue("to")
		k.Set(s, v)
		both.Done()
		both.Wait()
		if got, _ := k.Get(s); got[0] != r.FormValue("to") {
			t.Errorf("%s became %s", r.FormValue("to"), got[0])
		}
	})
	a.mux.HandleFunc("/begin", func(w http.ResponseWriter, r *http.Request) {
		s := a.Session(r.Context())
		k.Set(s, []string{"stored"})
		s.Save(r.Context(), w)
	})
	b := a.as("alice")
	b.send("POST", "/begin")
	var wg sync.WaitGroup
	for _, to := range []string{"one", "two"} {
		tab := b.clone()
		wg.Go(func() { tab.send("POST", "/change?to="+to) })
	}
	wg.Wait()
	a.mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) {
		if got, _ := k.Get(a.Session(r.Context())); len(got) != 1 || got[0] != "stored" {
			t.Errorf("stored is %q", got)
		}
	})
	b.send("GET", "/read")
}

// TestUseOfOneSession: requests of one browser at once, among them its
// sign-out: afterwards it is signed out, whoever came last.
func TestUseOfOneSession(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	for range 20 {
		b := a.as("alice")
		var wg sync.WaitGroup
		for i := range 8 {
			tab := b.clone()
			wg.Go(func() {
				if i == 4 {
					tab.send("POST", "/logout")
					return
				}
				tab.send("POST", fmt.Sprintf("/set?key=k%d&value=v", i))
			})
		}
		wg.Wait()
		if got, rows := b.who(), len(a.store.of("alice")); got != "nobody" || rows != 0 {
			t.Fatalf("it is %s, %d rows", got, rows)
		}
	}
}

// TestNoGoroutineIsLeft: 1,000 sign-ins that are given up half-way leave no
// goroutine. F05
func TestNoGoroutineIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // fails where a goroutine is left at its end
		a := newApp(t)
		a.UseFunc("slow", func(r *http.Request) (result, error) {
			select {
			case <-r.Context().Done():
				return result{}, r.Context().Err()
			case <-time.After(time.Hour):
				return result{}.Success(alice)
			}
		})
		a.mux.Handle("/in", a.LoginHandler("slow", nil))
		var wg sync.WaitGroup
		for i := range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i)*time.Millisecond)
			wg.Go(func() {
				defer cancel()
				w := httptest.NewRecorder()
				a.ServeHTTP(w, a.browser().request("POST", "/in").WithContext(ctx))
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("%d", w.Code)
				}
			})
		}
		wg.Wait()
		if n := a.store.rows(); n != 0 {
			t.Errorf("%d sessions are stored", n)
		}
	})
}
