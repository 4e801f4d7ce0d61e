package jwt

import (
	"encoding/base64"
	"strings"
)

// A compact token is three segments (RFC 7515 section 7.1).
type compact struct {
	header, payload, signature string
	signed                     string // header and payload with the dot between them
}

// split takes a token apart without a look into the parts.
func split(token string, limit int) (compact, error) {
	if len(token) > limit {
		return compact{}, because(ErrMalformed, "it is too long")
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if signature == "" || strings.IndexByte(signature, '.') >= 0 {
		return compact{}, because(ErrMalformed, "it does not have three parts")
	}
	return compact{header, payload, signature, token[:len(header)+1+len(payload)]}, nil
}

// encoding refuses bits that no byte has: a token has one spelling.
var encoding = base64.RawURLEncoding.Strict()

// decode is strict base64url (RFC 7515 section 2). The standard library's
// skips line breaks.
func decode(segment string) ([]byte, error) {
	if strings.IndexByte(segment, '\n') < 0 && strings.IndexByte(segment, '\r') < 0 {
		if b, err := encoding.DecodeString(segment); err == nil {
			return b, nil
		}
	}
	return nil, because(ErrMalformed, "a part is no base64url")
}
