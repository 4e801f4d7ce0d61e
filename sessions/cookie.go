package sessions

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	tokenBytes = 32                            // 256 bits: ASVS 5.0 7.2.3 asks for 128
	tokenChars = (tokenBytes*8 + 5) / 6        // in base64url
	maxTokens  = 4                             // cookies of our name that are looked at
	alphabet   = "a letter, digit, '-' or '_'" // of Options.Name
)

// A token is what the browser holds. It is never stored and never logged.
type token [tokenBytes]byte

// newToken reads the operating system's random source, which does not return
// when it fails.
func newToken() (t token) {
	rand.Read(t[:])
	return t
}

// id is the key under which the realm stores the token's record.
func (t token) id(realm string) ID {
	var buf [128]byte
	b := append(buf[:0], realm...)
	b = append(b, 0)
	b = append(b, t[:]...)
	return sha256.Sum256(b)
}

// parseToken reads a cookie's value. Every token has one spelling.
func parseToken(value string) (t token, ok bool) {
	if len(value) != tokenChars {
		return t, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(t[:], []byte(value))
	return t, err == nil && n == tokenBytes
}

// tokens finds the well-formed cookies of our name. Nothing is looked up for
// any other, and nothing at all where there are more than a browser sends.
func (m *Manager) tokens(r *http.Request, found *[maxTokens]token) (n int) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if name != m.cookie {
				continue
			}
			t, ok := parseToken(value)
			if !ok {
				continue
			}
			if n == maxTokens {
				return 0
			}
			found[n] = t
			n++
		}
	}
	return n
}

// Cookie is a cookie with the attributes of the session cookie, for what
// belongs beside it. Its name ends in the suffix. It ends with the browser.
func (m *Manager) Cookie(suffix string) *http.Cookie {
	name := m.cookie
	if suffix != "" {
		name += "-" + suffix
	}
	return &http.Cookie{
		Name:     name,
		Path:     "/",
		Secure:   !m.opts.InsecureHTTP,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

func (m *Manager) setCookie(w http.ResponseWriter, t token, r Record) {
	c := m.Cookie("")
	c.Value = base64.RawURLEncoding.EncodeToString(t[:])
	if r.Remember {
		c.MaxAge = int(time.Until(time.UnixMilli(r.Absolute)).Seconds())
	}
	SetCookie(w, c)
}

func (m *Manager) expireCookie(w http.ResponseWriter) {
	c := m.Cookie("")
	c.MaxAge = -1
	SetCookie(w, c)
}

// SetCookie sets c in the place of any earlier cookie of its name, and keeps
// the response out of shared caches: what a [Keeper] does with its cookie.
func SetCookie(w http.ResponseWriter, c *http.Cookie) {
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, c.Name+"=")
	})
	h.Add("Set-Cookie", c.String())
	h.Set("Cache-Control", "no-store")
	if !slices.Contains(h["Vary"], "Cookie") {
		h.Add("Vary", "Cookie")
	}
}

// mustName refuses a name that is no cookie name, or that would claim what
// the Manager decides.
func mustName(name string) {
	if len(name) > 64 {
		panic("sessions: Options.Name is longer than 64 bytes")
	}
	for _, c := range name {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			panic("sessions: Options.Name has something else than " + alphabet)
		}
	}
	if strings.HasPrefix(name, "__") {
		panic("sessions: Options.Name starts with __: the prefix is the Manager's, see Options.InsecureHTTP")
	}
}

// clip bounds what a client sent, at a rune, and drops what is not text.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
