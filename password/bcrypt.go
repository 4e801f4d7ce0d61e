package password

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// The costs of bcrypt. Each one more doubles the time; one compare at cost 12
// takes about 0.2 s.
const (
	// DefaultCost is the cost of new hashes.
	DefaultCost = 12
	// MinCost and MaxCost bound the cost of new hashes. Old hashes are checked
	// from cost 4 on, and never above MaxCost.
	MinCost = 10
	MaxCost = 15
)

// Bcrypt makes bcrypt hashes ($2a$) at a cost from [MinCost] to [MaxCost], and
// checks $2a$, $2b$ and $2y$ of cost 4 to 15. It panics on another cost.
//
// bcrypt takes no password of more than 72 bytes. In ASCII that is 72
// characters, in other scripts as few as 18; [Argon2id] has room for all.
func Bcrypt(cost int) Scheme {
	if cost < MinCost || cost > MaxCost {
		panic(fmt.Sprintf("password: bcrypt cost %d is not between %d and %d; %d is a good one", cost, MinCost, MaxCost, DefaultCost))
	}
	return bcryptScheme{cost, bcrypt.CompareHashAndPassword}
}

type bcryptScheme struct {
	cost    int
	compare func(hash, password []byte) error
}

func (bcryptScheme) Identify(stored string) bool { return strings.HasPrefix(stored, "$2") }

func (bcryptScheme) MaxBytes() int { return 72 }

func (b bcryptScheme) Hash(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), b.cost)
	return string(hash), err
}

func (b bcryptScheme) Verify(stored, password string) (bool, error) {
	cost, err := bcryptCost(stored)
	if err != nil {
		return false, err
	}
	err = b.compare([]byte(stored), []byte(password))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, ErrBadHash
	}
	// On the day after an import from a system of a lower cost, a quick
	// refusal would say that the account exists. 2^c + 2^c + 2^(c+1) + … is
	// 2^cost, so these make up what is missing exactly.
	for ; cost < b.cost; cost++ {
		filler := stored[:4] + fmt.Sprintf("%02d", cost) + stored[6:]
		_ = b.compare([]byte(filler), []byte(password))
	}
	return false, nil
}

func (b bcryptScheme) Current(stored string) bool {
	cost, err := bcryptCost(stored)
	return err == nil && cost == b.cost
}

const (
	bcryptLength   = 60 // "$2b$12$", 22 characters of salt, 31 of hash
	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// bcryptCost reads the cost of a whole, well-formed hash that may be computed.
// The letter tells which bugs the program that made it had fixed; the three
// are the same for the passwords that we hash. $2x$ is the mark of wrong ones.
func bcryptCost(stored string) (int, error) {
	if len(stored) != bcryptLength || stored[:2] != "$2" || stored[3] != '$' || stored[6] != '$' ||
		strings.IndexByte("aby", stored[2]) < 0 ||
		strings.Trim(stored[7:], bcryptAlphabet) != "" {
		return 0, fmt.Errorf("%w: malformed bcrypt", ErrBadHash)
	}
	tens, ones := stored[4]-'0', stored[5]-'0'
	cost := int(tens)*10 + int(ones)
	if tens > 9 || ones > 9 || cost < bcrypt.MinCost || cost > MaxCost {
		return 0, fmt.Errorf("%w: bcrypt cost out of bounds", ErrBadHash)
	}
	return cost, nil
}
