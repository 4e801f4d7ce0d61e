package jwt

import (
	"maps"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
)

// maxHeader bounds the header of a token, in bytes of base64.
const maxHeader = 4 << 10

// A header is what of a token's header counts. Where a key is to be found (jku,
// jwk, x5u, x5c) is not looked at: a stranger would say it.
type header struct {
	alg Algorithm
	kid string
	typ string // in lower case, without application/
}

// parseHeader is strict: what it does not do, it refuses.
func parseHeader(segment string) (header, error) {
	var h header
	if len(segment) > maxHeader {
		return h, because(ErrMalformed, "the header is too long")
	}
	raw, err := decode(segment)
	if err != nil {
		return h, err
	}
	bad := ""
	str := func(m member) string {
		s, ok := text(m.value)
		if !ok {
			bad = m.name + " is no string"
		}
		return s
	}
	err = scan(string(raw), func(m member) {
		switch m.name {
		case "alg":
			h.alg = Algorithm(str(m))
		case "kid":
			if h.kid = str(m); h.kid == "" || len(h.kid) > maxKeyID {
				bad = "kid is empty or too long"
			}
		case "typ":
			h.typ = strings.TrimPrefix(strings.ToLower(str(m)), "application/")
		case "cty":
			if c := strings.TrimPrefix(strings.ToLower(str(m)), "application/"); c == "jwt" {
				bad = "it holds another token"
			}
		case "crit", "b64", "zip", "enc":
			// None is of use in an access token (RFC 7515 section 4.1.11, RFC 7797
			// section 7), and each changes what the rest means.
			bad = "it asks for " + m.name
		}
	})
	switch {
	case err != nil:
		return header{}, because(ErrMalformed, err.Error())
	case bad != "":
		return header{}, because(ErrHeader, bad)
	case !jsontext.Value(raw).IsValid():
		return header{}, because(ErrMalformed, "the header is no unambiguous JSON")
	case !h.alg.known():
		return header{}, because(ErrHeader, "alg is none that is known")
	}
	return h, nil
}

func (a Algorithm) known() bool {
	switch a {
	case HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA:
		return true
	}
	return false
}

// maxKnown bounds the headers that are remembered: an issuer has about one for
// each key.
const maxKnown = 64

// known are headers that right tokens had. They need no parsing again. What a
// stranger makes up is not among them, and cannot crowd others out.
type known struct {
	headers atomic.Pointer[map[string]header]
}

func (k *known) get(segment string) (h header, found bool) {
	if all := k.headers.Load(); all != nil {
		h, found = (*all)[segment]
	}
	return h, found
}

// add remembers one. Of two at once one may be lost, and comes again.
func (k *known) add(segment string, h header) {
	next := map[string]header{strings.Clone(segment): h}
	if all := k.headers.Load(); all != nil {
		if len(*all) >= maxKnown {
			return
		}
		maps.Copy(next, *all)
	}
	k.headers.Store(&next)
}
