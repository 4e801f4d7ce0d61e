package redisstore_test

import (
	"testing"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/familytest"
	"github.com/gopassport/passport/sessions"
)

// TestFamilies: refresh tokens keep their promises over Redis.
func TestFamilies(t *testing.T) {
	t.Parallel()
	_, _, prefix := open(t)
	familytest.Run(t, func(t testing.TB) sessions.Store {
		return over(t, connect(t, servers.URL(t, dbtest.Redis)), prefix)
	})
}
