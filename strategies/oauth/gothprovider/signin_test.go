package gothprovider_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/gitlab"
	"github.com/markbates/goth/providers/openidConnect"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestSignIn signs in through goth's providers at a server that wants the
// verifier of the challenge, the exact redirect URL, and each code once.
// C08, C22, C24, C36
func TestSignIn(t *testing.T) {
	t.Parallel()
	gitlabAt := func(server string) func(string, *http.Client) goth.Provider {
		return func(callback string, client *http.Client) goth.Provider {
			p := gitlab.NewCustomisedURL(oauthtest.ClientID, oauthtest.ClientSecret, callback,
				server+"/authorize", server+"/token", server+"/api/v4/user", "read_user")
			p.HTTPClient = client
			return p
		}
	}
	for name, test := range map[string]struct {
		fresh   func(server string) func(string, *http.Client) goth.Provider
		path    string
		profile map[string]any
		want    oauth.Identity
	}{
		"github": {
			func(server string) func(string, *http.Client) goth.Provider { return githubAt(server, "read:user") }, "/user",
			map[string]any{"id": 42, "login": "ann", "name": "Ann", "email": "ann@example.com", "avatar_url": "https://a.example/42"},
			oauth.Identity{Subject: "42", Name: "Ann", Username: "ann", Email: "ann@example.com", Picture: "https://a.example/42"},
		},
		"gitlab": {
			gitlabAt, "/v4/user",
			map[string]any{"id": 7, "username": "ann", "name": "Ann", "email": "ann@example.com", "confirmed_at": "2020-01-01"},
			oauth.Identity{Subject: "7", Name: "Ann", Username: "ann", Email: "ann@example.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := oauthtest.Start(t)
			fake.Page(test.path, test.profile)
			s := newSite(t, func(redirectURL string) oauth.Provider {
				return must[*gothprovider.Provider](t)(gothprovider.New(test.fresh(fake.URL), gothprovider.Config{
					RedirectURL: redirectURL, Issuer: fake.URL, Client: oauth.Client(&oauth.ClientOptions{Transport: bearer{}}),
				}))
			}, &oauth.Options{KeepTokens: true})
			status, text := s.signIn(t, nil)
			if want := fake.URL + " " + test.want.Subject; status != http.StatusOK || !strings.HasSuffix(text, "\n"+want) {
				t.Fatalf("got %d %s, want %s to be signed in\n%s", status, text, want, s.log)
			}
			got := *s.identities()[0]
			if got.Tokens == nil || got.Tokens.Access == "" {
				t.Error("there are no tokens")
			}
			test.want.Issuer, got.Tokens, got.Claims = fake.URL, nil, nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
			if n := fake.Redeemed(); n != 1 {
				t.Errorf("%d requests for a token", n)
			}
		})
	}
}

// bearer moves a token from the query, where goth's GitLab has it, to where the
// fake provider looks for it.
type bearer struct{}

func (bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if token := r.URL.Query().Get("access_token"); token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestFaults: what the fake provider does wrong signs nobody in through goth
// either. C40
func TestFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[oauthtest.Fault]int{
		oauthtest.None: 200, oauthtest.Denied: 401, oauthtest.BadCode: 401, oauthtest.Down: 503, oauthtest.Slow: 503,
		oauthtest.Garbage: 502, oauthtest.Huge: 502, oauthtest.Elsewhere: 502, oauthtest.WrongState: 403,
		oauthtest.WrongIssuer: 403, oauthtest.RepeatedCode: 400,
	} {
		fake := oauthtest.Start(t)
		fake.Page("/user", map[string]any{"id": 42})
		s := newSite(t, func(redirectURL string) oauth.Provider {
			return must[*gothprovider.Provider](t)(gothprovider.New(githubAt(fake.URL), gothprovider.Config{RedirectURL: redirectURL, Issuer: fake.URL}))
		}, patience(fault == oauthtest.Slow))
		fake.Break(fault)
		if status, text := s.signIn(t, nil); status != want {
			t.Errorf("fault %d: got %d %s, want %d\n%s", fault, status, text, want, s.log)
		}
		if n := fake.Redeemed(); n > 1 {
			t.Errorf("fault %d: the code was sent %d times", fault, n)
		}
	}
}

// patience is short with a provider that does not answer, and otherwise long
// enough for a busy machine.
func patience(slow bool) *oauth.Options {
	if slow {
		return &oauth.Options{Timeout: deadline}
	}
	return nil
}

const deadline = 300 * time.Millisecond

// op is an OpenID provider as goth sees one: nobody signs, as nobody verifies.
func op(t *testing.T, claims map[string]any) *httptest.Server {
	var asked url.Values
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		http.Redirect(w, r, asked.Get("redirect_uri")+"?code=c&state="+asked.Get("state")+"&iss="+url.QueryEscape(server.URL), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		all := map[string]any{
			"iss": server.URL, "aud": "client", "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "nonce": asked.Get("nonce"),
			"email": "ann@example.com", "email_verified": true,
		}
		maps.Copy(all, claims)
		maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
		payload, _ := json.Marshal(all)
		flow := oauth.Flow{Verifier: r.PostFormValue("code_verifier")}
		if r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") || flow.Challenge() != asked.Get("code_challenge") {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "at", "token_type": "Bearer", "id_token": "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln",
		})
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"42","name":"Ann"}`))
	})
	return server
}

func openIDAt(server string) func(string, *http.Client) goth.Provider {
	return func(callback string, client *http.Client) goth.Provider {
		p, err := openidConnect.NewCustomisedURL("client", "secret", callback, server+"/authorize", server+"/token", server, server+"/userinfo", "")
		if err != nil {
			return nil
		}
		p.HTTPClient = client
		return p
	}
}

// TestOpenID signs in through goth's openidConnect. Its Authorize takes a
// redirect_uri and a code_verifier from the callback for its own: no other
// than ours gets there. C08, C09, C22, C24
func TestOpenID(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims map[string]any
		status int
		email  oauth.EmailStatus
	}{
		"as it should be":           {nil, 200, oauth.EmailVerified},
		"an address not verified":   {map[string]any{"email_verified": false}, 200, oauth.EmailUnverified},
		"verified as a string":      {map[string]any{"email_verified": "true"}, 200, oauth.EmailUnknown},
		"another nonce":             {map[string]any{"nonce": strings.Repeat("n", 43)}, 502, 0},
		"no nonce":                  {map[string]any{"nonce": nil}, 502, 0},
		"a nonce that is empty":     {map[string]any{"nonce": ""}, 502, 0},
		"a nonce that is a list":    {map[string]any{"nonce": []string{"n"}}, 502, 0},
		"another audience":          {map[string]any{"aud": "other"}, 502, 0},
		"another issuer":            {map[string]any{"iss": "https://other.example"}, 502, 0},
		"expired":                   {map[string]any{"exp": 1}, 502, 0},
		"no expiry":                 {map[string]any{"exp": nil}, 502, 0},
		"another subject":           {map[string]any{"sub": "43"}, 502, 0},
		"no subject":                {map[string]any{"sub": ""}, 502, 0},
		"a subject that is numeric": {map[string]any{"sub": 42}, 502, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := op(t, test.claims)
			s := newSite(t, func(redirectURL string) oauth.Provider {
				return must[*gothprovider.Provider](t)(gothprovider.New(openIDAt(server.URL), gothprovider.Config{RedirectURL: redirectURL, Issuer: server.URL}))
			}, nil)
			status, text := s.signIn(t, func(r *http.Request) {
				if r.URL.Path == "/callback" {
					r.URL.RawQuery += "&redirect_uri=https://evil.example&code_verifier=" + strings.Repeat("e", 43) + "&client_id=evil&access_token=evil"
				}
			})
			if status != test.status {
				t.Fatalf("got %d %s, want %d\n%s", status, text, test.status, s.log)
			}
			for _, id := range s.identities() {
				if status != 200 || id.Issuer != server.URL || id.Subject != "42" || id.EmailStatus != test.email || id.Name != "Ann" {
					t.Errorf("got %+v", id)
				}
			}
		})
	}
}
