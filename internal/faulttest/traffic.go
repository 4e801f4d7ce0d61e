package faulttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// traffic is what many people do at once: they sign in, save, read and sign
// out, at any server. Each knows what was acknowledged, and takes a 503 for
// what it is; anything else that differs is wrong.
type traffic struct {
	*fleet
	deadline time.Duration // of each request; 0: none
	crashes  bool          // the servers may die, so that no answer is an outage too

	stop    atomic.Bool
	running sync.WaitGroup
	clients []*client
	asked   atomic.Int64 // requests
	failed  atomic.Int64 // of them, outages
	saves   atomic.Int64 // acknowledged, as those below
	logins  atomic.Int64
	logouts atomic.Int64
	slowest atomic.Int64 // answer, in nanoseconds

	lists  sync.Mutex
	ended  []string // cookies that are over for good
	halves []half   // sign-ins with no answer
	left   []half   // sign-outs with no answer
	wrong  []string

	unanswered [2]int // halves and left that are settled
}

// A half is a change of which nobody knows whether it was made: the cookie
// from before, and the user.
type half struct{ token, name string }

// begin starts n people.
func (f *fleet) begin(n int, deadline time.Duration) *traffic {
	tr := &traffic{fleet: f, deadline: deadline}
	for i := range n {
		c := &client{traffic: tr, b: f.browser(), name: fmt.Sprint("client", i)}
		c.b.deadline = deadline
		tr.clients = append(tr.clients, c)
	}
	return tr
}

// run lets them go on until the traffic is halted.
func (tr *traffic) run() {
	tr.stop.Store(false)
	for _, c := range tr.clients {
		tr.running.Go(func() {
			for !tr.stop.Load() {
				c.step()
				time.Sleep(rand.N(10 * time.Millisecond)) // others need the processor too
			}
		})
	}
}

// busy waits until people have got something done.
func (tr *traffic) busy(t testing.TB) {
	t.Helper()
	saves, logouts := tr.saves.Load(), tr.logouts.Load()
	for end := time.Now().Add(30 * time.Second); tr.saves.Load() < saves+60 || tr.logouts.Load() < logouts+5; {
		if time.Now().After(end) {
			t.Fatalf("people get nothing done: %v", tr)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// halt waits until nobody does anything.
func (tr *traffic) halt() {
	tr.stop.Store(true)
	tr.running.Wait()
}

func (tr *traffic) complain(format string, args ...any) {
	tr.lists.Lock()
	defer tr.lists.Unlock()
	tr.wrong = append(tr.wrong, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (tr *traffic) over(token string) {
	tr.lists.Lock()
	defer tr.lists.Unlock()
	tr.ended = append(tr.ended, token)
}

// anyEnded is a cookie that is over; empty where there is none yet.
func (tr *traffic) anyEnded() string {
	tr.lists.Lock()
	defer tr.lists.Unlock()
	if len(tr.ended) == 0 {
		return ""
	}
	return tr.ended[rand.N(len(tr.ended))]
}

// A client is one of the people.
type client struct {
	*traffic
	b         *browser
	name      string
	n         int    // sign-ins so far: each is by a user of its own
	user      string // empty: a stranger
	low, high int    // the value that was acknowledged last, and the one that was sent last
}

// ask counts an answer, and tells whether there is one.
func (c *client) ask(what string, a answer, want int) bool {
	c.asked.Add(1)
	for !c.stop.Load() {
		slowest := c.slowest.Load()
		if int64(a.took) <= slowest || c.slowest.CompareAndSwap(slowest, int64(a.took)) {
			break
		}
	}
	switch {
	case a.err == nil && a.status == want:
		return true
	case a.outage(), c.crashes && a.err != nil:
		c.failed.Add(1)
	default:
		c.complain("%s of %s: %v", what, c.user, a)
	}
	return false
}

// step is one thing that a person does.
func (c *client) step() {
	n := rand.N(16)
	switch {
	case c.user == "":
		c.signIn()
	case n == 0:
		c.signOut()
	case n == 1:
		c.tryEnded()
	case n < 9:
		c.save()
	default:
		c.look(n)
	}
}

// signIn begins with a session of nobody, which must not outlive it.
func (c *client) signIn() {
	c.b.take("")
	c.n++
	name, server := fmt.Sprintf("%s-%d", c.name, c.n), rand.N(2)
	if !c.ask("a stranger's save", c.b.set(server, "note", name), http.StatusNoContent) {
		return
	}
	before := c.b.token()
	a := c.b.login(1-server, name)
	if !c.ask("the sign-in", a, http.StatusSeeOther) {
		c.lists.Lock()
		c.halves = append(c.halves, half{before, name})
		c.lists.Unlock()
		return
	}
	c.logins.Add(1)
	if c.b.token() == before {
		c.complain("the sign-in of %s kept the id", name)
	}
	c.over(before)
	c.user, c.low, c.high = name, 0, 0
}

func (c *client) save() {
	c.high++
	if c.ask("the save", c.b.set(rand.N(2), "n", strconv.Itoa(c.high)), http.StatusNoContent) {
		c.saves.Add(1)
		c.low = c.high
	}
}

// look wants the own name, and a value that is not older than the one that was
// acknowledged.
func (c *client) look(server int) {
	if a := c.b.whoami(server); c.ask("the name", a, http.StatusOK) && a.body != c.user {
		c.complain("%s is %s", c.user, a)
	}
	if a := c.b.get(server, "n"); c.ask("the value", a, http.StatusOK) {
		if n, _ := strconv.Atoi(a.body); n < c.low || n > c.high {
			c.complain("%s has the value %v, want %d to %d", c.user, a, c.low, c.high)
		}
	}
}

func (c *client) signOut() {
	token := c.b.token()
	if c.ask("the sign-out", c.b.logout(rand.N(2)), http.StatusSeeOther) {
		c.logouts.Add(1)
		c.over(token)
	} else {
		c.lists.Lock()
		c.left = append(c.left, half{token, c.user})
		c.lists.Unlock()
	}
	c.user = ""
}

// tryEnded uses a cookie that is over.
func (c *client) tryEnded() {
	if token := c.anyEnded(); token != "" {
		c.mustBeOver(rand.N(2), token)
	}
}

func (c *client) mustBeOver(server int, token string) {
	b := c.with(token)
	b.deadline = c.deadline
	if a := b.whoami(server); c.ask("a cookie that is over", a, http.StatusOK) && a.body != nobody {
		c.complain("a session that was over is back: %v", a)
	}
	if a := b.get(server, "note"); c.ask("a cookie that is over", a, http.StatusOK) && a.body != "" {
		c.complain("the values of a session that was over are back: %v", a)
	}
}

// settle checks, with the database well and the people at rest, that
// everything that was acknowledged is so, and that what was not is so or not,
// but not both.
func (tr *traffic) settle(t testing.TB, store Store) {
	t.Helper()
	down := tr.failed.Load()
	deadline := tr.deadline
	tr.deadline = 0 // the machine may be busy
	defer func() { tr.deadline = deadline }()
	var wg sync.WaitGroup
	parts := len(tr.clients)
	for i, c := range tr.clients {
		wg.Go(func() {
			c.b.deadline = 0
			defer func() { c.b.deadline = deadline }()
			if c.user != "" {
				c.look(0)
				c.look(1)
			}
			for j := i; j < len(tr.ended); j += parts {
				c.mustBeOver(j/parts%2, tr.ended[j])
			}
			for j := i; j < len(tr.left); j += parts {
				c.same(tr.left[j])
			}
			for j := i; j < len(tr.halves); j += parts {
				c.either(t, store, tr.halves[j])
			}
		})
	}
	wg.Wait()
	if n := tr.failed.Load() - down; n > 0 {
		t.Errorf("%d requests failed with the database well", n)
	}
	for i, wrong := range tr.wrong {
		if i == 20 {
			t.Errorf("and %d more", len(tr.wrong)-i)
			break
		}
		t.Error(wrong)
	}
	tr.wrong = nil
}

// same: a sign-out that was not acknowledged happened or not, but for all
// servers alike.
func (c *client) same(h half) {
	b := c.with(h.token)
	one, two := b.whoami(0), b.whoami(1)
	if one.body != two.body || one.body != nobody && one.body != h.name {
		c.complain("after a sign-out of %s that was not acknowledged: %v at one server, %v at the other", h.name, one, two)
	}
}

// either: of a sign-in that was not acknowledged there is the session of
// before, still of nobody, or the new one.
func (c *client) either(t testing.TB, store Store, h half) {
	b := c.with(h.token)
	who, note := b.whoami(0), b.get(1, "note")
	rows, err := store.List(t.Context(), realm, h.name)
	if err != nil || who.body != nobody || (note.body == h.name) == (len(rows) > 0) {
		c.complain("after a sign-in of %s that was not acknowledged: the old cookie is %v with the note %v, and there are %d new sessions, error %v",
			h.name, who, note, len(rows), err)
	}
}

func (tr *traffic) String() string {
	return fmt.Sprintf("%d requests, %d of them 503, %d sign-ins, %d saves and %d sign-outs acknowledged, %d sign-ins and %d sign-outs without an answer, slowest answer %v",
		tr.asked.Load(), tr.failed.Load(), tr.logins.Load(), tr.saves.Load(), tr.logouts.Load(), tr.unanswered[0]+len(tr.halves), tr.unanswered[1]+len(tr.left),
		time.Duration(tr.slowest.Load()).Round(time.Millisecond))
}
