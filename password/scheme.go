package password

import "errors"

// A Scheme makes and checks hashes of one format. A [Hasher] asks it, with
// passwords that are valid UTF-8, hold no NUL, and have 1 to MaxBytes bytes.
// It is safe for concurrent use.
type Scheme interface {
	// Identify reports whether stored has this scheme's format, by its first
	// characters.
	Identify(stored string) bool
	// MaxBytes is the longest password that is hashed whole.
	MaxBytes() int
	// Hash makes a hash with a new random salt.
	Hash(password string) (string, error)
	// Verify reports whether stored is a hash of password, compared in constant
	// time. With an error, such as ErrBadHash, nothing was computed.
	Verify(stored, password string) (bool, error)
	// Current reports whether Hash would use the same parameters today.
	Current(stored string) bool
}

// ErrBadHash: the stored hash is malformed, or asks for more work than its
// scheme allows. It is never computed: somebody who can write to the database
// could hold a core for hours.
var ErrBadHash = errors.New("password: unusable stored hash")

// digits reads a decimal number with neither sign nor leading zero, of at
// most nine digits.
func digits(s string) (int, bool) {
	if s == "" || len(s) > 9 || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
