package refresh_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

func Example() {
	ctx := context.Background()
	store := sessions.NewMemoryStore(nil) // or that of the sessions: sqlstore, redisstore
	secret := []byte("made by: openssl rand -base64 32")
	families, err := refresh.New(store, [][]byte{secret}, &refresh.Options{Grace: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	first, _, _ := families.Begin(ctx, refresh.Family{User: "ann", Scope: "notes"})

	second, family, err := families.Refresh(ctx, first, nil)
	fmt.Println(first != second, family.User, family.Scope, err)

	_, _, err = families.Refresh(ctx, first, nil) // somebody has a copy
	fmt.Println(err)
	_, _, err = families.Refresh(ctx, second, nil)
	fmt.Println(err)
	// Output:
	// true ann notes <nil>
	// refresh: the token is not valid: it was used before
	// refresh: the token is not valid: its family has ended
}
