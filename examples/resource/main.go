// Resource is an API that takes the bearer tokens of an issuer elsewhere:
//
//	go run -C examples ./resource -issuer https://login.example.com -keys https://login.example.com/jwks.json -audience https://api.example.com
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

// Claims are what the API wants to know.
type Claims struct {
	jwt.Token
	Email string `json:"email"`
}

func main() {
	if err := run(); err != nil {
		slog.Error("resource", "error", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	issuer := flag.String("issuer", "", "iss of the tokens")
	url := flag.String("keys", "", "URL of the issuer's key set")
	audience := flag.String("audience", "", "aud of the tokens: this API")
	plain := flag.Bool("plain", false, "the tokens say typ JWT or nothing, as most issuers' do, and not at+jwt")
	insecure := flag.Bool("insecure-http", false, "take keys over plain http, of an issuer on this machine")
	flag.Parse()
	if *issuer == "" || *url == "" || *audience == "" {
		return errors.New("-issuer, -keys and -audience are needed")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	keys, err := jwks.New(jwks.Config{URL: *url, InsecureHTTP: *insecure})
	if err != nil {
		return err
	}
	go func() { _ = keys.Run(ctx) }()
	trusted := jwt.Issuer{Name: *issuer, Audience: []string{*audience}, Keys: keys}
	if *plain {
		trusted.Type = jwt.TypeJWT
	}

	server := &http.Server{Addr: *addr, Handler: api(trusted), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// api greets who is known, by GET /me.
func api(trusted jwt.Issuer) http.Handler {
	a := passport.New(passport.Config[*Claims]{})
	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{trusted}}, func(_ context.Context, c *Claims) (*Claims, error) { return c, nil }))
	mux := http.NewServeMux()
	mux.Handle("GET /me", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, c *Claims) {
		fmt.Fprintf(w, "%s, with the scopes %q\n", c.Key(), c.Scopes)
	}, "jwt"))
	return a.Handler(mux)
}
