package refresh_test

import (
	"testing"

	"github.com/gopassport/passport/sessions"
)

// TestBudget: what is made up costs next to nothing.
func TestBudget(t *testing.T) {
	f := newFamilies(t, sessions.NewMemoryStore(nil), nil)
	token := begin(t, f)
	forged := "A" + token[1:]
	if token[0] == 'A' {
		forged = "B" + token[1:]
	}
	ctx := t.Context()
	const budget = 12
	got := testing.AllocsPerRun(200, func() { _, _, _ = f.Refresh(ctx, forged, nil) })
	t.Logf("a forged token: %v allocations", got)
	if got > budget {
		t.Errorf("a forged token: %v allocations, more than %d", got, budget)
	}
}
