// Package explain answers "why was I refused?" during development: a page of
// the last attempts to sign in, and of all other decisions, with what was
// decided, by whom, and why.
//
//	why := explain.New(nil)
//	a := passport.New(passport.Config[*User]{OnAttempt: why.OnAttempt, ...})
//	mux.Handle("GET /debug/passport", why)
//
// It answers this machine alone: see [Explainer.ServeHTTP]. What it keeps is
// bounded, and has no credential in it: causes and names are those of
// [passport.Attempt]. All the same it tells who exists, which a stranger must
// not learn: leave it out of what is deployed.
package explain

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/problem"
)

// Options of [New]. The zero value works.
type Options struct {
	// Size is how many attempts are kept; the oldest go first. Default 100, at
	// most 10,000.
	Size int
	// Docs is the URL before a code and ".md", where it is explained. Default:
	// docs/errors of this project's repository.
	Docs string
}

// An Entry is an attempt as it is shown. Attempts in a row that differ in
// nothing but their time are one.
type Entry struct {
	Time          time.Time     `json:"time"`            // of the last one
	Times         int           `json:"times"`           // how many in a row
	Duration      time.Duration `json:"duration"`        // of the last one, in nanoseconds
	Authenticator string        `json:"authenticator"`   // see Named
	Event         string        `json:"event"`           // such as login
	Strategy      string        `json:"strategy"`        // empty when none decided
	Outcome       string        `json:"outcome"`         // such as fail
	Code          string        `json:"code,omitempty"`  // of a refusal or outage
	Page          string        `json:"page,omitempty"`  // the URL of the code's page
	Cause         string        `json:"cause,omitempty"` // at most 500 bytes
	Name          string        `json:"name,omitempty"`  // what the credentials claim
	User          string        `json:"user,omitempty"`  // of the session
	Route         string        `json:"route"`           // the method, and the pattern or else the path
}

// An Explainer keeps the last attempts of any number of Authenticators, and
// shows them. It is safe for concurrent use.
type Explainer struct {
	docs string
	mu   sync.Mutex
	ring []Entry
	next int // where the next entry goes, once the ring is full
}

// New returns an Explainer; o may be nil. It panics when a Size or the URL
// cannot be.
func New(o *Options) *Explainer {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Size < 0 || opts.Size > 10_000 {
		panic("explain: Options.Size is 1 to 10,000; leave it 0 for 100")
	}
	if opts.Size == 0 {
		opts.Size = 100
	}
	if opts.Docs == "" {
		opts.Docs = problem.Docs
	}
	if u, err := url.Parse(opts.Docs); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		panic("explain: Options.Docs has to be a URL, such as " + problem.Docs)
	}
	return &Explainer{docs: opts.Docs, ring: make([]Entry, 0, opts.Size)}
}

// OnAttempt is for [passport.Config]. Sessions that are restored without a
// hitch are not kept, since every request of somebody who is signed in begins
// so.
func (e *Explainer) OnAttempt(_ context.Context, a passport.Attempt) { e.note("", a) }

// Named is OnAttempt for one of several Authenticators, told apart by name.
func (e *Explainer) Named(name string) func(context.Context, passport.Attempt) {
	return func(_ context.Context, a passport.Attempt) { e.note(name, a) }
}

// The bounds of what an Entry keeps, in bytes.
const (
	maxCause = 500
	maxText  = 120
)

func (e *Explainer) note(authenticator string, a passport.Attempt) {
	if a.Event == passport.EventRestore && a.Outcome == passport.Succeeded {
		return
	}
	n := Entry{
		Time: time.Now(), Times: 1, Duration: a.Duration, Authenticator: authenticator,
		Event: string(a.Event), Strategy: a.Strategy, Outcome: a.Outcome.String(), Code: cut(a.Code, maxText),
		Name: a.Name, User: cut(a.UserID, maxText),
	}
	if a.Code != "" {
		n.Page = e.docs + url.PathEscape(n.Code) + ".md"
	}
	if a.Cause != nil {
		n.Cause = cut(a.Cause.Error(), maxCause)
	}
	if r := a.Request; r != nil {
		n.Route = cut(r.Method+" "+cmp.Or(r.Pattern, r.URL.Path), maxText)
		if strings.Contains(r.Pattern, " ") { // it has the method
			n.Route = r.Pattern
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch last := e.last(); {
	case last != nil && last.same(n):
		n.Times += last.Times
		*last = n
	case len(e.ring) < cap(e.ring):
		e.ring = append(e.ring, n)
	default:
		e.ring[e.next] = n
		e.next = (e.next + 1) % len(e.ring)
	}
}

// last is the newest entry, or nil.
func (e *Explainer) last() *Entry {
	if len(e.ring) == 0 {
		return nil
	}
	return &e.ring[(e.next+len(e.ring)-1)%len(e.ring)]
}

// same tells whether n is one more of the same.
func (last Entry) same(n Entry) bool {
	last.Time, last.Times, last.Duration = n.Time, n.Times, n.Duration
	return last == n
}

// Entries returns what is kept, the newest first.
func (e *Explainer) Entries() []Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]Entry, 0, len(e.ring))
	for i := range e.ring {
		all = append(all, e.ring[(e.next+len(e.ring)-1-i)%len(e.ring)])
	}
	return all
}

// cut bounds a text that somebody else may have written, and keeps no more of
// its memory than it shows.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(strings.Clone(s), "\ufffd")
}
