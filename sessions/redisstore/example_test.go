package redisstore_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
)

// A URL of the environment, such as redis://:password@redis.example:6379/0,
// and a server that keeps its sessions there.
func Example() {
	options, err := redis.ParseURL("redis://localhost:6379/0?context_timeout_enabled=true")
	if err != nil {
		panic(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	store, err := redisstore.New(client, nil)
	if err != nil {
		panic(err)
	}
	manager := sessions.New(store, nil)
	go func() { _ = manager.Sweep(context.Background(), 5*time.Minute) }()

	// With an Authenticator: passport.Config{Sessions: manager}.
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.Load(manager, r); err != nil {
			http.Error(w, "Service unavailable", http.StatusServiceUnavailable)
		}
	})
	panic(http.ListenAndServe("localhost:8080", nil))
}

// A request must not wait longer for Redis than its own context allows, which
// go-redis does not see to by itself.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer func() { _ = client.Close() }()
	_, err := redisstore.New(client, nil)
	fmt.Println(err)
	// Output:
	// redisstore: set ContextTimeoutEnabled in the client's options, or requests wait for a server that hangs
}

func ExampleNew_cluster() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 []string{"redis1.example:6379", "redis2.example:6379", "redis3.example:6379"},
		ContextTimeoutEnabled: true,
	})
	defer func() { _ = client.Close() }()

	// Each realm in a slot, and so on a node, of its own.
	for _, realm := range []string{"customers", "administrators"} {
		store, err := redisstore.New(client, &redisstore.Options{Prefix: "passport-" + realm})
		if err != nil {
			panic(err)
		}
		manager := sessions.New(store, &sessions.Options{Name: realm})
		fmt.Printf("%T for the %s\n", manager, realm)
	}
	// Output:
	// *sessions.Manager for the customers
	// *sessions.Manager for the administrators
}
