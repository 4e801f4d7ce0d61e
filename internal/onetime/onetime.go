// Package onetime leaves small values in the browser, sealed, for a short
// time, and takes each of them once: nothing is stored for a stranger.
package onetime

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/gopassport/passport/internal/seal"
	"github.com/gopassport/passport/sessions"
)

const (
	life      = 10 * time.Minute
	idBytes   = 16
	maxCookie = 4096 // name and value: RFC 6265bis section 5.6
)

// A Jar leaves and takes values, by the suffix of their cookie's name.
type Jar struct {
	Sealer *seal.Sealer
	// Cookie is an empty cookie whose name ends in the suffix.
	Cookie func(suffix string) *http.Cookie
	// Spend is [sessions.Once] for an id of one purpose.
	Spend func(ctx context.Context, purpose string, id []byte, until time.Time) error
}

// Leave seals value into the browser. It is false when no cookie can hold it.
func (j Jar) Leave(w http.ResponseWriter, suffix string, value []byte) bool {
	cookie := j.Cookie(suffix)
	id := make([]byte, idBytes)
	rand.Read(id)
	cookie.Value = j.Sealer.Seal(purpose(cookie), append(id, value...), time.Now().Add(life))
	cookie.MaxAge = int(life.Seconds())
	if len(cookie.Name)+len(cookie.Value) > maxCookie {
		return false
	}
	http.SetCookie(w, cookie)
	return true
}

// Peek opens what was left, and does not take it. Nil: nothing was.
func (j Jar) Peek(r *http.Request, suffix string) []byte {
	_, value := j.open(r, suffix)
	return value
}

// Take is Peek, once: of two requests with one cookie, one gets the value. An
// error means that nobody knows whether it was taken; it stays.
func (j Jar) Take(w http.ResponseWriter, r *http.Request, suffix string) ([]byte, error) {
	id, value := j.open(r, suffix)
	if id == nil {
		return nil, nil
	}
	gone := j.Cookie(suffix)
	err := j.Spend(r.Context(), purpose(gone), id, time.Now().Add(life))
	switch {
	case errors.Is(err, sessions.ErrUsed):
		value = nil
	case err != nil:
		return nil, err
	}
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	return value, nil
}

func (j Jar) open(r *http.Request, suffix string) (id, value []byte) {
	like := j.Cookie(suffix)
	for _, cookie := range r.CookiesNamed(like.Name) {
		plain, err := j.Sealer.Open(purpose(like), cookie.Value)
		if err == nil && len(plain) >= idBytes {
			return plain[:idBytes], plain[idBytes:]
		}
	}
	return nil, nil
}

func purpose(c *http.Cookie) string { return "cookie\x00" + c.Name }
