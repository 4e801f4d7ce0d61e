package refresh

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// A name is 256 random bits that are in the tokens of one family, and nowhere
// in the database.
type name [32]byte

func newName() (n name) {
	rand.Read(n[:])
	return n
}

// id is the key of the family's record. It begins with what no session's
// begins with.
func (n name) id(realm string) sessions.ID {
	return sha256.Sum256(append([]byte("family\x00"+realm+"\x00"), n[:]...))
}

// A token is, in base64url, the name, the generation and the MAC of both: 72
// bytes, which take 96 characters and have one spelling.
const (
	generationAt = len(name{})
	macAt        = generationAt + 8
	tokenBytes   = macAt + sha256.Size
	tokenChars   = tokenBytes * 8 / 6
)

// A key makes MACs for one realm.
type key []byte

const minSecret = 32 // bytes

func newKeys(secrets [][]byte, realm string) (keys []key, err error) {
	if len(secrets) == 0 {
		return nil, errors.New("refresh: New needs a secret of at least 32 bytes: openssl rand -base64 32 makes one")
	}
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("refresh: secret %d has %d bytes; it needs at least %d: openssl rand -base64 32 makes one", i, len(secret), minSecret)
		}
		k, err := hkdf.Key(sha256.New, secret, nil, "github.com/gopassport/passport refresh v1 "+realm, sha256.Size)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// token is that of a generation of the family.
func (k key) token(n name, generation int64) string {
	raw := make([]byte, 0, tokenBytes)
	raw = append(raw, n[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(generation))
	return base64.RawURLEncoding.EncodeToString(k.mac(raw))
}

// mac appends the MAC of b to it.
func (k key) mac(b []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(b)
	return h.Sum(b)
}

// open reads a token that was made here.
func (f *Families) open(token string) (n name, generation int64, ok bool) {
	if len(token) != tokenChars {
		return n, 0, false
	}
	var raw [tokenBytes]byte
	if got, err := base64.RawURLEncoding.Decode(raw[:], []byte(token)); err != nil || got != tokenBytes {
		return n, 0, false
	}
	for _, k := range f.keys {
		if hmac.Equal(k.mac(raw[:macAt:macAt])[macAt:], raw[macAt:]) {
			return name(raw[:generationAt]), int64(binary.BigEndian.Uint64(raw[generationAt:macAt])), true
		}
	}
	return n, 0, false
}
