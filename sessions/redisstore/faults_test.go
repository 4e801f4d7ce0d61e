package redisstore_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/faulttest"
	"github.com/gopassport/passport/sessions/redisstore"
)

// database is Redis, whose addresses have the prefix of a store as their
// fragment.
var database = faulttest.Database{
	Name: "Redis",
	New: func(t testing.TB) string {
		u := *servers.URL(t, dbtest.Redis)
		u.Fragment = "test-" + rand.Text()
		return u.String()
	},
	Start: func(t testing.TB) (faulttest.Server, string) {
		s := dbtest.Start(t, dbtest.Redis, "--appendfsync", "always") // everysec may lose the last moments
		return s, s.URL().String()
	},
	Open: openAt,
	Dump: dump,
}

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // connections are lost all the time
	faulttest.Main(m, database)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func openAt(address string, timeout time.Duration) (faulttest.Store, func() error, error) {
	client, prefix, err := clientAt(address, 20)
	if err != nil {
		return nil, nil, err
	}
	s, err := redisstore.New(client, &redisstore.Options{Prefix: prefix, Timeout: timeout})
	if err != nil {
		return nil, nil, err
	}
	return s, client.Close, nil
}

func clientAt(address string, connections int) (*redis.Client, string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", err
	}
	prefix := u.Fragment
	u.Fragment = ""
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, "", err
	}
	o.ContextTimeoutEnabled = true
	o.PoolSize = connections
	return redis.NewClient(o), prefix, nil
}

// dump returns the keys, and what is under them.
func dump(t testing.TB, address string) (all []string) {
	t.Helper()
	client, prefix, err := clientAt(address, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	keys, err := client.Keys(ctx, "*"+prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		all = append(all, key)
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			all = append(all, client.Get(ctx, key).Val())
		case "zset":
			for _, z := range client.ZRangeWithScores(ctx, key, 0, -1).Val() {
				all = append(all, z.Member.(string), strconv.FormatFloat(z.Score, 'f', -1, 64))
			}
		default:
			t.Errorf("the key %q is a %s", key, kind)
		}
	}
	return all
}

// B02, B03, B04, B08, B09, B12, B23: the five promises, told between browsers
// and two server processes.
func TestPromises(t *testing.T) {
	t.Parallel()
	faulttest.Promises(t, database)
}

// B06, B26, B27, B28, B29, B30, B31, B32, B33: Redis is killed, is not there,
// hangs.
func TestOutages(t *testing.T) {
	t.Parallel()
	faulttest.Outages(t, database)
}

// B26, B27, B32, F09: the connections to Redis are cut, hang, are slow.
func TestCut(t *testing.T) {
	t.Parallel()
	faulttest.Cut(t, database)
}

// B26, B27, B32: every place where an answer of Redis may end. The client does
// not try again here, which takes its time.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	once := database
	once.New = func(t testing.TB) string {
		address, prefix, _ := strings.Cut(database.New(t), "#")
		return address + "?max_retries=-1#" + prefix
	}
	faulttest.CutEverywhere(t, once)
}

// B26, B27, B28, B29, B30, B32: a pool without a connection.
func TestExhausted(t *testing.T) {
	t.Parallel()
	client, prefix, err := clientAt(database.New(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	faulttest.Exhausted(t, over(t, client, prefix), func() func() {
		conn := client.Conn()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return func() { _ = conn.Close() }
	})
}

// F12: a server that is shut down while people save.
func TestShutdown(t *testing.T) {
	t.Parallel()
	faulttest.Shutdown(t, database)
}

// F11: clocks that have jumped by an hour.
func TestClocks(t *testing.T) {
	t.Parallel()
	faulttest.Clocks(t, database)
}

// B24: a changed password, and the other ways to end a user's sessions.
func TestPassword(t *testing.T) {
	t.Parallel()
	faulttest.Password(t, database)
}

// F09: 64 people at once.
func TestNeverCross(t *testing.T) { faulttest.NeverCross(t, database) }

// F17: hours of all of it, in some seconds; make soak takes its time. Beside
// no other test, because it counts goroutines.
func TestSoak(t *testing.T) { faulttest.Soak(t, database) }
