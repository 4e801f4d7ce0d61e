package jwks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gopassport/passport/strategies/jwt"
)

// maxKeys bounds the keys of a set.
const maxKeys = 256

// Parse returns the keys in a JWK Set (RFC 7517 section 5) that can check
// tokens. algorithms are those that are taken: a key that names no alg is there
// for each of them that it fits. Nil: what each key says, and RS256 for an RSA
// key that says nothing.
//
// A key that cannot be used is left out, and is in skipped with the reason:
// one for encryption (use, key_ops), of another type or algorithm, too weak, a
// secret or a private key, which a set that everyone reads must not have, and
// two keys of one kid and algorithm, of which nobody knows which is meant. It
// is an error where none is left.
func Parse(set []byte, algorithms []jwt.Algorithm) (keys []*jwt.Key, skipped []error, err error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	// A member that is there twice spoils a key, and not the whole set.
	if err := json.Unmarshal(set, &doc, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, nil, errors.New("jwks: that is no JSON Web Key Set")
	}
	if len(doc.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("jwks: the set has more than %d keys", maxKeys)
	}
	for i, raw := range doc.Keys {
		all, err := parseKey(raw, algorithms)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("jwks: key %d: %w", i, err))
		}
		keys = append(keys, all...)
	}
	keys, twice := unique(keys)
	skipped = append(skipped, twice...)
	if len(keys) == 0 {
		return nil, skipped, errors.New("jwks: the set has no key that can be used")
	}
	return keys, skipped, nil
}

// parseKey is one JWK, as a key for each of the algorithms that it fits.
func parseKey(raw jsontext.Value, algorithms []jwt.Algorithm) ([]*jwt.Key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, errors.New("it is no JSON Web Key")
	}
	switch {
	case m.USE != "" && m.USE != jwkset.UseSig:
		return nil, fmt.Errorf("it is for use %.40q", string(m.USE))
	case m.KEYOPS != nil && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return nil, errors.New("verify is none of its key_ops")
	case m.KTY == jwkset.KtyOct || m.K != "":
		return nil, errors.New("it is a secret, in a set that everyone reads")
	case m.D != "" || m.P != "" || m.Q != "":
		return nil, errors.New("it is a private key, in a set that everyone reads: its issuer has to withdraw it")
	case slices.ContainsFunc([]string{m.N, m.E, m.X, m.Y}, func(s string) bool { return strings.Contains(s, "=") }):
		return nil, errors.New("its base64url is padded")
	}
	// Certificates are not looked at: the set is what is trusted.
	m.X5C, m.X5U, m.X5T, m.X5TS256 = nil, "", "", ""
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{StrictPadding: true})
	if err != nil {
		return nil, fmt.Errorf("it is no key: %w", err)
	}
	own := jwt.Algorithm(m.ALG)
	if algorithms == nil {
		algorithms = []jwt.Algorithm{own}
	}
	var keys []*jwt.Key
	why := errors.New("none of those that are taken")
	for _, alg := range algorithms {
		if own != "" && own != alg {
			continue
		}
		k, err := jwt.NewKey(jwk.Key(), &jwt.KeyOptions{ID: m.KID, Algorithm: alg})
		if err != nil {
			why = err // of its type, or else of its size, which is the same for all
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) > 0 {
		return keys, nil
	}
	return nil, fmt.Errorf("alg %.40q: %w", string(own), why)
}

// unique drops the keys that share kid and algorithm.
func unique(keys []*jwt.Key) (left []*jwt.Key, twice []error) {
	type name struct {
		alg jwt.Algorithm
		id  string
	}
	count := make(map[name]int)
	for _, k := range keys {
		count[name{k.Algorithm(), k.ID()}]++
	}
	for _, k := range keys {
		if n := (name{k.Algorithm(), k.ID()}); count[n] == 1 {
			left = append(left, k)
		} else if count[n] > 1 {
			count[n] = 0 // said once
			twice = append(twice, fmt.Errorf("jwks: more than one key for %s has the kid %.40q", n.alg, n.id))
		}
	}
	return left, twice
}
