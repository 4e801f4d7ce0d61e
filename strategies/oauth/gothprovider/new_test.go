package gothprovider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/azuread"
	"github.com/markbates/goth/providers/discord"
	"github.com/markbates/goth/providers/faux"
	"github.com/markbates/goth/providers/github"
	"github.com/markbates/goth/providers/gitlab"
	"github.com/markbates/goth/providers/lastfm"
	"github.com/markbates/goth/providers/steam"
	"github.com/markbates/goth/providers/tiktok"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

type fresh = func(string, *http.Client) goth.Provider

func githubDotCom(scopes ...string) fresh {
	return func(callback string, client *http.Client) goth.Provider {
		p := github.New("id", "secret", callback, scopes...)
		p.HTTPClient = client
		return p
	}
}

// lost is a stranger that sends the browser to some location.
func lost(location func(s *stranger, state string) string) fresh {
	return func(callback string, client *http.Client) goth.Provider {
		return &stranger{callback: callback, client: client, location: location}
	}
}

func query(s *stranger, state string, pairs ...string) string {
	q := url.Values{"state": {state}, "redirect_uri": {s.callback}}
	for i := 0; i < len(pairs); i += 2 {
		q[pairs[i]] = strings.Fields(pairs[i+1])
	}
	return q.Encode()
}

// TestNew: what cannot be made safe is refused where it is made, with a word
// on what would help. C05, C08, C11, C22, C23, C38, C45
func TestNew(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fresh fresh
		c     gothprovider.Config
		want  string // in the error; empty: the issuer
	}{
		"github":                     {githubDotCom(), gothprovider.Config{}, "goth:github"},
		"github by another name":     {githubDotCom(), gothprovider.Config{Issuer: "https://github.com"}, "https://github.com"},
		"an issuer with a space":     {githubDotCom(), gothprovider.Config{Issuer: "git hub"}, "Config.Issuer"},
		"a server of one's own":      {githubAt("https://github.example.com"), gothprovider.Config{}, "Config.Issuer"},
		"a server with its name":     {githubAt("https://github.example.com"), gothprovider.Config{Issuer: "https://github.example.com"}, "https://github.example.com"},
		"not of goth":                {lost(nil), gothprovider.Config{}, "Config.Issuer"},
		"no redirect URL":            {githubDotCom(), gothprovider.Config{RedirectURL: "-"}, "Config.RedirectURL"},
		"a redirect URL by http":     {githubDotCom(), gothprovider.Config{RedirectURL: "http://example.com/callback"}, "Config.RedirectURL"},
		"http where that is allowed": {githubDotCom(), gothprovider.Config{RedirectURL: "http://example.com/callback", InsecureHTTP: true}, "goth:github"},
		"http on this machine":       {githubDotCom(), gothprovider.Config{RedirectURL: "http://127.0.0.1:8080/callback"}, "goth:github"},
		"a redirect URL with a user": {githubDotCom(), gothprovider.Config{RedirectURL: "https://a@example.com/callback"}, "Config.RedirectURL"},
		"a redirect URL, no path":    {githubDotCom(), gothprovider.Config{RedirectURL: "https://example.com"}, "needs a path"},
		"a redirect URL and query":   {githubDotCom(), gothprovider.Config{RedirectURL: "https://example.com/callback?a=b"}, "Config.RedirectURL"},
		"redirect_uri of a callback": {githubDotCom(), gothprovider.Config{CallbackParams: []string{"a", "redirect_uri"}}, "redirect_uri"},
		"a verifier of a callback":   {githubDotCom(), gothprovider.Config{CallbackParams: []string{"Code_Verifier"}}, "Code_Verifier"},

		"nothing":           {func(string, *http.Client) goth.Provider { return nil }, gothprovider.Config{}, "no provider"},
		"a nil pointer":     {func(string, *http.Client) goth.Provider { return (*github.Provider)(nil) }, gothprovider.Config{}, "no provider"},
		"a panic":           {func(string, *http.Client) goth.Provider { panic("no network") }, gothprovider.Config{}, "panicked"},
		"a nil inside":      {func(string, *http.Client) goth.Provider { return struct{ goth.Provider }{} }, gothprovider.Config{Issuer: "x"}, "panicked"},
		"no client":         {func(c string, _ *http.Client) goth.Provider { return github.New("id", "secret", c) }, gothprovider.Config{}, "HTTPClient"},
		"another client":    {func(c string, _ *http.Client) goth.Provider { return githubDotCom()(c, &http.Client{}) }, gothprovider.Config{}, "HTTPClient"},
		"another callback":  {func(_ string, c *http.Client) goth.Provider { return githubDotCom()("https://evil.example/", c) }, gothprovider.Config{}, "redirect URL"},
		"asks at beginning": {lost(func(s *stranger, _ string) string { _ = s.redeem(s.client, url.Values{}); return "" }), gothprovider.Config{}, "authorization URL"},

		"discord":                  {func(c string, _ *http.Client) goth.Provider { return discord.New("id", "secret", c) }, gothprovider.Config{InsecureNoPKCE: true}, "Config.InsecureOwnClient"},
		"discord without PKCE":     {func(c string, _ *http.Client) goth.Provider { return discord.New("id", "secret", c) }, gothprovider.Config{InsecureOwnClient: true}, "Config.InsecureNoPKCE"},
		"discord, taken":           {func(c string, _ *http.Client) goth.Provider { return discord.New("id", "secret", c) }, gothprovider.Config{InsecureNoPKCE: true, InsecureOwnClient: true}, "goth:discord"},
		"tiktok":                   {func(c string, _ *http.Client) goth.Provider { return tiktok.New("id", "secret", c) }, gothprovider.Config{}, "Config.InsecureNoPKCE"},
		"names by address":         {func(c string, _ *http.Client) goth.Provider { return azuread.New("id", "secret", c, nil) }, gothprovider.Config{}, "Config.Subject"},
		"OpenID 2":                 {func(c string, _ *http.Client) goth.Provider { return steam.New("key", c) }, gothprovider.Config{Issuer: "x", InsecureNoPKCE: true, InsecureOwnClient: true}, "no state"},
		"a token instead of state": {func(c string, _ *http.Client) goth.Provider { return lastfm.New("id", "secret", c) }, gothprovider.Config{Issuer: "x", InsecureHTTP: true, InsecureNoPKCE: true, InsecureOwnClient: true}, "no state"},
		"by http":                  {func(string, *http.Client) goth.Provider { return &faux.Provider{} }, gothprovider.Config{Issuer: "x", InsecureNoPKCE: true, InsecureOwnClient: true}, "no https URL"},

		"no state":      {lost(func(s *stranger, _ string) string { return "https://s.example/?" + query(s, "") }), gothprovider.Config{Issuer: "x"}, "state"},
		"another state": {lost(func(s *stranger, _ string) string { return "https://s.example/?" + query(s, strings.Repeat("t", 43)) }), gothprovider.Config{Issuer: "x"}, "state"},
		"two states":    {lost(func(s *stranger, st string) string { return "https://s.example/?" + query(s, st, "state", st+" "+st) }), gothprovider.Config{Issuer: "x"}, "state"},
		"two callbacks": {lost(func(s *stranger, st string) string {
			return "https://s.example/?" + query(s, st, "redirect_uri", s.callback+" https://evil.example")
		}), gothprovider.Config{Issuer: "x"}, "redirect URL"},
		"a token in the URL": {lost(func(s *stranger, st string) string {
			return "https://s.example/?" + query(s, st, "response_type", "token")
		}), gothprovider.Config{Issuer: "x"}, "response_type"},
		"a bad query":      {lost(func(s *stranger, st string) string { return "https://s.example/?" + query(s, st) + "&a=%zz" }), gothprovider.Config{Issuer: "x"}, "malformed"},
		"no URL":           {lost(func(s *stranger, st string) string { return "/authorize?" + query(s, st) }), gothprovider.Config{Issuer: "x"}, "no https URL"},
		"javascript":       {lost(func(s *stranger, st string) string { return "javascript://s.example/?" + query(s, st) }), gothprovider.Config{Issuer: "x"}, "no https URL"},
		"plain http":       {lost(func(s *stranger, st string) string { return "http://s.example/?" + query(s, st) }), gothprovider.Config{Issuer: "x"}, "no https URL"},
		"too many scopes":  {githubDotCom(strings.Repeat("a", 1024)), gothprovider.Config{}, "scopes"},
		"as many as go in": {githubDotCom(strings.Repeat("a", 700)), gothprovider.Config{}, "goth:github"},
	} {
		if test.c.RedirectURL == "" {
			test.c.RedirectURL = callback
		}
		p, err := gothprovider.New(test.fresh, test.c)
		switch {
		case err == nil && p.Issuer() != test.want:
			t.Errorf("%s: taken as %s, want %s", name, p.Issuer(), test.want)
		case err == nil && p.RedirectURL() != test.c.RedirectURL:
			t.Errorf("%s: got the redirect URL %s", name, p.RedirectURL())
		case err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestNewWithoutFunction(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("New takes nil")
		}
	}()
	_, _ = gothprovider.New(nil, gothprovider.Config{RedirectURL: callback})
}

// TestIssuers: two servers of one kind have two issuers, or none. C23
func TestIssuers(t *testing.T) {
	t.Parallel()
	keys := make(map[string]string)
	for name, test := range map[string]struct {
		fresh  fresh
		issuer string
	}{
		"github.com":        {githubDotCom(), ""},
		"github enterprise": {githubAt("https://github.example.com"), "https://github.example.com"},
		"gitlab.com": {func(callback string, client *http.Client) goth.Provider {
			p := gitlab.New("id", "secret", callback)
			p.HTTPClient = client
			return p
		}, ""},
		"github under gitlab's name": {func(callback string, client *http.Client) goth.Provider {
			p := githubDotCom()(callback, client)
			p.SetName("gitlab") // which is goth's own key
			return p
		}, ""},
	} {
		p, err := gothprovider.New(test.fresh, gothprovider.Config{RedirectURL: callback, Issuer: test.issuer})
		if err != nil {
			t.Fatal(err)
		}
		key := (&oauth.Identity{Issuer: p.Issuer(), Subject: "42"}).Key()
		if name == "github under gitlab's name" {
			name = "github.com" // it is
		}
		if other, taken := keys[key]; taken && other != name {
			t.Errorf("%s and %s share the key %s", name, other, key)
		}
		keys[key] = name
	}
	if len(keys) != 3 {
		t.Errorf("got %v", keys)
	}
}
