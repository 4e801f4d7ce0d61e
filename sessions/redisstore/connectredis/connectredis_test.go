package connectredis_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/expresstest"
	"github.com/gopassport/passport/sessions/express"
	"github.com/gopassport/passport/sessions/redisstore/connectredis"
)

var servers dbtest.Servers

func connect(t *testing.T, u *url.URL) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(u.String())
	if err != nil {
		t.Fatal(err)
	}
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	t.Cleanup(func() { client.Close() })
	return client
}

func open(t *testing.T, client redis.UniversalClient, prefix string) *connectredis.Table {
	t.Helper()
	table, err := connectredis.New(client, &connectredis.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		for keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			client.Del(ctx, keys.Val())
		}
	})
	return table
}

// An Express app with connect-redis and a Go server serve one site.
func TestBesideExpress(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.Redis)
	expresstest.Run(t, expresstest.Database{URL: u.String(), Short: true, Open: func(t *testing.T, name string) express.Table {
		return open(t, connect(t, u), name)
	}})
}

func TestTable(t *testing.T) {
	t.Parallel()
	client := connect(t, servers.URL(t, dbtest.Redis))
	expresstest.RunTable(t, func(t *testing.T) express.Table { return open(t, client, t.Name()+":") })
}

// The same on a server that refuses to write keys of two slots in one step.
func TestTableOnCluster(t *testing.T) {
	t.Parallel()
	client := connect(t, startCluster(t))
	expresstest.RunTable(t, func(t *testing.T) express.Table { return open(t, client, t.Name()+":") })
}

// startCluster starts a server that is a whole cluster.
func startCluster(t *testing.T) *url.URL {
	t.Helper()
	u := dbtest.Start(t, dbtest.Redis, "--cluster-enabled", "yes").URL()
	client := connect(t, u)
	if err := client.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); client.Set(t.Context(), "up", 1, 0).Err() != nil; {
		if time.Now().After(end) {
			t.Fatal("the cluster does not come up")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return u
}

// With disableTTL the keys of connect-redis have no end, and keep none.
func TestNoEnd(t *testing.T) {
	t.Parallel()
	client := connect(t, servers.URL(t, dbtest.Redis))
	table := open(t, client, t.Name()+":")
	if err := client.Set(t.Context(), t.Name()+":a", "{}", 0).Err(); err != nil {
		t.Fatal(err)
	}
	row, err := table.Find(t.Context(), "a")
	if err != nil || row.Expires != express.Never {
		t.Fatalf("got the end %d, %v, want Never", row.Expires, err)
	}
	row.Data = `{"a":1}`
	for what, write := range map[string]func() error{
		"Touch":  func() error { return table.Touch(t.Context(), "a", time.Now().Add(time.Hour).UnixMilli()) },
		"Update": func() error { return table.Update(t.Context(), row, "{}") },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if left := client.PTTL(t.Context(), t.Name()+":a").Val(); left != -1 {
			t.Errorf("after %s: got an end in %v, want none", what, left)
		}
	}
}

// A client that would hang, or hear of a logout late, is refused.
func TestClient(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]redis.UniversalClient{
		"nil":        nil,
		"no timeout": redis.NewClient(&redis.Options{}),
		"replicas":   redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}),
	} {
		if _, err := connectredis.New(client, nil); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if client != nil {
			client.Close()
		}
	}
}

// A server that is down is an error, and not the end of a session.
func TestDown(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	table, err := connectredis.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	expresstest.WantDown(t, table)
}
