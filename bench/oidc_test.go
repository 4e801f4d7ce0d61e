package bench_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// An openID is an OpenID provider in this process: RS256, as nearly all have it.
type openID struct {
	keys   []byte
	signer jose.Signer
	token  string // what the next code is worth
}

func newOpenID(tb testing.TB) *openID {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	p := new(openID)
	p.keys, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		tb.Fatal(err)
	}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// sign makes the tokens for a nonce. It is the provider's work, and not
// counted.
func (p *openID) sign(nonce string) error {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": socialIssuer, "aud": "c", "sub": "7", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": nonce,
		"name": "Ann", "email": "ann@example.com", "email_verified": true, "picture": "https://provider.example/7.png",
	})
	if err != nil {
		return err
	}
	signed, err := p.signer.Sign(claims)
	if err != nil {
		return err
	}
	id, err := signed.CompactSerialize()
	p.token = `{"access_token":"c2VjcmV0LXRva2VuLW9mLWEtdXN1YWwtbGVuZ3Ro","token_type":"bearer","expires_in":3600,"id_token":"` + id + `"}`
	return err
}

func (p *openID) RoundTrip(r *http.Request) (*http.Response, error) {
	body := p.token
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		body = `{"issuer":"` + socialIssuer + `","authorization_endpoint":"` + socialAuth + `","token_endpoint":"` + socialToken + `","jwks_uri":"` + socialIssuer + `/keys",
			"id_token_signing_alg_values_supported":["RS256"]}`
	case "/keys":
		body = string(p.keys)
	default:
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Request: r, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

var openIDs = []struct {
	by   string
	site func(testing.TB, *openID) http.Handler
}{
	{"passport", openIDPassport},
	{"hand", func(tb testing.TB, p *openID) http.Handler { return openIDByHand(tb, p, nil) }}, // nobody is signed in afterwards
	{"hand-scs", openIDSCS}, // with a session on the server
}

// BenchmarkOpenID is a sign-in with an OpenID provider, from the request that
// begins it to the answer to the callback, without the provider's share.
func BenchmarkOpenID(b *testing.B) {
	for _, s := range openIDs {
		b.Run("by="+s.by, func(b *testing.B) {
			p := newOpenID(b)
			site := s.site(b, p)
			if _, _, err := openIDSignIn(site, p); err != nil { // fetches metadata and keys
				b.Fatal(err)
			}
			var spent time.Duration
			for b.Loop() {
				took, _, err := openIDSignIn(site, p)
				if err != nil {
					b.Fatal(err)
				}
				spent += took
			}
			report(b, spent)
		})
	}
}

// TestOpenID: everyone who is compared signs in, and not with a foreign nonce.
func TestOpenID(t *testing.T) {
	for _, s := range openIDs {
		p := newOpenID(t)
		site := s.site(t, p)
		_, cookies, err := openIDSignIn(site, p)
		if err != nil {
			t.Fatalf("%s: %v", s.by, err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if signedIn := strings.Contains(w.Body.String(), "7"); signedIn != (s.by != "hand") {
			t.Errorf("%s: got %d %s", s.by, w.Code, w.Body)
		}
	}
}

// openIDSignIn signs in, and returns the processor time of the site and the
// cookies that it left.
func openIDSignIn(site http.Handler, p *openID) (time.Duration, []*http.Cookie, error) {
	start := processorTime()
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://example.com/begin", nil))
	spent := processorTime() - start
	_, query, _ := strings.Cut(w.Header().Get("Location"), "?")
	asked, err := url.ParseQuery(query)
	if err == nil {
		err = p.sign(asked.Get("nonce"))
	}
	if err != nil {
		return 0, nil, err
	}
	r := httptest.NewRequest(http.MethodGet, "https://example.com/callback?code=c0de&state="+url.QueryEscape(asked.Get("state")), nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	start = processorTime()
	site.ServeHTTP(w, r)
	spent += processorTime() - start
	if w.Code != http.StatusSeeOther {
		return 0, nil, errors.New(w.Body.String())
	}
	return spent, w.Result().Cookies(), nil
}

func openIDPassport(tb testing.TB, p *openID) http.Handler {
	provider, err := oidcprovider.New(oidcprovider.Config{
		Issuer: socialIssuer, ClientID: "c", ClientSecret: "s", RedirectURL: socialCallback, Scopes: []string{"profile", "email"},
		Client: oauth.Client(&oauth.ClientOptions{Transport: p}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	a := passport.New(passport.Config[*user]{
		Serializer: passport.SerializeBy((*user).key, func(_ context.Context, id string) (*user, error) { return &user{id}, nil }),
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("openid", oauth.New(provider, func(_ context.Context, id *oauth.Identity) (*user, error) { return &user{id.Subject}, nil }, nil))
	signIn := a.LoginHandler("openid", nil)
	mux := http.NewServeMux()
	mux.Handle("POST /begin", signIn)
	mux.Handle("GET /callback", signIn)
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { greet(w, u) }))
	return a.Handler(mux)
}

// openIDByHand is what the examples of x/oauth2 and go-oidc come to: state,
// nonce and PKCE in a cookie, and no check but those of go-oidc. enter signs
// in; nil: nobody does.
func openIDByHand(tb testing.TB, p *openID, enter func(r *http.Request, subject string) error) *http.ServeMux {
	client := &http.Client{Transport: p}
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), client), socialIssuer)
	if err != nil {
		tb.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "c"})
	config := oauth2.Config{
		ClientID: "c", ClientSecret: "s", RedirectURL: socialCallback, Endpoint: provider.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	finish := func(r *http.Request) error {
		c, err := r.Cookie("oauth")
		if err != nil {
			return err
		}
		parts := strings.Split(c.Value, ".")
		if len(parts) != 3 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(r.FormValue("state"))) != 1 {
			return http.ErrNoCookie
		}
		ctx := context.WithValue(r.Context(), oauth2.HTTPClient, client)
		token, err := config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(parts[1]))
		if err != nil {
			return err
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := verifier.Verify(ctx, raw)
		if err != nil {
			return err
		}
		if id.Nonce != parts[2] {
			return errors.New("another nonce")
		}
		var profile struct {
			Name, Email, Picture string
			EmailVerified        bool `json:"email_verified"`
		}
		if err := id.Claims(&profile); err != nil || enter == nil {
			return err
		}
		return enter(r, id.Subject)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, r *http.Request) {
		state, code, nonce := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
		http.SetCookie(w, &http.Cookie{
			Name: "oauth", Value: state + "." + code + "." + nonce, Path: "/", MaxAge: 600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		http.Redirect(w, r, config.AuthCodeURL(state, oauth2.S256ChallengeOption(code), oidc.Nonce(nonce)), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		if err := finish(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return mux
}

func openIDSCS(tb testing.TB, p *openID) http.Handler {
	m := scs.New()
	m.Store = memstore.New()
	mux := openIDByHand(tb, p, func(r *http.Request, subject string) error {
		if err := m.RenewToken(r.Context()); err != nil {
			return err
		}
		m.Put(r.Context(), "user", subject)
		return nil
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { greet(w, &user{m.GetString(r.Context(), "user")}) })
	return m.LoadAndSave(mux)
}
