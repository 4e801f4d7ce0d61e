package express

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gopassport/passport/sessions"
)

const (
	idBytes    = 24  // of a new id, as many as express-session draws: 192 bits
	maxID      = 255 // bytes of an id that somebody else drew
	maxCookies = 4   // of our name that are looked at
)

// newID reads the operating system's random source, which does not return
// when it fails.
func newID() string {
	var b [idBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// signature is that of the package cookie-signature.
func signature(id string, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id))
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

// sign makes a cookie's value of an id.
func sign(id string, secret []byte) string {
	return escape("s:" + id + "." + signature(id, secret))
}

// unsign finds the id in a cookie's value.
func (k *Keeper) unsign(value string) (id string, ok bool) {
	value, err := url.PathUnescape(value)
	if err != nil {
		return "", false
	}
	signed, ok := strings.CutPrefix(value, "s:")
	dot := strings.LastIndexByte(signed, '.')
	if !ok || dot < 1 || dot > maxID {
		return "", false
	}
	id, given := signed[:dot], []byte(signed[dot+1:])
	for _, secret := range k.secrets {
		// Every signature has one spelling, so the texts are compared.
		if hmac.Equal(given, []byte(signature(id, secret))) {
			return id, true
		}
	}
	return "", false
}

// ids finds the ids in the signed cookies of our name. The table is asked for
// no other, and for none at all where there are more than a browser sends.
func (k *Keeper) ids(r *http.Request) (ids []string) {
	n := 0
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if name != k.opts.Name {
				continue
			}
			if n++; n > maxCookies {
				return nil
			}
			if id, ok := k.unsign(value); ok && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// escape is JavaScript's encodeURIComponent, for what may stand in a cookie.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// cookie is the session cookie, without a value.
func (o *Options) cookie() *http.Cookie {
	return &http.Cookie{
		Name:     o.Name,
		Path:     o.Path,
		Domain:   o.Domain,
		Secure:   !o.InsecureHTTP,
		HttpOnly: true,
		SameSite: o.SameSite,
	}
}

// Cookie is a cookie for what belongs beside the session cookie, which Node
// does not read: with a __Host- name and Path "/", unless
// Options.InsecureHTTP is set. Its name ends in the suffix. It ends with the
// browser.
func (k *Keeper) Cookie(suffix string) *http.Cookie {
	name := strings.TrimPrefix(k.opts.Name, "__Host-") + "-" + suffix
	if !k.opts.InsecureHTTP {
		name = "__Host-" + name
	}
	return &http.Cookie{
		Name:     name,
		Path:     "/",
		Secure:   !k.opts.InsecureHTTP,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// setCookie sends the id. expires is the zero Time where the cookie ends with
// the browser.
func (k *Keeper) setCookie(w http.ResponseWriter, id string, expires time.Time) {
	c := k.opts.cookie()
	c.Value, c.Expires = sign(id, k.secrets[0]), expires
	sessions.SetCookie(w, c)
}

func (k *Keeper) expireCookie(w http.ResponseWriter) {
	c := k.opts.cookie()
	c.MaxAge = -1
	sessions.SetCookie(w, c)
}
