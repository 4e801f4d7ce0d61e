package jwt

import (
	"crypto/sha256"
	"sync"
)

// A cache remembers which key signed which tokens, by the SHA-256 of the whole
// token. The oldest makes room for the next. As the key itself is remembered,
// and looked up for every request, what a key signed is forgotten with it.
type cache struct {
	mu   sync.RWMutex
	keys map[[sha256.Size]byte]*Key
	ring [][sha256.Size]byte // in the order they came
	next int
}

func newCache(tokens int) *cache {
	if tokens <= 0 {
		return nil
	}
	return &cache{keys: make(map[[sha256.Size]byte]*Key), ring: make([][sha256.Size]byte, tokens)}
}

// has tells whether key signed the token.
func (c *cache) has(sum [sha256.Size]byte, key *Key) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.keys[sum] == key
}

// add remembers that it did. A token is there once, by its last key.
func (c *cache) add(sum [sha256.Size]byte, key *Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, found := c.keys[sum]; !found {
		delete(c.keys, c.ring[c.next])
		c.ring[c.next] = sum
		c.next = (c.next + 1) % len(c.ring)
	}
	c.keys[sum] = key
}
