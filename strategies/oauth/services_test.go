package oauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

type object = map[string]any

// TestServices: which member of which page is the subject, and what each
// provider's word on an address is worth. C22, C24
func TestServices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		service oauth.Service
		scopes  []string
		pages   map[string]any
		want    *oauth.Identity // nil: refused
	}{
		"GitHub": {
			oauth.GitHub(), []string{"user:email"},
			map[string]any{
				"/user": object{"id": 583231, "login": "octocat", "name": "Octo Cat", "email": "public@example.com", "avatar_url": "https://a.example/1"},
				"/user/emails": []object{
					{"email": "old@example.com", "primary": false, "verified": true},
					{"email": "octo@example.com", "primary": true, "verified": true},
				},
			},
			&oauth.Identity{Subject: "583231", Email: "octo@example.com", EmailStatus: oauth.EmailVerified, Name: "Octo Cat", Username: "octocat", Picture: "https://a.example/1"},
		},
		"GitHub, unverified": {
			oauth.GitHub(), []string{"user"},
			map[string]any{
				"/user": object{"id": 1, "email": "victim@example.com"},
				"/user/emails": []object{
					{"email": "victim@example.com", "primary": true, "verified": false},
					{"email": "own@example.com", "primary": false, "verified": true},
				},
			},
			&oauth.Identity{Subject: "1", Email: "victim@example.com", EmailStatus: oauth.EmailUnverified},
		},
		"GitHub, verified as a string": {
			oauth.GitHub(), []string{"user:email"},
			map[string]any{"/user": object{"id": 1}, "/user/emails": []object{{"email": "a@example.com", "primary": true, "verified": "true"}}},
			&oauth.Identity{Subject: "1", Email: "a@example.com", EmailStatus: oauth.EmailUnverified},
		},
		"GitHub, without the scope": {
			oauth.GitHub(), nil,
			map[string]any{"/user": object{"id": 1, "email": "public@example.com"}},
			&oauth.Identity{Subject: "1", Email: "public@example.com"},
		},
		"GitHub, id a string":   {oauth.GitHub(), nil, map[string]any{"/user": object{"id": "1"}}, nil},
		"GitHub, id 0":          {oauth.GitHub(), nil, map[string]any{"/user": object{"id": 0}}, nil},
		"GitHub, id 1.5":        {oauth.GitHub(), nil, map[string]any{"/user": object{"id": 1.5}}, nil},
		"GitHub, login alone":   {oauth.GitHub(), nil, map[string]any{"/user": object{"login": "octocat"}}, nil},
		"GitHub, another case":  {oauth.GitHub(), nil, map[string]any{"/user": object{"ID": 1, "Id": 1}}, nil},
		"GitHub, a big number":  {oauth.GitHub(), nil, map[string]any{"/user": object{"id": json.Number("9007199254740993")}}, &oauth.Identity{Subject: "9007199254740993"}},
		"GitHub, with exponent": {oauth.GitHub(), nil, map[string]any{"/user": object{"id": json.RawMessage("1e3")}}, nil},
		"GitLab": {
			oauth.GitLab(), []string{"email"},
			map[string]any{"/userinfo": object{"sub": "42", "nickname": "ann", "name": "Ann", "email": "ann@example.com", "email_verified": true, "picture": "https://a.example/1"}},
			&oauth.Identity{Subject: "42", Email: "ann@example.com", EmailStatus: oauth.EmailVerified, Name: "Ann", Username: "ann", Picture: "https://a.example/1"},
		},
		"GitLab, unverified": {
			oauth.GitLab(), nil,
			map[string]any{"/userinfo": object{"sub": "42", "email": "ann@example.com", "email_verified": false}},
			&oauth.Identity{Subject: "42", Email: "ann@example.com", EmailStatus: oauth.EmailUnverified},
		},
		"GitLab, sub a number": {oauth.GitLab(), nil, map[string]any{"/userinfo": object{"sub": 42}}, nil},
		"Discord": {
			oauth.Discord(), []string{"email"},
			map[string]any{"/users/@me": object{"id": "80351110224678912", "username": "nelly", "global_name": "Nelly", "avatar": "8342", "email": "n@example.com", "verified": true}},
			&oauth.Identity{
				Subject: "80351110224678912", Email: "n@example.com", EmailStatus: oauth.EmailVerified, Name: "Nelly", Username: "nelly",
				Picture: "https://cdn.discordapp.com/avatars/80351110224678912/8342.png",
			},
		},
		"Discord, unverified": {
			oauth.Discord(), nil,
			map[string]any{"/users/@me": object{"id": "8", "email": "n@example.com", "verified": false}},
			&oauth.Identity{Subject: "8", Email: "n@example.com", EmailStatus: oauth.EmailUnverified},
		},
		"Facebook": {
			oauth.Facebook(), nil,
			map[string]any{"/me": object{"id": "10", "name": "Ann", "email": "ann@example.com", "email_verified": true, "picture": object{"data": object{"url": "https://a.example/1"}}}},
			&oauth.Identity{Subject: "10", Email: "ann@example.com", Name: "Ann", Picture: "https://a.example/1"},
		},
		"Slack": {
			oauth.Slack(), []string{"email"},
			map[string]any{"/openid.connect.userInfo": object{"ok": true, "sub": "U0R7JM", "https://slack.com/team_id": "T0R7GR", "email": "k@example.com", "email_verified": true, "name": "krane"}},
			&oauth.Identity{Subject: "T0R7GR/U0R7JM", Email: "k@example.com", EmailStatus: oauth.EmailVerified, Name: "krane"},
		},
		"Slack, not ok":  {oauth.Slack(), nil, map[string]any{"/openid.connect.userInfo": object{"ok": false, "error": "invalid_auth", "sub": "U", "https://slack.com/team_id": "T"}}, nil},
		"Slack, no team": {oauth.Slack(), nil, map[string]any{"/openid.connect.userInfo": object{"ok": true, "sub": "U"}}, nil},
		"Slack, no sub":  {oauth.Slack(), nil, map[string]any{"/openid.connect.userInfo": object{"ok": true, "https://slack.com/team_id": "T"}}, nil},
		"Spotify": {
			oauth.Spotify(), nil,
			map[string]any{"/me": object{"id": "ann", "display_name": "Ann", "email": "ann@example.com", "images": []object{{"url": "https://a.example/1"}}}},
			&oauth.Identity{Subject: "ann", Email: "ann@example.com", EmailStatus: oauth.EmailUnverified, Name: "Ann", Picture: "https://a.example/1"},
		},
		"Bitbucket": {
			oauth.Bitbucket(), []string{"email"},
			map[string]any{
				"/user":        object{"uuid": "{1-2}", "username": "ann", "display_name": "Ann", "links": object{"avatar": object{"href": "https://a.example/1"}}},
				"/user/emails": object{"values": []object{{"email": "a@example.com", "is_primary": true, "is_confirmed": true}}},
			},
			&oauth.Identity{Subject: "{1-2}", Email: "a@example.com", EmailStatus: oauth.EmailVerified, Name: "Ann", Username: "ann", Picture: "https://a.example/1"},
		},
		"Bitbucket, unconfirmed": {
			oauth.Bitbucket(), []string{"account", "email"},
			map[string]any{
				"/user":        object{"uuid": "{1-2}"},
				"/user/emails": object{"values": []object{{"email": "a@example.com", "is_primary": true, "is_confirmed": false}}},
			},
			&oauth.Identity{Subject: "{1-2}", Email: "a@example.com", EmailStatus: oauth.EmailUnverified},
		},
		"LinkedIn": {
			oauth.LinkedIn(), []string{"profile", "email"},
			map[string]any{"/userinfo": object{"sub": "782bbtaQ", "name": "Ann", "email": "ann@example.com", "email_verified": true}},
			&oauth.Identity{Subject: "782bbtaQ", Email: "ann@example.com", EmailStatus: oauth.EmailVerified, Name: "Ann"},
		},
		"LinkedIn, verified as a string": {
			oauth.LinkedIn(), nil,
			map[string]any{"/userinfo": object{"sub": "7", "email": "ann@example.com", "email_verified": "true"}},
			&oauth.Identity{Subject: "7", Email: "ann@example.com"},
		},
		"an address that is none": {
			oauth.LinkedIn(), nil,
			map[string]any{"/userinfo": object{"sub": "7", "email": "a@example.com,b@evil.example", "email_verified": true}},
			&oauth.Identity{Subject: "7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := oauthtest.Start(t)
			for path, page := range test.pages {
				fake.Page(path, page)
			}
			config := fake.Config(callback)
			config.Scopes = test.scopes
			p, err := oauth.NewProvider(fake.As(test.service), config)
			if err != nil {
				t.Fatal(err)
			}
			s := newSite(t, setup{provider: p})
			s.fake = fake
			b := s.browser()
			u := b.back()
			w := b.land(u)
			if test.want == nil {
				b.refused(name, w, 502, "provider-answer")
				return
			}
			if w.Code != 303 || len(s.verified()) != 1 {
				t.Fatalf("got %d %s\n%s", w.Code, w.Body, s.log)
			}
			test.want.Issuer = test.service.Issuer
			if diff := cmp.Diff(test.want, s.verified()[0], cmpopts.IgnoreFields(oauth.Identity{}, "Claims")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// C44: what the subject takes is asked for, what the application names,
			// and nothing else, each once.
			scope := map[string]string{
				"https://discord.com": "identify", "https://gitlab.com": "openid", "https://slack.com": "openid",
				"https://www.linkedin.com/oauth": "openid", "https://bitbucket.org": "account",
			}[test.want.Issuer]
			for _, more := range test.scopes {
				if more != scope {
					scope = strings.TrimSpace(scope + " " + more)
				}
			}
			if got := fake.Asked().Get("scope"); got != scope {
				t.Errorf("asked for %q, want %q", got, scope)
			}
		})
	}
}

// TestGranted: a token answer that names no scopes has granted those that were
// asked for, by the request too (RFC 6749 section 5.1). C44
func TestGranted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/narrowed" {
			jsonSays(`{"access_token":"a","scope":"base"}`)(w, r)
			return
		}
		jsonSays(`{"access_token":"a"}`)(w, r)
	}))
	defer server.Close()
	for path, want := range map[string][3]bool{"/token": {true, true, true}, "/narrowed": {true, false, false}} {
		var got [3]bool
		p, err := oauth.NewProvider(oauth.Service{
			Issuer: "https://stub.example", API: server.URL, Scopes: []string{"base"},
			Endpoint: oauth2.Endpoint{AuthURL: server.URL, TokenURL: server.URL + path},
			Profile: func(_ context.Context, api *oauth.API) (*oauth.Identity, error) {
				got = [3]bool{api.Granted("base"), api.Granted("configured"), api.Granted("of-the-request")}
				return &oauth.Identity{Subject: "1"}, nil
			},
		}, oauth.Config{ClientID: "c", RedirectURL: callback, Scopes: []string{"configured"}})
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t, setup{provider: p, options: &oauth.Options{
			Params: func(*http.Request) oauth.Params { return oauth.Params{Scopes: []string{"of-the-request"}} },
		}})
		b := s.browser()
		if b.get(callbackPath + "?code=c&state=" + parsed(t, b.begin()).Query().Get("state")); b.me() == "" || got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

// TestKeys: the same subject at two providers is two accounts, for all of
// them. C23
func TestKeys(t *testing.T) {
	t.Parallel()
	keys := make(map[string]bool)
	services := []oauth.Service{
		oauth.GitHub(), oauth.GitLab(), oauth.Discord(), oauth.Facebook(), oauth.Slack(), oauth.Spotify(), oauth.Bitbucket(), oauth.LinkedIn(),
	}
	subjects := []string{"1", " 1", "1 1", "https://gitlab.com 1", "T/1"}
	for _, service := range services {
		for _, subject := range subjects {
			keys[(&oauth.Identity{Issuer: service.Issuer, Subject: subject}).Key()] = true
		}
		// C11, C14: and all of their addresses are https.
		for _, address := range []string{service.Endpoint.AuthURL, service.Endpoint.TokenURL, service.API} {
			if u, err := url.Parse(address); err != nil || u.Scheme != "https" {
				t.Errorf("%s: %s", service.Issuer, address)
			}
		}
	}
	if got, want := len(keys), len(services)*len(subjects); got != want {
		t.Errorf("got %d keys, want %d", got, want)
	}
}

// TestNewProvider: what comes from outside is an error. C11
func TestNewProvider(t *testing.T) {
	t.Parallel()
	good := oauth.Config{ClientID: "c", RedirectURL: callback}
	for name, test := range map[string]struct {
		change func(s *oauth.Service, c *oauth.Config)
		ok     bool
	}{
		"good":        {func(*oauth.Service, *oauth.Config) {}, true},
		"localhost":   {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "http://localhost:8080/callback" }, true},
		"loopback":    {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "http://[::1]:8080/callback" }, true},
		"no client":   {func(_ *oauth.Service, c *oauth.Config) { c.ClientID = "" }, false},
		"no redirect": {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "" }, false},
		"relative":    {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "/callback" }, false},
		"plain":       {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "http://example.com/callback" }, false},
		"plain, by option": {func(_ *oauth.Service, c *oauth.Config) {
			c.RedirectURL, c.InsecureHTTP = "http://example.com/callback", true
		}, true},
		"no path":             {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "http://localhost:8080" }, false},
		"a query":             {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "https://example.com/callback?x=1" }, false},
		"an empty query":      {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "https://example.com/callback?" }, false},
		"another scheme":      {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL, c.InsecureHTTP = "ftp://example.com/", true }, false},
		"looks like loopback": {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "http://127.0.0.1.example.com/" }, false},
		"credentials":         {func(_ *oauth.Service, c *oauth.Config) { c.RedirectURL = "https://a:b@example.com/" }, false},
		"plain token URL":     {func(s *oauth.Service, _ *oauth.Config) { s.Endpoint.TokenURL = "http://github.com/token" }, false},
		"plain API":           {func(s *oauth.Service, _ *oauth.Config) { s.API = "http://github.com/" }, false},
		"no authorize URL":    {func(s *oauth.Service, _ *oauth.Config) { s.Endpoint.AuthURL = "" }, false},
		"no issuer":           {func(s *oauth.Service, _ *oauth.Config) { s.Issuer = "" }, false},
		"issuer with a space": {func(s *oauth.Service, _ *oauth.Config) { s.Issuer = "a b" }, false},
	} {
		service, config := oauth.GitHub(), good
		test.change(&service, &config)
		p, err := oauth.NewProvider(service, config)
		if (err == nil) != test.ok || (p == nil) == test.ok {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
}
