package oidcprovider_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// A fakeWire is a provider in memory.
type fakeWire struct {
	docs, sets atomic.Int32 // requests
	mu         sync.Mutex
	down       error
	slow       time.Duration
	keys       jose.JSONWebKeySet
}

const wireIssuer = "https://idp.example"

func (f *fakeWire) answer(r *http.Request) (int, any, error) {
	f.mu.Lock()
	down, slow, keys := f.down, f.slow, f.keys
	f.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return 0, nil, r.Context().Err()
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		f.docs.Add(1)
		return 200, map[string]any{
			"issuer": wireIssuer, "authorization_endpoint": wireIssuer + "/a", "token_endpoint": wireIssuer + "/t", "jwks_uri": wireIssuer + "/jwks",
			"end_session_endpoint": wireIssuer + "/end",
		}, down
	case "/jwks":
		f.sets.Add(1)
		return 200, keys, down
	}
	return 404, nil, nil
}

func (f *fakeWire) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeWire) provider(t *testing.T) *oidcprovider.Provider {
	return provider(t, oidcprovider.Config{
		Issuer: wireIssuer, ClientID: clientID, RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: wire(f.answer)}),
	})
}

func begins(ctx context.Context, p *oidcprovider.Provider) error {
	_, err := p.Begin(ctx, &oauth.Flow{Verifier: strings.Repeat("v", 43)})
	return err
}

// TestDiscovery: nothing is asked before it is needed, then once for all; a
// provider that was down is found again, and one that is down later is not
// lost at once. C14, C39
func TestDiscovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		f := &fakeWire{down: errors.New("down")}
		p := f.provider(t)
		wantDocs := func(what string, n int32) {
			t.Helper()
			if got := f.docs.Swap(0); got != n {
				t.Errorf("%s: metadata was asked for %d times, want %d", what, got, n)
			}
		}
		wantDocs("made", 0)
		for range 5 {
			if err := begins(ctx, p); err == nil || errors.Is(err, oauth.ErrBadAnswer) {
				t.Errorf("down: got %v, want an outage", err)
			}
		}
		wantDocs("down, at once", 1)
		time.Sleep(time.Second)
		f.set(func() { f.down = nil })
		if err := begins(ctx, p); err != nil {
			t.Errorf("up again: %v", err)
		}
		wantDocs("up again", 1)
		time.Sleep(time.Hour - time.Second)
		_ = begins(ctx, p)
		wantDocs("for an hour", 0)
		time.Sleep(time.Second)
		_ = begins(ctx, p)
		wantDocs("after an hour", 1)

		f.set(func() { f.down = errors.New("down again") })
		time.Sleep(time.Hour)
		for range 30 {
			if err := begins(ctx, p); err != nil {
				t.Errorf("what was known is lost: %v", err)
			}
			time.Sleep(time.Second)
		}
		wantDocs("down for half a minute", 3)
		f.set(func() { f.down, f.slow = nil, time.Minute })
		start := time.Now()
		if err := begins(ctx, p); err != nil || time.Since(start) > 5*time.Second {
			t.Errorf("slow: %v in %v", err, time.Since(start))
		}
		time.Sleep(24 * time.Hour)
		if err := begins(ctx, p); err == nil {
			t.Error("what was known a day ago still counts")
		}
	})
}

// TestDiscoveryAtOnce: of many requests one asks. Where its browser goes away,
// another one does.
func TestDiscoveryAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeWire{slow: time.Second}
		p := f.provider(t)
		first, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		var failed atomic.Int32
		group.Go(func() {
			if begins(first, p) == nil {
				t.Error("a request that ended went on")
			}
		})
		synctest.Wait()
		for range 50 {
			group.Go(func() {
				if begins(context.Background(), p) != nil {
					failed.Add(1)
				}
			})
		}
		synctest.Wait()
		impatient, stop := context.WithTimeout(context.Background(), time.Millisecond)
		defer stop()
		if err := begins(impatient, p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that cannot wait: got %v", err)
		}
		cancel()
		group.Wait()
		if n := f.docs.Load(); failed.Load() != 0 || n != 1 {
			t.Errorf("%d failed, and %d requests got through", failed.Load(), n)
		}
	})
}

// TestKeys: an unknown kid makes the keys be fetched anew, ten seconds apart at
// most, and none where the header cannot be right anyhow. C15, D28
func TestKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		f := &fakeWire{keys: jwks()}
		p := f.provider(t)
		logout := func(key *jose.SigningKey, kid string) string {
			now := time.Now().Unix()
			return signed(key.Key, key.Algorithm, kid, "logout+jwt", map[string]any{
				"iss": wireIssuer, "aud": clientID, "iat": now, "exp": now + 60, "jti": "j", "sub": "ann",
				"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
			})
		}
		try := func(what string, token string, good bool, fetches int32) {
			t.Helper()
			if err := oidcprovider.VerifyLogout(ctx, p, token); (err == nil) != good {
				t.Errorf("%s: got %v", what, err)
			}
			if n := f.sets.Swap(0); n != fetches {
				t.Errorf("%s: the keys were fetched %d times, want %d", what, n, fetches)
			}
		}
		known, rotated := &jose.SigningKey{Algorithm: jose.ES256, Key: ecKey()}, &jose.SigningKey{Algorithm: jose.ES256, Key: foreignKey()}
		try("before anything else, alg none", unsigned(`{"alg":"none","kid":"new"}`, nil), false, 0)
		try("the first", logout(known, "ec"), true, 1)
		try("another", logout(known, "ec"), true, 0)
		try("unknown, just after", logout(rotated, "new"), false, 0)
		time.Sleep(10 * time.Second)
		try("unknown", logout(rotated, "new"), false, 1)
		for range 200 {
			try("unknown, 200 times", logout(rotated, "new"), false, 0)
		}
		time.Sleep(10 * time.Second)
		try("a bad signature", logout(rotated, "ec"), false, 0)
		try("alg none", unsigned(`{"alg":"none","kid":"new"}`, nil), false, 0)
		try("alg HS256", logout(&jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, "new"), false, 0)
		f.set(func() { f.keys.Keys = append(f.keys.Keys, jose.JSONWebKey{Key: foreignKey().Public(), KeyID: "new"}) })
		try("rotated", logout(rotated, "new"), true, 1)
		time.Sleep(time.Minute)
		f.set(func() { f.keys.Keys = []jose.JSONWebKey{{Key: foreignKey().Public()}} })
		try("withdrawn, for now", logout(known, "ec"), true, 0)
		time.Sleep(time.Hour)
		try("withdrawn", logout(known, "ec"), false, 1)
		try("without kid", logout(rotated, ""), true, 0)
		f.set(func() { f.down = errors.New("down") })
		time.Sleep(time.Minute)
		try("unknown, while the provider is down", logout(known, "ec"), false, 1)
		try("again", logout(known, "ec"), false, 0)
		try("known, while it is down", logout(rotated, ""), true, 0)
	})
}

// TestSmallKey: an RSA key of less than 2048 bits verifies nothing. C15
func TestSmallKey(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	from.pages["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
		keys := jwks()
		keys.Keys = append(keys.Keys, jose.JSONWebKey{Key: small.Public(), KeyID: "small", Use: "sig"})
		writeJSON(w, keys)
	}
	from.idToken = func(c map[string]any) string { return signed(small, jose.RS256, "small", "JWT", c) }
	b := newSite(t, from, provider(t, from.config()), nil).browser()
	b.refused("1024 bits", b.signIn(""), http.StatusBadGateway, "provider-answer")
	from.idToken = func(c map[string]any) string { return signed(rsaKey(), jose.RS256, "rsa", "JWT", c) }
	if b.signIn(""); b.me() != "ann" {
		t.Errorf("beside it, 2048 bits: not signed in\n%s", b.site.log)
	}
}

// TestGuard: what the metadata names is dialled at public addresses alone. C39
func TestGuard(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][3]bool{ // by default, with loopback, with private networks
		"93.184.216.34":                        {true, true, true},
		"2606:2800:220:1:248:1893::":           {true, true, true},
		"127.0.0.1":                            {false, true, false},
		"127.9.9.9":                            {false, true, false},
		"::1":                                  {false, true, false},
		"::ffff:127.0.0.1":                     {false, true, false},
		"10.0.0.1":                             {false, false, true},
		"172.16.0.1":                           {false, false, true},
		"192.168.1.1":                          {false, false, true},
		"100.64.0.1":                           {false, false, true},
		"fd00::1":                              {false, false, true},
		"::ffff:10.0.0.1":                      {false, false, true},
		"169.254.169.254":                      {},
		"::ffff:169.254.169.254":               {},
		"fe80::1":                              {},
		"0.0.0.0":                              {},
		"0.1.2.3":                              {},
		"::":                                   {},
		"224.0.0.1":                            {},
		"255.255.255.255":                      {},
		"240.0.0.1":                            {},
		"198.18.0.1":                           {},
		"ff02::1":                              {},
		"::ffff:198.18.0.1":                    {},
		"::ffff:100.64.0.1":                    {false, false, true},
		"64:ff9b::7f00:1":                      {},
		"2002:7f00:1::":                        {},
		"::127.0.0.1":                          {},
		"fec0::1":                              {},
		"2001:0:4136:e378:8000:63bf:3fff:fdd2": {},
	} {
		addr, err := netip.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]bool{oidcprovider.Dials(addr, false, false), oidcprovider.Dials(addr, true, false), oidcprovider.Dials(addr, false, true)}
		if got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
}

// TestEgress: a provider on the internet cannot send us to this machine; one
// on this machine may stay there. C39
func TestEgress(t *testing.T) {
	t.Parallel()
	inner := newIDP(t) // a service that the provider has no business with
	for name, test := range map[string]struct {
		issuer string
		reach  bool
	}{
		"on this machine": {inner.URL, true},
		"by its name":     {strings.Replace(inner.URL, "127.0.0.1", "localhost", 1), true},
		// A name that resolves to this machine, whatever it is called.
		"on the internet": {strings.Replace(inner.URL, "127.0.0.1", "0x7f000001", 1), false},
	} {
		c := inner.config()
		c.Issuer, c.InsecureHTTP = test.issuer, true
		client := oidcprovider.GuardedClient(c)
		for _, target := range []string{inner.URL + "/jwks", strings.Replace(inner.URL, "127.0.0.1", "localhost", 1) + "/jwks"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(r)
			if err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			if (err == nil) != test.reach || err != nil && !errors.Is(err, oauth.ErrBadAnswer) {
				t.Errorf("%s: %s: got %v", name, target, err)
			}
		}
	}
	c := inner.config()
	c.Issuer, c.InsecureHTTP, c.PrivateNetwork = "http://idp.internal", true, true
	if res, err := oidcprovider.GuardedClient(c).Get(inner.URL); err == nil {
		res.Body.Close()
		t.Error("a private network has this machine in it")
	}
}
