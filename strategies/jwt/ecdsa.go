package jwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/golang-jwt/jwt/v5"
)

// An ecdsaMethod checks signatures as golang-jwt's does, with half of its
// allocations: none for big numbers, a copy of the token and a hash.
type ecdsaMethod struct{ *jwt.SigningMethodECDSA }

// Verify implements [jwt.SigningMethod].
func (m ecdsaMethod) Verify(signed string, signature []byte, key any) error {
	var sum []byte
	switch m.Hash {
	case crypto.SHA256:
		s := sha256.Sum256([]byte(signed))
		sum = s[:]
	case crypto.SHA384:
		s := sha512.Sum384([]byte(signed))
		sum = s[:]
	default:
		s := sha512.Sum512([]byte(signed))
		sum = s[:]
	}
	if !ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum, der(signature)) {
		return jwt.ErrECDSAVerification
	}
	return nil
}

// der is a signature, two numbers of one length (RFC 7518 section 3.4), as a
// sequence of two integers (RFC 3279 section 2.2.3).
func der(signature []byte) []byte {
	half := len(signature) / 2
	b := make([]byte, 3, 3+2*(3+half))
	for _, n := range [2][]byte{signature[:half], signature[half:]} {
		n = bytes.TrimLeft(n, "\x00")
		if len(n) == 0 || n[0] >= 0x80 { // it would be negative
			b = append(b, 0x02, byte(len(n)+1), 0)
		} else {
			b = append(b, 0x02, byte(len(n)))
		}
		b = append(b, n...)
	}
	length := byte(len(b) - 3)
	if length >= 0x80 { // the long form
		b[0], b[1], b[2] = 0x30, 0x81, length
		return b
	}
	b[1], b[2] = 0x30, length
	return b[1:]
}
