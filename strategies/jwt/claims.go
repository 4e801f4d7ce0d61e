package jwt

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// maxSubject bounds sub, in bytes (OpenID Connect Core section 2).
const maxSubject = 255

// registered are the raw values of the claims that are looked at here.
type registered struct {
	iss, sub, aud, exp, nbf, iat, jti, clientID, scope string

	other string // what tells that it is another kind of token
	bound bool
}

// claim is where the value of a claim is kept that is looked at here, or nil.
func (c *registered) claim(name string, is *Issuer) *string {
	switch name {
	case "iss":
		return &c.iss
	case "sub":
		return &c.sub
	case "aud":
		return &c.aud
	case "exp":
		return &c.exp
	case "nbf":
		return &c.nbf
	case "iat":
		return &c.iat
	case "jti":
		return &c.jti
	case "client_id":
		return &c.clientID
	case is.ScopeClaim:
		return &c.scope
	}
	return nil
}

// scanClaims finds the registered claims in a payload, and returns what of it
// is yet to be decoded, in the same bytes: without those that are plain JSON,
// where the application does not want them.
func (v *verifier) scanClaims(payload []byte, is *Issuer) (c registered, rest []byte, err error) {
	text, twice := string(payload), false
	rest = append(payload[:0], '{')
	err = scan(text, func(m member) {
		switch m.name {
		case "cnf":
			c.bound = true
		case "events", "at_hash", "c_hash", "s_hash", "nonce":
			c.other = m.name
		}
		if claim := c.claim(m.name, is); claim != nil {
			twice = twice || *claim != ""
			*claim = m.value
			if v.spares && m.plain() {
				return
			}
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(rest, m.text...)
	})
	if twice {
		err = errors.New("a claim is there twice")
	}
	return c, append(rest, '}'), err
}

// reads tells whether the application's struct has one of the registered
// claims itself: it is decoded from something with that name alone. What
// decodes itself has them all.
func (v *verifier) reads(claims any) bool {
	for t := reflect.TypeOf(claims); t.Kind() == reflect.Pointer; t = t.Elem() {
		if t.Implements(reflect.TypeFor[json.Unmarshaler]()) || t.Implements(reflect.TypeFor[json.UnmarshalerFrom]()) {
			return true
		}
	}
	for _, is := range v.issuers {
		for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", is.ScopeClaim} {
			err := json.Unmarshal([]byte(`{"`+name+`":null}`), claims, json.RejectUnknownMembers(true))
			if !errors.Is(err, json.ErrUnknownName) {
				return true
			}
		}
	}
	return false
}

// token makes t what the claims say, where they are acceptable: of this issuer,
// for this audience, now. The caller has verified the signature, and sees to it
// that the text is unambiguous JSON before it makes use of the Token.
func (c *registered) token(t *Token, is *Issuer, leeway time.Duration, now time.Time) error {
	if iss, _ := text(c.iss); iss != is.Name {
		return because(ErrIssuer, "iss is another than that of the key")
	}
	t.Issuer = is.Name
	if err := c.times(t, leeway, now); err != nil {
		return err
	}
	if err := c.audience(t, is); err != nil {
		return err
	}
	if err := c.identity(t, is); err != nil {
		return err
	}
	if c.bound {
		return ErrBound
	}
	return nil
}

// expired tells whether a token of the issuer has an exp that is past.
func (c *registered) expired(is *Issuer, leeway time.Duration, now time.Time) bool {
	iss, _ := text(c.iss)
	expires, ok := date(c.exp)
	return iss == is.Name && ok && !now.Before(expires.Add(leeway))
}

// times checks exp, nbf and iat (RFC 7519 sections 4.1.4 to 4.1.6).
func (c *registered) times(t *Token, leeway time.Duration, now time.Time) error {
	var ok bool
	if t.Expires, ok = date(c.exp); !ok {
		return because(ErrClaims, "exp is missing, or no date")
	}
	if t.IssuedAt, ok = date(c.iat); c.iat != "" && !ok {
		return because(ErrClaims, "iat is no date")
	}
	if t.NotBefore, ok = date(c.nbf); c.nbf != "" && !ok {
		return because(ErrClaims, "nbf is no date")
	}
	if now = now.Add(leeway); now.Before(t.NotBefore) || now.Before(t.IssuedAt) {
		return ErrNotYet
	}
	return nil
}

// audience checks for whom the token is (RFC 7519 section 4.1.3).
func (c *registered) audience(t *Token, is *Issuer) error {
	if c.aud != "" {
		if one, ok := text(c.aud); ok {
			t.Audience = []string{one}
		} else if t.Audience, ok = texts(c.aud); !ok {
			return because(ErrClaims, "aud is neither a string nor a list of them")
		}
	}
	named := func(a string) bool { return slices.Contains(is.Audience, a) }
	if len(is.Audience) > 0 && !slices.ContainsFunc(t.Audience, named) {
		return ErrAudience
	}
	return nil
}

// identity checks who it is, and what kind of token.
func (c *registered) identity(t *Token, is *Issuer) error {
	ok := true
	str := func(raw string) string {
		if raw == "" {
			return ""
		}
		s, is := text(raw)
		ok = ok && is
		return s
	}
	t.Subject, t.ID, t.ClientID = str(c.sub), str(c.jti), str(c.clientID)
	if c.scope != "" {
		if scope, one := text(c.scope); one {
			t.Scopes = words(scope)
		} else if t.Scopes, one = texts(c.scope); !one {
			ok = false
		}
	}
	switch {
	case !ok:
		return because(ErrClaims, "sub, jti, client_id or the scope is no string")
	case t.Subject == "" || len(t.Subject) > maxSubject:
		return because(ErrClaims, "sub is missing or too long")
	case len(is.Clients) > 0 && !slices.Contains(is.Clients, t.ClientID):
		return because(ErrAudience, "client_id is another")
	case is.Type == TypeAccessToken && (t.ClientID == "" || t.ID == "" || c.iat == ""):
		return because(ErrClaims, "client_id, jti or iat is missing")
	case is.Type == TypeJWT && c.other != "":
		return because(ErrClaims, "with "+c.other+" it is no access token")
	}
	return nil
}
