package password_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/gopassport/passport/password"
)

// counting is a quick Scheme, "<name>$<digest>", that keeps account of the
// work it was asked to do. With gate set, each hash waits to be let go.
type counting struct {
	name string
	max  int
	gate chan struct{}

	mu                         sync.Mutex
	hashed, verified           int
	running, most, largestWork int
}

func (c *counting) Identify(stored string) bool { return strings.HasPrefix(stored, c.name+"$") }
func (c *counting) MaxBytes() int               { return c.max }
func (c *counting) Current(stored string) bool  { return c.Identify(stored) }

func (c *counting) Hash(pw string) (string, error) {
	c.work(&c.hashed, pw)
	return c.digest(pw), nil
}

func (c *counting) Verify(stored, pw string) (bool, error) {
	if strings.HasSuffix(stored, "$malformed") {
		return false, password.ErrBadHash
	}
	c.work(&c.verified, pw)
	return stored == c.digest(pw), nil
}

func (c *counting) digest(pw string) string {
	sum := sha256.Sum256([]byte(pw))
	return c.name + "$" + hex.EncodeToString(sum[:])
}

func (c *counting) work(count *int, pw string) {
	c.mu.Lock()
	*count++
	c.running++
	c.most = max(c.most, c.running)
	c.largestWork = max(c.largestWork, len(pw))
	c.mu.Unlock()
	if c.gate != nil {
		<-c.gate
	}
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
}

func (c *counting) verifies() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verified
}
