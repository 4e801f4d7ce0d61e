package bearer_test

import (
	"bytes"
	"testing"

	"github.com/gopassport/passport/strategies/bearer"
)

// F13: an answer says that a token is active by that member, spelled so, and
// nothing else does.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, answer []byte) {
		if active, ok := bearer.Active(answer); active && (!ok || !bytes.Contains(answer, []byte("true"))) {
			t.Fatalf("active: %q", answer)
		}
	})
}
