package oauth_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// The rules of passport-oauth2 that hold here, each as one test named after
// it. docs/from-passport-js.md lists all of them.
func TestPassportJSRules(t *testing.T) {
	t.Parallel()
	const query = "?tenant=1&state=mine&scope=all"
	service := oauth.Service{
		Issuer: "https://stub.example", API: "https://stub.example", Profile: oauth.UserInfo("/me"), Scopes: []string{"read"},
		Endpoint: oauth2.Endpoint{AuthURL: "https://stub.example/authorize" + query, TokenURL: "https://stub.example/token"},
	}
	config := oauth.Config{ClientID: "c", RedirectURL: callback}
	rules := map[string]func(*testing.T){
		"O01 what it cannot do without is missed at start": func(t *testing.T) {
			p, err := oauth.NewProvider(service, config)
			if err != nil {
				t.Fatalf("without a client secret: %v", err)
			}
			noID, noAuth, noToken := config, service, service
			noID.ClientID, noAuth.Endpoint.AuthURL, noToken.Endpoint.TokenURL = "", "", ""
			for name, err := range map[string]error{
				"client":        second(oauth.NewProvider(service, noID)),
				"authorization": second(oauth.NewProvider(noAuth, config)),
				"token":         second(oauth.NewProvider(noToken, config)),
			} {
				if err == nil {
					t.Errorf("without %s: a provider", name)
				}
			}
			defer func() {
				if recover() == nil {
					t.Error("a strategy without a function")
				}
			}()
			oauth.New[*user](p, nil, nil)
		},
		"O05 O09 the authorization URL keeps its query, and gets the flow's": func(t *testing.T) {
			p, err := oauth.NewProvider(service, config)
			if err != nil {
				t.Fatal(err)
			}
			f := oauth.Flow{State: "fresh", Verifier: "v", Params: oauth.Params{Extra: map[string]string{"theme": "dark"}}}
			location, err := p.Begin(t.Context(), &f)
			if err != nil {
				t.Fatal(err)
			}
			got := parsed(t, location).Query()
			for name, want := range map[string]string{
				"tenant": "1", "state": "fresh", "scope": "read", "theme": "dark", "response_type": "code", "client_id": "c",
				"redirect_uri": callback, "code_challenge": f.Challenge(), "code_challenge_method": "S256",
			} {
				if all := got[name]; len(all) != 1 || all[0] != want {
					t.Errorf("%s: %q, want %q", name, all, want)
				}
			}
		},
		"O13 the code comes in the query, or in a form": func(t *testing.T) {
			s := newSite(t, setup{})
			byQuery, byForm := s.browser(), s.browser()
			byQuery.land(byQuery.back())
			u := byForm.back()
			w := byForm.send("POST", u.Path, u.RawQuery, "Sec-Fetch-Site", "cross-site")
			byForm.land(parsed(t, w.Header().Get("Location")))
			for name, b := range map[string]*browser{"query": byQuery, "form": byForm} {
				if b.me() == "" {
					t.Errorf("%s: nobody is signed in", name)
				}
			}
		},
		"O15 the request for a token": func(t *testing.T) {
			var form url.Values
			s := newSite(t, setup{provider: redeems(t, func(r *http.Request) *http.Response {
				if r.URL.Path == "/me" {
					return answers(r, 200, "application/json", []byte(goodProfile))
				}
				body, _ := io.ReadAll(r.Body)
				form, _ = url.ParseQuery(string(body))
				return answers(r, 200, "application/json", []byte(goodToken))
			})})
			b := s.browser()
			asked := parsed(t, b.begin()).Query()
			b.get(callbackPath + "?code=c0de&state=" + asked.Get("state"))
			for name, want := range map[string]string{"grant_type": "authorization_code", "code": "c0de", "redirect_uri": callback} {
				if got := form.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if f := (oauth.Flow{Verifier: form.Get("code_verifier")}); f.Challenge() != asked.Get("code_challenge") {
				t.Error("the verifier is not that of the challenge")
			}
		},
		"O18 a user, a refusal, an error": func(t *testing.T) {
			for name, c := range map[string]struct {
				err    error
				status int
			}{
				"user":    {nil, 303},
				"refusal": {&passport.Failure{Code: "disabled", Status: 403}, 403},
				"error":   {errors.New("no database"), 500},
			} {
				s := newSite(t, setup{})
				s.fail(c.err)
				b := s.browser()
				w := b.land(b.back())
				if w.Code != c.status || (b.me() == "") != (c.err != nil) {
					t.Errorf("%s: %d, and %q is signed in", name, w.Code, b.me())
				}
			}
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}

func second(_ oauth.Provider, err error) error { return err }
