// Package oauthtest is a provider to sign in with in tests of one's own login:
// a server on this machine that behaves as OAuth 2 providers do, code
// verifier and one-time codes included, and misbehaves when it is told to.
//
//	fake := oauthtest.Start(t)
//	a.Use("fake", oauth.New(fake.Provider("https://example.com/auth/callback"), accounts.Resolve, nil))
//
// It is an OpenID Connect provider too: [Server.OIDC], with [Server.Logout] for
// signing out by it.
//
// A browser, or a client that follows redirects, signs in there without being
// asked anything. A test that calls handlers directly lets [Server.Visit] do
// what the browser does at the provider.
package oauthtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/strategies/oauth"
)

// The client that the provider knows.
const (
	ClientID     = "client"
	ClientSecret = "client-secret"
)

// A User has an account at the provider.
type User struct {
	Subject, Email          string
	EmailStatus             oauth.EmailStatus
	Name, Username, Picture string
}

// A Server is the provider. It is safe for concurrent use.
type Server struct {
	// URL of the server, which is its issuer too.
	URL string

	mu      sync.Mutex
	user    User
	fault   Fault
	grants  map[string]grant   // by code, until it is redeemed
	access  map[string]*access // by access token
	refresh map[string]*family // by refresh token, used ones too
	life    time.Duration      // of an access token
	pages   map[string]any     // of the API, by path
	asked   url.Values         // by the last authorization request
	stop    chan struct{}

	redeemed, refreshed, burnt int

	key    *ecdsa.PrivateKey    // of ID tokens
	sid    string               // of the session at the provider
	claims func(map[string]any) // changes those of ID tokens; may be nil
}

// A grant is what a code is good for.
type grant struct {
	user                           User
	challenge, redirectURL, scopes string
	nonce, acr, sid                string
}

// Start starts a provider for the time of the test. Until SignIn says
// otherwise, Ann is signed in there, with a verified address.
func Start(t testing.TB) *Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		key: key, sid: rand.Text(),
		user:   User{Subject: "ann", Email: "ann@example.com", EmailStatus: oauth.EmailVerified, Name: "Ann"},
		grants: make(map[string]grant), access: make(map[string]*access), refresh: make(map[string]*family),
		pages: make(map[string]any), life: time.Hour, stop: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /api/", s.api)
	mux.HandleFunc("GET /.well-known/openid-configuration", s.metadata)
	mux.HandleFunc("GET /jwks", s.keys)
	mux.HandleFunc("GET /logout", s.endSession)
	server := httptest.NewServer(s.faulty(mux))
	s.URL = server.URL
	t.Cleanup(func() {
		close(s.stop)
		server.Close()
	})
	return s
}

// SignIn makes u the one who is signed in at the provider from now on.
func (s *Server) SignIn(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user, s.sid = u, rand.Text()
}

// Service describes the provider. It sends iss with every answer (RFC 9207).
func (s *Server) Service() oauth.Service {
	return s.As(oauth.Service{Issuer: s.URL, SendsIssuer: true, Profile: oauth.UserInfo("/userinfo")})
}

// As is another service, such as oauth.GitHub(), at the provider's addresses:
// its answers carry an iss if those of the service do. What its API says is up
// to [Server.Page].
func (s *Server) As(service oauth.Service) oauth.Service {
	iss := ""
	if service.SendsIssuer {
		iss = service.Issuer
	}
	service.Endpoint.AuthURL = s.URL + "/authorize?" + url.Values{issParam: {iss}}.Encode()
	service.Endpoint.TokenURL = s.URL + "/token"
	service.API = s.URL + "/api"
	return service
}

// Config is the application's, with a redirect URL.
func (s *Server) Config(redirectURL string) oauth.Config {
	return oauth.Config{ClientID: ClientID, ClientSecret: ClientSecret, RedirectURL: redirectURL}
}

// Provider is what oauth.New takes.
func (s *Server) Provider(redirectURL string) oauth.Provider {
	p, err := oauth.NewProvider(s.Service(), s.Config(redirectURL))
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	return p
}

// Page sets what the API answers at a path, such as "/user/emails", as JSON. It
// answers requests that carry an access token alone.
func (s *Server) Page(path string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages["/api"+path] = v
}

// Redeemed is how many requests came that redeem a code, right or wrong.
func (s *Server) Redeemed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.redeemed
}

// Asked are the parameters of the last authorization request.
func (s *Server) Asked() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Visit is what a browser does that is sent to location: it returns where the
// provider sends it back to.
func (s *Server) Visit(t testing.TB, location string) *url.URL {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		t.Fatalf("oauthtest: the provider answered %s, and no redirect", res.Status)
	}
	return back
}

// issParam is what a service answers as its iss: one server is many of them.
const issParam = "oauthtest_iss"

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	iss := s.URL
	if asked.Has(issParam) {
		iss = asked.Get(issParam)
		asked.Del(issParam)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = asked
	back, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil || !back.IsAbs() || asked.Get("client_id") != ClientID || asked.Get("response_type") != "code" {
		http.Error(w, "wrong redirect_uri, client_id or response_type", http.StatusBadRequest)
		return
	}
	query := back.Query()
	query.Set("state", asked.Get("state"))
	if iss != "" {
		query.Set("iss", iss)
	}
	switch {
	case s.fault == Denied:
		query.Set("error", "access_denied")
	case asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") == "":
		query.Set("error", "invalid_request")
	default:
		code := rand.Text()
		acr, _, _ := strings.Cut(asked.Get("acr_values"), " ")
		s.grants[code] = grant{s.user, asked.Get("code_challenge"), asked.Get("redirect_uri"), asked.Get("scope"), asked.Get("nonce"), acr, s.sid}
		query.Set("code", code)
	}
	s.fault.answer(query)
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != ClientID || secret != ClientSecret {
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer map[string]any
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		answer = s.redeem(r.PostForm)
	case "refresh_token":
		answer = s.trade(r.PostFormValue("refresh_token"))
	}
	switch {
	case answer == nil:
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
	case s.fault == Lost:
		panic(http.ErrAbortHandler)
	default:
		reply(w, http.StatusOK, answer)
	}
}

// redeem answers a code; nil where it is refused.
func (s *Server) redeem(form url.Values) map[string]any {
	code, flow := form.Get("code"), oauth.Flow{Verifier: form.Get("code_verifier")}
	g, known := s.grants[code]
	delete(s.grants, code) // once
	if s.fault == BadCode || !known || g.redirectURL != form.Get("redirect_uri") || g.challenge != flow.Challenge() {
		return nil
	}
	answer := s.issue(&family{user: g.user, scopes: g.scopes})
	if access, _ := answer["access_token"].(string); slices.Contains(strings.Fields(g.scopes), "openid") && s.fault != NoIDToken {
		answer["id_token"] = s.idToken(g, access)
	}
	return answer
}

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const bearer = "Bearer "
	authorization := r.Header.Get("Authorization")
	token, known := s.access[authorization[min(len(bearer), len(authorization)):]]
	page, found := s.pages[r.URL.Path]
	switch {
	case !known || token.family.over || time.Now().After(token.until):
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
	case found:
		reply(w, http.StatusOK, page)
	case r.URL.Path == "/api/userinfo":
		reply(w, http.StatusOK, s.fault.profile(token.family.user.claims()))
	default:
		http.NotFound(w, r)
	}
}

// claims are what OpenID Connect calls it.
func (u User) claims() map[string]any {
	c := map[string]any{"sub": u.Subject}
	for name, value := range map[string]string{"email": u.Email, "name": u.Name, "preferred_username": u.Username, "picture": u.Picture} {
		if value != "" {
			c[name] = value
		}
	}
	if u.EmailStatus != oauth.EmailUnknown {
		c["email_verified"] = u.EmailStatus == oauth.EmailVerified
	}
	return c
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
