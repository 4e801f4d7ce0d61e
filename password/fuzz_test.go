package password_test

import (
	"fmt"
	"testing"

	"github.com/gopassport/passport/password"
)

// F13: a PHC string is refused, or within bounds and the one way to write it.
func FuzzArgon2(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, stored string) {
		p, again, err := password.ParseArgon(stored)
		if err != nil {
			return
		}
		if again != stored {
			t.Errorf("%q is read as %q", stored, again)
		}
		if p.Memory > 256<<10 || p.Time > 16 || p.Memory*p.Time > 1<<20 || p.Threads < 1 || p.Threads > 8 {
			t.Errorf("%q: out of bounds", stored)
		}
	})
}

// F13: a bcrypt hash is refused, or its cost is one we bear.
func FuzzBcrypt(f *testing.F) {
	f.Add("$2b$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe")
	s := password.QuickBcrypt(4)
	f.Fuzz(func(t *testing.T, stored string) {
		cost, err := password.BcryptCost(stored)
		if err != nil {
			return
		}
		if cost < 4 || cost > password.MaxCost || fmt.Sprintf("%02d", cost) != stored[4:6] || !s.Identify(stored) {
			t.Errorf("%q: cost %d", stored, cost)
		}
		// What we let through the library reads as well.
		if cost > 5 {
			stored = stored[:4] + "04" + stored[6:]
		}
		if _, err := s.Verify(stored, "a"); err != nil {
			t.Errorf("%q: %v", stored, err)
		}
	})
}

// F13: a Django hash is refused, or within bounds.
func FuzzDjango(f *testing.F) {
	f.Add("pbkdf2_sha256$1000$seasalt$BQOZQ+wNRRYkMiytPQPBbtYmTcAYkIMbDdMRlGU5bsc=")
	f.Fuzz(func(t *testing.T, stored string) {
		iterations, salt, key, err := password.ParseDjango(stored)
		if err == nil && (iterations < 1 || iterations > 4_000_000 || salt == "" || len(key) != 32) {
			t.Errorf("%q: %d iterations, %d bytes", stored, iterations, len(key))
		}
	})
}
