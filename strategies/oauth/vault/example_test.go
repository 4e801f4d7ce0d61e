package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

func Example() {
	github, err := oauth.NewProvider(oauth.GitHub(), oauth.Config{
		ClientID:     "the id that GitHub gave us",
		ClientSecret: "and the secret",
		RedirectURL:  "https://example.com/auth/github/callback",
	})
	if err != nil {
		panic(err)
	}
	// A sqlstore or a redisstore, on a site.
	v, err := vault.New(sessions.NewMemoryStore(nil), vault.Config{
		Keys:      []vault.Key{{ID: "2026", Secret: bytes.Repeat([]byte("random"), 6)}},
		Providers: map[string]oauth.Provider{"github": github},
	})
	if err != nil {
		panic(err)
	}
	// In the function that says whose an identity is, with
	// oauth.Options.KeepTokens.
	ctx := context.Background()
	id := &oauth.Identity{Tokens: &oauth.Tokens{Access: "gho_1", Expiry: time.Now().Add(time.Hour)}}
	if err := v.Save(ctx, "ann", "github", id.Tokens); err != nil {
		panic(err)
	}
	tokens, err := v.Token(ctx, "ann", "github")
	fmt.Println(tokens.Access, err)
	fmt.Println(tokens) // in a log

	// Ann takes her GitHub account away.
	err = v.Delete(ctx, "ann", "github")
	fmt.Println(err)
	_, err = v.Token(ctx, "ann", "github")
	fmt.Println(errors.Is(err, vault.ErrNoTokens))
	// Output:
	// gho_1 <nil>
	// [oauth tokens]
	// <nil>
	// true
}
