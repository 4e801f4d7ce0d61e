package password

import "golang.org/x/crypto/bcrypt"

// What the fuzz targets read without computing a hash.
var (
	BcryptCost  = bcryptCost
	ParseDjango = parseDjango
)

// QuickBcrypt is Bcrypt at costs that New would not take. Under the race
// detector one hash at cost 12 takes seconds.
func QuickBcrypt(cost int) Scheme { return bcryptScheme{cost, bcrypt.CompareHashAndPassword} }

// CountingBcrypt is Bcrypt that compares by a function.
func CountingBcrypt(cost int, compare func(hash, password []byte) error) Scheme {
	return bcryptScheme{cost, compare}
}

// Dummy is what h checks for a user who does not exist.
func Dummy(h *Hasher) string { return h.dummy }

// ParseArgon reads a PHC string and writes it again.
func ParseArgon(stored string) (Argon2Params, string, error) {
	h, err := parseArgon(stored)
	if err != nil {
		return h.params, "", err
	}
	return h.params, h.String(), nil
}
