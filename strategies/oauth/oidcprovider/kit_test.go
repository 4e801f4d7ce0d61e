package oidcprovider_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

const (
	clientID = "the-client"
	callback = "https://example.com/auth/callback"
)

// The keys that providers sign with.
var (
	rsaKey     = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey      = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey      = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
	foreignKey = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An idp is a provider of which a test can change everything.
type idp struct {
	*httptest.Server

	mu      sync.Mutex
	asked   map[string]int              // requests by path
	pages   map[string]http.HandlerFunc // in the place of the usual ones, by path
	doc     func(map[string]any)        // changes the metadata
	idToken func(good map[string]any) string
	nonce   string
	form    url.Values // of the last token request
	auth    string     // its Authorization
}

const access = "the-access-token"

func newIDP(t testing.TB) *idp {
	t.Helper()
	p := &idp{asked: make(map[string]int), pages: make(map[string]http.HandlerFunc)}
	p.idToken = func(good map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "JWT", good) }
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	page := p.pages[r.URL.Path]
	p.mu.Unlock()
	if page != nil {
		page(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		writeJSON(w, p.metadata())
	case "/jwks":
		writeJSON(w, jwks())
	case "/token":
		_ = r.ParseForm()
		p.mu.Lock()
		p.form, p.auth = r.PostForm, r.Header.Get("Authorization")
		token := p.idToken(p.claims())
		p.mu.Unlock()
		writeJSON(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": token})
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer "+access {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		writeJSON(w, map[string]any{"sub": "ann", "name": "Ann", "email": "ann@example.com", "email_verified": true})
	default:
		http.NotFound(w, r)
	}
}

func (p *idp) metadata() map[string]any {
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"userinfo_endpoint": p.URL + "/userinfo", "end_session_endpoint": p.URL + "/logout?a=b",
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doc != nil {
		p.doc(m)
	}
	return m
}

// claims are those of a good ID token.
func (p *idp) claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": p.URL, "aud": clientID, "sub": "ann", "iat": now, "exp": now + 300, "nonce": p.nonce, "sid": "s1",
		"email": "ann@example.com", "email_verified": true, "name": "Ann",
	}
}

func (p *idp) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *idp) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func jwks() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: rsaKey().Public(), KeyID: "rsa", Use: "sig"},
		{Key: ecKey().Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"},
		{Key: edKey().Public(), KeyID: "ed"},
	}}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// signed is a token with a payload: claims, or bytes as they are.
func signed(key crypto.PrivateKey, alg jose.SignatureAlgorithm, kid, typ string, payload any) string {
	header := map[jose.HeaderKey]any{}
	if kid != "" {
		header["kid"] = kid
	}
	if typ != "" {
		header["typ"] = typ
	}
	return signedWith(key, alg, header, payload)
}

func signedWith(key crypto.PrivateKey, alg jose.SignatureAlgorithm, header map[jose.HeaderKey]any, payload any) string {
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header}))
	text, raw := payload.([]byte)
	if !raw {
		text = must(json.Marshal(payload))
	}
	return must(must(signer.Sign(text)).CompactSerialize())
}

// unsigned is a token with a header and no signature.
func unsigned(header string, claims map[string]any) string {
	text := base64.RawURLEncoding.EncodeToString
	return text([]byte(header)) + "." + text(must(json.Marshal(claims))) + "."
}

// edited is claims with pairs changed; nil removes one.
func edited(claims map[string]any, pairs ...any) map[string]any {
	claims = maps.Clone(claims)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(claims, pairs[i].(string))
		} else {
			claims[pairs[i].(string)] = pairs[i+1]
		}
	}
	return claims
}

func (p *idp) config() oidcprovider.Config {
	return oidcprovider.Config{Issuer: p.URL, ClientID: clientID, ClientSecret: "our-secret", RedirectURL: callback}
}

func provider(t testing.TB, c oidcprovider.Config) *oidcprovider.Provider {
	t.Helper()
	p, err := oidcprovider.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A site is an application that signs in with a provider.
type site struct {
	t       testing.TB
	idp     *idp
	a       *passport.Authenticator[*user]
	manager *sessions.Manager
	handler http.Handler
	mux     *http.ServeMux
	log     *syncBuffer

	mu    sync.Mutex
	known []*oauth.Identity
}

type user struct{ ID string }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newSite(t testing.TB, from *idp, p *oidcprovider.Provider, o *oauth.Options) *site {
	t.Helper()
	s := &site{t: t, idp: from, log: new(syncBuffer), mux: http.NewServeMux()}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.manager = sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: log})
	s.a = passport.New(passport.Config[*user]{
		Sessions: s.manager,
		Secrets:  [][]byte{bytes.Repeat([]byte("s"), 32)},
		Logger:   log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	s.a.Use("oidc", oauth.New(p, func(_ context.Context, id *oauth.Identity) (*user, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known = append(s.known, id)
		return &user{id.Subject}, nil
	}, o))
	signIn := s.a.LoginHandler("oidc", nil)
	s.mux.Handle("POST /begin", signIn)
	s.mux.Handle("/auth/callback", signIn)
	s.mux.Handle("GET /me", s.a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = w.Write([]byte(u.ID)) }))
	s.handler = s.a.Handler(s.mux)
	return s
}

// identity is who was signed in last; nil for nobody.
func (s *site) identity() *oauth.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == 0 {
		return nil
	}
	return s.known[len(s.known)-1]
}

// A browser keeps cookies.
type browser struct {
	site    *site
	cookies map[string]string
}

func (s *site) browser() *browser { return &browser{s, make(map[string]string)} }

func (b *browser) send(method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.site.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

// begin begins a sign-in, and returns what the provider is asked.
func (b *browser) begin() url.Values {
	b.site.t.Helper()
	w := b.send("POST", "/begin")
	u, err := url.Parse(w.Header().Get("Location"))
	if w.Code != http.StatusSeeOther || err != nil {
		b.site.t.Fatalf("begin: got %d %s\n%s", w.Code, w.Body, b.site.log)
	}
	query := u.Query()
	b.site.idp.set(func() { b.site.idp.nonce = query.Get("nonce") })
	return query
}

// signIn begins, and comes back with a code and what else is said.
func (b *browser) signIn(more string) *httptest.ResponseRecorder {
	b.site.t.Helper()
	return b.send("GET", "/auth/callback?code=the-code&state="+b.begin().Get("state")+more)
}

// me is who is signed in; empty for a stranger.
func (b *browser) me() string {
	if w := b.send("GET", "/me"); w.Code == http.StatusOK {
		return w.Body.String()
	}
	return ""
}

// refused fails the test where w is not a refusal with a status and a code.
func (b *browser) refused(what string, w *httptest.ResponseRecorder, status int, code string) {
	b.site.t.Helper()
	if w.Code != status {
		b.site.t.Errorf("%s: got %d %s, want %d\n%s", what, w.Code, w.Body, status, b.site.log)
	}
	if log := b.site.log.String(); code != "" && !strings.Contains(log, "code="+code+" ") {
		b.site.t.Errorf("%s: no code %s in the log: %s", what, code, log)
	}
	if who := b.me(); who != "" {
		b.site.t.Errorf("%s: %s is signed in", what, who)
	}
}
