// Package returnto decides where a browser may be sent after signing in.
package returnto

import "strings"

// Max is the longest return-to, in bytes.
const Max = 2048

// Local tells whether every browser reads s as a path on the origin that
// sends it: it starts with exactly one slash and is printable ASCII without a
// backslash. Browsers drop tabs and line feeds, and take a backslash for a
// slash (WHATWG URL Standard, section 4.4), so that what url.Parse sees of a
// string is no guide.
func Local(s string) bool {
	if len(s) > Max || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
