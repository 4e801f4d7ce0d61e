package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/vaulttest"
)

// TestVault: tokens of providers are kept here as well as sessions are. Redis
// itself forgets none of them for thousands of years. C41, C42
func TestVault(t *testing.T) {
	t.Parallel()
	vaulttest.Run(t, func(t *testing.T) vaulttest.Database {
		_, client, prefix := open(t)
		return vaulttest.Database{
			Open: func() vaulttest.Store { return over(t, connect(t, servers.URL(t, dbtest.Redis)), prefix) },
			Dump: func() []byte {
				var dump strings.Builder
				ctx := context.Background()
				for keys := client.Scan(ctx, 0, "{"+prefix+"}:*", 1000).Iterator(); keys.Next(ctx); {
					key := keys.Val()
					value, err := client.Get(ctx, key).Result()
					if err != nil {
						members, err := client.ZRange(ctx, key, 0, -1).Result()
						if err != nil {
							t.Fatal(err)
						}
						value = strings.Join(members, "\n")
					} else if left, _ := client.Do(ctx, "PTTL", key).Int64(); left < 1000*365*24*3600*1000 { // ms: too many for a Duration
						t.Errorf("a record leaves in %d ms", left)
					}
					fmt.Fprintf(&dump, "%s\n%s\n", key, value)
				}
				return []byte(dump.String())
			},
		}
	})
}
