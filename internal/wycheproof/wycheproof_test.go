package wycheproof_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

// disputed are vectors that are decided otherwise here, by file and tcId.
var disputed = map[string]map[int]string{
	"json_web_signature_test.json": {
		346: "valid, but the key is for PS256 and the token says PS384: the key decides",
		347: "valid, but the key is for ES521, which is no algorithm (RFC 7518 section 3.1)",
		350: "as 346",
		351: "as 347",
		367: "invalid, and to the byte the token of 357, which is valid",
		370: "as 367",
		372: "valid, with a character in the header that is not of base64url (RFC 7515 section 2)",
		373: "valid, with a character in the payload that is not of base64url",
	},
}

type file struct {
	Groups []struct {
		Comment string
		Private json.RawMessage
		Public  json.RawMessage
		Tests   []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     json.RawMessage // a string, or an object
			Result  string
		}
	} `json:"testGroups"`
}

// TestVectors: no invalid signature or key is accepted, no valid one refused
// (D03, D04, D05, D06, D09, D10, D32). Keys that CVE-2017-15361 (ROCA) lets
// everyone factor are refused, and so is a PSS salt of another length than the
// hash (RFC 7518 section 3.5).
func TestVectors(t *testing.T) {
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		text, err := fs.ReadFile(wycheproof.TestVectors, name)
		if err != nil {
			t.Fatal(err)
		}
		var f file
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		var vectors, applicable, valid, validAccepted, invalid, invalidAccepted, disputes int
		for _, g := range f.Groups {
			for _, v := range g.Tests {
				vectors++
				if v.JWS == nil { // of an encryption
					continue
				}
				applicable++
				set := g.Public
				if set == nil {
					set = g.Private
				}
				accepted := accepts(t, set, compact(v.JWS))
				if why := disputed[name][v.ID]; why != "" {
					t.Logf("%s tcId %d %s: %s; accepted: %t", name, v.ID, v.Comment, why, accepted)
					disputes++
					if accepted == (v.Result == "valid") {
						t.Errorf("%s tcId %d is not disputed any more", name, v.ID)
					}
					continue
				}
				switch {
				case v.Result == "valid":
					if valid++; accepted {
						validAccepted++
					} else {
						t.Errorf("%s tcId %d: %s: refused", name, v.ID, v.Comment)
					}
				default:
					if invalid++; accepted {
						invalidAccepted++
						t.Errorf("%s tcId %d: %s %s: accepted", name, v.ID, g.Comment, v.Comment)
					}
				}
			}
		}
		t.Logf("%s: %d vectors, %d applicable, %d/%d valid accepted, %d/%d invalid accepted, %d disputed",
			name, vectors, applicable, validAccepted, valid, invalidAccepted, invalid, disputes)
		if applicable == 0 || valid == 0 || invalid == 0 {
			t.Errorf("%s: nothing was tested", name)
		}
	}
}

// accepts tells whether the signature is taken: what is signed are no claims,
// of which the strategy speaks only then.
func accepts(t *testing.T, set json.RawMessage, token string) bool {
	t.Helper()
	keys, err := source(set)
	if err != nil {
		return false
	}
	v := jwt.New(jwt.Config{Issuers: []jwt.Issuer{{Name: "issuer", Audience: []string{"audience"}, Keys: keys, Type: jwt.TypeJWT}}},
		func(context.Context, *struct{}) (string, error) { return "somebody", nil })
	_, err = v.Verify(t.Context(), token)
	if err == nil {
		t.Fatal("what is signed are claims")
	}
	return errors.Is(err, jwt.ErrClaims)
}

// compact is the token, or the text of an object that pretends to be one.
func compact(jws json.RawMessage) string {
	var s string
	if json.Unmarshal(jws, &s) != nil {
		s = string(jws)
	}
	return s
}

// source is a key set of a vector: secrets by themselves, and public keys as an
// issuer publishes them.
func source(text json.RawMessage) (jwt.KeySource, error) {
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Keys == nil {
		doc.Keys = []json.RawMessage{text}
	}
	var keys []*jwt.Key
	var public []json.RawMessage
	for _, raw := range doc.Keys {
		var k struct{ Kty, Alg, Use, K, Kid string }
		if err := json.Unmarshal(raw, &k); err != nil {
			return nil, err
		}
		if k.Kty != "oct" {
			public = append(public, raw)
			continue
		}
		secret, err := base64.RawURLEncoding.DecodeString(k.K)
		if err != nil {
			return nil, err
		}
		key, err := jwt.HMAC(secret, &jwt.KeyOptions{ID: k.Kid, Algorithm: jwt.Algorithm(k.Alg)})
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(public) > 0 {
		set, err := json.Marshal(map[string]any{"keys": public})
		if err != nil {
			return nil, err
		}
		more, _, err := jwks.Parse(set, nil)
		if err != nil {
			return nil, err
		}
		keys = slices.Concat(keys, more)
	}
	return jwt.Keys(keys...)
}
