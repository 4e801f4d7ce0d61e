// Package seal encrypts and authenticates the small values that the framework
// leaves in the browser: AES-256-GCM under a key derived from a secret.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// ErrInvalid says that a sealed value is not ours, not for this purpose, or
// too old. It says no more on purpose.
var ErrInvalid = errors.New("seal: invalid or expired")

// A Sealer seals with the newest of its secrets and opens with all.
type Sealer struct {
	aeads []cipher.AEAD
}

// New makes a Sealer of secrets, the newest first.
func New(secrets ...[]byte) (*Sealer, error) {
	s := new(Sealer)
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("secret %d has %d bytes; it needs at least %d", i, len(secret), MinSecret)
		}
		key, err := hkdf.Key(sha256.New, secret, nil, "github.com/gopassport/passport seal v1", 32)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s.aeads = append(s.aeads, aead)
	}
	if len(s.aeads) == 0 {
		return nil, errors.New("no secret")
	}
	return s, nil
}

// Seal encrypts value for one purpose, until a time. The result is base64url.
func (s *Sealer) Seal(purpose string, value []byte, until time.Time) string {
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(until.UnixMilli()))
	plain = append(plain, value...)
	return base64.RawURLEncoding.EncodeToString(s.aeads[0].Seal(nil, nil, plain, []byte(purpose)))
}

// Open is the inverse of Seal: with the same purpose, and before that time.
func (s *Sealer) Open(purpose, sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || strings.ContainsAny(sealed, "\r\n") { // which it skips: a value has one spelling
		return nil, ErrInvalid
	}
	for _, aead := range s.aeads {
		plain, err := aead.Open(nil, nil, raw, []byte(purpose))
		if err != nil {
			continue
		}
		if len(plain) < 8 || time.Now().UnixMilli() >= int64(binary.BigEndian.Uint64(plain)) {
			return nil, ErrInvalid
		}
		return plain[8:], nil
	}
	return nil, ErrInvalid
}
