package faulttest

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// Outages kills and hangs the database. Where it is a file, the servers are
// killed.
func Outages(t *testing.T, db Database) {
	if db.Start == nil {
		f := spawnFleet(t, db, db.New(t))
		f.whileKilled(t, f.killAll, f.spawnAll)
		return
	}
	server, address := db.Start(t)
	t.Run("killed while 20 people save", func(t *testing.T) {
		newFleet(t, db, address).whileKilled(t, server.Kill, server.Restart)
	})
	t.Run("not there", func(t *testing.T) {
		f := newFleet(t, db, address)
		f.during(t, server.Kill, server.Restart, func(token string) {
			f.mustBeDown(t, token, 0, brief)
			f.mustBeDown(t, token, 1, 0)
		})
	})
	if db.Waits {
		return
	}
	t.Run("hangs", func(t *testing.T) {
		f := newFleet(t, db, address)
		bounded := f.add(address, brief)
		f.during(t, server.Suspend, server.Resume, func(token string) {
			f.mustBeDown(t, token, 0, brief)
			f.mustBeDown(t, token, bounded, 0)
		})
	})
}

// whileKilled kills something twice while 20 people use the site. Nothing that
// was acknowledged is lost, and nothing that was ended is back.
func (f *fleet) whileKilled(t *testing.T, kill, restart func()) {
	tr := f.begin(20, 0)
	tr.crashes = f.servers[0].site == nil
	tr.run()
	for range 2 {
		tr.busy(t)
		failed := tr.failed.Load()
		kill()
		for tr.failed.Load() == failed { // a driver may try again for a while
			time.Sleep(5 * time.Millisecond)
		}
		restart()
	}
	tr.busy(t)
	tr.halt()
	tr.settle(t, open(t, f.db, f.address))
	t.Log(tr)
}

// during breaks the database while requests are under way, and wants
// everything to be as it was when it is mended.
func (f *fleet) during(t *testing.T, stop, goOn func(), check func(token string)) {
	idle := f.signedIn(t, 0, "idle")
	wantStatus(t, idle.set(1, "n", "1"), http.StatusNoContent)
	// Two are in the middle: their sessions are loaded.
	saving, leaving := f.signedIn(t, 0, "saving"), f.signedIn(t, 1, "leaving")
	saving.deadline, leaving.deadline = time.Minute, time.Minute
	wantStatus(t, saving.set(0, "n", "1"), http.StatusNoContent)
	save := f.with(saving.token())
	save.deadline = 1500 * time.Millisecond
	leave := f.with(leaving.token())
	leave.deadline = save.deadline
	finishSave := save.hold(0, "/set", "key=n&value=2")
	finishLeave := leave.hold(1, "/logout", "")
	stop()
	var wg sync.WaitGroup
	for what, finish := range map[string]func() answer{"save": finishSave, "sign-out": finishLeave} {
		wg.Go(func() {
			if a := finish(); !a.outage() {
				t.Errorf("a %s in the middle: got %v, want 503 without a cookie", what, a)
			}
		})
	}
	check(idle.token())
	wg.Wait()
	if leave.token() != leaving.token() || save.token() != saving.token() {
		t.Error("a cookie has changed")
	}
	goOn()
	f.mustRecover(t, idle)

	wantBody(t, idle.whoami(0), "idle")
	wantBody(t, idle.get(1, "n"), "1")
	wantBody(t, saving.whoami(1), "saving")
	if a := saving.get(0, "n"); a.body != "1" && a.body != "2" {
		t.Errorf("the value that was being saved: got %v, want 1 or 2", a)
	}
	if a := leaving.whoami(0); a.body != "leaving" && a.body != nobody {
		t.Errorf("who was signing out is %v", a)
	}
	wantStatus(t, idle.logout(1), http.StatusSeeOther)
	wantStatus(t, leaving.login(0, "back"), http.StatusSeeOther)
	wantBody(t, leaving.whoami(1), "back")
}

// mustRecover wants the site to be well soon, without a restart of its servers.
func (f *fleet) mustRecover(t *testing.T, b *browser) {
	start := time.Now()
	for n := range f.servers {
		for a := b.whoami(n); a.outage(); a = b.whoami(n) {
			if time.Since(start) > 5*time.Second {
				t.Fatalf("the database is back, and server %d is not: %v", n, a)
			}
			time.Sleep(10 * time.Millisecond) // some drivers pause after many failures
		}
	}
	t.Logf("well again after %v", time.Since(start).Round(time.Millisecond))
}

const (
	brief  = 500 * time.Millisecond // the deadline of a request
	inTime = 700 * time.Millisecond // how long its answer may take
)

// mustBeDown sends all kinds of requests to server n, some with a session.
func (f *fleet) mustBeDown(t *testing.T, token string, n int, deadline time.Duration) {
	var wg sync.WaitGroup
	for what, send := range map[string]func(*browser) answer{
		"reading":     func(b *browser) answer { return b.whoami(n) },
		"saving":      func(b *browser) answer { return b.set(n, "n", "3") },
		"signing in":  func(b *browser) answer { b.take(""); return b.login(n, "late") },
		"anew":        func(b *browser) answer { return b.login(n, "late") },
		"signing out": func(b *browser) answer { return b.logout(n) },
	} {
		wg.Go(func() {
			var a answer
			for range 3 { // the machine may be busy
				b := f.with(token)
				b.deadline = deadline
				if a = send(b); a.took <= inTime {
					break
				}
			}
			if !a.outage() || a.took > inTime {
				t.Errorf("%s at server %d: got %v, want 503 within %v and no cookie", what, n, a, inTime)
			}
		})
	}
	wg.Wait()
}
