package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
	"github.com/gopassport/passport/sessions/storetest"
)

var servers dbtest.Servers

// connect is a client of its own, as another process would have.
func connect(t testing.TB, u *url.URL) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(u.String())
	if err != nil {
		t.Fatal(err)
	}
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// open is a store of a new prefix on the shared server.
func open(t testing.TB) (*redisstore.Store, *redis.Client, string) {
	t.Helper()
	client, prefix := connect(t, servers.URL(t, dbtest.Redis)), "test-"+rand.Text()
	t.Cleanup(func() {
		ctx := context.Background()
		for keys := client.Scan(ctx, 0, "{"+prefix+"}:*", 1000).Iterator(); keys.Next(ctx); {
			client.Del(ctx, keys.Val())
		}
	})
	return over(t, client, prefix), client, prefix
}

// over is a store of the prefix.
func over(t testing.TB, client redis.UniversalClient, prefix string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func record(user string) sessions.Record {
	r := sessions.Record{
		User: user, Data: `{"cart":["tea"]}`, Factors: "pwd", Stamp: "c3RhbXA",
		AuthTime: 1e12, Created: 1e12, LastSeen: 1e12, Idle: 3e12, Absolute: 4e12, Version: 1,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}
	copy(r.ID[:], rand.Text()+rand.Text())
	return r
}

// wantError says so unless got is want.
func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// B06, B09, B10, B15, B24, B43, B44: each case names its rule. The second
// handle has a client of its own.
func TestStoreKit(t *testing.T) {
	var prefix string
	storetest.RunOptions(t, func(t *testing.T) (s sessions.Store) {
		s, _, prefix = open(t)
		return s
	}, &storetest.Options{Instance: func(t *testing.T, _ sessions.Store) sessions.Store {
		return over(t, connect(t, servers.URL(t, dbtest.Redis)), prefix)
	}})
}
