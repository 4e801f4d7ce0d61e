package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"

	"github.com/gopassport/passport/sessions"
)

// A Key encrypts tokens. fmt, slog and JSON show its ID alone.
type Key struct {
	// ID names the key in the records that it sealed, in the clear: 1 to 32
	// letters, digits, '.', '-' or '_'. Never give it to another Secret.
	ID string
	// Secret is at least 32 random bytes, for this purpose alone.
	Secret []byte
}

const (
	minSecret = 32
	// purpose begins what is authenticated besides, and the derivation of keys.
	purpose = "github.com/gopassport/passport vault v1"
	format  = 1 // of the stored form
)

// Format implements [fmt.Formatter] for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.masked()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.masked()) }

// MarshalJSON implements [json.Marshaler].
func (k Key) MarshalJSON() ([]byte, error) { return json.Marshal(k.masked()) }

func (k Key) masked() string { return "[vault key " + k.ID + "]" }

// A ring seals with its newest key and opens with all.
type ring struct {
	newest string
	aeads  map[string]func() cipher.AEAD // functions, into which no %+v looks
}

var keyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

func newRing(keys []Key) (*ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("vault: Config.Keys is empty")
	}
	r := &ring{newest: keys[0].ID, aeads: make(map[string]func() cipher.AEAD)}
	for _, k := range keys {
		switch {
		case !keyID.MatchString(k.ID):
			return nil, fmt.Errorf("vault: the key id %q does not match %s", k.ID, keyID)
		case r.aeads[k.ID] != nil:
			return nil, fmt.Errorf("vault: two keys have the id %s", k.ID)
		case len(k.Secret) < minSecret:
			return nil, fmt.Errorf("vault: the secret of key %s has %d bytes; it needs at least %d", k.ID, len(k.Secret), minSecret)
		}
		secret, err := hkdf.Key(sha256.New, k.Secret, nil, purpose, 32)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		r.aeads[k.ID] = func() cipher.AEAD { return aead }
	}
	return r, nil
}

// bound is what a record is bound to, besides its key. Lengths keep the parts
// apart.
func bound(keyID string, p place) []byte {
	b := []byte(purpose)
	for _, part := range [...]string{keyID, p.user, p.provider} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}

// seal encrypts for a place: the format, the length of the key's id and the
// id, then nonce, ciphertext and tag.
func (r *ring) seal(p place, plain []byte) string {
	head := append([]byte{format, byte(len(r.newest))}, r.newest...)
	return string(r.aeads[r.newest]().Seal(head, nil, plain, bound(r.newest, p)))
}

// open is the inverse of seal.
func (r *ring) open(p place, sealed string) ([]byte, error) {
	id, sealed, ok := cutKeyID(sealed)
	if !ok {
		return nil, fmt.Errorf("vault: %w: not of this format", sessions.ErrCorrupt)
	}
	aead := r.aeads[id]
	if aead == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, id)
	}
	plain, err := aead().Open(nil, nil, []byte(sealed), bound(id, p))
	if err != nil {
		return nil, fmt.Errorf("vault: %w: it was changed, or is of another user or provider", sessions.ErrCorrupt)
	}
	return plain, nil
}

// cutKeyID takes the head off a sealed value.
func cutKeyID(sealed string) (id, rest string, ok bool) {
	if len(sealed) < 2 || sealed[0] != format {
		return "", "", false
	}
	end := 2 + int(sealed[1])
	if len(sealed) < end || !keyID.MatchString(sealed[2:end]) {
		return "", "", false
	}
	return sealed[2:end], sealed[end:], true
}
