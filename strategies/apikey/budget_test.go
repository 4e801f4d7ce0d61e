package apikey_test

import (
	"testing"
	"time"

	"github.com/gopassport/passport/strategies/apikey"
)

// TestBudget: a key is checked in every request.
func TestBudget(t *testing.T) {
	k := &table{}
	text := k.newKey(time.Time{})
	s := apikey.New("acme_live", k.byID, nil)
	right, wrong := with("X-Api-Key", text), with("X-Api-Key", text+"A")
	for name, c := range map[string]struct {
		run    func()
		allocs float64
	}{
		"right": {func() { _, _ = s.Authenticate(right) }, 8},
		"wrong": {func() { _, _ = s.Authenticate(wrong) }, 2},
	} {
		got := testing.AllocsPerRun(200, c.run)
		t.Logf("%s: %v allocations", name, got)
		if got > c.allocs {
			t.Errorf("%s: %v allocations, more than %v", name, got, c.allocs)
		}
	}
}
