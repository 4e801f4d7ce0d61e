package jwt

import (
	"slices"
	"time"
)

// maxSubject bounds sub, in bytes (OpenID Connect Core section 2).
const maxSubject = 255

// registered are the raw values of the claims that are looked at here.
type registered struct {
	iss, sub, aud, exp, nbf, iat, jti, clientID, scope string

	other string // what tells that it is another kind of token
	bound bool
}

// scanClaims finds the registered claims in the text of a payload.
func scanClaims(payload, scopeClaim string) (registered, error) {
	var c registered
	err := scan(payload, func(name, value string) {
		switch name {
		case "iss":
			c.iss = value
		case "sub":
			c.sub = value
		case "aud":
			c.aud = value
		case "exp":
			c.exp = value
		case "nbf":
			c.nbf = value
		case "iat":
			c.iat = value
		case "jti":
			c.jti = value
		case "client_id":
			c.clientID = value
		case "cnf":
			c.bound = true
		case "events", "at_hash", "c_hash", "s_hash", "nonce":
			c.other = name
		}
		if name == scopeClaim {
			c.scope = value
		}
	})
	return c, err
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
	if !now.Before(t.Expires.Add(leeway)) {
		return ErrExpired
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
