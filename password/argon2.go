package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2Params are the parameters of [Argon2id]. A zero field takes its
// default; the defaults are the second of the OWASP Password Storage Cheat
// Sheet.
type Argon2Params struct {
	Memory  int // KiB; default 19456 (19 MiB), at least 8 for each of Threads, at most 262144 (256 MiB)
	Time    int // passes over the memory; default 2, at most 16, and Time × Memory at most 1 GiB
	Threads int // default 1, at most 8; more than one is outside the Hasher's bound on cores
}

const (
	argonSalt, argonKey = 16, 32 // bytes of new hashes
	argonMaxMemory      = 256 << 10
	argonMaxTime        = 16
	argonMaxWork        = 1 << 20 // KiB × passes: about a second
	argonMaxThreads     = 8
)

// within reports whether one hash with these parameters is sane work.
func (p Argon2Params) within() bool {
	return p.Threads >= 1 && p.Threads <= argonMaxThreads &&
		p.Memory >= 8*p.Threads && p.Memory <= argonMaxMemory &&
		p.Time >= 1 && p.Time <= argonMaxTime && p.Time*p.Memory <= argonMaxWork
}

// Argon2id makes and checks argon2id hashes as PHC strings,
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash. p may be nil. It panics on
// parameters outside the bounds of [Argon2Params], and refuses stored hashes
// outside them without computing, as well as those with a salt under 8 or a
// hash under 16 bytes, or either over 64.
//
// It takes passwords of up to 1024 bytes.
func Argon2id(p *Argon2Params) Scheme {
	var a Argon2Params
	if p != nil {
		a = *p
	}
	if a.Memory == 0 {
		a.Memory = 19456
	}
	if a.Time == 0 {
		a.Time = 2
	}
	if a.Threads == 0 {
		a.Threads = 1
	}
	if !a.within() {
		panic(fmt.Sprintf("password: argon2id m=%d,t=%d,p=%d is out of bounds; see Argon2Params", a.Memory, a.Time, a.Threads))
	}
	return argonScheme{a}
}

type argonScheme struct{ params Argon2Params }

func (argonScheme) Identify(stored string) bool { return strings.HasPrefix(stored, "$argon2id$") }

func (argonScheme) MaxBytes() int { return 1024 }

func (s argonScheme) Hash(password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails, by its contract
	h := argonHash{s.params, salt, nil}
	h.key = h.derive(password, argonKey)
	return h.String(), nil
}

func (s argonScheme) Verify(stored, password string) (bool, error) {
	h, err := parseArgon(stored)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(h.key, h.derive(password, len(h.key))) == 1, nil
}

func (s argonScheme) Current(stored string) bool {
	h, err := parseArgon(stored)
	return err == nil && h.params == s.params && len(h.salt) >= argonSalt && len(h.key) >= argonKey
}

// An argonHash is a PHC string taken apart.
type argonHash struct {
	params    Argon2Params
	salt, key []byte
}

func (h argonHash) derive(password string, length int) []byte {
	return argon2.IDKey([]byte(password), h.salt,
		uint32(h.params.Time), uint32(h.params.Memory), uint8(h.params.Threads), uint32(length))
}

func (h argonHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.Memory, h.params.Time, h.params.Threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

// parseArgon takes the one spelling that String writes, so that two strings
// never mean the same hash.
func parseArgon(stored string) (argonHash, error) {
	var h argonHash
	malformed := fmt.Errorf("%w: malformed argon2id", ErrBadHash)
	if len(stored) > 256 {
		return h, malformed
	}
	part := strings.Split(stored, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v=19" {
		return h, malformed
	}
	setting := strings.Split(part[3], ",")
	if len(setting) != 3 {
		return h, malformed
	}
	for i, into := range []*int{&h.params.Memory, &h.params.Time, &h.params.Threads} {
		value, named := strings.CutPrefix(setting[i], [...]string{"m=", "t=", "p="}[i])
		n, ok := digits(value)
		if !named || !ok {
			return h, malformed
		}
		*into = n
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(part[4])
	h.key, err2 = base64.RawStdEncoding.Strict().DecodeString(part[5])
	if err1 != nil || err2 != nil || strings.ContainsAny(stored, "\r\n") { // the decoder skips line ends
		return h, malformed
	}
	if !h.params.within() || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return h, fmt.Errorf("%w: argon2id parameters out of bounds", ErrBadHash)
	}
	return h, nil
}
