package oidcprovider_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// A counter is a key that has signed nothing.
type counter struct {
	n    int
	then func()
}

func (c *counter) VerifyPayload([]byte, []byte, jose.SignatureAlgorithm) error {
	if c.n++; c.then != nil {
		c.then()
	}
	return errors.New("not signed with it")
}

// TestManyKeys: a provider with a thousand keys makes nobody verify a token a
// thousand times, or with the same keys twice, or once the time is over. C40
func TestManyKeys(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	token := signed(foreignKey(), jose.ES256, "", "logout+jwt", from.logoutClaims())
	for name, test := range map[string]struct {
		ends bool // the time, at the first key
		want int
		err  error
	}{
		"with time":      {false, 16, oauth.ErrBadAnswer},
		"until it is up": {true, 1, context.Canceled},
	} {
		p := provider(t, from.config())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := new(counter)
		if test.ends {
			c.then = cancel
		}
		keys := make([]any, 1000)
		for i := range keys {
			keys[i] = c
		}
		if err := oidcprovider.VerifyLogout(t.Context(), p, ""); !errors.Is(err, oauth.ErrBadAnswer) { // which reads the metadata
			t.Fatal(err)
		}
		oidcprovider.Publish(p, keys...)
		if err := oidcprovider.VerifyLogout(ctx, p, token); !errors.Is(err, test.err) || c.n != test.want {
			t.Errorf("%s: verified %d times, want %d; %v", name, c.n, test.want, err)
		}
	}
}

// TestUsable: RSA keys whose numbers are out of all bounds are not used. C40
func TestUsable(t *testing.T) {
	t.Parallel()
	n := rsaKey().N
	bits := func(n int) *big.Int { return new(big.Int).SetBit(big.NewInt(1), n-1, 1) }
	for name, test := range map[string]struct {
		n    *big.Int
		e    int
		want bool
	}{
		"usual":            {n, 65537, true},
		"exponent 3":       {n, 3, true},
		"8192 bits":        {bits(8192), 65537, true},
		"8193 bits":        {bits(8193), 65537, false},
		"2047 bits":        {bits(2047), 65537, false},
		"exponent 1":       {n, 1, false},
		"an even exponent": {n, 65536, false},
		"a huge exponent":  {n, 1<<31 + 1, false},
	} {
		if got := oidcprovider.Usable(&rsa.PublicKey{N: test.n, E: test.e}); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
