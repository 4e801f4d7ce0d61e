package oidcprovider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// TestSignIn: what is asked, what is sent, and who it is. C08, C18, C22, C44,
// C45
func TestSignIn(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	from.doc = func(m map[string]any) { m["authorization_endpoint"] = from.URL + "/authorize?tenant=x&scope=all" }
	config := from.config()
	config.Scopes, config.AuthParams = []string{"email", "openid"}, map[string]string{"hd": "example.com"}
	s := newSite(t, from, provider(t, config), &oauth.Options{
		KeepTokens: true,
		Params:     func(*http.Request) oauth.Params { return oauth.Params{Scopes: []string{"calendar"}, Prompt: "consent"} },
	})
	b := s.browser()
	asked := b.begin()
	state, nonce := asked.Get("state"), asked.Get("nonce")
	if len(state) != 43 || len(nonce) != 43 || len(asked.Get("code_challenge")) != 43 {
		t.Errorf("asked %v", asked)
	}
	asked.Del("state")
	asked.Del("nonce")
	asked.Del("code_challenge")
	want := url.Values{
		"tenant": {"x"}, "hd": {"example.com"}, "prompt": {"consent"}, "response_type": {"code"}, "client_id": {clientID},
		"redirect_uri": {callback}, "scope": {"openid email calendar"}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	b.send("GET", "/auth/callback?code=the-code&state="+state)
	if who := b.me(); who != "ann" {
		t.Fatalf("got %q\n%s", who, s.log)
	}
	id := s.identity()
	if id.Issuer != from.URL || id.Email != "ann@example.com" || id.EmailStatus != oauth.EmailVerified || id.Name != "Ann" || id.Tokens.Access != access {
		t.Errorf("got %+v", id)
	}
	if from.form.Get("code_verifier") == "" || from.form.Get("client_secret") != "" || !strings.HasPrefix(from.auth, "Basic ") {
		t.Errorf("sent %v, %s", from.form, from.auth)
	}
	if again := b.begin(); again.Get("nonce") == nonce || again.Get("code_challenge") == asked.Get("code_challenge") {
		t.Error("the nonce, or the verifier, came again")
	}
}

// TestClientAuthentication: the secret is sent as the metadata or the
// application says, in one request. C37
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		methods any // of the metadata
		style   oauth2.AuthStyle
		secret  string
		header  bool
	}{
		"by default":                {nil, 0, "s", true},
		"basic":                     {[]string{"private_key_jwt", "client_secret_basic"}, 0, "s", true},
		"post":                      {[]string{"client_secret_post"}, 0, "s", false},
		"post by the application":   {nil, oauth2.AuthStyleInParams, "s", false},
		"header by the application": {[]string{"client_secret_post"}, oauth2.AuthStyleInHeader, "s", true},
		"a public client":           {nil, 0, "", false},
	} {
		from := newIDP(t)
		from.doc = func(m map[string]any) {
			if test.methods != nil {
				m["token_endpoint_auth_methods_supported"] = test.methods
			}
		}
		config := from.config()
		config.AuthStyle, config.ClientSecret = test.style, test.secret
		b := newSite(t, from, provider(t, config), nil).browser()
		if b.signIn(""); b.me() != "ann" {
			t.Errorf("%s: not signed in\n%s", name, b.site.log)
		}
		inForm := from.form.Get("client_id") == clientID && from.form.Get("client_secret") == test.secret
		if inHeader := from.auth != ""; inHeader != test.header || inForm == test.header || from.count("/token") != 1 {
			t.Errorf("%s: sent %v and %q", name, from.form, from.auth)
		}
	}
}

// TestIssuerParameter: the metadata says whether iss has to be there. C12
func TestIssuerParameter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		supported any
		iss       string
		status    int
	}{
		"not told, absent":     {nil, "", 303},
		"not told, right":      {nil, "right", 303},
		"not told, wrong":      {nil, "https://other.example", 403},
		"supported, right":     {true, "right", 303},
		"supported, absent":    {true, "", 403},
		"supported, wrong":     {true, "https://other.example", 403},
		"supported, a slash":   {true, "right/", 403},
		"not supported":        {false, "", 303},
		"supported by a text":  {"true", "", 303},
		"wrong, with an error": {true, "https://other.example&error=access_denied", 403},
	} {
		from := newIDP(t)
		from.doc = func(m map[string]any) {
			if test.supported != nil {
				m["authorization_response_iss_parameter_supported"] = test.supported
			}
		}
		b := newSite(t, from, provider(t, from.config()), nil).browser()
		more := ""
		if test.iss != "" {
			more = "&iss=" + strings.Replace(test.iss, "right", from.URL, 1)
		}
		if w := b.signIn(more); w.Code != test.status || (b.me() != "") != (test.status == 303) {
			t.Errorf("%s: got %d, want %d", name, w.Code, test.status)
		}
		if n := from.count("/token"); test.status == 403 && n != 0 {
			t.Errorf("%s: %d token requests", name, n)
		}
	}
}

// TestAuthentication: max_age and acr_values are checked, not only asked for. C20
func TestAuthentication(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	hour := oauth.Params{MaxAge: time.Hour}
	strong := oauth.Params{ACRValues: []string{"strong", "stronger"}}
	for name, test := range map[string]struct {
		params oauth.Params
		claims []any
		status int
		code   string
	}{
		"recent":                    {hour, []any{"auth_time", now - 10}, 303, ""},
		"within":                    {hour, []any{"auth_time", now - 3590}, 303, ""},
		"too old":                   {hour, []any{"auth_time", now - 3700}, 401, "provider-refused"},
		"too old for a second":      {oauth.Params{MaxAge: time.Second}, []any{"auth_time", now - 120}, 401, "provider-refused"},
		"in the future":             {hour, []any{"auth_time", now + 3600}, 401, "provider-refused"},
		"not told":                  {hour, nil, 502, "provider-answer"},
		"told by a text":            {hour, []any{"auth_time", fmt.Sprint(now)}, 502, "provider-answer"},
		"the second that will do":   {strong, []any{"acr", "stronger"}, 303, ""},
		"another acr":               {strong, []any{"acr", "weak"}, 401, "provider-refused"},
		"no acr":                    {strong, nil, 401, "provider-refused"},
		"a list of acr":             {strong, []any{"acr", []string{"strong"}}, 401, "provider-refused"},
		"nothing was asked":         {oauth.Params{}, []any{"auth_time", 1, "acr", "weak"}, 303, ""},
		"part of seconds":           {oauth.Params{MaxAge: time.Millisecond}, nil, 0, ""},
		"negative":                  {oauth.Params{MaxAge: -time.Second}, nil, 0, ""},
		"by an extra parameter":     {oauth.Params{Extra: map[string]string{"max_age": "1"}}, nil, 0, ""},
		"acr by an extra parameter": {oauth.Params{Extra: map[string]string{"acr_values": "x"}}, nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newIDP(t)
			from.idToken = claim(test.claims...)
			s := newSite(t, from, provider(t, from.config()), &oauth.Options{Params: func(*http.Request) oauth.Params { return test.params }})
			b := s.browser()
			if test.status == 0 {
				if w := b.send("POST", "/begin"); w.Code != http.StatusInternalServerError {
					t.Errorf("got %d, want 500", w.Code)
				}
				return
			}
			asked := b.begin()
			if max, acr := asked.Get("max_age"), asked.Get("acr_values"); (max != "") != (test.params.MaxAge > 0) || acr != strings.Join(test.params.ACRValues, " ") {
				t.Errorf("asked for %q, %q", max, acr)
			}
			w := b.send("GET", "/auth/callback?code=c&state="+asked.Get("state"))
			if test.status == 303 {
				if b.me() != "ann" {
					t.Errorf("not signed in\n%s", s.log)
				}
				return
			}
			b.refused(name, w, test.status, test.code)
		})
	}
}

// TestUserInfo: it fills in what the token lacks, and nothing else. C21
func TestUserInfo(t *testing.T) {
	t.Parallel()
	bare := []any{"email", nil, "email_verified", nil, "name", nil}
	info := map[string]any{
		"sub": "ann", "email": "info@example.com", "email_verified": true, "name": "Info", "picture": "https://p.example",
		"iss": "https://evil.example", "aud": "evil", "exp": 1, "nonce": "x", "sid": "evil", "acr": "evil", "auth_time": 1, "hd": "evil.example",
	}
	for name, test := range map[string]struct {
		scopes         []string
		always         bool
		token          []any
		asked          int
		email, claimed string
		status         oauth.EmailStatus
	}{
		"no scopes":            {nil, false, bare, 0, "", "", oauth.EmailUnknown},
		"the token has it all": {[]string{"email", "profile"}, false, nil, 0, "ann@example.com", "Ann", oauth.EmailVerified},
		"no address":           {[]string{"email"}, false, bare, 1, "info@example.com", "Info", oauth.EmailVerified},
		"no name":              {[]string{"profile"}, false, []any{"name", nil}, 1, "ann@example.com", "Info", oauth.EmailVerified},
		"always":               {nil, true, nil, 1, "ann@example.com", "Ann", oauth.EmailVerified},
		"always, without":      {nil, true, bare, 1, "info@example.com", "Info", oauth.EmailVerified},
		// What is said of one address is not said of another.
		"an address that is not verified": {nil, true, []any{"email_verified", nil}, 1, "ann@example.com", "Ann", oauth.EmailUnknown},
		"a status without an address":     {nil, true, []any{"email", nil, "email_verified", false}, 1, "info@example.com", "Ann", oauth.EmailVerified},
	} {
		from := newIDP(t)
		from.pages["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, info) }
		from.idToken = claim(test.token...)
		config := from.config()
		config.Scopes, config.UserInfo = test.scopes, test.always
		s := newSite(t, from, provider(t, config), nil)
		b := s.browser()
		b.signIn("")
		id := s.identity()
		if id == nil {
			t.Errorf("%s: not signed in\n%s", name, s.log)
			continue
		}
		if n := from.count("/userinfo"); n != test.asked {
			t.Errorf("%s: userinfo was asked %d times, want %d", name, n, test.asked)
		}
		if id.Issuer != from.URL || id.Subject != "ann" || id.Email != test.email || id.EmailStatus != test.status || id.Name != test.claimed {
			t.Errorf("%s: got %+v", name, id)
		}
		if text := string(must(json.Marshal(id.Claims))); strings.Contains(text, "evil") || strings.Contains(text, `"auth_time"`) {
			t.Errorf("%s: userinfo got into the token's claims: %s", name, text)
		}
	}
	// What the token says of an address that it does not tell is not said of another.
	other := newIDP(t)
	other.pages["/userinfo"] = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"sub": "ann", "email": "eve@example.com"})
	}
	other.idToken = claim("email", nil, "email_verified", true)
	always := other.config()
	always.UserInfo = true
	s := newSite(t, other, provider(t, always), nil)
	s.browser().signIn("")
	if id := s.identity(); id == nil || id.Email != "eve@example.com" || id.EmailStatus != oauth.EmailUnknown {
		t.Errorf("got %+v", id)
	}
	from := newIDP(t)
	from.doc = func(m map[string]any) { delete(m, "userinfo_endpoint") }
	config := from.config()
	config.UserInfo = true
	b := newSite(t, from, provider(t, config), nil).browser()
	b.refused("no endpoint", b.signIn(""), http.StatusBadGateway, "provider-answer")
}

// TestNew: what cannot be is an error, and no secret is in it. C11, C14, C20
func TestNew(t *testing.T) {
	t.Parallel()
	good := oidcprovider.Config{Issuer: "https://idp.example", ClientID: "c", ClientSecret: "s3cret", RedirectURL: callback}
	for name, change := range map[string]func(*oidcprovider.Config){
		"nothing":                func(c *oidcprovider.Config) { *c = oidcprovider.Config{} },
		"no client":              func(c *oidcprovider.Config) { c.ClientID = "" },
		"no issuer":              func(c *oidcprovider.Config) { c.Issuer = "" },
		"an http issuer":         func(c *oidcprovider.Config) { c.Issuer = "http://idp.example" },
		"an issuer with a query": func(c *oidcprovider.Config) { c.Issuer = "https://idp.example?a=b" },
		"a space in the issuer":  func(c *oidcprovider.Config) { c.Issuer = "https://idp.example/ a" },
		"no redirect URL":        func(c *oidcprovider.Config) { c.RedirectURL = "" },
		"an http redirect URL":   func(c *oidcprovider.Config) { c.RedirectURL = "http://example.com/callback" },
		"no path to redirect to": func(c *oidcprovider.Config) { c.RedirectURL = "https://example.com" },
		"a redirect and a query": func(c *oidcprovider.Config) { c.RedirectURL += "?x=1" },
		"a state of one's own":   func(c *oidcprovider.Config) { c.AuthParams = map[string]string{"state": "mine"} },
		"an unchecked max_age":   func(c *oidcprovider.Config) { c.AuthParams = map[string]string{"max_age": "60"} },
		"an unchecked acr":       func(c *oidcprovider.Config) { c.AuthParams = map[string]string{"ACR_values": "strong"} },
		"a request object":       func(c *oidcprovider.Config) { c.AuthParams = map[string]string{"request_uri": "https://a.example"} },
		"no algorithms":          func(c *oidcprovider.Config) { c.Algorithms = []string{} },
		"alg none":               func(c *oidcprovider.Config) { c.Algorithms = []string{"RS256", "none"} },
		"a symmetric one":        func(c *oidcprovider.Config) { c.Algorithms = []string{"HS256"} },
	} {
		c := good
		change(&c)
		if p, err := oidcprovider.New(c); err == nil || p != nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
	for _, change := range []func(*oidcprovider.Config){
		func(*oidcprovider.Config) {},
		func(c *oidcprovider.Config) { c.Issuer += "/" },
		func(c *oidcprovider.Config) { c.Issuer, c.InsecureHTTP = "http://idp.example", true },
		func(c *oidcprovider.Config) { c.Issuer = "http://[::1]:99" },
		func(c *oidcprovider.Config) { c.Algorithms = []string{"PS256"} },
		func(c *oidcprovider.Config) { c.AuthParams = map[string]string{"hd": "example.com"} },
	} {
		c := good
		change(&c)
		if p, err := oidcprovider.New(c); err != nil || p.Issuer() != c.Issuer {
			t.Errorf("%s: %v", c.Issuer, err)
		}
	}
}

// TestAlgorithms: others than the usual by name alone. C15
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for alg, allowed := range map[jose.SignatureAlgorithm][]string{jose.PS256: {"PS256"}, jose.RS512: {"ES256", "RS512"}} {
		from := newIDP(t)
		from.idToken = func(c map[string]any) string { return signed(rsaKey(), alg, "rsa", "JWT", c) }
		config := from.config()
		b := newSite(t, from, provider(t, config), nil).browser()
		b.refused(string(alg), b.signIn(""), http.StatusBadGateway, "provider-answer")
		config.Algorithms = allowed
		b = newSite(t, from, provider(t, config), nil).browser()
		if b.signIn(""); b.me() != "ann" {
			t.Errorf("%s: not signed in\n%s", alg, b.site.log)
		}
	}
}

// TestRefresh: a refresh token is sent once, with the client's secret.
func TestRefresh(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	from.pages["/token"] = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if id, secret, _ := r.BasicAuth(); id != clientID || secret != "our-secret" || r.PostForm.Get("grant_type") != "refresh_token" || r.PostForm.Get("refresh_token") != "good" {
			says(400, "application/json", `{"error":"invalid_grant"}`)(w, r)
			return
		}
		writeJSON(w, map[string]any{"access_token": "new", "refresh_token": "next", "token_type": "Bearer", "expires_in": 60, "scope": "a b"})
	}
	p := provider(t, from.config())
	got, err := p.Refresh(t.Context(), &oauth.Tokens{Refresh: "good"})
	if err != nil || got.Access != "new" || got.Refresh != "next" || len(got.Scopes) != 2 || got.Expiry.IsZero() {
		t.Errorf("got %q, %v", got.Access, err)
	}
	if got, err := p.Refresh(t.Context(), &oauth.Tokens{Refresh: "old"}); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("got %v, %v", got, err)
	}
	if n := from.count("/token"); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestMasked: no secret is printed. C41
func TestMasked(t *testing.T) {
	t.Parallel()
	key := oidcprovider.AppleKey{TeamID: "T", KeyID: "K", PEM: applePEM(t)}
	c := oidcprovider.Config{Issuer: "https://idp.example", ClientID: "c", ClientSecret: "s3cret", RedirectURL: callback}
	apple, err := oidcprovider.Apple(oidcprovider.Config{ClientID: "c", RedirectURL: callback}, key)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	values := []any{c, &c, key, provider(t, c), apple}
	for _, v := range values {
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		fmt.Fprintf(&log, "%v %+v %#v %s", v, v, v, v)
	}
	for _, secret := range []string{"s3cret", string(key.PEM[40:60]), fmt.Sprint(key.PEM[40:60])} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in %s", secret, &log)
		}
	}
}

// TestCheck: it may refuse, and change what is said of the address.
func TestCheck(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	config := from.config()
	config.Check = func(_ context.Context, id *oauth.Identity) error {
		id.EmailStatus = oauth.EmailUnverified
		return nil
	}
	s := newSite(t, from, provider(t, config), nil)
	b := s.browser()
	if b.signIn(""); b.me() != "ann" || s.identity().EmailStatus != oauth.EmailUnverified {
		t.Errorf("got %+v", s.identity())
	}
	config.Check = func(context.Context, *oauth.Identity) error { return fmt.Errorf("%w: not you", oauth.ErrRefused) }
	b = newSite(t, from, provider(t, config), nil).browser()
	b.refused("refused", b.signIn(""), http.StatusUnauthorized, "provider-refused")
}
