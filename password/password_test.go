package password_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gopassport/passport/password"
)

// A01, A02, A03, A05, A06, A07, A08: whatever the password and whatever is
// stored, a stranger's attempt is the same work as a wrong password's.
func TestVerifySpendsTheSameWork(t *testing.T) {
	primary, other := &counting{name: "primary", max: 72}, &counting{name: "other", max: 1024}
	h := password.New(&password.Options{Scheme: primary, Accept: []password.Scheme{other}})
	stored := map[string]string{
		"unknown":     "",
		"known":       primary.digest("right"),
		"malformed":   "primary$malformed",
		"foreign":     "$9$what",
		"unusable":    "!",
		"other":       other.digest("right"),
		"other, torn": "other$malformed",
	}
	tests := []struct {
		name, password string
		work           int
		reason         string // of the PolicyError for an unknown user
	}{
		{"wrong", "wrong", 1, ""},
		{"72 bytes", strings.Repeat("x", 72), 1, ""},
		{"73 bytes", strings.Repeat("x", 73), 1, ""},
		{"25 four-byte runes", strings.Repeat("🔑", 25), 1, ""},
		{"empty", "", 0, password.Empty},
		{"1 MB", strings.Repeat("x", 1<<20), 0, password.TooLong},
		{"NUL", "a\x00a", 0, password.NotText},
		{"invalid UTF-8", "a\xff", 0, password.NotText},
	}
	for _, tt := range tests {
		for who, hash := range stored {
			t.Run(tt.name+"/"+who, func(t *testing.T) {
				before := primary.verifies() + other.verifies()
				_, err := h.Verify(t.Context(), hash, tt.password)
				if !errors.Is(err, password.ErrMismatch) {
					t.Errorf("error %v, want ErrMismatch", err)
				}
				if work := primary.verifies() + other.verifies() - before; work != tt.work {
					t.Errorf("%d hashes, want %d", work, tt.work)
				}
				pe, refused := errors.AsType[*password.PolicyError](err)
				if tt.reason != "" && (!refused || pe.Reason != tt.reason) {
					t.Errorf("error %v, want policy %q", err, tt.reason)
				}
			})
		}
	}
	if primary.largestWork > 72 {
		t.Errorf("a password of %d bytes reached a scheme that takes 72", primary.largestWork)
	}
}

// A password that is too long for its user's scheme must not match by the
// part that fits.
func TestNoTruncation(t *testing.T) { // A05 A09
	h := password.New(&password.Options{Scheme: password.QuickBcrypt(4)})
	fits := strings.Repeat("x", 72)
	hash, err := h.Hash(t.Context(), fits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Verify(t.Context(), hash, fits); err != nil {
		t.Errorf("72 bytes: %v", err)
	}
	if _, err := h.Verify(t.Context(), hash, fits+"y"); !errors.Is(err, password.ErrMismatch) {
		t.Errorf("73 bytes that begin with the password: error %v, want ErrMismatch", err)
	}
}

func TestHashRefuses(t *testing.T) { // A05, A06, A07, A08
	scheme := &counting{name: "c", max: 72}
	h := password.New(&password.Options{Scheme: scheme})
	for _, tt := range []struct{ name, password, reason string }{
		{"empty", "", password.Empty},
		{"73 bytes", strings.Repeat("x", 73), password.TooLong},
		{"25 four-byte runes", strings.Repeat("🔑", 25), password.TooLong},
		{"expands beyond 72 bytes", strings.Repeat("ﷺ", 3), password.TooLong},
		{"NUL", "a\x00b", password.NotText},
		{"invalid UTF-8", "\xc3\x28", password.NotText},
	} {
		_, err := h.Hash(t.Context(), tt.password)
		pe, ok := errors.AsType[*password.PolicyError](err)
		if !ok || pe.Reason != tt.reason {
			t.Errorf("%s: error %v, want policy %q", tt.name, err, tt.reason)
		}
	}
	if scheme.hashed != 1 { // the dummy
		t.Errorf("%d hashes computed, want only that of New", scheme.hashed)
	}
}

func TestWholePasswordCounts(t *testing.T) { // A10
	h := password.New(&password.Options{Scheme: password.QuickBcrypt(4)})
	for _, pw := range []string{
		strings.Repeat("a", 64),
		" leading and trailing ",
		"MixedCase",
		"12345678",
		"пароль с пробелами",
	} {
		hash, err := h.Hash(t.Context(), pw)
		if err != nil {
			t.Errorf("%q: %v", pw, err)
			continue
		}
		if _, err := h.Verify(t.Context(), hash, pw); err != nil {
			t.Errorf("%q: %v", pw, err)
		}
		for _, near := range []string{strings.TrimSpace(pw), strings.ToLower(pw), pw[:len(pw)-1]} {
			if near == pw {
				continue
			}
			if _, err := h.Verify(t.Context(), hash, near); err == nil {
				t.Errorf("%q signs in with %q", pw, near)
			}
		}
	}
}

func TestNormalisation(t *testing.T) { // A11
	const composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
	for _, tt := range []struct {
		raw  bool
		want bool
	}{{false, true}, {true, false}} {
		h := password.New(&password.Options{Scheme: &counting{name: "c", max: 72}, Raw: tt.raw})
		for _, pair := range [][2]string{{composed, decomposed}, {decomposed, composed}} {
			hash, err := h.Hash(t.Context(), pair[0])
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Verify(t.Context(), hash, pair[1])
			if (err == nil) != tt.want {
				t.Errorf("Raw %v: %+q against %+q: %v", tt.raw, pair[0], pair[1], err)
			}
		}
	}
}

func TestRehash(t *testing.T) { // A13, A14
	const secret = "correct horse"
	hashed := func(s password.Scheme) string {
		hash, err := s.Hash(secret)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	b4, a2 := hashed(password.QuickBcrypt(4)), hashed(password.Argon2id(&password.Argon2Params{Memory: 64}))
	for _, tt := range []struct {
		name   string
		scheme password.Scheme
		stored string
		want   bool
	}{
		{"same cost", password.QuickBcrypt(4), b4, false},
		{"another letter", password.QuickBcrypt(4), "$2y" + b4[3:], false},
		{"another cost", password.QuickBcrypt(5), b4, true},
		{"old Node hash", password.QuickBcrypt(6), "$2b" + b4[3:], true},
		{"another scheme", password.Argon2id(nil), b4, true},
		{"same parameters", password.Argon2id(&password.Argon2Params{Memory: 64}), a2, false},
		{"other parameters", password.Argon2id(&password.Argon2Params{Memory: 128}), a2, true},
		{"Django", password.QuickBcrypt(4), "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := password.New(&password.Options{Scheme: tt.scheme, Accept: []password.Scheme{
				password.QuickBcrypt(4), password.Argon2id(nil), password.DjangoPBKDF2(),
			}})
			rehash, err := h.Verify(t.Context(), tt.stored, secret)
			if err != nil || rehash != tt.want {
				t.Errorf("rehash %v, error %v; want %v", rehash, err, tt.want)
			}
			if rehash, err := h.Verify(t.Context(), tt.stored, "wrong"); err == nil || rehash {
				t.Errorf("wrong password: rehash %v, error %v", rehash, err)
			}
		})
	}
}

// A password that the configured scheme cannot take stays with its old hash.
func TestNoRehashThatWouldFail(t *testing.T) {
	old := &counting{name: "old", max: 1024}
	h := password.New(&password.Options{Scheme: &counting{name: "new", max: 72}, Accept: []password.Scheme{old}})
	for length, want := range map[int]bool{72: true, 73: false} {
		pw := strings.Repeat("x", length)
		if rehash, err := h.Verify(t.Context(), old.digest(pw), pw); err != nil || rehash != want {
			t.Errorf("%d bytes: rehash %v, error %v; want %v", length, rehash, err, want)
		}
	}
}

func TestNewPanics(t *testing.T) { // F16
	for name, f := range map[string]func(){
		"bcrypt 9":       func() { password.Bcrypt(9) },
		"bcrypt 16":      func() { password.Bcrypt(16) },
		"argon2 memory":  func() { password.Argon2id(&password.Argon2Params{Memory: 1 << 30}) },
		"argon2 threads": func() { password.Argon2id(&password.Argon2Params{Threads: -1}) },
		"argon2 work":    func() { password.Argon2id(&password.Argon2Params{Memory: 256 << 10, Time: 5}) },
		"verify only":    func() { password.New(&password.Options{Scheme: password.DjangoPBKDF2()}) },
		"nil scheme":     func() { password.New(&password.Options{Accept: []password.Scheme{nil}}) },
		"negative":       func() { password.New(&password.Options{Concurrent: -1}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if msg, _ := recover().(string); !strings.HasPrefix(msg, "password: ") {
					t.Errorf("panic %q, want one of this package", msg)
				}
			}()
			f()
		})
	}
}

func TestDefaults(t *testing.T) { // A03, A15, F16
	if dummy := password.Dummy(password.New(nil)); !strings.HasPrefix(dummy, "$2a$12$") {
		t.Errorf("the hash of nobody begins with %q, want cost 12", dummy[:7])
	}
}
