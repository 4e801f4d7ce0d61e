// Demo is a site with accounts: sign in, register, change the password, and
// see and end the sessions on one's other devices. Sign in with an account
// elsewhere too, and connect one to an account here: the demo starts an OpenID
// provider beside itself. Everything is in one
// database, which any number of demo servers may share: a SQLite file, or what
// a URL names.
//
//	go run -C examples ./demo
//	go run -C examples ./demo -addr localhost:8081 -db mysql://user:password@localhost:3306/site
//	go run -C examples ./demo -addr localhost:8082 -db postgres://user:password@localhost:5432/site
//	go run -C examples ./demo -addr localhost:8083 -db redis://localhost:6379/0
//
// With -explain, /debug/passport shows on this machine why somebody was
// refused.
//
// Two users are there at the first start: alice with the password
// wonderland-wonderland, and bob with builder-builder.
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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/explain"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	db := flag.String("db", "demo.db", "SQLite file, made when it is missing, or a mysql://, postgres:// or redis:// URL")
	idp := flag.String("idp", "localhost:8090", "where the OpenID provider listens, which the first demo starts")
	why := flag.Bool("explain", false, "show at /debug/passport, on this machine alone, why somebody was refused")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{*addr, *idp, *db, *why}); err != nil {
		slog.Error("demo", "error", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	addr, idp, db string
	explain       bool
}

// run serves until ctx is done, and lets the requests under way finish.
func run(ctx context.Context, o options) error {
	db, err := open(ctx, o.db)
	if err != nil {
		return err
	}
	defer func() { _ = db.close() }()
	s, err := newSite(ctx, db, o)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", o.addr)

	var background sync.WaitGroup
	defer background.Wait() // before the database closes
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	background.Go(func() { _ = s.sessions.Sweep(ctx, 0) })
	background.Go(func() {
		if err := serveIdentities(ctx, o.idp, "http://"+o.addr); err != nil {
			slog.Error("demo: the OpenID provider", "error", err)
		}
	})

	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	background.Go(func() {
		<-ctx.Done()
		last, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer done()
		_ = server.Shutdown(last)
		if err := s.sessions.Close(last); err != nil {
			slog.Error("demo", "error", err)
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A site is what the pages share.
type site struct {
	auth     *passport.Authenticator[*User]
	local    *local.Strategy[*User]
	sessions *sessions.Manager
	users    *users
	connect  *oidcprovider.Provider // for those who are signed in
	issuer   string
	explain  *explain.Explainer // nil unless it is on
}

func newSite(ctx context.Context, db database, o options) (*site, error) {
	secret, err := db.secret(ctx)
	if err != nil {
		return nil, err
	}
	// One Hasher for sign-in, registration and password change: the bound on
	// how many passwords are hashed at once is its.
	s := &site{
		sessions: sessions.New(db.sessions(), nil),
		users:    &users{db: db, hasher: password.New(nil)},
		issuer:   "http://" + o.idp,
	}
	if err := s.users.seed(ctx); err != nil {
		return nil, err
	}
	var onAttempt func(context.Context, passport.Attempt)
	if o.explain {
		s.explain = explain.New(nil)
		onAttempt = s.explain.OnAttempt
	}
	s.auth = passport.New(passport.Config[*User]{
		Serializer: passport.StampBy(passport.SerializeBy((*User).Key, db.byID), (*User).Stamp),
		Sessions:   s.sessions,
		Secrets:    [][]byte{secret},
		LoginPage:  "/login",
		Skip:       func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/static/") },
		Error:      s.refused,
		OnAttempt:  onAttempt,
	})
	s.local = local.New(s.users.byName, &local.Options[*User]{Hasher: s.users.hasher})
	s.auth.Use("local", s.local)
	s.auth.UseFunc("register", s.users.signUp)
	return s, s.useSocial("http://"+o.addr, s.issuer)
}

func (s *site) handler() http.Handler {
	a, mux := s.auth, http.NewServeMux()
	mux.Handle("GET /static/", staticFiles())
	mux.HandleFunc("GET /", s.notFound)
	mux.HandleFunc("GET /{$}", s.home)

	mux.HandleFunc("GET /login", s.form("login", "Sign in"))
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{
		SuccessRedirect: "/account",
		FailureRedirect: "/login",
		Remember:        func(r *http.Request) bool { return r.PostFormValue("remember") == "on" },
	}))
	mux.HandleFunc("GET /register", s.form("register", "Create an account"))
	mux.Handle("POST /register", a.LoginHandler("register", &passport.LoginOptions{
		SuccessRedirect: "/account",
		SuccessMessage:  "Welcome! Your account is ready.",
		FailureRedirect: "/register",
	}))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Message: "You are signed out."}))

	signIn := a.LoginHandler("example", &passport.LoginOptions{SuccessRedirect: "/account", FailureRedirect: "/login"})
	mux.Handle("POST /auth/example", signIn)
	mux.Handle("GET /auth/example/callback", signIn)
	mux.HandleFunc("GET /nickname", s.askNickname)
	mux.Handle("POST /nickname", a.LoginHandler("nickname", &passport.LoginOptions{
		SuccessRedirect: "/account",
		SuccessMessage:  "Welcome! Your account is ready.",
		FailureRedirect: "/nickname",
	}))
	connect := passport.Link(a, oauth.New(s.connect, sameIdentity, nil), s.join, &passport.LoginOptions{
		SuccessRedirect: "/account",
		SuccessMessage:  "That account is connected.",
		FailureRedirect: accountRefused,
	})
	mux.Handle("POST /connect/example", connect)
	mux.Handle("GET /connect/example/callback", connect)
	mux.Handle("POST /disconnect", a.RequireFunc(s.disconnect))

	mux.Handle("GET /account", a.RequireFunc(s.account))
	mux.Handle("POST /account/password", a.RequireFunc(s.changePassword))
	mux.Handle("GET /sessions", a.RequireFunc(s.listSessions))
	mux.Handle("POST /sessions/revoke", a.RequireFunc(s.revoke))
	mux.Handle("POST /sessions/revoke-others", a.RequireFunc(s.revokeOthers))
	mux.Handle("GET /api/me", a.RequireFunc(s.me))

	if s.explain != nil {
		mux.Handle("GET /debug/passport", s.explain)
	}

	const largestForm = 64 << 10
	return guard(s.issuer, deadline(http.MaxBytesHandler(a.Handler(mux), largestForm)))
}

// deadline ends the context of a request that takes too long, because a
// database hangs: the timeouts of the server end none.
func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
