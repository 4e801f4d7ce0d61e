package password_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/gopassport/passport/password"
)

// Published vectors, and one made with Python's hashlib, as other programs
// write them.
func TestVectors(t *testing.T) {
	b := password.QuickBcrypt(6)
	for _, tt := range []struct {
		scheme           password.Scheme
		stored, password string
	}{
		{b, "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"},
		{b, "$2b$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"},
		{b, "$2y$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"},
		{password.Argon2id(nil), "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		{password.DjangoPBKDF2(), "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=", "correct horse"},
	} {
		if !tt.scheme.Identify(tt.stored) {
			t.Errorf("%s: not identified", tt.stored)
		}
		if ok, err := tt.scheme.Verify(tt.stored, tt.password); !ok || err != nil {
			t.Errorf("%s: %v, %v", tt.stored, ok, err)
		}
		if ok, err := tt.scheme.Verify(tt.stored, tt.password+"x"); ok || err != nil {
			t.Errorf("%s, wrong password: %v, %v", tt.stored, ok, err)
		}
	}
}

// A14: a poisoned database cannot make us work. Each of these is refused at
// once, though some would take years.
func TestRefusedWithoutComputing(t *testing.T) {
	const salt, hash = "m0CrhHm10qJ3lXRY.5zDGO", "3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"
	const phc = "$c29tc2FsdHNvbWVzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	const key = "BQOZQ+wNRRYkMiytPQPBbtYmTcAYkIMbDdMRlGU5bsc="
	schemes := []password.Scheme{password.Bcrypt(password.MinCost), password.Argon2id(nil), password.DjangoPBKDF2()}
	for _, stored := range []string{
		"$2a$16$" + salt + hash,
		"$2a$31$" + salt + hash,
		"$2a$03$" + salt + hash,
		"$2a$00$" + salt + hash,
		"$2a$1:$" + salt + hash,
		"$2a$-1$" + salt + hash,
		"$2x$10$" + salt + hash,
		"$2$10$" + salt + hash + "x",
		"$2a$10$" + salt + hash + "x",
		"$2a$10$" + salt + hash[1:],
		"$2a$10$" + salt + "\x00" + hash[1:],
		"$2",
		"$argon2id$v=19$m=262145,t=1,p=1" + phc,
		"$argon2id$v=19$m=65536,t=17,p=1" + phc,
		"$argon2id$v=19$m=262144,t=5,p=1" + phc,
		"$argon2id$v=19$m=65536,t=1,p=9" + phc,
		"$argon2id$v=19$m=65536,t=1,p=0" + phc,
		"$argon2id$v=19$m=65536,t=0,p=1" + phc,
		"$argon2id$v=19$m=7,t=1,p=1" + phc,
		"$argon2id$v=19$m=4294967296,t=1,p=1" + phc,
		"$argon2id$v=19$m=+64,t=1,p=1" + phc,
		"$argon2id$v=19$m=064,t=1,p=1" + phc,
		"$argon2id$v=19$t=1,m=64,p=1" + phc,
		"$argon2id$v=16$m=64,t=1,p=1" + phc,
		"$argon2id$v=19$m=64,t=1,p=1,x=1" + phc,
		"$argon2id$v=19$m=64,t=1,p=1$c29tc2FsdHNvbWVzYWx0$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tc2FsdHNvbWVzYWx0$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c2E$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1\n" + phc,
		"$argon2id$v=19$m=64,t=1,p=1$c29tc2FsdHNvbWVzYWx0\n" + phc[21:],
		"$argon2id$v=19$m=64,t=1,p=1$c29tc2FsdHNvbWVzYWx0$" + strings.Repeat("A", 400),
		"pbkdf2_sha256$4000001$seasalt$" + key,
		"pbkdf2_sha256$999999999999$seasalt$" + key,
		"pbkdf2_sha256$0$seasalt$" + key,
		"pbkdf2_sha256$-1$seasalt$" + key,
		"pbkdf2_sha256$1000$$" + key,
		"pbkdf2_sha256$1000$seasalt$",
		"pbkdf2_sha256$1000$seasalt$AAAA",
		"pbkdf2_sha256$1000$seasalt$" + key + "$",
	} {
		begun := time.Now()
		identified := false
		for _, s := range schemes {
			if !s.Identify(stored) {
				continue
			}
			identified = true
			if ok, err := s.Verify(stored, "a"); ok || !errors.Is(err, password.ErrBadHash) {
				t.Errorf("%q: %v, %v; want ErrBadHash", stored, ok, err)
			}
			if s.Current(stored) {
				t.Errorf("%q: is called current", stored)
			}
		}
		if !identified {
			t.Errorf("%q: no scheme knows it", stored)
		}
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("%q: refused after %v", stored, d)
		}
	}
}

// A03: a hash of a lower cost is made up to the configured one, so that it
// does not tell who was imported.
func TestLowerCostIsMadeUp(t *testing.T) {
	const low = "$2a$04$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"
	work := 0 // a comparison costs 2 to the power of its cost
	s := password.CountingBcrypt(8, func(hash, pw []byte) error {
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			t.Errorf("%s: %v", hash, err)
		}
		work += 1 << cost
		return bcrypt.CompareHashAndPassword(hash, pw)
	})
	if ok, err := s.Verify(low, "wrong"); ok || err != nil {
		t.Fatal(ok, err)
	}
	if work != 1<<8 {
		t.Errorf("a wrong password costs %d rounds, want %d", work, 1<<8)
	}
}
