// Social signs people in with accounts that they have elsewhere. It needs none
// of yours, and no internet: it starts an OpenID provider beside itself, and
// signs in there.
//
//	go run -C examples ./social
//
// Buttons for GitHub and Google appear when GITHUB_CLIENT_ID and
// GITHUB_CLIENT_SECRET, or GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are set.
// The redirect URLs to register there are http://localhost:8080/auth/github/callback
// and http://localhost:8080/auth/google/callback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/idp"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	idpAddr := flag.String("idp", "localhost:8090", "where the OpenID provider listens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, "http://"+*addr, *addr, *idpAddr); err != nil {
		slog.Error("social", "error", err)
		os.Exit(1)
	}
}

// run serves the site, and the provider, until ctx is done.
func run(ctx context.Context, site, addr, idpAddr string) error {
	services, example, err := services(site, "http://"+idpAddr)
	if err != nil {
		return err
	}
	provider, err := idp.New(idp.Config{Issuer: "http://" + idpAddr, Clients: []idp.Client{{
		ID: "social", Secret: exampleSecret, RedirectURLs: []string{site + "/auth/example/callback"}, LogoutRedirect: []string{site + "/"},
	}}})
	if err != nil {
		return err
	}
	var network net.ListenConfig
	here, err := network.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := network.Listen(ctx, "tcp", idpAddr)
	if err != nil {
		return err
	}
	fmt.Println(site)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	go func() { ended <- serve(ctx, here, handler(services, example, site)) }()
	go func() { ended <- serve(ctx, there, provider) }()
	first := <-ended
	cancel() // neither is of use without the other
	return errors.Join(first, <-ended)
}

// A service is a button.
type service struct {
	Name, Label string
	provider    oauth.Provider
}

const exampleSecret = "known to the two of us alone"

// services are those that can be had: our own always.
func services(site, issuer string) ([]service, *oidcprovider.Provider, error) {
	callback := func(name string) string { return site + "/auth/" + name + "/callback" }
	example, err := oidcprovider.New(oidcprovider.Config{
		Issuer: issuer, ClientID: "social", ClientSecret: exampleSecret, RedirectURL: callback("example"),
		Scopes: []string{"profile", "email"}, KeepIDToken: true,
	})
	if err != nil {
		return nil, nil, err
	}
	all := []service{{"example", "Example ID", example}}
	if id := os.Getenv("GITHUB_CLIENT_ID"); id != "" {
		github, err := oauth.NewProvider(oauth.GitHub(), oauth.Config{
			ClientID: id, ClientSecret: os.Getenv("GITHUB_CLIENT_SECRET"), RedirectURL: callback("github"),
		})
		if err != nil {
			return nil, nil, err
		}
		all = append(all, service{"github", "GitHub", github})
	}
	if id := os.Getenv("GOOGLE_CLIENT_ID"); id != "" {
		google, err := oidcprovider.Google(oidcprovider.Config{
			ClientID: id, ClientSecret: os.Getenv("GOOGLE_CLIENT_SECRET"), RedirectURL: callback("google"),
			Scopes: []string{"profile", "email"},
		}, "")
		if err != nil {
			return nil, nil, err
		}
		all = append(all, service{"google", "Google", google})
	}
	return all, example, nil
}

func handler(services []service, example *oidcprovider.Provider, site string) http.Handler {
	people := newPeople()
	a := passport.New(passport.Config[*Person]{
		Serializer: passport.SerializeBy((*Person).Key, people.byKey),
		LoginPage:  "/",
	})
	pages := pages{a, services}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", pages.home)
	mux.Handle("GET /account", a.RequireFunc(pages.account))
	mux.Handle("POST /logout", oidcprovider.LogoutHandler(a, &oidcprovider.LogoutOptions{PostLogoutURL: site + "/"}, example))
	for _, s := range services {
		a.Use(s.Name, oauth.New(s.provider, people.accounts(s.Label).Resolve, nil))
		signIn := a.LoginHandler(s.Name, &passport.LoginOptions{SuccessRedirect: "/account", FailureRedirect: "/"})
		mux.Handle("POST /auth/"+s.Name, signIn)
		mux.Handle("GET /auth/"+s.Name+"/callback", signIn)
	}
	return a.Handler(mux)
}

func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(last)
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
