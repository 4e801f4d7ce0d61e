package jwt_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/strategies/jwt"
)

// counted is a strategy that remembers tokens, and how many it does.
func counted(t *testing.T, tokens int, keys jwt.KeySource) (*jwt.Strategy[*User, Claims], func() int) {
	t.Helper()
	c := config(keys)
	c.CacheTokens = tokens
	v := jwt.New(c, fromClaims)
	return v, func() int { return jwt.CachedTokens(v) }
}

// TestCache: by the whole token, by its key, no longer than exp, within bounds,
// and successes alone (D41).
func TestCache(t *testing.T) {
	t.Parallel()
	s, o := signers()[jwt.ES256], signers()[jwt.EdDSA]
	token := func(i int) string {
		return s.sign(header(jwt.ES256, nil), claims(with{"jti": fmt.Sprintf(`"%d"`, i)}))
	}
	t.Run("whole token", func(t *testing.T) {
		t.Parallel()
		v, size := counted(t, 10, s.key)
		one := token(1)
		accepts(t, v, one)
		accepts(t, v, one)
		if size() != 1 {
			t.Errorf("%d are remembered, want 1", size())
		}
		h, p, sig := parts(one)
		_, p2, _ := parts(token(2))
		refuses(t, v, h+"."+p2+"."+sig, jwt.ErrSignature)
		refuses(t, v, h+"."+p+"."+"A"+sig[1:], jwt.ErrSignature)
		if size() != 1 {
			t.Errorf("%d are remembered after refusals, want 1", size())
		}
	})
	t.Run("bounded", func(t *testing.T) {
		t.Parallel()
		v, size := counted(t, 3, s.key)
		for i := range 10 {
			accepts(t, v, token(i))
		}
		if size() != 3 {
			t.Errorf("%d are remembered, want 3", size())
		}
	})
	t.Run("a token by two keys is one", func(t *testing.T) {
		t.Parallel()
		again := must(jwt.NewKey(s.public, &jwt.KeyOptions{ID: "k1"}))
		keys := []*jwt.Key{s.key, again, s.key, s.key}
		v, size := counted(t, 2, source(func() (k *jwt.Key, err error) { k, keys = keys[0], keys[1:]; return k, nil }))
		for _, i := range []int{1, 1, 1, 2} {
			accepts(t, v, token(i))
		}
		if size() != 2 {
			t.Errorf("%d are remembered, want 2", size())
		}
	})
	t.Run("key changes", func(t *testing.T) {
		t.Parallel()
		var key atomic.Pointer[jwt.Key]
		key.Store(s.key)
		v, _ := counted(t, 10, source(func() (*jwt.Key, error) {
			if k := key.Load(); k != nil {
				return k, nil
			}
			return nil, jwt.ErrNoKey
		}))
		one := token(1)
		accepts(t, v, one)
		other := must(newEC())
		key.Store(must(jwt.NewKey(&other.PublicKey, &jwt.KeyOptions{ID: "k1"})))
		refuses(t, v, one, jwt.ErrSignature)
		key.Store(o.key)
		refuses(t, v, one, jwt.ErrNoKey)
		key.Store(nil)
		refuses(t, v, one, jwt.ErrNoKey)
		key.Store(s.key)
		accepts(t, v, one)
	})
	t.Run("expires", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			v, size := counted(t, 10, s.key)
			one := token(1)
			accepts(t, v, one)
			time.Sleep(time.Hour + 30*time.Second)
			refuses(t, v, one, jwt.ErrExpired)
			if size() != 1 {
				t.Fatal("it was not remembered")
			}
		})
	})
	t.Run("each has its own claims", func(t *testing.T) {
		t.Parallel()
		c := config(s.key)
		c.CacheTokens = 10
		var last *Claims
		v := jwt.New(c, func(_ context.Context, c *Claims) (*User, error) {
			if c == last || c.Roles[0] != "admin" {
				t.Errorf("claims of another request: %+v", c)
			}
			last, c.Roles[0] = c, "changed"
			return &User{Key: "x"}, nil
		})
		one := token(1)
		for range 3 {
			accepts(t, v, one)
		}
	})
	t.Run("secrets are not worth it", func(t *testing.T) {
		t.Parallel()
		v, size := counted(t, 10, signers()[jwt.HS256].key)
		accepts(t, v, signers()[jwt.HS256].token())
		if size() != 0 {
			t.Errorf("%d are remembered, want none", size())
		}
	})
	t.Run("many at once", func(t *testing.T) {
		t.Parallel()
		v, size := counted(t, 8, s.key)
		tokens := make([]string, 16)
		for i := range tokens {
			tokens[i] = token(i)
		}
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() { accepts(t, v, tokens[i%16]) })
		}
		wg.Wait()
		if size() != 8 {
			t.Errorf("%d are remembered, want 8", size())
		}
	})
}
