package pgxstore_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/pgxstore"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A server that keeps its sessions where its pool keeps the rest.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://user:password@localhost/site?pool_max_conns=20")
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	store, err := pgxstore.New(pool, nil)
	if err != nil {
		panic(err)
	}
	if err := store.Migrate(ctx); err != nil {
		panic(err)
	}
	manager := sessions.New(store, nil)
	go func() { _ = manager.Sweep(ctx, 0) }()

	// With an Authenticator: passport.Config{Sessions: manager}.
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.Load(manager, r); err != nil {
			http.Error(w, "Service unavailable", http.StatusServiceUnavailable)
		}
	})
	panic(http.ListenAndServe("localhost:8080", nil))
}

// The options are those of sqlstore.
func ExampleNew() {
	pool, err := pgxpool.New(context.Background(), "postgres://localhost/site")
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	_, err = pgxstore.New(pool, &sqlstore.Options{Table: "site sessions"})
	fmt.Println(err)
	// Output:
	// sqlstore: table name "site sessions": want letters, digits and _, at most 63, with a schema and a dot before them or not
}
