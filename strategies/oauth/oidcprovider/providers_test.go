package oidcprovider_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// at sends every request to one server, whatever its host.
type at struct{ server *httptest.Server }

func (a at) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", a.server.Listener.Addr().String()
	if i := strings.Index(r.URL.Path, "/.well-known/"); i > 0 {
		r.URL.Path = r.URL.Path[i:]
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (p *idp) client() *http.Client {
	return oauth.Client(&oauth.ClientOptions{Transport: at{p.Server}})
}

// as makes p another provider, whose tokens are as the test says.
func (p *idp) as(issuer string, pairs ...any) {
	p.doc = func(m map[string]any) {
		m["issuer"] = issuer
		delete(m, "userinfo_endpoint")
	}
	p.idToken = func(c map[string]any) string {
		return es(edited(edited(c, "iss", issuer), pairs...))
	}
}

// TestGoogle: the domain of a Workspace is the claim hd, and not that of the
// address. C27
func TestGoogle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		domain string
		claims []any
		in     bool
	}{
		"anybody":                {"", nil, true},
		"the domain":             {"example.com", []any{"hd", "example.com"}, true},
		"in another case":        {"Example.com", []any{"hd", "example.com"}, true},
		"by the address alone":   {"example.com", nil, false},
		"another domain":         {"example.com", []any{"hd", "evil.example"}, false},
		"a list of domains":      {"example.com", []any{"hd", []string{"example.com"}}, false},
		"the issuer without URL": {"", []any{"iss", "accounts.google.com"}, false},
	} {
		from := newIDP(t)
		from.as("https://accounts.google.com", test.claims...)
		config := from.config()
		config.Client = from.client()
		p, err := oidcprovider.Google(config, test.domain)
		if err != nil {
			t.Fatal(err)
		}
		b := newSite(t, from, p, nil).browser()
		asked := b.begin()
		if asked.Get("hd") != test.domain {
			t.Errorf("%s: asked for %q", name, asked.Get("hd"))
		}
		b.send("GET", "/auth/callback?code=c&state="+asked.Get("state"))
		if in := b.me() == "ann"; in != test.in {
			t.Errorf("%s: signed in: %t, want %t\n%s", name, in, test.in, b.site.log)
		}
	}
}

const (
	tenant  = "11111111-2222-3333-4444-555555555555"
	another = "99999999-2222-3333-4444-555555555555"
)

// TestMicrosoft: a tenant's own accounts, or each tenant's under its own
// issuer; the address is not believed. C16, C23, C24
func TestMicrosoft(t *testing.T) {
	t.Parallel()
	const host = "https://login.microsoftonline.com/"
	for name, test := range map[string]struct {
		tenant string
		claims []any
		issuer string // of the identity; empty: refused
		email  oauth.EmailStatus
	}{
		"one tenant":            {tenant, []any{"iss", host + tenant + "/v2.0", "tid", tenant}, host + tenant + "/v2.0", oauth.EmailUnknown},
		"another tenant":        {tenant, []any{"iss", host + another + "/v2.0", "tid", another}, "", 0},
		"common":                {"common", []any{"iss", host + another + "/v2.0", "tid", another}, host + another + "/v2.0", oauth.EmailUnknown},
		"organizations":         {"organizations", []any{"iss", host + tenant + "/v2.0", "tid", tenant}, host + tenant + "/v2.0", oauth.EmailUnknown},
		"an address it owns":    {"common", []any{"iss", host + tenant + "/v2.0", "tid", tenant, "xms_edov", true}, host + tenant + "/v2.0", oauth.EmailVerified},
		"not owned":             {"common", []any{"iss", host + tenant + "/v2.0", "tid", tenant, "xms_edov", false}, host + tenant + "/v2.0", oauth.EmailUnknown},
		"owned by a text":       {"common", []any{"iss", host + tenant + "/v2.0", "tid", tenant, "xms_edov", "true"}, host + tenant + "/v2.0", oauth.EmailUnknown},
		"the tid of another":    {"common", []any{"iss", host + tenant + "/v2.0", "tid", another}, "", 0},
		"no tid":                {"common", []any{"iss", host + tenant + "/v2.0"}, "", 0},
		"the template itself":   {"common", []any{"iss", host + "{tenantid}/v2.0", "tid", "{tenantid}"}, "", 0},
		"a tid that is a path":  {"common", []any{"iss", host + "a/../" + tenant + "/v2.0", "tid", "a/../" + tenant}, "", 0},
		"a key of one tenant":   {"common", []any{"iss", host + tenant + "/v2.0", "tid", tenant, "kid", "personal"}, "", 0},
		"that tenant's own key": {"common", []any{"iss", host + another + "/v2.0", "tid", another, "kid", "personal"}, host + another + "/v2.0", oauth.EmailUnknown},
	} {
		from := newIDP(t)
		issuer := host + test.tenant + "/v2.0"
		if test.tenant != tenant {
			issuer = host + "{tenantid}/v2.0"
		}
		from.as(issuer)
		from.idToken = func(c map[string]any) string {
			c = edited(c, test.claims...)
			if c["kid"] != nil {
				return signed(foreignKey(), jose.ES256, "personal", "JWT", c)
			}
			return es(c)
		}
		from.pages["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
			var keys []any
			for _, k := range append(jwks().Keys, jose.JSONWebKey{Key: foreignKey().Public(), KeyID: "personal"}) {
				var described map[string]any
				_ = json.Unmarshal(must(k.MarshalJSON()), &described)
				described["issuer"] = issuer
				if k.KeyID == "personal" {
					described["issuer"] = host + another + "/v2.0"
				}
				keys = append(keys, described)
			}
			writeJSON(w, map[string]any{"keys": keys})
		}
		config := from.config()
		config.Client = from.client()
		p, err := oidcprovider.Microsoft(config, test.tenant)
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t, from, p, nil)
		b := s.browser()
		b.signIn("")
		id := s.identity()
		switch {
		case test.issuer == "" && id != nil:
			t.Errorf("%s: got %+v", name, id)
		case test.issuer != "" && (id == nil || id.Issuer != test.issuer || id.EmailStatus != test.email || id.Email == ""):
			t.Errorf("%s: got %+v\n%s", name, id, s.log)
		}
	}
	for _, bad := range []string{"", "contoso.onmicrosoft.com", "../x", "{tenantid}", strings.ToUpper("aaaaaaaa-2222-3333-4444-555555555555")} {
		if _, err := oidcprovider.Microsoft(oidcprovider.Config{ClientID: "c", RedirectURL: callback}, bad); err == nil {
			t.Errorf("a tenant %q", bad)
		}
	}
}

func applePEM(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))})
}

// TestApple: it answers by a form, tells a name once, and may write a boolean
// as a text; the secret is made of the key. C24, C29, C37
func TestApple(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	from.as("https://appleid.apple.com", "email_verified", "true", "name", nil)
	config := from.config()
	config.Client, config.ClientSecret, config.Scopes = from.client(), "", []string{"email", "name"}
	key := oidcprovider.AppleKey{TeamID: "TEAM", KeyID: "KEY", PEM: applePEM(t)}
	p, err := oidcprovider.Apple(config, key)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, from, p, nil)
	b := s.browser()
	asked := b.begin()
	if asked.Get("response_mode") != "form_post" || asked.Get("scope") != "openid email name" {
		t.Errorf("asked %v", asked)
	}
	form := url.Values{
		"code": {"c"}, "state": {asked.Get("state")},
		"user": {`{"name":{"firstName":"Ann","lastName":"Lee"},"email":"eve@example.com","sub":"eve"}`},
	}
	r := httptest.NewRequest("POST", "/auth/callback", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	b.send("GET", w.Header().Get("Location"))
	id := s.identity()
	if id == nil || id.Subject != "ann" || id.Name != "Ann Lee" || id.Email != "ann@example.com" || id.EmailStatus != oauth.EmailVerified {
		t.Fatalf("got %+v\n%s", id, s.log)
	}
	secret := from.form.Get("client_secret")
	parsed, err := jose.ParseSignedCompact(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("the secret %q: %v", secret, err)
	}
	block, _ := pem.Decode(key.PEM)
	private := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)
	payload, err := parsed.Verify(&private.PublicKey)
	if err != nil || parsed.Signatures[0].Header.KeyID != "KEY" {
		t.Fatalf("%v, %+v", err, parsed.Signatures[0].Header)
	}
	var claims struct {
		Iss, Sub, Aud string
		Iat, Exp      int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != "TEAM" || claims.Sub != clientID || claims.Aud != "https://appleid.apple.com" ||
		claims.Exp <= time.Now().Unix() || claims.Exp-claims.Iat > 15777000 { // six months
		t.Errorf("got %+v", claims)
	}

	// Without a code, and with a user that is nonsense.
	b = s.browser()
	b.refused("no code", b.send("GET", "/auth/callback?state="+b.begin().Get("state")), http.StatusBadRequest, "bad-request")
	for _, user := range []string{"", "[]", "{", `{"name":"Ann"}`, `{"name":{"firstName":1}}`} {
		b := s.browser()
		b.signIn("&user=" + url.QueryEscape(user))
		if b.me() != "ann" || s.identity().Name != "" {
			t.Errorf("user %s: got %+v", user, s.identity())
		}
	}
	// A text is no boolean anywhere else. C24
	config.ClientSecret = "s"
	config.Issuer = "https://appleid.apple.com"
	other := newSite(t, from, provider(t, config), nil)
	if other.browser().signIn(""); other.identity() == nil || other.identity().EmailStatus != oauth.EmailUnknown {
		t.Errorf("got %+v\n%s", other.identity(), other.log)
	}
}

func TestAppleKey(t *testing.T) {
	t.Parallel()
	good := oidcprovider.AppleKey{TeamID: "T", KeyID: "K", PEM: applePEM(t)}
	p384 := must(x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))))
	for name, change := range map[string]func(*oidcprovider.AppleKey, *oidcprovider.Config){
		"no team":   func(k *oidcprovider.AppleKey, _ *oidcprovider.Config) { k.TeamID = "" },
		"no key id": func(k *oidcprovider.AppleKey, _ *oidcprovider.Config) { k.KeyID = "" },
		"no PEM":    func(k *oidcprovider.AppleKey, _ *oidcprovider.Config) { k.PEM = []byte("x") },
		"no key in it": func(k *oidcprovider.AppleKey, _ *oidcprovider.Config) {
			k.PEM = pem.EncodeToMemory(&pem.Block{Type: "X"})
		},
		"another curve": func(k *oidcprovider.AppleKey, _ *oidcprovider.Config) {
			k.PEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p384})
		},
		"a secret too": func(_ *oidcprovider.AppleKey, c *oidcprovider.Config) { c.ClientSecret = "s" },
		"no client":    func(_ *oidcprovider.AppleKey, c *oidcprovider.Config) { c.ClientID = "" },
	} {
		k, c := good, oidcprovider.Config{ClientID: "c", RedirectURL: callback}
		change(&k, &c)
		if p, err := oidcprovider.Apple(c, k); err == nil {
			t.Errorf("%s: got %v", name, p)
		}
	}
}

// wire answers from memory, for tests in a time of their own.
type wire func(r *http.Request) (int, any, error)

func (f wire) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := f(r)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
	return w.Result(), nil
}

// TestAppleSecretIsRenewed: one is used for a while, and none until its end.
func TestAppleSecretIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		var mu sync.Mutex
		answers := wire(func(r *http.Request) (int, any, error) {
			if r.URL.Path == "/token" {
				_ = r.ParseForm()
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, r.PostForm.Get("client_secret"))
				return 400, map[string]any{"error": "invalid_grant"}, nil
			}
			const url = "https://appleid.apple.com"
			return 200, map[string]any{"issuer": url, "authorization_endpoint": url + "/a", "token_endpoint": url + "/token", "jwks_uri": url + "/jwks"}, nil
		})
		p, err := oidcprovider.Apple(oidcprovider.Config{
			ClientID: "c", RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: answers}),
		}, oidcprovider.AppleKey{TeamID: "T", KeyID: "K", PEM: applePEM(t)})
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			if _, err := p.Finish(context.Background(), &oauth.Flow{Code: "c", Verifier: strings.Repeat("v", 43)}); !errors.Is(err, oauth.ErrRefused) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
		}
		different := make(map[string]bool)
		for i, secret := range sent {
			different[secret] = true
			if at := time.Now().Add(-time.Duration(len(sent)-i) * 10 * time.Minute); !valid(t, secret, at) {
				t.Errorf("secret %d had expired", i)
			}
		}
		if len(different) < 3 || len(different) > 10 {
			t.Errorf("%d secrets in four hours", len(different))
		}
	})
}

func valid(t *testing.T, secret string, at time.Time) bool {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(secret, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Exp int64 }
	_ = json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &claims)
	return at.Unix() < claims.Exp
}
