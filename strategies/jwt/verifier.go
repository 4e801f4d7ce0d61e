package jwt

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/bearertoken"
)

// A verifier is what a Strategy has that depends on no type.
type verifier struct {
	c       Config
	issuers map[string]*Issuer
	only    *Issuer // nil where there are several
	spares  bool    // the decoder what scanClaims has found to be plain
	known   known
	cache   *cache

	places  bearertoken.Places
	answers bearertoken.Answers
}

// check verifies a token: its form, its header, its signature, its claims,
// whether it was revoked. It decodes into claims, whose Token it returns where
// they embed one. An error is one of this package, or an outage as a
// *passport.Failure.
func (v *verifier) check(ctx context.Context, token string, claims any) (*Token, error) {
	s, err := split(token, v.c.MaxToken)
	if err != nil {
		return nil, err
	}
	h, isKnown := v.known.get(s.header)
	if !isKnown {
		if h, err = parseHeader(s.header); err != nil {
			return nil, err
		}
	}
	// With one issuer nothing of the payload is read before the signature.
	is, raw := v.only, []byte(nil)
	if is == nil {
		if is, raw, err = v.choose(s.payload); err != nil {
			return nil, err
		}
	}
	if !is.takes(h.typ) {
		return nil, because(ErrHeader, "typ is another")
	}
	if err := v.signature(ctx, token, s, h, is); err != nil {
		return nil, err
	}
	if raw == nil {
		if raw, err = decode(s.payload); err != nil {
			return nil, err
		}
	}
	found, rest, err := v.scanClaims(raw, is)
	if err != nil {
		return nil, because(ErrClaims, err.Error())
	}
	now := time.Now()
	if found.expired(is, v.c.Leeway, now) { // and so is not worth decoding
		return nil, ErrExpired
	}
	if err := unmarshal(rest, claims); err != nil {
		return nil, err
	}
	t := tokenOf(claims)
	if err := found.token(t, is, v.c.Leeway, now); err != nil {
		return nil, err
	}
	if !isKnown {
		v.known.add(s.header, h)
	}
	if v.c.Revoked != nil {
		if err := v.revoked(ctx, t); err != nil {
			return nil, err
		}
	}
	t.answers = &v.answers
	return t, nil
}

// revoked asks the hook. What neither refuses the token nor lets it pass says
// that nobody knows.
func (v *verifier) revoked(ctx context.Context, t *Token) error {
	own := *t // whatever the hook does with it
	own.Audience, own.Scopes = slices.Clone(t.Audience), slices.Clone(t.Scopes)
	err := v.c.Revoked(ctx, &own)
	if err == nil {
		return nil
	}
	f, refused := passport.AsRefusal(err)
	if !refused && !errors.Is(err, ErrRevoked) {
		return unavailable(err)
	}
	err = fmt.Errorf("%w: %w", ErrRevoked, err)
	if refused {
		own := *f
		own.Err = err
		return &own
	}
	return err
}

// choose takes the issuer out of the table by the iss that the token claims:
// its keys will tell.
func (v *verifier) choose(payload string) (*Issuer, []byte, error) {
	raw, err := decode(payload)
	if err != nil {
		return nil, nil, err
	}
	name := ""
	err = scan(string(raw), func(m member) {
		if m.name == "iss" {
			name, _ = text(m.value)
		}
	})
	if err != nil {
		return nil, nil, because(ErrClaims, err.Error())
	}
	is := v.issuers[name]
	if is == nil {
		return nil, nil, because(ErrIssuer, "iss is none that is trusted")
	}
	return is, raw, nil
}

// takes tells whether the issuer's tokens have that typ.
func (is *Issuer) takes(typ string) bool {
	if is.Type == TypeJWT {
		return typ == "jwt" || typ == ""
	}
	return typ == string(TypeAccessToken)
}

// signature says whether one of the issuer's keys signed the token.
func (v *verifier) signature(ctx context.Context, token string, s compact, h header, is *Issuer) error {
	key, err := is.Keys.Find(ctx, h.alg, h.kid)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return unavailable(err)
	}
	if err != nil || !key.checks(h.alg) {
		return ErrNoKey
	}
	if len(s.signature) != base64.RawURLEncoding.EncodedLen(key.size) {
		return because(ErrSignature, "it has another length")
	}
	caches := v.cache != nil && !key.symmetric()
	var sum [sha256.Size]byte
	if caches {
		if sum = sha256.Sum256([]byte(token)); v.cache.has(sum, key) {
			return nil
		}
	}
	signature, err := decode(s.signature)
	if err != nil {
		return err
	}
	if !key.verify(s.signed, signature) {
		return ErrSignature
	}
	if caches {
		v.cache.add(sum, key)
	}
	return nil
}
