package bearer

import (
	"crypto/sha256"
	"sync"
	"time"
)

// A cache keeps answers about tokens, by their SHA-256.
type cache struct {
	max int
	mu  sync.Mutex
	at  map[[32]byte]cached
}

type cached struct {
	token *Token
	until time.Time
}

func newCache(limit int) *cache {
	if limit == 0 {
		limit = 10_000
	}
	return &cache{max: limit, at: make(map[[32]byte]cached)}
}

func (c *cache) get(token string, now time.Time) *Token {
	key := sha256.Sum256([]byte(token))
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[key]
	if !now.Before(e.until) {
		delete(c.at, key)
		return nil
	}
	return e.token
}

// put makes room, where there is none, by dropping any one answer: only
// tokens that are active get here, so that strangers push nobody out.
func (c *cache) put(token string, t *Token, until, now time.Time) {
	if !now.Before(until) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.at) >= c.max {
		for key := range c.at {
			delete(c.at, key)
			break
		}
	}
	c.at[sha256.Sum256([]byte(token))] = cached{t, until}
}
