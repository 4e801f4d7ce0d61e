package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// An Algorithm signs tokens (RFC 7518 section 3.1, RFC 8037 section 3.1).
type Algorithm string

// The algorithms that there are here. "none" is not one of them.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256" // with P-256
	ES384 Algorithm = "ES384" // with P-384
	ES512 Algorithm = "ES512" // with P-521
	EdDSA Algorithm = "EdDSA" // with Ed25519
)

// A KeySource has the keys of one issuer: a [Key], a [KeySet], or what
// package jwks fetches. It is safe for concurrent use.
type KeySource interface {
	// Find returns the one key that checks the tokens whose header says alg and
	// id, which is empty where the header has no kid. It returns the same *Key
	// for as long as that is the same key. None, or more than one: an error that
	// wraps [ErrNoKey]. Any other error says that the source cannot tell, and is
	// answered with 503.
	//
	// Both come from a stranger: they choose among the keys, and are not to be
	// used as a path, an address or a query.
	Find(ctx context.Context, alg Algorithm, id string) (*Key, error)
}

// A Key checks signatures of one algorithm. It is made by [HMAC], [PublicKey]
// or [NewKey], which see to its size; the zero Key checks nothing. It does not
// change, and never shows a secret.
type Key struct {
	id       string
	alg      Algorithm
	method   jwt.SigningMethod
	material func() any // the key itself, where no verb of package fmt finds it
	size     int        // of a signature, in bytes
}

// KeyOptions of [HMAC], [PublicKey] and [NewKey]. The zero value works.
type KeyOptions struct {
	// ID is the kid that tokens name the key with, of 256 bytes at most. A Key
	// with an ID checks tokens with that kid, and those without any. Default:
	// none, and the kid of tokens is not looked at.
	ID string
	// Algorithm of the tokens. Default: HS256 for a secret, RS256 for an RSA
	// key, EdDSA for an Ed25519 key, and what belongs to the curve for another:
	// ES256, ES384, ES512.
	Algorithm Algorithm
}

// HMAC returns a Key of a secret that issuer and verifier share; o may be nil.
// The secret has at least as many bytes as the algorithm's hash: 32, 48 or 64
// (RFC 7518 section 3.2). What is a public key in PEM, DER or JWK, or a set
// with one, is refused: everyone could sign with it.
func HMAC(secret []byte, o *KeyOptions) (*Key, error) {
	if isPublicKey(secret) {
		return nil, errors.New("jwt: that secret is a public key, which everyone has: use PublicKey")
	}
	return newKey(append([]byte(nil), secret...), HS256, o)
}

// PublicKey returns a Key of a public key in PEM, as openssl pkey -pubout
// writes it, or RSA PUBLIC KEY; o may be nil. See [NewKey].
func PublicKey(text []byte, o *KeyOptions) (*Key, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("jwt: that is no public key in PEM")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, errors.New("jwt: the PEM has more than one block: make a Key of each")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("jwt: PEM block %.40q is no PUBLIC KEY: openssl pkey -pubout makes one of a private key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("jwt: public key: %w", err)
	}
	return NewKey(public, o)
}

// NewKey returns a Key of an *rsa.PublicKey, *ecdsa.PublicKey or
// ed25519.PublicKey; o may be nil. RSA keys have 2048 to 8192 bits and an odd
// exponent of at least 3, and are none of those that CVE-2017-15361 lets
// everyone factor. An EC key lies on the curve of its algorithm.
func NewKey(public crypto.PublicKey, o *KeyOptions) (*Key, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return newKey(k, RS256, o)
	case *ecdsa.PublicKey:
		return newKey(k, curveAlgorithm(k), o)
	case ed25519.PublicKey:
		return newKey(k, EdDSA, o)
	case crypto.Signer:
		return nil, errors.New("jwt: that is a private key: pass its Public()")
	}
	return nil, fmt.Errorf("jwt: %T is no *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey", public)
}

func newKey(material any, alg Algorithm, o *KeyOptions) (*Key, error) {
	k := &Key{alg: alg, material: func() any { return material }}
	if o != nil {
		k.id = o.ID
		if o.Algorithm != "" {
			k.alg = o.Algorithm
		}
	}
	if len(k.id) > maxKeyID {
		return nil, fmt.Errorf("jwt: a key id has at most %d bytes", maxKeyID)
	}
	var err error
	if k.method, k.size, err = method(k.alg, material); err != nil {
		return nil, err
	}
	return k, nil
}

// ID is the kid of the key, or empty.
func (k *Key) ID() string { return k.id }

// Algorithm is what the key's tokens are signed with.
func (k *Key) Algorithm() Algorithm { return k.alg }

// Equal tells whether the two are the same key, with the same id, for the same
// algorithm.
func (k *Key) Equal(other *Key) bool {
	if k.id != other.id || k.alg != other.alg || k.material == nil {
		return false
	}
	if secret, ok := k.material().([]byte); ok { // of one alg, the other is one too
		return subtle.ConstantTimeCompare(secret, other.material().([]byte)) == 1
	}
	return k.material().(interface{ Equal(crypto.PublicKey) bool }).Equal(other.material())
}

// Find implements [KeySource]: k is the only key.
func (k *Key) Find(_ context.Context, alg Algorithm, id string) (*Key, error) {
	if alg != k.alg || id != "" && k.id != "" && id != k.id {
		return nil, ErrNoKey
	}
	return k, nil
}

// String names the key without showing it.
func (k *Key) String() string { return fmt.Sprintf("jwt.Key(%s %q)", k.alg, k.id) }

// GoString is String.
func (k *Key) GoString() string { return k.String() }

// checks tells whether k is a key for alg at all: a source may have returned
// the zero Key, or another than it was asked for.
func (k *Key) checks(alg Algorithm) bool { return k != nil && k.alg == alg }

// verify tells whether k signed what is signed so.
func (k *Key) verify(signed string, signature []byte) bool {
	return k.method.Verify(signed, signature, k.material()) == nil
}
