// Package challenge writes WWW-Authenticate headers (RFC 9110 section 11.6.1).
package challenge

import "strings"

// Format writes a challenge: a scheme and pairs of parameter names and
// values, every value as a quoted-string. It is false when the scheme or a
// name is no token, or a value has a control character or is not ASCII.
func Format(scheme string, params ...string) (string, bool) {
	if !Token(scheme) || len(params)%2 != 0 {
		return "", false
	}
	var b strings.Builder
	b.WriteString(scheme)
	for i := 0; i < len(params); i += 2 {
		name, value := params[i], params[i+1]
		if !Token(name) || !Valid(value) {
			return "", false
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte(' ')
		b.WriteString(name + `="`)
		for j := range len(value) {
			if c := value[j]; c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(value[j])
		}
		b.WriteByte('"')
	}
	return b.String(), true
}

// Valid tells whether s can stand in a header: printable ASCII and spaces.
func Valid(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Token tells whether s is one (RFC 9110 section 5.6.2).
func Token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
