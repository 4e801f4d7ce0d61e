package jwt_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestAlgorithms: a token of each is taken by its key alone (D02, D04).
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for alg, s := range signers() {
		token := s.token()
		for other, o := range signers() {
			if alg == other {
				accepts(t, strategy(o.key), token)
			} else {
				refuses(t, strategy(o.key), token, jwt.ErrNoKey)
			}
		}
	}
}

// TestNone: no algorithm at all is none (D01).
func TestNone(t *testing.T) {
	t.Parallel()
	rs := signers()[jwt.RS256]
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", " none", "none ", "HS1", "rs256"} {
		h := header(jwt.Algorithm(none), nil)
		for _, signature := range []string{"", b64("x"), rs.token()[strings.LastIndexByte(rs.token(), '.')+1:]} {
			why := jwt.ErrHeader
			if signature == "" {
				why = jwt.ErrMalformed
			}
			refuses(t, strategy(rs.key), b64(h)+"."+b64(claims(nil))+"."+signature, why)
		}
	}
	refuses(t, strategy(rs.key), rs.sign(header(jwt.RS256, with{"alg": ""}), claims(nil)), jwt.ErrHeader)
}

// TestPublicKeyAsSecret: who has the public key alone signs nothing (D02).
func TestPublicKeyAsSecret(t *testing.T) {
	t.Parallel()
	rs := signers()[jwt.RS256]
	der := must(x509.MarshalPKIXPublicKey(rs.public))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk := []byte(`{"kty":"RSA","n":"` + strings.Repeat("A", 300) + `","e":"AQAB"}`)
	set := []byte(`{"keys":[{"kty":"oct"},` + string(jwk) + "]}\n")
	pkcs1 := x509.MarshalPKCS1PublicKey(rs.public.(*rsa.PublicKey))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate := must(x509.CreateCertificate(rand.Reader, template, template, rs.public, rs.private))
	for name, secret := range map[string][]byte{
		"PEM": text, "DER": der, "PKCS #1": pkcs1, "JWK": jwk, "JWKS": set, "certificate": certificate,
		"certificate in PEM": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	} {
		forger := signer{method: gojwt.SigningMethodHS256, private: secret}
		refuses(t, strategy(rs.key), forger.sign(header(jwt.HS256, nil), claims(nil)), jwt.ErrNoKey)
		if _, err := jwt.HMAC(secret, nil); err == nil {
			t.Errorf("%s of a public key is taken as a secret", name)
		}
	}
	for _, secret := range []string{`{"kty":"oct","k":"` + strings.Repeat("A", 43) + `"}`, `{"keys":[{"kty":"oct"}],"a":"` + strings.Repeat("A", 43) + `"}`} {
		if _, err := jwt.HMAC([]byte(secret), nil); err != nil {
			t.Errorf("%s is no public key: %v", secret, err)
		}
	}
}

// TestHeaders are headers of tokens whose signature is right. (D08, D12, D13,
// D17, D19, D20, D23, D24, D25)
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.RS256]
	h := func(change with) string { return header(jwt.RS256, change) }
	members := func(n int) string {
		var b strings.Builder
		for i := range n - 3 { // besides alg, kid and typ
			fmt.Fprintf(&b, `"m%d":0,`, i)
		}
		return "{" + b.String() + strings.TrimPrefix(h(nil), "{")
	}
	for name, tt := range map[string]struct {
		header string
		want   error
	}{
		"plain":                  {h(nil), nil},
		"unknown member":         {h(with{"x": `{"a":[1]}`}), nil},
		"spaces":                 {" { \"alg\" : \"RS256\",\n\"typ\":\t\"at+jwt\" , \"kid\":\"k1\" }\r\n ", nil},
		"no kid":                 {h(with{"kid": ""}), nil},
		"escaped":                {`{"\u0061lg":"RS256","typ":"at\u002bjwt","kid":"k\u0031"}`, nil},
		"kid of another":         {h(with{"kid": `"k2"`}), jwt.ErrNoKey},
		"kid in another case":    {h(with{"kid": `"K1"`}), jwt.ErrNoKey},
		"kid is a path":          {h(with{"kid": `"../../dev/null"`}), jwt.ErrNoKey},
		"kid is empty":           {h(with{"kid": `""`}), jwt.ErrHeader},
		"kid of 256 bytes":       {h(with{"kid": `"` + strings.Repeat("k", 256) + `"`}), jwt.ErrNoKey},
		"kid of 257 bytes":       {h(with{"kid": `"` + strings.Repeat("k", 257) + `"`}), jwt.ErrHeader},
		"kid is a number":        {h(with{"kid": `1`}), jwt.ErrHeader},
		"kid is null":            {h(with{"kid": `null`}), jwt.ErrHeader},
		"kid is a list":          {h(with{"kid": `["k1"]`}), jwt.ErrHeader},
		"alg is a list":          {h(with{"alg": `["RS256"]`}), jwt.ErrHeader},
		"crit":                   {h(with{"crit": `["exp"]`, "exp": "1"}), jwt.ErrHeader},
		"crit is empty":          {h(with{"crit": `[]`}), jwt.ErrHeader},
		"crit is no list":        {h(with{"crit": `"b64"`}), jwt.ErrHeader},
		"crit is null":           {h(with{"crit": `null`}), jwt.ErrHeader},
		"crit twice the same":    {h(with{"crit": `["x","x"]`, "x": "1"}), jwt.ErrHeader},
		"crit is not there":      {h(with{"crit": `["x"]`}), jwt.ErrHeader},
		"crit, escaped":          {strings.Replace(h(with{"crit": `["x"]`}), "crit", `cri\u0074`, 1), jwt.ErrHeader},
		"b64 false":              {h(with{"b64": `false`}), jwt.ErrHeader},
		"b64 true":               {h(with{"b64": `true`}), jwt.ErrHeader},
		"zip":                    {h(with{"zip": `"DEF"`}), jwt.ErrHeader},
		"enc":                    {h(with{"enc": `"A128GCM"`}), jwt.ErrHeader},
		"alg of an encryption":   {h(with{"alg": `"RSA-OAEP"`}), jwt.ErrHeader},
		"PBES2":                  {h(with{"alg": `"PBES2-HS256+A128KW"`, "p2c": "2147483647"}), jwt.ErrHeader},
		"nested":                 {h(with{"cty": `"JWT"`}), jwt.ErrHeader},
		"cty of something else":  {h(with{"cty": `"json"`}), nil},
		"cty is a number":        {h(with{"cty": `1`}), jwt.ErrHeader},
		"nested, media type":     {h(with{"cty": `"application/jwt"`}), jwt.ErrHeader},
		"typ in full":            {h(with{"typ": `"application/at+jwt"`}), nil},
		"typ in another case":    {h(with{"typ": `"AT+JWT"`}), nil},
		"typ of an ID token":     {h(with{"typ": `"JWT"`}), jwt.ErrHeader},
		"typ of a logout token":  {h(with{"typ": `"logout+jwt"`}), jwt.ErrHeader},
		"typ of a proof":         {h(with{"typ": `"dpop+jwt"`}), jwt.ErrHeader},
		"no typ":                 {h(with{"typ": ""}), jwt.ErrHeader},
		"typ is a number":        {h(with{"typ": "1"}), jwt.ErrHeader},
		"ALG beside":             {h(with{"ALG": `"none"`}), nil},
		"ALG alone":              {h(with{"ALG": `"RS256"`, "alg": ""}), jwt.ErrHeader},
		"alg twice":              {`{"alg":"RS256","typ":"at+jwt","alg":"RS256"}`, jwt.ErrMalformed},
		"alg twice, one none":    {`{"alg":"none","typ":"at+jwt","alg":"RS256"}`, jwt.ErrMalformed},
		"alg twice, one escaped": {`{"alg":"RS256","typ":"at+jwt","\u0061lg":"RS256"}`, jwt.ErrMalformed},
		"twice, deep":            {h(with{"x": `{"a":1,"a":2}`}), jwt.ErrMalformed},
		"trailing":               {h(nil) + "{}", jwt.ErrMalformed},
		"trailing NUL":           {h(nil) + "\x00", jwt.ErrMalformed},
		"byte order mark":        {"\ufeff" + h(nil), jwt.ErrMalformed},
		"not UTF-8":              {h(with{"x": "\"\xff\""}), jwt.ErrMalformed},
		"half a surrogate":       {h(with{"x": `"\ud800"`}), jwt.ErrMalformed},
		"a list":                 {"[" + h(nil) + "]", jwt.ErrMalformed},
		"a string":               {`"alg"`, jwt.ErrMalformed},
		"a string without end":   {`"alg`, jwt.ErrMalformed},
		"alg without a value":    {`{"alg": ,"typ":"at+jwt"}`, jwt.ErrHeader},
		"cut":                    {h(nil)[:20], jwt.ErrMalformed},
		"comma at the end":       {strings.TrimSuffix(h(nil), "}") + ",}", jwt.ErrMalformed},
		"a comment":              {strings.TrimSuffix(h(nil), "}") + "/**/}", jwt.ErrMalformed},
		"4 KiB":                  {h(with{"x": `"` + strings.Repeat("x", 3<<10-len(h(with{"x": `""`}))) + `"`}), nil},
		"more than 4 KiB":        {h(with{"x": `"` + strings.Repeat("x", 3<<10-len(h(with{"x": `""`}))+1) + `"`}), jwt.ErrMalformed},
		"32 deep":                {h(with{"x": strings.Repeat("[", 31) + strings.Repeat("]", 31)}), nil},
		"33 deep":                {h(with{"x": strings.Repeat("[", 32) + strings.Repeat("]", 32)}), jwt.ErrMalformed},
		"256 members":            {members(256), nil},
		"257 members":            {members(257), jwt.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := strategy(s.key)
			for range 2 { // once more, in case it is remembered
				token := s.sign(tt.header, claims(nil))
				if tt.want == nil {
					accepts(t, v, token)
				} else {
					refuses(t, v, token, tt.want)
				}
			}
		})
	}
}

// TestForm: a token is three parts in strict base64url, and has one spelling
// (D21, D22, D24, D25).
func TestForm(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.ES256]
	token := s.token()
	h, p, sig := parts(token)
	v := strategy(s.key)
	accepts(t, v, token) // its header is remembered from here on
	loose := func(s string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(alphabet, s[len(s)-1])
		return s[:len(s)-1] + string(alphabet[last|1]) // a bit that no byte has
	}
	// Payloads of every length, so that one ends in bits of no byte.
	var uneven string
	for pad := ""; uneven == ""; pad += "x" {
		if c := claims(with{"pad": `"` + pad + `"`}); len(c)%3 != 0 {
			uneven = b64(c)
		}
	}
	resign := func(h, p string) string {
		signed := h + "." + p
		return signed + "." + base64.RawURLEncoding.EncodeToString(must(s.method.Sign(signed, s.private)))
	}
	accepts(t, v, resign(h, uneven))
	for name, bad := range map[string]string{
		"empty":                     "",
		"one part":                  h,
		"two parts":                 h + "." + p,
		"two parts and a dot":       h + "." + p + ".",
		"four parts":                token + "." + sig,
		"four parts, one empty":     token + ".",
		"five parts of a JWE":       h + "." + p + "." + sig + "." + sig + "." + sig,
		"no header":                 "." + p + "." + sig,
		"no payload":                resign(h, ""),
		"flattened JSON":            `{"protected":"` + h + `","payload":"` + p + `","signature":"` + sig + `"}`,
		"padded signature":          token + "==",
		"padded payload":            resign(h, p+"="),
		"line feed in payload":      resign(h, p[:8]+"\n"+p[8:]),
		"return in payload":         resign(h, p[:8]+"\r"+p[8:]),
		"space in payload":          resign(h, p[:8]+" "+p[8:]),
		"loose bits in payload":     resign(h, loose(uneven)),
		"line feed in header":       resign(h[:8]+"\n"+h[8:], p),
		"other alphabet in payload": resign(h, b64(claims(nil))[:8]+"+/"+b64(claims(nil))[10:]),
		"space before":              " " + token,
		"space behind":              token + " ",
		"16 KiB and a byte":         token + strings.Repeat("A", 16<<10+1-len(token)),
	} {
		why := jwt.ErrMalformed
		switch name {
		case "padded signature", "space behind":
			why = jwt.ErrSignature // it has another length
		case "no payload":
			why = jwt.ErrClaims
		}
		refuses(t, v, bad, why)
	}
	refuses(t, v, h+"."+p+".*", jwt.ErrSignature)
	// Another spelling of the same signature, of the same length. 64 bytes end
	// in bits of no byte.
	for name, bad := range map[string]string{
		"loose bits": loose(sig), "line feed": sig[:len(sig)-1] + "\n", "return": "\r" + sig[1:],
	} {
		if bad == sig {
			t.Fatalf("%s: no other spelling", name)
		}
		refuses(t, v, h+"."+p+"."+bad, jwt.ErrMalformed)
	}
}

func parts(token string) (header, payload, signature string) {
	all := strings.Split(token, ".")
	return all[0], all[1], all[2]
}

// TestTokenLimit: 16 KiB, or what Config says (D24).
func TestTokenLimit(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	token := func(size int) string {
		for pad := size * 3 / 4; ; pad-- {
			if tok := s.sign(header(jwt.HS256, nil), claims(with{"pad": `"` + strings.Repeat("x", pad) + `"`})); len(tok) <= size {
				return tok
			}
		}
	}
	accepts(t, strategy(s.key), token(16<<10))
	refuses(t, strategy(s.key), token(16<<10+4), jwt.ErrMalformed)
	c := config(s.key)
	c.MaxToken = 1 << 10
	accepts(t, jwt.New(c, fromClaims), token(1<<10))
	refuses(t, jwt.New(c, fromClaims), token(1<<10+4), jwt.ErrMalformed)
}

// TestKeyInHeader: where the token says that its key is, nobody looks (D07).
func TestKeyInHeader(t *testing.T) {
	t.Parallel()
	canary, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 16)
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} })}
	go server.Serve(canary)
	defer server.Close()
	at := fmt.Sprintf("%q", "http://"+canary.Addr().String()+"/keys")
	mine, theirs := signers()[jwt.RS256], signers()[jwt.PS256]
	forged := signer{gojwt.SigningMethodRS256, must(newRSA(2048)), nil, mine.key}
	for name, change := range map[string]with{
		"jku": {"jku": at}, "x5u": {"x5u": at}, "x5c": {"x5c": `["MIIB"]`},
		"jwk": {"jwk": `{"kty":"RSA","e":"AQAB","n":"` + b64(strings.Repeat("\xc1", 256)) + `"}`},
	} {
		v := strategy(must(jwt.Keys(mine.key, theirs.key)))
		refuses(t, v, forged.sign(header(jwt.RS256, change), claims(nil)), jwt.ErrSignature)
		change = with{"kid": `"unknown"`, name: change[name]}
		refuses(t, v, forged.sign(header(jwt.RS256, change), claims(nil)), jwt.ErrNoKey)
	}
	select {
	case <-asked:
		t.Error("the token's address was asked")
	default:
	}
}

// TestRememberedHeaders: what strangers make up takes no room, and a header
// that is known is no way around the type.
func TestRememberedHeaders(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	v := strategy(s.key)
	for i := range 1000 {
		h := header(jwt.HS256, with{"n": fmt.Sprint(i)})
		if i%2 == 0 {
			accepts(t, v, s.sign(h, claims(nil)))
		} else {
			refuses(t, v, b64(h)+"."+b64(claims(nil))+"."+strings.Repeat("A", 43), jwt.ErrSignature)
		}
	}
	if n := jwt.KnownHeaders(v); n != 64 {
		t.Errorf("%d headers are remembered, want 64", n)
	}
	if n := jwt.KnownHeaders(strategyOf[Claims](s.key)); n != 0 {
		t.Errorf("another strategy remembers %d", n)
	}
}

func strategyOf[C any](keys jwt.KeySource) *jwt.Strategy[*User, C] {
	return strategyIn[C](config(keys))
}

func strategyIn[C any](c jwt.Config) *jwt.Strategy[*User, C] {
	return jwt.New(c, func(context.Context, *C) (*User, error) { return &User{Key: "somebody"}, nil })
}
