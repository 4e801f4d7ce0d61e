package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
)

// An entry is what a record keeps, sealed. Without an Access token it was
// cleared, because the provider refused to refresh it.
type entry struct {
	Access  string   `json:"a,omitempty"`
	Refresh string   `json:"r,omitempty"`
	Expiry  int64    `json:"e,omitempty"` // unix milliseconds; 0: not told
	Scopes  []string `json:"s"`           // nil and empty are not the same

	// Until then (unix milliseconds) nobody else refreshes: somebody does, or
	// the provider is Down.
	Until int64 `json:"u,omitempty"`
	Down  bool  `json:"d,omitempty"`
}

// maxTokens bounds an entry, in bytes, so that its record has room for more.
const maxTokens = sessions.MaxData - 1024

// newEntry keeps tokens. What an answer left out of the old ones stays.
func newEntry(t *oauth.Tokens, old entry) (entry, error) {
	e := entry{Access: t.Access, Refresh: t.Refresh, Scopes: t.Scopes}
	if !t.Expiry.IsZero() {
		e.Expiry = t.Expiry.UnixMilli()
	}
	if e.Refresh == "" {
		e.Refresh = old.Refresh
	}
	if e.Scopes == nil {
		e.Scopes = old.Scopes
	}
	switch {
	case e.Access == "":
		return entry{}, errors.New("vault: there is no access token")
	case !utf8.ValidString(e.Access) || !utf8.ValidString(e.Refresh): // JSON would change it
		return entry{}, errors.New("vault: a token is no text")
	case len(e.encode()) > maxTokens:
		return entry{}, fmt.Errorf("vault: the tokens have more than %d bytes", maxTokens)
	}
	return e, nil
}

func (e entry) tokens() *oauth.Tokens {
	t := &oauth.Tokens{Access: e.Access, Refresh: e.Refresh, Scopes: e.Scopes}
	if e.Expiry != 0 {
		t.Expiry = time.UnixMilli(e.Expiry)
	}
	return t
}

// left is how long the access token is valid; for ever, if nobody told.
func (e entry) left(now time.Time) time.Duration {
	if e.Expiry == 0 {
		return math.MaxInt64
	}
	return time.UnixMilli(e.Expiry).Sub(now)
}

// encode has no way to fail: an entry is strings and numbers.
func (e entry) encode() []byte {
	plain, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return plain
}

// decode is the inverse of encode.
func decode(plain []byte) (e entry, err error) {
	if err := json.Unmarshal(plain, &e); err != nil {
		return entry{}, fmt.Errorf("vault: %w: not what a vault stores", sessions.ErrCorrupt) // err may have a secret
	}
	return e, nil
}
