package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport/strategies/jwt"
)

// KeyOptions of [PrivateKey] and [HMAC]. The zero value works.
type KeyOptions struct {
	// ID is the kid of the tokens. Default: the thumbprint of the public key
	// (RFC 7638), or for a secret a hash of it: the same at every instance.
	ID string
	// Algorithm is RS256, PS256, ES256, EdDSA or HS256. Default: RS256 for an
	// RSA key, and the one that fits for any other.
	Algorithm jwt.Algorithm
	// From is when the key begins to sign. Until then it is only published.
	// Default: always.
	From time.Time
}

// A Key signs tokens. It is made by [PrivateKey] or [HMAC], does not change,
// and never shows its secret.
type Key struct {
	private any
	method  gojwt.SigningMethod
	check   *jwt.Key // its other half
	from    time.Time
	public  *jwk // nil for a secret
}

// PrivateKey returns a Key of a private key in PEM, as openssl genpkey and
// passport keygen write it; o may be nil. RSA keys have at least 2048 bits, and
// EC keys the curve P-256.
func PrivateKey(text []byte, o *KeyOptions) (*Key, error) {
	private, err := parsePrivate(text)
	if err != nil {
		return nil, err
	}
	var opts KeyOptions
	if o != nil {
		opts = *o
	}
	public := private.Public()
	if opts.Algorithm == "" {
		opts.Algorithm = natural(public)
	}
	method, err := signing(opts.Algorithm)
	if err != nil {
		return nil, err
	}
	k := &Key{private: private, method: method, from: opts.From, public: newJWK(public)}
	if opts.ID == "" && k.public != nil {
		opts.ID = k.public.thumbprint()
	}
	// It looks at sizes and curves, as for every key that checks tokens.
	if k.check, err = jwt.NewKey(public, &jwt.KeyOptions{ID: opts.ID, Algorithm: opts.Algorithm}); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	k.public.ID, k.public.Use, k.public.Algorithm = opts.ID, "sig", string(opts.Algorithm)
	return k, nil
}

// HMAC returns a Key of a secret of at least 32 bytes, which everyone has who
// checks the tokens; o may be nil. It is for an issuer that alone checks them.
func HMAC(secret []byte, o *KeyOptions) (*Key, error) {
	var opts KeyOptions
	if o != nil {
		opts = *o
	}
	if opts.Algorithm != "" && opts.Algorithm != jwt.HS256 {
		return nil, fmt.Errorf("issuer: a secret signs HS256, not %.40q", string(opts.Algorithm))
	}
	if opts.ID == "" {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte("github.com/gopassport/passport kid"))
		opts.ID = base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
	}
	check, err := jwt.HMAC(secret, &jwt.KeyOptions{ID: opts.ID})
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &Key{private: append([]byte(nil), secret...), method: gojwt.SigningMethodHS256, check: check, from: opts.From}, nil
}

// ID is the kid of the key's tokens.
func (k *Key) ID() string { return k.check.ID() }

// Algorithm is what the key signs with.
func (k *Key) Algorithm() jwt.Algorithm { return k.check.Algorithm() }

// String names the key without showing it.
func (k *Key) String() string { return fmt.Sprintf("issuer.Key(%s %q)", k.Algorithm(), k.ID()) }

// GoString is String.
func (k *Key) GoString() string { return k.String() }

// parsePrivate reads the one private key of a PEM file.
func parsePrivate(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" { // openssl ecparam -genkey writes them in front
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("issuer: that is no private key in PEM: passport keygen, or openssl genpkey, makes one")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, errors.New("issuer: the PEM has more than one block: make a Key of each")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("issuer: PEM block %.40q is no PRIVATE KEY without a passphrase", block.Type)
	}
	if err != nil {
		return nil, errors.New("issuer: the private key is malformed") // what x509 says may hold parts of it
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("issuer: a %T does not sign", private)
	}
	return signer, nil
}

// natural is the algorithm that belongs to a key.
func natural(public crypto.PublicKey) jwt.Algorithm {
	switch public.(type) {
	case *rsa.PublicKey:
		return jwt.RS256
	case *ecdsa.PublicKey:
		return jwt.ES256
	}
	return jwt.EdDSA
}

func signing(alg jwt.Algorithm) (gojwt.SigningMethod, error) {
	switch alg {
	case jwt.RS256:
		return gojwt.SigningMethodRS256, nil
	case jwt.PS256:
		return gojwt.SigningMethodPS256, nil
	case jwt.ES256:
		return gojwt.SigningMethodES256, nil
	case jwt.EdDSA:
		return gojwt.SigningMethodEdDSA, nil
	}
	return nil, fmt.Errorf("issuer: %.40q is not RS256, PS256, ES256 or EdDSA", string(alg))
}

// A jwk is a public key as it is published (RFC 7517, RFC 7518 section 6, RFC
// 8037 section 2).
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

// newJWK is nil for what is not published here.
func newJWK(public crypto.PublicKey) *jwk {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *rsa.PublicKey:
		return &jwk{Type: "RSA", N: b64(k.N.Bytes()), E: b64(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil || k.Curve.Params().BitSize != 256 {
			return nil
		}
		return &jwk{Type: "EC", Curve: "P-256", X: b64(point[1:33]), Y: b64(point[33:])}
	case ed25519.PublicKey:
		return &jwk{Type: "OKP", Curve: "Ed25519", X: b64(k)}
	}
	return nil
}

// thumbprint is RFC 7638's: the SHA-256 of the needed members, sorted.
func (k *jwk) thumbprint() string {
	needed := map[string]string{"kty": k.Type}
	for name, value := range map[string]string{"crv": k.Curve, "n": k.N, "e": k.E, "x": k.X, "y": k.Y} {
		if value != "" {
			needed[name] = value
		}
	}
	text, _ := json.Marshal(needed) // in the order of the names
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
