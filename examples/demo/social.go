package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/idp"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// The OpenID provider runs beside the demo, which is what it knows as a client.
const clientID, clientSecret = "demo", "known to the two of us alone"

// serveIdentities serves the provider, unless another demo does already.
func serveIdentities(ctx context.Context, addr, site string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil // it is there; if it is something else, signing in there says so
	}
	client := idp.Client{ID: clientID, Secret: clientSecret}
	for _, origin := range append(neighbours(), site) {
		client.RedirectURLs = append(client.RedirectURLs, origin+"/auth/example/callback", origin+"/connect/example/callback")
	}
	provider, err := idp.New(idp.Config{Issuer: "http://" + addr, Clients: []idp.Client{client}})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: provider, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// neighbours are where other demos are started.
func neighbours() (origins []string) {
	for port := 8080; port < 8090; port++ {
		origins = append(origins, fmt.Sprintf("http://localhost:%d", port))
	}
	return origins
}

func exampleID(issuer, callback string) (*oidcprovider.Provider, error) {
	return oidcprovider.New(oidcprovider.Config{
		Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret, RedirectURL: callback, Scopes: []string{"profile"},
	})
}

// useSocial registers the sign-in with Example ID, and its second half, in
// which newcomers choose a name.
func (s *site) useSocial(origin, issuer string) (err error) {
	signIn, err := exampleID(issuer, origin+"/auth/example/callback")
	if err != nil {
		return err
	}
	if s.connect, err = exampleID(issuer, origin+"/connect/example/callback"); err != nil {
		return err
	}
	accounts := oauth.Accounts[*User]{
		ByIdentity: func(ctx context.Context, id *oauth.Identity) (*User, error) {
			return s.users.db.byIdentity(ctx, id.Key())
		},
		Create: func(_ context.Context, id *oauth.Identity) (*User, error) {
			name, _, _ := strings.Cut(id.Name, " ")
			return nil, &passport.Detour{URL: "/nickname", Key: string(newcomerKey), Value: newcomer{id.Key(), local.Canonical(name), id.SessionValues}}
		},
	}
	s.auth.Use("example", oauth.New(signIn, accounts.Resolve, nil))
	s.auth.UseFunc("nickname", s.nickname)
	return nil
}

// A newcomer is known elsewhere, and has no account here yet.
type newcomer struct {
	Identity, Name string
	Values         map[string]any // for the session, by which the provider may end it
}

const newcomerKey sessions.Key[newcomer] = "newcomer"

// nickname is the strategy behind the form of a newcomer.
func (s *site) nickname(r *http.Request) (passport.Result[*User], error) {
	var res passport.Result[*User]
	who, ok := newcomerKey.Get(s.auth.Session(r.Context()))
	if !ok {
		return res, passport.ErrInvalidCredentials
	}
	name := local.Canonical(r.PostFormValue("username"))
	if err := checkName(name); err != nil {
		return res, err
	}
	added, err := s.users.db.add(r.Context(), name, "", who.Identity)
	switch {
	case err != nil:
		return res, err
	case !added:
		return res, errTaken
	}
	user, err := s.users.db.byIdentity(r.Context(), who.Identity)
	if err != nil {
		return res, err
	}
	for key, value := range who.Values {
		res = res.WithValue(key, value)
	}
	return res.Success(user)
}

func (s *site) askNickname(w http.ResponseWriter, r *http.Request) {
	who, ok := newcomerKey.Get(s.auth.Session(r.Context()))
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.render(w, r, http.StatusOK, page{Name: "nickname", Title: "Choose a name", Error: strings.Join(s.messages(w, r), " "), Data: who})
}

// join joins an identity to who is signed in.
func (s *site) join(ctx context.Context, user *User, id *oauth.Identity) error {
	joined, err := s.users.db.join(ctx, user, id.Key())
	if err == nil && !joined {
		err = &passport.Failure{Code: "identity-taken", Status: http.StatusConflict, Message: "That account belongs to somebody else here."}
	}
	return err
}

// disconnect takes an identity away, if it is not the only way in.
func (s *site) disconnect(w http.ResponseWriter, r *http.Request, user *User) {
	left, err := s.users.db.leave(r.Context(), user, r.PostFormValue("identity"))
	if err != nil {
		s.auth.Refuse(w, r, err)
		return
	}
	message := "That account is disconnected."
	if !left {
		message = "That account is your only way in. It stays."
	}
	s.auth.Flash(w, message)
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func sameIdentity(_ context.Context, id *oauth.Identity) (*oauth.Identity, error) { return id, nil }
