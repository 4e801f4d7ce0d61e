package jwt_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/gopassport/passport/internal/bearertoken"
	"github.com/gopassport/passport/strategies/jwt"
)

// FuzzAuthorization: what is taken is one token behind Bearer (F13, D33).
func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "Bearer a.b.c", "bearer  a", "Basic eA==", "Bearer a b", "Bearer\ta", "BEARER =", "Bearer \x00", "Bearer a,b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, found, err := bearertoken.Credentials([]string{value}, "Bearer")
		isBearer := len(value) >= 6 && strings.EqualFold(value[:6], "bearer") && (len(value) == 6 || value[6] == ' ')
		switch {
		case err != nil && (found || token != ""), found && (token == "" || token[0] == ' ' || !strings.HasSuffix(value, token)), isBearer != (found || err != nil):
			t.Errorf("%q: %q, %t, %v", value, token, found, err)
		}
		if bearertoken.Token68(token) && strings.ContainsAny(token, " ,\"\\\t\r\n\x00\x7f") {
			t.Errorf("%q is token68", token)
		}
	})
}

// FuzzVerify: no text makes it panic, and only the one that was signed is
// right (F13, D21, D22).
func FuzzVerify(f *testing.F) {
	s := signers()[jwt.HS256]
	right := s.token()
	v := strategy(s.key)
	for _, seed := range []string{"", ".", "..", "...", "a.b.c", right, right + "=", right[:len(right)-1], strings.Replace(right, ".", "..", 1), "\n" + right} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		user, err := v.Verify(t.Context(), token)
		if (user != nil) != (err == nil) || err == nil && token != right {
			t.Errorf("%q: %v, %v", token, user, err)
		}
	})
}

// FuzzHeader and FuzzClaims sign what they are given: what is taken is JSON
// that every reader reads alike (F13, D19, D20, D23, D24).
func FuzzHeader(f *testing.F) {
	s := signers()[jwt.HS256]
	v := strategy(s.key)
	for _, seed := range []string{"", "{}", "null", header(jwt.HS256, nil), `{"alg":"none"}`, `{"alg":"HS256","alg":"none"}`, `{"\u0061lg":"HS256","typ":"at+jwt"}`, `{"a":"\"}`, `[`, `{"crit":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, h []byte) {
		if _, err := v.Verify(t.Context(), s.sign(string(h), claims(nil))); err != nil {
			return
		}
		m := members(t, h)
		if m["alg"] != "HS256" || m["crit"] != nil || m["b64"] != nil || m["zip"] != nil || m["enc"] != nil {
			t.Errorf("%q is taken", h)
		}
		if typ, _ := m["typ"].(string); !strings.HasSuffix(strings.ToLower(typ), "at+jwt") {
			t.Errorf("%q is taken", h)
		}
	})
}

func FuzzClaims(f *testing.F) {
	s := signers()[jwt.HS256]
	v, all := strategy(s.key), jwt.New(config(s.key), fromText) // which decodes all of it
	for _, seed := range []string{
		"", "{}", "null", claims(nil), claims(with{"exp": `"1"`}), claims(with{"aud": `["x"]`}), claims(with{"x": `{"a":[{}]}`}),
		strings.Replace(claims(nil), "sub", `\u0073ub`, 1), claims(nil) + "x", `{"exp":1e400}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, c []byte) {
		token := s.sign(header(jwt.HS256, nil), string(c))
		user, err := v.Verify(t.Context(), token)
		if same, allErr := all.Verify(t.Context(), token); (err == nil) != (allErr == nil) || err == nil && *same != *user {
			t.Fatalf("%q: %v, but decoded whole %v", c, err, allErr)
		}
		if err != nil {
			return
		}
		if !jsontext.Value(c).IsValid() {
			t.Errorf("%q is taken, and no unambiguous JSON", c)
		}
		m := members(t, c)
		_, isNumber := m["exp"].(float64)
		if m["iss"] != issuer || user.Key != issuer+" "+m["sub"].(string) || m["cnf"] != nil || !isNumber {
			t.Errorf("%q is taken as %q", c, user.Key)
		}
	})
}

// members are those of an object, by the standard library, which is less
// strict.
func members(t *testing.T, object []byte) (m map[string]any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if err := dec.Decode(&m); err != nil || dec.More() {
		t.Fatalf("%q is taken, and no JSON: %v", object, err)
	}
	return m
}
