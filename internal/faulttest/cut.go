package faulttest

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// CutEverywhere ends the connection to the database after ever more bytes of an
// answer, until one request gets it whole. Each succeeds or is answered with a
// 503; nobody is signed out.
func CutEverywhere(t *testing.T, db Database) {
	p, address := newProxy(t, db.New(t))
	f := newFleet(t, db, address)
	b := f.signedIn(t, 0, "alice")
	wantStatus(t, b.set(0, "n", "a value of some length"), http.StatusNoContent)
	outages := 0
	for n := 1; ; n++ {
		if n > 4096 {
			t.Fatal("it never gets its whole answer")
		}
		wantBody(t, b.get(n, "n"), "a value of some length") // on an open connection
		p.set(cut, n)
		a := b.get(n, "n")
		p.mu.Lock()
		whole := p.left > 0
		p.mu.Unlock()
		p.set(pass, 0)
		if a.outage() {
			outages++
		} else {
			wantBody(t, a, "a value of some length")
		}
		if t.Failed() {
			t.Fatalf("cut after %d bytes", n)
		}
		if whole {
			t.Logf("%d cuts, %d of them answered with 503", n-1, outages)
			break
		}
	}
	if n := f.corrupted(); n > 0 {
		t.Errorf("%d sessions were taken for broken", n)
	}
}

// Cut cuts, drops and delays the connections to the database while 20 people
// use the site: nobody becomes another, or is signed out.
func Cut(t *testing.T, db Database) {
	p, address := newProxy(t, db.New(t))
	f := newFleet(t, db, address)
	tr := f.begin(20, 300*time.Millisecond)
	tr.run()
	for range 3 {
		for m := range modes {
			if m == halfOpen && f.db.Waits {
				continue
			}
			p.set(m, rand.N(2000))
			time.Sleep(rand.N(150 * time.Millisecond))
			p.set(pass, 0)
			if m == halfOpen {
				p.reset() // what was swallowed does not come back
			}
		}
		tr.busy(t)
	}
	tr.halt()
	tr.settle(t, open(t, f.db, f.address))
	t.Log(tr)
	if tr.failed.Load() == 0 {
		t.Error("no request has met a cut: the test shows nothing")
	}
	if n := f.corrupted(); n > 0 {
		t.Errorf("%d sessions were taken for broken", n)
	}
}
