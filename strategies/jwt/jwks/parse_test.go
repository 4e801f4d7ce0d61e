package jwks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

// TestParse: a key that cannot be used is left out, and the rest stays. (D04,
// D06, D09, D10, D31)
func TestParse(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	small := strings.Repeat("w", 170) // 1024 bits
	pub := rsaJWK("k", nil)
	for name, tt := range map[string]struct {
		keys []m
		algs []jwt.Algorithm
		want string // "ALG kid" of each that is there
	}{
		"RSA":                    {[]m{rsaJWK("k", nil)}, nil, "RS256 k"},
		"RSA that says PS256":    {[]m{rsaJWK("k", m{"alg": "PS256"})}, nil, "PS256 k"},
		"RSA, several":           {[]m{rsaJWK("k", nil)}, []jwt.Algorithm{jwt.RS256, jwt.PS256, jwt.ES256}, "RS256 k, PS256 k"},
		"RSA, another":           {[]m{rsaJWK("k", m{"alg": "RS512"})}, []jwt.Algorithm{jwt.RS256}, ""},
		"RSA for encryption":     {[]m{rsaJWK("k", m{"use": "enc"})}, nil, ""},
		"RSA of OAEP":            {[]m{rsaJWK("k", m{"alg": "RSA-OAEP"})}, nil, ""},
		"RSA of HS256":           {[]m{rsaJWK("k", m{"alg": "HS256"})}, nil, ""},
		"RSA of none":            {[]m{rsaJWK("k", m{"alg": "none"})}, nil, ""},
		"use is sig":             {[]m{rsaJWK("k", m{"use": "sig"})}, nil, "RS256 k"},
		"use in another case":    {[]m{rsaJWK("k", m{"use": "SIG"})}, nil, ""},
		"use is a number":        {[]m{rsaJWK("k", m{"use": 1})}, nil, ""},
		"key_ops":                {[]m{rsaJWK("k", m{"key_ops": []string{"verify"}})}, nil, "RS256 k"},
		"key_ops without verify": {[]m{rsaJWK("k", m{"key_ops": []string{"encrypt", "sign"}})}, nil, ""},
		"key_ops is empty":       {[]m{rsaJWK("k", m{"key_ops": []string{}})}, nil, ""},
		"RSA of 1024 bits":       {[]m{rsaJWK("k", m{"n": small})}, nil, ""},
		"exponent 1":             {[]m{rsaJWK("k", m{"e": "AQ"})}, nil, ""},
		"exponent 2":             {[]m{rsaJWK("k", m{"e": "Ag"})}, nil, ""},
		"exponent 2^64 + 65537":  {[]m{rsaJWK("k", m{"e": "AQAAAAAAAQAB"})}, nil, ""},
		"no exponent":            {[]m{rsaJWK("k", m{"e": nil})}, nil, ""},
		"padded":                 {[]m{rsaJWK("k", m{"e": "AQAB=="})}, nil, ""},
		"not base64url":          {[]m{rsaJWK("k", m{"n": "+/" + pub["n"].(string)[2:]})}, nil, ""},
		"a private RSA key":      {[]m{rsaJWK("k", m{"d": "AQAB"})}, nil, ""},
		"a secret":               {[]m{{"kty": "oct", "kid": "k", "alg": "HS256", "k": strings.Repeat("A", 43)}}, nil, ""},
		"EC":                     {[]m{ecJWK("k", nil)}, nil, "ES256 k"},
		"EC of another curve":    {[]m{ecJWK("k", m{"crv": "P-384"})}, nil, ""},
		"EC of another alg":      {[]m{ecJWK("k", m{"alg": "ES384"})}, nil, ""},
		"EC, bitcoin's":          {[]m{ecJWK("k", m{"crv": "secp256k1", "alg": "ES256K"})}, nil, ""},
		"EC off the curve":       {[]m{ecJWK("k", m{"y": ecJWK("", nil)["x"]})}, nil, ""},
		"EC as RSA":              {[]m{ecJWK("k", m{"kty": "RSA"})}, nil, ""},
		"Ed25519":                {[]m{edJWK("k", nil)}, nil, "EdDSA k"},
		"X25519":                 {[]m{edJWK("k", m{"crv": "X25519"})}, nil, ""},
		"Ed25519, short":         {[]m{edJWK("k", m{"x": "AAAA"})}, nil, ""},
		"kty is missing":         {[]m{edJWK("k", m{"kty": nil})}, nil, ""},
		"kid is a number":        {[]m{edJWK("k", m{"kid": 1})}, nil, ""},
		"kid of 257 bytes":       {[]m{edJWK(strings.Repeat("k", 257), nil)}, nil, ""},
		"certificates":           {[]m{rsaJWK("k", m{"x5c": []string{"nonsense"}, "x5t": "x", "x5u": "http://127.0.0.1:1/"})}, nil, "RS256 k"},
		"one kid, two keys":      {[]m{edJWK("k", nil), edJWK("k", nil), ecJWK("k", nil)}, nil, "ES256 k"},
		"one kid, three keys":    {[]m{edJWK("k", nil), edJWK("k", nil), edJWK("k", nil)}, nil, ""},
		"bad ones among good":    {[]m{rsaJWK("a", m{"e": "AQ"}), edJWK("b", nil), {"kty": 1}, ecJWK("c", nil)}, nil, "EdDSA b, ES256 c"},
	} {
		keys, skipped, err := jwks.Parse([]byte(document(tt.keys...)), tt.algs)
		var got []string
		for _, k := range keys {
			got = append(got, fmt.Sprintf("%s %s", k.Algorithm(), k.ID()))
		}
		if strings.Join(got, ", ") != tt.want || (err == nil) != (tt.want != "") || tt.want == "" && len(skipped) == 0 {
			t.Errorf("%s: %q, skipped %v, error %v, want %q", name, got, skipped, err, tt.want)
		}
	}

	good := document(edJWK("b", nil))
	twice := strings.Replace(good, `"kid":"b"`, `"kid":"b","kid":"c"`, 1)
	for name, tt := range map[string]struct {
		set string
		ok  bool
	}{
		"good":                     {good, true},
		"a key with a kid twice":   {twice, false},
		"beside a good one":        {strings.TrimSuffix(twice, "]}") + "," + strings.TrimPrefix(good, `{"keys":[`), true},
		"other members":            {`{"x":1,` + good[1:], true},
		"empty":                    {"", false},
		"no keys":                  {`{"keys":[]}`, false},
		"no member keys":           {`{}`, false},
		"KEYS":                     {strings.Replace(good, "keys", "KEYS", 1), false},
		"keys is null":             {`{"keys":null}`, false},
		"a list":                   {`[]`, false},
		"HTML":                     {"<!doctype html><title>Sign in</title>", false},
		"trailing":                 {good + "{}", false},
		"cut":                      {good[:len(good)-2], false},
		"a key that is null":       {`{"keys":[null]}`, false},
		"257 keys":                 {document(make([]map[string]any, 257)...), false},
		"not UTF-8":                {strings.Replace(good, `"b"`, "\"\xff\"", 1), false},
		"a number instead of keys": {`{"keys":1}`, false},
	} {
		keys, _, err := jwks.Parse([]byte(tt.set), nil)
		if (err == nil) != tt.ok || (len(keys) > 0) != tt.ok {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
}

// FuzzParse: no text makes it panic, and what comes out is a set (F13, D10).
func FuzzParse(f *testing.F) {
	for _, keys := range [][]map[string]any{
		{}, {rsaJWK("a", nil)}, {ecJWK("a", nil), edJWK("b", nil)}, {edJWK("a", nil), edJWK("a", nil)},
		{rsaJWK("a", map[string]any{"use": "enc"})}, {{"kty": "oct", "k": "AAAA"}}, {rsaJWK("", map[string]any{"e": "AQ"})},
	} {
		f.Add([]byte(document(keys...)))
	}
	for _, s := range []string{"", "null", `{"keys":[1,null,"x",[],{}]}`, `{"keys":`, "<html>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		keys, _, err := jwks.Parse(set, nil)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%q: %d keys, %v", set, len(keys), err)
		}
		if err == nil {
			if _, err := jwt.Keys(keys...); err != nil {
				t.Errorf("%q: %v", set, err)
			}
		}
	})
}
