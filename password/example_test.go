package password_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gopassport/passport/password"
)

func Example() {
	ctx := context.Background()
	// One for the whole application.
	hasher := password.New(&password.Options{Scheme: password.Argon2id(nil)})

	hash, err := hasher.Hash(ctx, "correct horse battery staple")
	fmt.Println(hash[:30], err)

	_, err = hasher.Verify(ctx, hash, "correct horse battery staple")
	fmt.Println(err)

	_, err = hasher.Verify(ctx, hash, "Tr0ub4dor&3")
	fmt.Println(errors.Is(err, password.ErrMismatch))
	// Output:
	// $argon2id$v=19$m=19456,t=2,p=1 <nil>
	// <nil>
	// true
}

func ExamplePolicy() {
	ctx := context.Background()
	common, _ := password.BlockList(strings.NewReader("passwordpassword\nqwertyuiopasdfghjkl\n"))
	policy := &password.Policy{Blocked: common}

	fmt.Println(policy.Check(ctx, "Pa$$w0rd"))
	fmt.Println(policy.Check(ctx, "PasswordPassword"))
	fmt.Println(policy.Check(ctx, "a walk by the river"))
	// Output:
	// password: shorter than 15 characters
	// password: too common
	// <nil>
}
