// Api is an API whose routes take a session or a bearer token. It mints its
// own tokens, refreshes and revokes them, and publishes its keys.
//
//	go run ./cmd/passport keygen -alg ES256 -out /tmp/key.pem
//	go run -C examples ./api -key /tmp/key.pem
//
// There is one user: alice, with the password wonderland. docs/api-tokens.md
// is a session with it.
package main

import (
	"crypto/rand"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/issuer"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	name := flag.String("issuer", "http://localhost:8080", "name of who signs the tokens")
	audience := flag.String("audience", "http://localhost:8080", "name of this API")
	key := flag.String("key", "key.pem", "file with the private key: passport keygen -alg ES256 -out key.pem")
	lifetime := flag.Duration("lifetime", 10*time.Minute, "of an access token")
	flag.Parse()

	handler, err := newAPI(*key, issuer.Config{Name: *name, Audience: []string{*audience}, Lifetime: *lifetime})
	if err == nil {
		slog.Info("listening", "url", "http://"+*addr)
		server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		err = server.ListenAndServe()
	}
	slog.Error("api", "error", err)
	os.Exit(1)
}

// newAPI reads the key, and makes what keeps sessions and families. Both are in
// one store: in memory here, in sqlstore or redisstore on a site.
func newAPI(keyFile string, c issuer.Config) (http.Handler, error) {
	pem, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := issuer.PrivateKey(pem, nil)
	if err != nil {
		return nil, err
	}
	c.Keys = []*issuer.Key{key}
	iss, err := issuer.New(c)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 32) // on a site: from the configuration, the same at every instance
	rand.Read(secret)
	store := sessions.NewMemoryStore(nil)
	families, err := refresh.New(store, [][]byte{secret}, nil)
	if err != nil {
		return nil, err
	}
	return routes(store, iss, families), nil
}
