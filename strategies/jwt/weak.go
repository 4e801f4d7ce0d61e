package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeyID   = 256  // bytes
	minRSA     = 2048 // bits
	maxRSA     = 8192
	curveNames = "P-256 with ES256, P-384 with ES384, P-521 with ES512"
)

// method is what checks the signatures of alg with a key, and how many bytes
// they have. It is an error where the two do not fit, or the key is weak.
func method(alg Algorithm, material any) (m jwt.SigningMethod, size int, err error) {
	switch k := material.(type) {
	case []byte:
		h, ok := map[Algorithm]*jwt.SigningMethodHMAC{
			HS256: jwt.SigningMethodHS256, HS384: jwt.SigningMethodHS384, HS512: jwt.SigningMethodHS512,
		}[alg]
		if !ok {
			return nil, 0, misfit(alg, "a secret")
		}
		if size = h.Hash.Size(); len(k) < size {
			return nil, 0, fmt.Errorf("jwt: a secret for %s has at least %d bytes (openssl rand -base64 %[2]d), not %d", alg, size, len(k))
		}
		return h, size, nil
	case *rsa.PublicKey:
		if m = rsaMethod(alg); m == nil {
			return nil, 0, misfit(alg, "an RSA key")
		}
		if err := checkRSA(k); err != nil {
			return nil, 0, err
		}
		return m, k.Size(), nil
	case *ecdsa.PublicKey:
		if alg == "" || alg != curveAlgorithm(k) {
			return nil, 0, fmt.Errorf("jwt: no EC key for %s: %s", alg, curveNames)
		}
		if _, err := k.ECDH(); err != nil {
			return nil, 0, fmt.Errorf("jwt: EC key: %w", err)
		}
		e := map[Algorithm]*jwt.SigningMethodECDSA{
			ES256: jwt.SigningMethodES256, ES384: jwt.SigningMethodES384, ES512: jwt.SigningMethodES512,
		}[alg]
		return ecdsaMethod{e}, 2 * e.KeySize, nil
	case ed25519.PublicKey:
		if alg != EdDSA || len(k) != ed25519.PublicKeySize {
			return nil, 0, misfit(alg, "an Ed25519 key")
		}
		return jwt.SigningMethodEdDSA, ed25519.SignatureSize, nil
	}
	return nil, 0, fmt.Errorf("jwt: %T is no key", material)
}

func misfit(alg Algorithm, key string) error {
	return fmt.Errorf("jwt: %.40q cannot be used with %s", string(alg), key)
}

// rsaMethod is nil where alg is not one of RSA. The salt of PSS is as long as
// the hash (RFC 7518 section 3.5), where golang-jwt takes any.
func rsaMethod(alg Algorithm) jwt.SigningMethod {
	pss := func(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
		return &jwt.SigningMethodRSAPSS{
			SigningMethodRSA: m.SigningMethodRSA,
			Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
		}
	}
	switch alg {
	case RS256:
		return jwt.SigningMethodRS256
	case RS384:
		return jwt.SigningMethodRS384
	case RS512:
		return jwt.SigningMethodRS512
	case PS256:
		return pss(jwt.SigningMethodPS256)
	case PS384:
		return pss(jwt.SigningMethodPS384)
	case PS512:
		return pss(jwt.SigningMethodPS512)
	}
	return nil
}

func curveAlgorithm(k *ecdsa.PublicKey) Algorithm {
	if k != nil && k.Curve != nil {
		switch k.Curve.Params().BitSize {
		case 256:
			return ES256
		case 384:
			return ES384
		case 521:
			return ES512
		}
	}
	return ""
}

func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil {
		return errors.New("jwt: an RSA key without a modulus")
	}
	if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
		return fmt.Errorf("jwt: an RSA key has %d to %d bits, not %d", minRSA, maxRSA, bits)
	}
	if k.N.Bit(0) == 0 || k.E < 3 || k.E%2 == 0 || k.E > 1<<31-1 {
		return errors.New("jwt: an RSA key has an odd modulus, and an odd exponent of at least 3")
	}
	if factorable(k.N) {
		return errors.New("jwt: the RSA key is one that CVE-2017-15361 (ROCA) lets everyone factor")
	}
	return nil
}

// factorable tells the moduli of a chip whose primes are powers of 65537
// modulo the small primes, and so are their products. One in 2^27 others looks
// the same.
func factorable(n *big.Int) bool {
	for p := uint64(3); p <= 167; p += 2 {
		if !big.NewInt(int64(p)).ProbablyPrime(0) {
			continue
		}
		rest := new(big.Int).Mod(n, new(big.Int).SetUint64(p)).Uint64()
		power := uint64(1)
		for power != rest {
			if power = power * 65537 % p; power == 1 {
				return false
			}
		}
	}
	return true
}

// isPublicKey tells a public key, or a set with one, however it is written.
func isPublicKey(b []byte) bool {
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	if _, err := x509.ParsePKIXPublicKey(b); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(b); err == nil {
		return true
	}
	if _, err := x509.ParseCertificate(b); err == nil {
		return true
	}
	var k jwk
	return json.Unmarshal(b, &k) == nil && k.public()
}

// A jwk is one key or a set of them (RFC 7517), with what tells a secret.
type jwk struct {
	Type string `json:"kty"`
	Keys []jwk  `json:"keys"`
}

func (k jwk) public() bool {
	return k.Type != "" && k.Type != "oct" || slices.ContainsFunc(k.Keys, jwk.public)
}
