package storetest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/storetest"
)

// amnesiac forgets which one-time values were spent.
type amnesiac struct{ *sessions.MemoryStore }

func (amnesiac) Once(context.Context, [32]byte, time.Time) error { return nil }

// A test of a store calls Run. What it would report:
func ExampleCases() {
	for _, c := range storetest.Cases() {
		store := amnesiac{sessions.NewMemoryStore(nil)}
		if err := c.Check(context.Background(), store, store); err != nil {
			fmt.Println(c.Name)
		}
	}
	// Output:
	// Once
	// OnceRace
	// OnceSwept
	// ContextOver
}
