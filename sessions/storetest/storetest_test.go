package storetest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/storetest"
)

// The kit passes a store that is right.
func TestRightStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) sessions.Store { return sessions.NewMemoryStore(nil) })
}

// The kit catches each mistake in the cases that are about it; and each case
// catches some mistake, or it would be about nothing.
func TestBrokenStores(t *testing.T) {
	cases := make(map[string]storetest.Case)
	for _, c := range storetest.Cases() {
		cases[c.Name] = c
	}
	caught := make(map[string]bool)
	for _, b := range append(storeMistakes(), abilityMistakes()...) {
		t.Run(b.name, func(t *testing.T) {
			for name := range strings.FieldsSeq(b.cases) {
				c, ok := cases[name]
				if !ok {
					t.Fatalf("no case %q", name)
				}
				m := sessions.NewMemoryStore(nil)
				d := &double{MemoryStore: m}
				b.make(m, d)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if err := c.Check(ctx, d, d); err == nil {
					t.Errorf("case %s has not seen it", name)
				}
				caught[name] = true
			}
		})
	}
	for name := range cases {
		if !caught[name] {
			t.Errorf("case %s is shown to catch nothing", name)
		}
	}
}

// A case that says nothing about why is of no use to whoever breaks it.
func TestRulesAreTold(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range storetest.Cases() {
		if seen[c.Name] || len(c.Rule) < 40 || !strings.HasSuffix(c.Rule, ".") {
			t.Errorf("case %q: want a name of its own and a rule told in a sentence, got %q", c.Name, c.Rule)
		}
		seen[c.Name] = true
	}
}

// A store that lacks an ability runs the other cases.
func TestLacks(t *testing.T) {
	type core struct{ sessions.Store }
	all := []storetest.Ability{
		storetest.Once, storetest.Lister, storetest.UserDeleter,
		storetest.RealmDeleter, storetest.ExpiredDeleter, storetest.Counter,
	}
	storetest.RunOptions(t, func(*testing.T) sessions.Store {
		return core{sessions.NewMemoryStore(nil)}
	}, &storetest.Options{Lacks: all})
}
