// Package storetest checks that a session store keeps the contracts of
// [sessions.Store] and of the abilities beside it. Each case is about one
// sentence of them, and says when it fails which rule was broken and what
// would go wrong in a server:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) sessions.Store { return mystore.New(...) })
//	}
//
// Run the tests with -race as well: some rules are about shared memory.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// An Ability is something that a store can do beyond [sessions.Store], named
// after its interface in package sessions.
type Ability string

// The abilities. All stores of this module have them all.
const (
	Once           Ability = "Once"
	Lister         Ability = "Lister"
	UserDeleter    Ability = "UserDeleter"
	RealmDeleter   Ability = "RealmDeleter"
	ExpiredDeleter Ability = "ExpiredDeleter"
	Counter        Ability = "Counter"
)

// has tells whether the store has the ability.
func (a Ability) has(s sessions.Store) bool {
	ok := false
	switch a {
	case Once:
		_, ok = s.(sessions.Once)
	case Lister:
		_, ok = s.(sessions.Lister)
	case UserDeleter:
		_, ok = s.(sessions.UserDeleter)
	case RealmDeleter:
		_, ok = s.(sessions.RealmDeleter)
	case ExpiredDeleter:
		_, ok = s.(sessions.ExpiredDeleter)
	case Counter:
		_, ok = s.(sessions.Counter)
	}
	return ok
}

// Options changes how [RunOptions] runs. The zero value is how [Run] does.
type Options struct {
	// Instance opens one more handle onto the database of first, as another
	// instance of the server would. Default: first itself, which then proves
	// nothing about instances.
	Instance func(t *testing.T, first sessions.Store) sessions.Store

	// Lacks names the abilities that the store is known to lack. Their cases
	// are skipped, visibly; any other missing ability is a failure.
	Lacks []Ability
}

// A Case checks one rule.
type Case struct {
	Name string
	Rule string // what a store must do, and why

	// Needs lists the abilities without which the case cannot run.
	Needs []Ability

	// Check returns what it saw when the rule is broken. It wants a store
	// without records, and a second handle onto the same database, or the
	// same store twice.
	Check func(ctx context.Context, s, other sessions.Store) error
}

// caseTimeout bounds one case, so that a store that hangs fails by name.
const caseTimeout = 2 * time.Minute

// Run checks a store with all abilities. It calls open once for each case, for
// a store without records; open registers its own clean-up with t.
func Run(t *testing.T, open func(t *testing.T) sessions.Store) {
	t.Helper()
	RunOptions(t, open, nil)
}

// RunOptions is [Run] with options, which may be nil.
func RunOptions(t *testing.T, open func(t *testing.T) sessions.Store, o *Options) {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			for _, a := range c.Needs {
				if slices.Contains(o.Lacks, a) {
					t.Skipf("the store lacks sessions.%s; not checked: %s", a, c.Rule)
				}
			}
			s := open(t)
			for _, a := range c.Needs {
				if !a.has(s) {
					t.Fatalf("the store must be a sessions.%s, or Options.Lacks must say that it is not", a)
				}
			}
			other := s
			if o.Instance != nil {
				other = o.Instance(t, s)
			}
			ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
			defer cancel()
			if err := c.Check(ctx, s, other); err != nil {
				t.Errorf("broken rule: %s\nseen: %v", c.Rule, err)
			}
		})
	}
}

// Cases returns all cases, for those who run them in their own way.
func Cases() []Case {
	return slices.Concat(recordCases(), updateCases(), replaceCases(), touchCases(), deleteCases(),
		raceCases(), userCases(), expiryCases(), onceCases(), contextCases())
}
