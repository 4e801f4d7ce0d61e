package jwt_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

func newRSA(bits int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }

// TestHMAC: a secret is as long as the hash (D05).
func TestHMAC(t *testing.T) {
	t.Parallel()
	for alg, size := range map[jwt.Algorithm]int{"": 32, jwt.HS256: 32, jwt.HS384: 48, jwt.HS512: 64} {
		for n, ok := range map[int]bool{0: false, size - 1: false, size: true, 200: true} {
			_, err := jwt.HMAC(make([]byte, n), &jwt.KeyOptions{Algorithm: alg})
			if (err == nil) != ok {
				t.Errorf("%s with %d bytes: %v", alg, n, err)
			}
		}
	}
	if _, err := jwt.HMAC(make([]byte, 64), &jwt.KeyOptions{Algorithm: jwt.RS256}); err == nil {
		t.Error("a secret for RS256")
	}
	secret := make([]byte, 32)
	key := must(jwt.HMAC(secret, nil))
	secret[0] = 1
	if other := must(jwt.HMAC(make([]byte, 32), nil)); !key.Equal(other) {
		t.Error("a secret changed with the caller's")
	}
}

// TestNewKey: the key fits the algorithm, and is strong (D04, D06).
func TestNewKey(t *testing.T) {
	t.Parallel()
	s := signers()
	n := s[jwt.RS256].public.(*rsa.PublicKey).N
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	p256 := s[jwt.ES256].public.(*ecdsa.PublicKey)
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: p256.X, Y: new(big.Int).Xor(p256.Y, big.NewInt(1))} //nolint:staticcheck // a point that no parser makes
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for name, tt := range map[string]struct {
		public any
		alg    jwt.Algorithm
		want   jwt.Algorithm // "": refused
	}{
		"RSA":                       {&rsa.PublicKey{N: n, E: 65537}, "", jwt.RS256},
		"RSA for PS512":             {&rsa.PublicKey{N: n, E: 65537}, jwt.PS512, jwt.PS512},
		"RSA with exponent 3":       {&rsa.PublicKey{N: n, E: 3}, "", jwt.RS256},
		"RSA with exponent 1":       {&rsa.PublicKey{N: n, E: 1}, "", ""},
		"RSA with exponent 2":       {&rsa.PublicKey{N: n, E: 2}, "", ""},
		"RSA with an even exponent": {&rsa.PublicKey{N: n, E: 65536}, "", ""},
		"RSA with a huge exponent":  {&rsa.PublicKey{N: n, E: 1<<31 + 1}, "", ""},
		"RSA of 2047 bits":          {&rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Rsh(n, 1), 0, 1), E: 65537}, "", ""},
		"RSA of 1024 bits":          {&must(newRSA(1024)).PublicKey, "", ""},
		"RSA of 8193 bits":          {&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}, "", ""},
		"RSA with an even modulus":  {&rsa.PublicKey{N: even, E: 65537}, "", ""},
		"RSA without a modulus":     {&rsa.PublicKey{E: 65537}, "", ""},
		"RSA that is nil":           {(*rsa.PublicKey)(nil), "", ""},
		"RSA for ES256":             {&rsa.PublicKey{N: n, E: 65537}, jwt.ES256, ""},
		"RSA for HS256":             {&rsa.PublicKey{N: n, E: 65537}, jwt.HS256, ""},
		"RSA for none":              {&rsa.PublicKey{N: n, E: 65537}, "none", ""},
		"P-256":                     {p256, "", jwt.ES256},
		"P-384":                     {s[jwt.ES384].public, "", jwt.ES384},
		"P-521":                     {s[jwt.ES512].public, "", jwt.ES512},
		"P-224":                     {&p224.PublicKey, "", ""},
		"P-256 for ES384":           {p256, jwt.ES384, ""},
		"P-256 for RS256":           {p256, jwt.RS256, ""},
		"a point off the curve":     {off, "", ""},
		"EC that is nil":            {(*ecdsa.PublicKey)(nil), "", ""},
		"no curve":                  {&ecdsa.PublicKey{}, "", ""},
		"Ed25519":                   {s[jwt.EdDSA].public, "", jwt.EdDSA},
		"Ed25519 for ES256":         {s[jwt.EdDSA].public, jwt.ES256, ""},
		"Ed25519 of 31 bytes":       {s[jwt.EdDSA].public.(ed25519.PublicKey)[:31], "", ""},
		"a private key":             {s[jwt.RS256].private, "", ""},
		"a private Ed25519 key":     {s[jwt.EdDSA].private, "", ""},
		"bytes":                     {make([]byte, 64), jwt.HS256, ""},
		"nil":                       {nil, "", ""},
	} {
		key, err := jwt.NewKey(tt.public, &jwt.KeyOptions{Algorithm: tt.alg})
		switch {
		case tt.want == "" && (err == nil || key != nil):
			t.Errorf("%s: is taken as %v", name, key)
		case tt.want != "" && (err != nil || key.Algorithm() != tt.want):
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
	for power := range int64(20) {
		if _, err := jwt.NewKey(&rsa.PublicKey{N: roca(123456789 + 1000*power), E: 65537}, nil); err == nil {
			t.Errorf("a modulus of the chip that CVE-2017-15361 names is taken: power %d", power)
		}
	}
	if _, err := jwt.NewKey(p256, &jwt.KeyOptions{ID: strings.Repeat("k", 257)}); err == nil {
		t.Error("an id of 257 bytes")
	}
}

// roca is a modulus as the chip made them: a power of 65537 modulo the product
// of the small primes.
func roca(power int64) *big.Int {
	m := big.NewInt(1)
	for p := int64(2); p <= 700; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(power), m)
	shift := new(big.Int).Lsh(big.NewInt(1), uint(2047-m.BitLen()))
	return n.Add(n, shift.Mul(shift, m).Mul(shift, big.NewInt(2)))
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	s := signers()
	pkix := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(s[jwt.ES256].public))})
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(s[jwt.RS256].public.(*rsa.PublicKey))})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(s[jwt.ES256].private))})
	for name, tt := range map[string]struct {
		text []byte
		want string // in the error
	}{
		"PKIX":        {pkix, ""},
		"PKCS #1":     {pkcs1, ""},
		"none":        {nil, "no public key in PEM"},
		"not PEM":     {[]byte("secret"), "no public key in PEM"},
		"private":     {private, "pkey -pubout"},
		"two":         {append(pkix, pkcs1...), "more than one block"},
		"not a key":   {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), "public key:"},
		"spoilt PKCS": {pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: []byte("x")}), "public key:"},
	} {
		_, err := jwt.PublicKey(tt.text, nil)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestKeys: no secret beside a public key, and no two of one name (D03, D10,
// D11).
func TestKeys(t *testing.T) {
	t.Parallel()
	named := func(id string, alg jwt.Algorithm) *jwt.Key {
		o := &jwt.KeyOptions{ID: id, Algorithm: alg}
		if public := signers()[alg].public; alg[0] != 'H' {
			return must(jwt.NewKey(public, o))
		}
		return must(jwt.HMAC(signers()[alg].public.([]byte), o))
	}
	for name, tt := range map[string]struct {
		keys []*jwt.Key
		ok   bool
	}{
		"none":                 {nil, false},
		"a nil":                {[]*jwt.Key{nil}, false},
		"the zero Key":         {[]*jwt.Key{{}}, false},
		"several":              {[]*jwt.Key{named("a", jwt.RS256), named("b", jwt.RS256), named("a", jwt.ES256)}, true},
		"a secret and an RSA":  {[]*jwt.Key{named("a", jwt.HS256), named("b", jwt.RS256)}, false},
		"an Ed25519, a secret": {[]*jwt.Key{named("a", jwt.EdDSA), named("b", jwt.HS512)}, false},
		"two of one name":      {[]*jwt.Key{named("a", jwt.RS256), named("a", jwt.RS256)}, false},
		"two without a name":   {[]*jwt.Key{named("", jwt.ES256), named("", jwt.ES256)}, false},
	} {
		if _, err := jwt.Keys(tt.keys...); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}

	set := must(jwt.Keys(named("a", jwt.RS256), named("b", jwt.RS256), named("c", jwt.RS256), named("a", jwt.ES256)))
	for _, tt := range []struct {
		alg jwt.Algorithm
		id  string
		ok  bool
	}{
		{jwt.RS256, "a", true}, {jwt.RS256, "b", true}, {jwt.ES256, "a", true}, {jwt.ES256, "", true},
		{jwt.ES256, "b", false}, {jwt.RS256, "", false}, {jwt.RS256, "d", false}, {jwt.RS512, "a", false}, {jwt.EdDSA, "", false},
	} {
		k, err := set.Find(t.Context(), tt.alg, tt.id)
		if tt.ok && (err != nil || k.Algorithm() != tt.alg || tt.id != "" && k.ID() != tt.id) || !tt.ok && (k != nil || !errors.Is(err, jwt.ErrNoKey)) {
			t.Errorf("%s %q: %v, %v", tt.alg, tt.id, k, err)
		}
	}
}

// TestOneKey: a Key is the source of itself alone (D08).
func TestOneKey(t *testing.T) {
	t.Parallel()
	named := signers()[jwt.RS256].key // k1
	nameless := must(jwt.NewKey(signers()[jwt.RS256].public, nil))
	for _, tt := range []struct {
		key *jwt.Key
		alg jwt.Algorithm
		id  string
		ok  bool
	}{
		{named, jwt.RS256, "k1", true}, {named, jwt.RS256, "", true}, {named, jwt.RS256, "k2", false}, {named, jwt.PS256, "k1", false},
		{nameless, jwt.RS256, "k1", true}, {nameless, jwt.RS256, "", true}, {nameless, jwt.HS256, "", false},
	} {
		k, err := tt.key.Find(t.Context(), tt.alg, tt.id)
		if tt.ok && (k != tt.key || err != nil) || !tt.ok && (k != nil || !errors.Is(err, jwt.ErrNoKey)) {
			t.Errorf("%v, asked for %s %q: %v, %v", tt.key, tt.alg, tt.id, k, err)
		}
	}
}

// TestEqual: two keys are one by what they are, their id and their algorithm.
func TestEqual(t *testing.T) {
	t.Parallel()
	key := func(alg jwt.Algorithm, id string) *jwt.Key {
		o := &jwt.KeyOptions{ID: id, Algorithm: alg}
		if secret, ok := signers()[alg].public.([]byte); ok {
			return must(jwt.HMAC(secret, o))
		}
		return must(jwt.NewKey(signers()[alg].public, o))
	}
	other := must(jwt.NewKey(&must(newRSA(2048)).PublicKey, &jwt.KeyOptions{ID: "a"}))
	for _, tt := range []struct {
		a, b *jwt.Key
		want bool
	}{
		{key(jwt.RS256, "a"), key(jwt.RS256, "a"), true},
		{key(jwt.ES256, "a"), key(jwt.ES256, "a"), true},
		{key(jwt.EdDSA, "a"), key(jwt.EdDSA, "a"), true},
		{key(jwt.HS256, "a"), key(jwt.HS256, "a"), true},
		{key(jwt.RS256, "a"), key(jwt.RS256, "b"), false},
		{key(jwt.RS256, "a"), key(jwt.PS256, "a"), false}, // of the same RSA key
		{key(jwt.RS256, "a"), other, false},
		{key(jwt.HS256, "a"), must(jwt.HMAC(make([]byte, 64), &jwt.KeyOptions{ID: "a"})), false},
		{key(jwt.RS256, ""), new(jwt.Key), false},
		{new(jwt.Key), new(jwt.Key), false},
	} {
		if tt.a.Equal(tt.b) != tt.want || tt.b.Equal(tt.a) != tt.want {
			t.Errorf("%v and %v: want %t", tt.a, tt.b, tt.want)
		}
	}
}

// A source is a KeySource as an application may write one.
type source func() (*jwt.Key, error)

func (s source) Find(context.Context, jwt.Algorithm, string) (*jwt.Key, error) { return s() }

// TestSourceReturnsWrongKey: a key is what it was made as, whatever a source
// says (D04, D05).
func TestSourceReturnsWrongKey(t *testing.T) {
	t.Parallel()
	token := signers()[jwt.RS256].token()
	refuses(t, strategy(source(func() (*jwt.Key, error) { return signers()[jwt.RS256].key, jwt.ErrNoKey })), token, jwt.ErrNoKey)
	for name, key := range map[string]*jwt.Key{"nil": nil, "the zero Key": {}, "of another type": signers()[jwt.HS256].key, "of another hash": signers()[jwt.RS512].key} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, strategy(source(func() (*jwt.Key, error) { return key, nil })), token, jwt.ErrNoKey)
		})
	}
}

// TestNoSecretShows: a key prints its name.
func TestNoSecretShows(t *testing.T) {
	t.Parallel()
	key := must(jwt.HMAC([]byte("canary-canary-canary-canary-canary"), &jwt.KeyOptions{ID: "k1"}))
	c := config(key)
	for _, v := range []any{key, *key, c, &c, []*jwt.Key{key}, jwt.New(c, fromClaims), must(jwt.Keys(key))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "canary") || strings.Contains(s, "99, 97, 110") || strings.Contains(s, "99 97 110") || strings.Contains(s, "0x63, 0x61, 0x6e") {
				t.Errorf("%T with %s: %s", v, verb, s)
			}
		}
	}
}

func newEC() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// TestDER: a signature in ASN.1 is what encoding/asn1 makes of its two numbers.
func TestDER(t *testing.T) {
	t.Parallel()
	for _, half := range []int{32, 48, 66} {
		numbers := [][]byte{make([]byte, half), bytes.Repeat([]byte{0xff}, half), bytes.Repeat([]byte{0x7f}, half)}
		for i := range half {
			for _, b := range []byte{1, 0x7f, 0x80} {
				n := make([]byte, half)
				n[i] = b
				numbers = append(numbers, n)
			}
		}
		for _, r := range numbers {
			for _, s := range [][]byte{numbers[0], numbers[1], numbers[2], r} {
				want := must(asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)}))
				if got := jwt.DER(append(slices.Clone(r), s...)); !bytes.Equal(got, want) {
					t.Errorf("%x %x: %x, want %x", r, s, got, want)
				}
			}
		}
	}
}
