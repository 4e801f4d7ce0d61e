package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxIterations of PBKDF2 take about a second. Django's default has grown
// from 10,000 to above a million.
const maxIterations = 4_000_000

// DjangoPBKDF2 checks the hashes of Django's default hasher,
// pbkdf2_sha256$iterations$salt$hash, for users who were imported. It makes
// none, so it belongs into [Options.Accept]. Hashes of more than 4,000,000
// iterations are refused without computing.
func DjangoPBKDF2() Scheme { return djangoScheme{} }

type djangoScheme struct{}

func (djangoScheme) Identify(stored string) bool { return strings.HasPrefix(stored, "pbkdf2_sha256$") }

func (djangoScheme) MaxBytes() int { return 1024 }

func (djangoScheme) Hash(string) (string, error) {
	return "", errors.New("password: DjangoPBKDF2 only checks hashes")
}

func (djangoScheme) Verify(stored, password string) (bool, error) {
	iterations, salt, key, err := parseDjango(stored)
	if err != nil {
		return false, err
	}
	derived, err := pbkdf2.Key(sha256.New, password, []byte(salt), iterations, len(key))
	if err != nil { // FIPS 140-only mode has opinions on salts
		return false, fmt.Errorf("%w: %w", ErrBadHash, err)
	}
	return subtle.ConstantTimeCompare(key, derived) == 1, nil
}

func (djangoScheme) Current(string) bool { return false }

func parseDjango(stored string) (iterations int, salt string, key []byte, err error) {
	malformed := fmt.Errorf("%w: malformed pbkdf2_sha256", ErrBadHash)
	part := strings.Split(stored, "$")
	if len(stored) > 256 || len(part) != 4 || part[0] != "pbkdf2_sha256" || part[2] == "" {
		return 0, "", nil, malformed
	}
	iterations, ok := digits(part[1])
	key, err = base64.StdEncoding.Strict().DecodeString(part[3])
	if !ok || err != nil || len(key) != sha256.Size || strings.ContainsAny(stored, "\r\n") {
		return 0, "", nil, malformed
	}
	if iterations < 1 || iterations > maxIterations {
		return 0, "", nil, fmt.Errorf("%w: pbkdf2_sha256 iterations out of bounds", ErrBadHash)
	}
	return iterations, part[2], key, nil
}
