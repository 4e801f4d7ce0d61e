package issuer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// JWKS publishes the keys as a JWK Set (RFC 7517 section 5), with an ETag,
// for Config.MaxAge. Secrets are not published: their set is empty.
func (i *Issuer) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		body := i.set(time.Now())
		sum := sha256.Sum256(body)
		h := w.Header()
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(i.c.MaxAge.Seconds())))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*") // they are public
		h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// set are the keys that are published now.
func (i *Issuer) set(now time.Time) []byte {
	keys := make([]*jwk, 0, len(i.keys))
	for n, k := range i.keys {
		if k.public != nil && i.published(n, now) {
			keys = append(keys, k.public)
		}
	}
	body, _ := json.Marshal(map[string][]*jwk{"keys": keys})
	return append(body, '\n')
}
