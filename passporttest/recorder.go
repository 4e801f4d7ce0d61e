package passporttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
)

// A Recorder keeps the attempts of an Authenticator whose Config.OnAttempt is
// its method. The zero value is ready; it is safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	attempts []passport.Attempt
}

// OnAttempt is for [passport.Config]. It keeps all of an attempt but its
// Request.
func (rec *Recorder) OnAttempt(_ context.Context, a passport.Attempt) {
	a.Request = nil
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.attempts = append(rec.attempts, a)
}

// Take returns the attempts since it was called last, in order.
func (rec *Recorder) Take() []passport.Attempt {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	all := rec.attempts
	rec.attempts = nil
	return all
}

// Expect takes the attempts and compares each with a line of event, strategy,
// outcome and code, such as "login local fail invalid-credentials"; what is
// empty is left out. Sessions that were restored are not compared, since every
// request of somebody who is signed in begins so.
func (rec *Recorder) Expect(t testing.TB, want ...string) {
	t.Helper()
	attempts := slices.DeleteFunc(rec.Take(), func(a passport.Attempt) bool {
		return a.Event == passport.EventRestore && a.Outcome == passport.Succeeded
	})
	same, report := len(attempts) == len(want), ""
	for i := range max(len(attempts), len(want)) {
		expected, got, cause := "nothing", "nothing", ""
		if i < len(want) {
			expected = want[i]
		}
		if i < len(attempts) {
			got = Line(attempts[i])
			if err := attempts[i].Cause; err != nil {
				cause = "\n       cause: " + err.Error()
			}
		}
		if expected == got {
			report += fmt.Sprintf("\n%d  ok:    %s", i+1, got)
			continue
		}
		same = false
		report += fmt.Sprintf("\n%d  want:  %s\n   got:   %s%s", i+1, expected, got, cause)
	}
	if !same {
		t.Errorf("attempts:%s", report)
	}
}

// Line is an attempt as Expect compares it.
func Line(a passport.Attempt) string {
	words := []string{string(a.Event), a.Strategy, a.Outcome.String(), a.Code}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
