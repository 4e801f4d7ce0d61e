package jwt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

// TestClaims are tokens whose signature is right. (D14, D15, D16, D17, D18,
// D19, D20, D23, D24, D38)
func TestClaims(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	list := func(n int) string { return `["` + strings.Repeat(`x","`, n-1) + audience + `"]` }
	members := func(n int) string {
		var b strings.Builder
		for i := range n - 10 {
			fmt.Fprintf(&b, `"m%d":{},`, i)
		}
		return "{" + b.String() + strings.TrimPrefix(claims(nil), "{")
	}
	type table map[string]struct {
		claims string
		want   error
	}
	both := table{ // whatever the type
		"plain":                   {claims(nil), nil},
		"unknown claim":           {claims(with{"x": `{"a":[1,{"b":null}]}`}), nil},
		"spaces":                  {" \n" + strings.ReplaceAll(claims(nil), `":`, "\"\t:\r\n ") + " ", nil},
		"claims, escaped":         {strings.NewReplacer(`"iss"`, `"\u0069ss"`, `"user-1"`, `"user\u002d1"`).Replace(claims(nil)), nil},
		"no exp":                  {claims(with{"exp": ""}), jwt.ErrClaims},
		"exp is a string":         {claims(with{"exp": `"9999999999"`}), jwt.ErrClaims},
		"exp is null":             {claims(with{"exp": `null`}), jwt.ErrClaims},
		"exp is true":             {claims(with{"exp": `true`}), jwt.ErrClaims},
		"exp is a list":           {claims(with{"exp": `[9999999999]`}), jwt.ErrClaims},
		"exp is past":             {claims(with{"exp": in(-time.Hour)}), jwt.ErrExpired},
		"exp is 0":                {claims(with{"exp": `0`}), jwt.ErrExpired},
		"exp is a bit negative":   {claims(with{"exp": `-0.5`}), jwt.ErrClaims},
		"expired, email a number": {claims(with{"exp": in(-time.Hour), "email": "1"}), jwt.ErrExpired},
		"exp is negative":         {claims(with{"exp": `-1`}), jwt.ErrClaims},
		"exp is 1e400":            {claims(with{"exp": `1e400`}), jwt.ErrClaims},
		"exp is -1e400":           {claims(with{"exp": `-1e400`}), jwt.ErrClaims},
		"exp is 2^63":             {claims(with{"exp": `9223372036854775808`}), jwt.ErrClaims},
		"exp is 2^63 - 1":         {claims(with{"exp": `9223372036854775807`}), jwt.ErrClaims},
		"exp is 2^64 and more":    {claims(with{"exp": `18446744073709551617`}), jwt.ErrClaims},
		"exp is after 9999":       {claims(with{"exp": `253402300800`}), jwt.ErrClaims},
		"exp is in 9999":          {claims(with{"exp": `253402300799`}), nil},
		"exp has a fraction":      {claims(with{"exp": in(time.Hour) + ".5"}), nil},
		"exp has an exponent":     {claims(with{"exp": `99e8`}), nil},
		"exp of a past exponent":  {claims(with{"exp": `1e-400`}), jwt.ErrExpired},
		"exp with a plus":         {claims(with{"exp": `+9999999999`}), jwt.ErrClaims},
		"exp in hexadecimal":      {claims(with{"exp": `0xfffffffff`}), jwt.ErrClaims},
		"EXP alone":               {claims(with{"exp": "", "EXP": `9999999999`}), jwt.ErrClaims},
		"EXP beside":              {claims(with{"exp": in(-time.Hour), "EXP": `9999999999`}), jwt.ErrExpired},
		"exp, deep alone":         {claims(with{"exp": "", "x": `{"exp":9999999999}`}), jwt.ErrClaims},
		"nbf is past":             {claims(with{"nbf": in(-time.Hour)}), nil},
		"nbf is to come":          {claims(with{"nbf": in(time.Hour)}), jwt.ErrNotYet},
		"nbf, escaped":            {strings.Replace(claims(with{"nbf": in(time.Hour)}), "nbf", `nb\u0066`, 1), jwt.ErrNotYet},
		"nbf is a string":         {claims(with{"nbf": `"0"`}), jwt.ErrClaims},
		"nbf is null":             {claims(with{"nbf": `null`}), jwt.ErrClaims},
		"nbf is negative":         {claims(with{"nbf": `-1`}), jwt.ErrClaims},
		"nbf is huge":             {claims(with{"nbf": `1e400`}), jwt.ErrClaims},
		"iat is to come":          {claims(with{"iat": in(time.Hour)}), jwt.ErrNotYet},
		"iat is a string":         {claims(with{"iat": `"0"`}), jwt.ErrClaims},
		"iat is 2^63":             {claims(with{"iat": `9223372036854775808`}), jwt.ErrClaims},
		"no iss":                  {claims(with{"iss": ""}), jwt.ErrIssuer},
		"iss of another":          {claims(with{"iss": `"https://evil.example.com"`}), jwt.ErrIssuer},
		"iss with a slash":        {claims(with{"iss": `"` + issuer + `/"`}), jwt.ErrIssuer},
		"iss in another case":     {claims(with{"iss": `"` + strings.ToUpper(issuer) + `"`}), jwt.ErrIssuer},
		"iss is a list":           {claims(with{"iss": `["` + issuer + `"]`}), jwt.ErrIssuer},
		"iss is null":             {claims(with{"iss": `null`}), jwt.ErrIssuer},
		"no aud":                  {claims(with{"aud": ""}), jwt.ErrAudience},
		"aud of another":          {claims(with{"aud": `"https://other.example.com"`}), jwt.ErrAudience},
		"aud is empty":            {claims(with{"aud": `""`}), jwt.ErrAudience},
		"aud is an empty list":    {claims(with{"aud": `[]`}), jwt.ErrAudience},
		"aud is a list":           {claims(with{"aud": list(3)}), nil},
		"aud is a list of others": {claims(with{"aud": `["a","b"]`}), jwt.ErrAudience},
		"aud is a longer name":    {claims(with{"aud": `"` + audience + `.evil.example.com"`}), jwt.ErrAudience},
		"aud is null":             {claims(with{"aud": `null`}), jwt.ErrClaims},
		"aud is a number":         {claims(with{"aud": `1`}), jwt.ErrClaims},
		"aud is an object":        {claims(with{"aud": `{"a":"` + audience + `"}`}), jwt.ErrClaims},
		"aud has a number":        {claims(with{"aud": `[1,"` + audience + `"]`}), jwt.ErrClaims},
		"aud has a list":          {claims(with{"aud": `[["` + audience + `"]]`}), jwt.ErrClaims},
		"no sub":                  {claims(with{"sub": ""}), jwt.ErrClaims},
		"sub is empty":            {claims(with{"sub": `""`}), jwt.ErrClaims},
		"sub is a number":         {claims(with{"sub": `1`}), jwt.ErrClaims},
		"sub of 255 bytes":        {claims(with{"sub": `"` + strings.Repeat("s", 255) + `"`}), nil},
		"sub of 256 bytes":        {claims(with{"sub": `"` + strings.Repeat("s", 256) + `"`}), jwt.ErrClaims},
		"SUB alone":               {claims(with{"sub": "", "SUB": `"admin"`}), jwt.ErrClaims},
		"scope is a list":         {claims(with{"scope": `["a","b"]`}), nil},
		"scope is a number":       {claims(with{"scope": `1`}), jwt.ErrClaims},
		"cnf":                     {claims(with{"cnf": `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`}), jwt.ErrBound},
		"cnf, escaped":            {strings.Replace(claims(with{"cnf": `{"jkt":"x"}`}), "cnf", `\u0063nf`, 1), jwt.ErrBound},
		"exp is past, iss wrong":  {claims(with{"exp": in(-time.Hour), "iss": `"https://evil.example.com"`}), jwt.ErrIssuer},
		"exp twice":               {strings.TrimSuffix(claims(with{"exp": in(-time.Hour)}), "}") + `,"exp":9999999999}`, jwt.ErrClaims},
		"sub twice":               {strings.TrimSuffix(claims(nil), "}") + `,"sub":"admin"}`, jwt.ErrClaims},
		"sub twice, one escaped":  {strings.TrimSuffix(claims(nil), "}") + `,"\u0073ub":"admin"}`, jwt.ErrClaims},
		"sub twice, in front":     {strings.Replace(claims(nil), "{", `{"sub":"admin",`, 1), jwt.ErrClaims},
		"a bracket for a brace":   {strings.Replace(claims(nil), "{", "[", 1), jwt.ErrClaims},
		"a letter for a brace":    {strings.Replace(claims(nil), "{", "x", 1), jwt.ErrClaims},
		"unknown twice":           {strings.TrimSuffix(claims(nil), "}") + `,"x":1,"x":1}`, jwt.ErrClaims},
		"twice, deep":             {claims(with{"x": `{"y":[{"a":1,"a":1}]}`}), jwt.ErrClaims},
		"trailing object":         {claims(nil) + "{}", jwt.ErrClaims},
		"trailing brace":          {claims(nil) + "}", jwt.ErrClaims},
		"trailing NUL":            {claims(nil) + "\x00", jwt.ErrClaims},
		"trailing word":           {claims(nil) + " x", jwt.ErrClaims},
		"byte order mark":         {"\ufeff" + claims(nil), jwt.ErrClaims},
		"not UTF-8":               {claims(with{"x": "\"\xc3\x28\""}), jwt.ErrClaims},
		"a name not UTF-8":        {strings.TrimSuffix(claims(nil), "}") + ",\"\xff\":1}", jwt.ErrClaims},
		"half a surrogate":        {claims(with{"x": `"\udc00"`}), jwt.ErrClaims},
		"a control character":     {claims(with{"x": "\"\x01\""}), jwt.ErrClaims},
		"a list":                  {"[" + claims(nil) + "]", jwt.ErrClaims},
		"null":                    {"null", jwt.ErrClaims},
		"nothing but spaces":      {"   ", jwt.ErrClaims},
		"cut":                     {strings.TrimSuffix(claims(nil), "}"), jwt.ErrClaims},
		"cut in a string":         {claims(nil)[:len(claims(nil))-12], jwt.ErrClaims},
		"a brace too many":        {"{" + claims(nil), jwt.ErrClaims},
		"brackets crossed":        {claims(with{"x": `[{]}`}), jwt.ErrClaims},
		"comma at the end":        {strings.TrimSuffix(claims(nil), "}") + ",}", jwt.ErrClaims},
		"comma at the front":      {strings.Replace(claims(nil), "{", "{,", 1), jwt.ErrClaims},
		"two commas":              {strings.Replace(claims(nil), `,"sub`, `,,"sub`, 1), jwt.ErrClaims},
		"no comma":                {strings.Replace(claims(nil), `,"sub`, `"sub`, 1), jwt.ErrClaims},
		"two colons":              {strings.Replace(claims(nil), `"sub":`, `"sub"::`, 1), jwt.ErrClaims},
		"two names":               {strings.Replace(claims(nil), `"sub":`, `"x""sub":`, 1), jwt.ErrClaims},
		"a name alone":            {strings.Replace(claims(nil), `"sub":`, `"x","sub":`, 1), jwt.ErrClaims},
		"a claim without a value": {strings.Replace(claims(with{"nbf": "1"}), `"nbf":1`, `"nbf":`, 1), jwt.ErrClaims},
		"a wrong end":             {strings.TrimSuffix(claims(nil), "}") + "]", jwt.ErrClaims},
		"sub is two":              {claims(with{"sub": `"a""b"`}), jwt.ErrClaims},
		"sub with a quote":        {claims(with{"sub": `"a"b"`}), jwt.ErrClaims},
		"sub is not UTF-8":        {claims(with{"sub": "\"\xff\""}), jwt.ErrClaims},
		"sub in UTF-8":            {claims(with{"sub": `"Ève"`}), nil},
		"jti with a control":      {claims(with{"jti": "\"\x01\""}), jwt.ErrClaims},
		"jti with a wrong escape": {claims(with{"jti": `"\x"`}), jwt.ErrClaims},
		"iat with a zero":         {claims(with{"iat": "01"}), jwt.ErrClaims},
		"client_id twice":         {strings.TrimSuffix(claims(nil), "}") + `,"client_id":"web"}`, jwt.ErrClaims},
		"scope twice":             {strings.TrimSuffix(claims(nil), "}") + `,"scope":"a"}`, jwt.ErrClaims},
		"exp twice, one escaped":  {strings.TrimSuffix(claims(nil), "}") + `,"\u0065xp":9999999999}`, jwt.ErrClaims},
		"single quotes":           {strings.ReplaceAll(claims(nil), `"`, `'`), jwt.ErrClaims},
		"NaN":                     {claims(with{"x": "NaN"}), jwt.ErrClaims},
		"32 deep":                 {claims(with{"x": strings.Repeat("[", 31) + strings.Repeat("]", 31)}), nil},
		"33 deep":                 {claims(with{"x": strings.Repeat("[", 32) + strings.Repeat("]", 32)}), jwt.ErrClaims},
		"8000 deep":               {claims(with{"x": strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500)}), jwt.ErrClaims},
		"256 members":             {members(256), nil},
		"257 members":             {members(257), jwt.ErrClaims},
		"email is a number":       {claims(with{"email": "1"}), jwt.ErrClaims},
		"EMAIL beside":            {claims(with{"EMAIL": "1"}), nil},
	}
	access := table{ // RFC 9068
		"no client_id":          {claims(with{"client_id": ""}), jwt.ErrClaims},
		"client_id is empty":    {claims(with{"client_id": `""`}), jwt.ErrClaims},
		"client_id is a number": {claims(with{"client_id": `1`}), jwt.ErrClaims},
		"no jti":                {claims(with{"jti": ""}), jwt.ErrClaims},
		"jti is null":           {claims(with{"jti": "null"}), jwt.ErrClaims},
		"no iat":                {claims(with{"iat": ""}), jwt.ErrClaims},
		"nonce":                 {claims(with{"nonce": `"n"`}), nil},
	}
	plain := table{
		"no client_id, jti and iat": {claims(with{"client_id": "", "jti": "", "iat": ""}), nil},
		"ID token with nonce":       {claims(with{"nonce": `"n"`}), jwt.ErrClaims},
		"ID token with at_hash":     {claims(with{"at_hash": `"h"`}), jwt.ErrClaims},
		"ID token with s_hash":      {claims(with{"s_hash": `"h"`}), jwt.ErrClaims},
		"jti is a number":           {claims(with{"jti": `1`}), jwt.ErrClaims},
		"client_id is a number":     {claims(with{"client_id": `1`}), jwt.ErrClaims},
		"ID token with c_hash":      {claims(with{"c_hash": `"h"`}), jwt.ErrClaims},
		"logout token":              {claims(with{"events": `{"http://schemas.openid.net/event/backchannel-logout":{}}`}), jwt.ErrClaims},
	}
	for _, mode := range []struct {
		typ    jwt.Type
		tables []table
	}{{jwt.TypeAccessToken, []table{both, access}}, {jwt.TypeJWT, []table{both, plain}}} {
		c := config(s.key)
		c.Issuers[0].Type = mode.typ
		v := jwt.New(c, fromClaims)
		all := jwt.New(c, fromText) // whose decoder sees every claim
		h := header(jwt.HS256, with{"typ": fmt.Sprintf("%q", mode.typ)})
		for _, table := range mode.tables {
			for name, tt := range table {
				t.Run(string(mode.typ)+"/"+name, func(t *testing.T) {
					t.Parallel()
					if token := s.sign(h, tt.claims); tt.want == nil {
						accepts(t, v, token)
						accepts(t, all, token)
					} else {
						refuses(t, v, token, tt.want)
						refuses(t, all, token, tt.want)
					}
				})
			}
		}
	}
}

// A claimsText decodes itself, and so gets the whole text.
type claimsText struct {
	Claims
	text string
}

func (c *claimsText) UnmarshalJSON(text []byte) error {
	c.text = string(text)
	return json.Unmarshal(text, &c.Claims)
}

// A passingOn decodes itself, by the options that it is decoded with.
type passingOn struct {
	Email string `json:"email"`
}

func (c *passingOn) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain passingOn
	return json.UnmarshalDecode(dec, (*plain)(c), dec.Options())
}

func fromText(ctx context.Context, c *claimsText) (*User, error) { return fromClaims(ctx, &c.Claims) }

// TestSpares: the decoder is spared what the application does not read, and
// that alone.
func TestSpares(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Issuers[0].ScopeClaim = "scp"
	noName := config(s.key)
	noName.Issuers[0].ScopeClaim = "\xff"
	control := config(s.key)
	control.Issuers[0].ScopeClaim = "sc\x01pe"
	type sub struct {
		S string `json:"sub"`
	}
	for name, tt := range map[string]struct{ got, want bool }{
		"own claims":    {jwt.Spares(strategyIn[Claims](c)), true},
		"no claims":     {jwt.Spares(strategyIn[struct{}](c)), true},
		"a nested one":  {jwt.Spares(strategyIn[struct{ X sub }](c)), true},
		"a name's case": {jwt.Spares(strategyIn[struct{ Sub string }](c)), true},
		"sub":           {jwt.Spares(strategyIn[sub](c)), false},
		"sub, embedded": {jwt.Spares(strategyIn[struct{ sub }](c)), false},
		"sub in any case": {jwt.Spares(strategyIn[struct {
			S string `json:"SUB,case:ignore"`
		}](c)), false},
		"text, a pointer":   {jwt.Spares(strategyIn[*claimsText](c)), false},
		"options passed on": {jwt.Spares(strategyIn[passingOn](c)), false},
		"a control":         {jwt.Spares(strategyIn[Claims](control)), false},
		"no name at all":    {jwt.Spares(strategyIn[Claims](noName)), false},
		"the issuer's scp": {jwt.Spares(strategyIn[struct {
			S string `json:"scp"`
		}](c)), false},
		"what is left over": {jwt.Spares(strategyIn[struct {
			Rest map[string]any `json:",embed"`
		}](c)), false},
		"a map":    {jwt.Spares(strategyIn[map[string]any](c)), false},
		"anything": {jwt.Spares(strategyIn[any](c)), false},
		"text":     {jwt.Spares(strategyIn[claimsText](c)), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: spares %t", name, tt.got)
		}
	}
	var got string
	all := jwt.New(config(s.key), func(ctx context.Context, c *claimsText) (*User, error) {
		got = c.text
		return fromText(ctx, c)
	})
	want := claims(nil)
	accepts(t, all, s.sign(header(jwt.HS256, nil), want))
	if got != want {
		t.Errorf("decoded from %s, want %s", got, want)
	}
}

// TestTypeJWT takes what says JWT or nothing, and nothing else (D17).
func TestTypeJWT(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Issuers[0].Type = jwt.TypeJWT
	v := jwt.New(c, fromClaims)
	for typ, ok := range map[string]bool{`"JWT"`: true, `"jwt"`: true, `"application/jwt"`: true, "": true, `"at+jwt"`: false, `"logout+jwt"`: false, `"secevent+jwt"`: false, "1": false, "null": false} {
		token := s.sign(header(jwt.HS256, with{"typ": typ}), claims(nil))
		if ok {
			accepts(t, v, token)
		} else {
			refuses(t, v, token, jwt.ErrHeader)
		}
	}
}

// TestTimes: to the second, with a leeway of 30 s unless Config says otherwise
// (D14, D15).
func TestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := signers()[jwt.HS256]
		for leeway, want := range map[time.Duration]time.Duration{0: 30 * time.Second, -1: 0, time.Second: time.Second, 5 * time.Minute: 5 * time.Minute} {
			c := config(s.key)
			c.Leeway = leeway
			v := jwt.New(c, fromClaims)
			token := s.sign(header(jwt.HS256, nil), claims(with{
				"nbf": in(time.Hour), "iat": in(time.Hour), "exp": in(2 * time.Hour),
			}))
			at := func(d time.Duration, why error) {
				t.Helper()
				time.Sleep(d - time.Nanosecond)
				if why == nil {
					accepts(t, v, token)
				} else {
					refuses(t, v, token, why)
				}
				time.Sleep(time.Nanosecond)
			}
			at(time.Hour-want, jwt.ErrNotYet)
			accepts(t, v, token)
			at(time.Hour+2*want, nil)
			refuses(t, v, token, jwt.ErrExpired)
		}
	})
}

// TestClients: an issuer without aud is trusted for its clients (D16).
func TestClients(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Issuers[0].Audience, c.Issuers[0].Clients = nil, []string{"mobile", "web"}
	v := jwt.New(c, fromClaims)
	h := header(jwt.HS256, nil)
	accepts(t, v, s.sign(h, claims(with{"aud": ""})))
	refuses(t, v, s.sign(h, claims(with{"aud": "", "client_id": `"other"`})), jwt.ErrAudience)
	refuses(t, v, s.sign(h, claims(with{"aud": "", "client_id": ""})), jwt.ErrAudience)
	c.Issuers[0].Audience = []string{audience}
	refuses(t, jwt.New(c, fromClaims), s.sign(h, claims(with{"aud": ""})), jwt.ErrAudience)
}

// TestTyped: the application's struct gets the claims, each by its very name,
// and the registered ones in its Token (D20).
func TestTyped(t *testing.T) {
	t.Parallel()
	type custom struct {
		jwt.Token
		Email   string         `json:"email"`
		Roles   []string       `json:"roles"`
		Subject string         `json:"sub"`
		Other   map[string]any `json:"other"`
	}
	s := signers()[jwt.ES256]
	var got *custom
	c := config(s.key)
	c.Issuers[0].ScopeClaim = "scp"
	v := jwt.New(c, func(_ context.Context, c *custom) (*User, error) {
		got = c
		return &User{Key: "x"}, nil
	})
	token := s.sign(header(jwt.ES256, nil), claims(with{"SUB": `"admin"`, "EMAIL": `"eve@example.com"`, "scp": `"a  b"`, "other": `{"n":1}`, "nbf": "1000.5"}))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if got.Subject != "user-1" || got.Token.Subject != "user-1" || got.Email != "ada@example.com" || len(got.Roles) != 2 ||
		got.Issuer != issuer || got.ID != "f81d4fae" || got.ClientID != "web" || !got.HasScope("a", "b") || got.HasScope("c") ||
		len(got.Audience) != 1 || got.Audience[0] != audience || got.IssuedAt.IsZero() || !got.Expires.After(time.Now()) ||
		!got.NotBefore.Equal(time.UnixMilli(1000500)) || got.Other["n"] != 1.0 {
		t.Errorf("claims %+v", got)
	}

	// A map has them all.
	m := jwt.New(config(s.key), func(_ context.Context, c *map[string]any) (string, error) { return (*c)["email"].(string), nil })
	if email, err := m.Verify(t.Context(), s.token()); email != "ada@example.com" || err != nil {
		t.Errorf("%q, %v", email, err)
	}
	// A struct without fields is checked as any other.
	e := strategyOf[struct{}](s.key)
	if _, err := e.Verify(t.Context(), s.sign(header(jwt.ES256, nil), strings.TrimSuffix(claims(nil), "}")+`,"x":1,"x":2}`)); !errors.Is(err, jwt.ErrClaims) {
		t.Errorf("a member twice: %v", err)
	}
}

// TestWrongClaim: the log is told which claim does not fit, and not what it
// says.
func TestWrongClaim(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	_, err := strategy(s.key).Verify(t.Context(), s.sign(header(jwt.HS256, nil), claims(with{"email": "424242"})))
	if err == nil || !strings.Contains(err.Error(), `"/email"`) || strings.Contains(err.Error(), "424242") {
		t.Error(err)
	}
}

// TestTokenIsItsOwn: whoever changes a token changes no other's, and not what
// the next is compared with (D16).
func TestTokenIsItsOwn(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	v := jwt.New(config(s.key), func(_ context.Context, c *Claims) (*User, error) {
		c.Audience[0], c.Scopes[0] = "changed", "changed"
		return fromClaims(context.Background(), c)
	})
	for range 2 {
		accepts(t, v, s.token())
	}
	refuses(t, v, s.sign(header(jwt.HS256, nil), claims(with{"aud": `"changed"`})), jwt.ErrAudience)
}

// TestIssuers: the iss chooses among those of the table, and its own keys
// decide (D26, D39).
func TestIssuers(t *testing.T) {
	t.Parallel()
	const other = "https://other.example.com"
	one, two := signers()[jwt.RS256], signers()[jwt.ES256]
	asked := 0
	counted := source(func() (*jwt.Key, error) { asked++; return two.key, nil })
	v := jwt.New(jwt.Config{Issuers: []jwt.Issuer{
		{Name: issuer, Audience: []string{audience}, Keys: one.key},
		{Name: other, Audience: []string{"else"}, Keys: counted, Type: jwt.TypeJWT, ScopeClaim: "scp"},
	}}, fromClaims)
	theirs := with{"iss": `"` + other + `"`, "aud": `"else"`}
	h := header(jwt.ES256, with{"typ": `"JWT"`})

	first, err := v.Verify(t.Context(), one.token())
	if err != nil || asked != 0 {
		t.Fatalf("%v, asked the other issuer %d times", err, asked)
	}
	second, err := v.Verify(t.Context(), two.sign(h, claims(theirs)))
	if err != nil || asked != 1 {
		t.Fatalf("%v, asked the other issuer %d times", err, asked)
	}
	if first.Key == second.Key {
		t.Errorf("two issuers' user-1 have one key: %q", first.Key)
	}
	refuses(t, v, two.sign(header(jwt.ES256, nil), claims(nil)), jwt.ErrNoKey)                                     // their key for our iss
	refuses(t, v, one.sign(header(jwt.RS256, with{"typ": `"JWT"`}), claims(theirs)), jwt.ErrNoKey)                 // our key for theirs
	refuses(t, v, one.sign(header(jwt.RS256, nil), claims(theirs)), jwt.ErrHeader)                                 // their type is another
	refuses(t, v, two.sign(h, claims(with{"iss": `"` + other + `"`})), jwt.ErrAudience)                            // our audience for theirs
	refuses(t, v, one.sign(header(jwt.RS256, nil), claims(with{"iss": `"https://x.example.com"`})), jwt.ErrIssuer) // nobody's
	refuses(t, v, one.sign(header(jwt.RS256, nil), claims(with{"iss": ""})), jwt.ErrIssuer)
	refuses(t, v, one.sign(header(jwt.RS256, nil), strings.TrimSuffix(claims(nil), "}")+`,"iss":"`+other+`"}`), jwt.ErrHeader)
	refuses(t, v, b64(header(jwt.RS256, nil))+".*."+strings.Repeat("A", 342), jwt.ErrMalformed)
	refuses(t, v, b64(header(jwt.RS256, nil))+"."+b64("[]")+"."+strings.Repeat("A", 342), jwt.ErrClaims)
	forged := b64(header(jwt.RS256, nil)) + "." + b64(claims(with{"exp": "1"})) + "." + strings.Repeat("A", 342)
	refuses(t, v, forged, jwt.ErrSignature)
}

// TestSignatureComesFirst: whatever else is wrong, nobody is told that a
// forged token has expired; and nobody is let in (D26, D42).
func TestSignatureComesFirst(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	for name, change := range map[string]with{
		"expired": {"exp": "1"}, "not yet": {"nbf": in(time.Hour)}, "audience": {"aud": `"x"`}, "issuer": {"iss": `"x"`},
		"claims": {"sub": "1"}, "bound": {"cnf": `{}`}, "email": {"email": "1"},
	} {
		token := s.sign(header(jwt.HS256, nil), claims(change))
		h, p, _ := parts(token)
		c := config(s.key)
		c.Revoked = func(context.Context, *jwt.Token) error { t.Errorf("%s: Revoked is asked", name); return nil }
		v := jwt.New(c, func(context.Context, *Claims) (*User, error) { t.Errorf("%s: verify is asked", name); return nil, nil })
		refuses(t, v, h+"."+p+"."+strings.Repeat("A", 43), jwt.ErrSignature)
	}
}

// TestVerifyDecides: what the application says of the claims (D42).
func TestVerifyDecides(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		err    error
		code   string
		status int // 0: no refusal
	}{
		"no user":      {passport.ErrNoUser, jwt.CodeInvalidToken, 401},
		"wrong":        {fmt.Errorf("x: %w", passport.ErrInvalidCredentials), jwt.CodeInvalidToken, 401},
		"forbidden":    {passport.ErrForbidden, passport.CodeForbidden, 403},
		"a failure":    {&passport.Failure{Code: "locked", Status: 403}, "locked", 403},
		"nil":          {nil, passport.CodeNilUser, 401},
		"an outage":    {broken, "", 0},
		"a failure of": {&passport.Failure{Status: 503, Err: broken}, "", 0},
	} {
		v := jwt.New(config(s.key), func(context.Context, *Claims) (*User, error) { return nil, tt.err })
		user, err := v.Verify(t.Context(), s.token())
		f, refused := passport.AsRefusal(err)
		if user != nil || refused != (tt.status > 0) || refused && f.Code != tt.code || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, %v", name, user, err)
		}
	}
}

// TestRevoked: the hook is asked about every token, and what it cannot tell is
// 503 (D40).
func TestRevoked(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.RS256]
	type key struct{}
	var answer error
	calls := 0
	c := config(s.key)
	c.CacheTokens = 10
	c.Revoked = func(ctx context.Context, tok *jwt.Token) error {
		if calls++; ctx.Value(key{}) != "request" || tok.ID != "f81d4fae" || tok.Subject != "user-1" || tok.Issuer != issuer || tok.IssuedAt.IsZero() {
			t.Errorf("asked about %+v", tok)
		}
		tok.Subject, tok.Scopes[0], tok.Audience[0] = "root", "admin", "" // which are its own
		return answer
	}
	v := jwt.New(c, func(ctx context.Context, claims *Claims) (*User, error) {
		if claims.HasScope("admin") || claims.Audience[0] != audience {
			t.Errorf("the hook has changed %+v", claims)
		}
		return fromClaims(ctx, claims)
	})
	ctx := context.WithValue(t.Context(), key{}, "request")
	token := s.token()
	for i, tt := range []struct {
		answer error
		status int
	}{
		{nil, 0}, {jwt.ErrRevoked, 401}, {nil, 0}, {fmt.Errorf("by subject: %w", jwt.ErrRevoked), 401}, {passport.ErrNoUser, 401},
		{errors.Join(jwt.ErrRevoked, &passport.Failure{Status: 503}), 503},
		{errors.New("the database is away"), 503}, {context.DeadlineExceeded, 503}, {context.Canceled, 503},
	} {
		answer = tt.answer
		user, err := v.Verify(ctx, token)
		f, _ := errors.AsType[*passport.Failure](err)
		_, refused := passport.AsRefusal(err)
		switch {
		case tt.status == 0 && (err != nil || user.Key != issuer+" user-1"),
			tt.status > 0 && (user != nil || f == nil || f.Status != tt.status || refused != (tt.status == 401)),
			tt.status == 401 && (!errors.Is(err, jwt.ErrRevoked) || f.Code != jwt.CodeInvalidToken):
			t.Errorf("%d: answer %v: user %v, error %v", i, tt.answer, user, err)
		}
		if calls != i+1 {
			t.Errorf("%d: asked %d times", i, calls)
		}
	}
}

// TestRevokedByFailure: what the hook refuses with is answered as it is, with
// the challenge of a token that is refused, and is ErrRevoked (D35, D40).
func TestRevokedByFailure(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	own := errors.New("stolen")
	for name, tt := range map[string]struct {
		answer    *passport.Failure
		status    int
		challenge string
	}{
		"plain":      {&passport.Failure{Code: "stolen", Err: own}, 401, invalid},
		"401":        {&passport.Failure{Code: "stolen", Status: 401, Err: own}, 401, invalid},
		"asks":       {&passport.Failure{Code: "stolen", Challenge: `Bearer realm="x"`, Err: own}, 401, `Bearer realm="x"`},
		"403":        {&passport.Failure{Code: "stolen", Status: 403, Err: own}, 403, ""},
		"an outage":  {&passport.Failure{Code: "stolen", Status: 500, Err: own}, 503, ""},
		"no message": {&passport.Failure{Code: "stolen"}, 401, invalid},
	} {
		c := config(s.key)
		c.Revoked = func(context.Context, *jwt.Token) error { return fmt.Errorf("of the hook: %w", tt.answer) }
		v := jwt.New(c, fromClaims)
		_, api := site(v)
		if w := get(api, s.token()); w.Code != tt.status || w.Header().Get("WWW-Authenticate") != tt.challenge {
			t.Errorf("%s: %d %q", name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		_, err := v.Verify(t.Context(), s.token())
		f, refused := passport.AsRefusal(err)
		if refused != (tt.status < 500) || refused && f.Code != "stolen" || errors.Is(err, jwt.ErrRevoked) != refused || !errors.Is(err, tt.answer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSourceFails: no keys is 503, and not a wrong token.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	v := strategy(source(func() (*jwt.Key, error) { return nil, away }))
	user, err := v.Verify(t.Context(), signers()[jwt.RS256].token())
	f, ok := errors.AsType[*passport.Failure](err)
	if _, refused := passport.AsRefusal(err); user != nil || refused || !ok || f.Status != 503 || !errors.Is(err, away) {
		t.Errorf("%v, %v", user, err)
	}
}
