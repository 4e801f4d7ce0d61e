package faulttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Password changes a password while another sign-in with the old one is under
// way: all sessions but the one that changed it are over at their next
// request, on every server.
func Password(t *testing.T, db Database) {
	address := db.New(t)
	f, store := newFleet(t, db, address), open(t, db, address)
	const name = "alice"
	mine, other, bob := f.signedIn(t, 0, name), f.signedIn(t, 1, name), f.signedIn(t, 1, "bob")

	verified, goOn := make(chan struct{}), make(chan struct{})
	f.users.onFound(func(string) {
		close(verified)
		<-goOn
	})
	late := f.browser()
	var wg sync.WaitGroup
	wg.Go(func() {
		if a := late.login(1, name); a.err != nil || a.status != http.StatusSeeOther {
			t.Errorf("the sign-in that was under way: %v", a)
		}
	})
	<-verified // with the old password
	wantStatus(t, mine.send(0, "POST", "/password"), http.StatusNoContent)
	wantRows(t, store, name, 1)
	close(goOn)
	wg.Wait()
	f.users.onFound(nil)

	if late.token() == "" {
		t.Error("the sign-in that was under way has no cookie: the test shows nothing")
	}
	for n := range 2 {
		wantBody(t, late.whoami(n), nobody)
		wantBody(t, other.whoami(n), nobody)
		wantBody(t, mine.whoami(n), name)
		wantBody(t, bob.whoami(n), "bob")
	}
	wantRows(t, store, name, 1)

	manager := f.servers[0].site.manager
	again := f.signedIn(t, 0, name)
	if n, err := manager.RevokeUser(t.Context(), name); n != 2 || err != nil {
		t.Errorf("RevokeUser ended %d sessions, error %v, want 2", n, err)
	}
	wantBody(t, again.whoami(1), nobody)
	wantBody(t, bob.whoami(1), "bob")
	if _, err := manager.RevokeAll(t.Context()); err != nil {
		t.Error(err)
	}
	wantBody(t, bob.whoami(1), nobody)
}

// NeverCross has 64 people make 40 requests each, all at once, at two servers:
// each sees only itself. In a soak it is 1,000 each.
func NeverCross(t *testing.T, db Database) {
	requests := 40
	if _, long := SoakTime(t); long {
		requests = 1000
	}
	address := db.New(t)
	f := emptyFleet(t, db, address)
	for range 2 {
		f.add(address, time.Minute) // 64 writers at once have to wait
	}
	var wg sync.WaitGroup
	var made atomic.Int64
	for i := range 64 {
		wg.Go(func() {
			p := &person{t: t, f: f, id: fmt.Sprint("user", i), who: nobody}
			for p.made < requests && !t.Failed() {
				p.step()
			}
			made.Add(int64(p.made))
		})
	}
	wg.Wait()
	t.Logf("%d requests", made.Load())
}

// A person makes requests without a network, because there are many to make.
type person struct {
	t             *testing.T
	f             *fleet
	id, who, note string
	token         string
	made          int
}

func (p *person) step() {
	switch rand.N(8) {
	case 0:
		p.send("POST", "/login", "user", p.id)
		p.who, p.note = p.id, ""
	case 1:
		p.send("POST", "/logout")
		p.who, p.note = nobody, ""
	case 2, 3:
		p.note = fmt.Sprint(p.id, "-", p.made)
		p.send("POST", "/set", "key", "note", "value", p.note)
	}
	if got := p.send("GET", "/whoami"); got != p.who {
		p.t.Errorf("%s is %q, want %q", p.id, got, p.who)
	}
	if got := p.send("GET", "/get", "key", "note"); got != p.note {
		p.t.Errorf("%s has the note %q, want %q", p.id, got, p.note)
	}
}

func (p *person) send(method, path string, pairs ...string) string {
	form := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	target, body := path, form.Encode()
	if method == http.MethodGet {
		target, body = path+"?"+body, ""
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.token != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: p.token})
	}
	w := httptest.NewRecorder()
	p.f.servers[p.made%2].site.ServeHTTP(w, r)
	p.made++
	for _, c := range w.Result().Cookies() {
		if c.Name == sessionCookie {
			p.token = c.Value
		}
	}
	if w.Code >= http.StatusBadRequest {
		p.t.Errorf("%s %s of %s: %d %s", method, path, p.id, w.Code, w.Body)
	}
	return w.Body.String()
}
