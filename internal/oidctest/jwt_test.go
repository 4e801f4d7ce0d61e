package oidctest_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

const (
	notes   = "https://notes.example.com"
	letters = "https://letters.example.com"
)

// An api takes the provider's access tokens for notes.
type api struct {
	t      *testing.T
	issuer string
	url    string
	keys   *jwks.Source
}

// interval is the least time between two fetches of the keys.
const interval = 2 * time.Second

func newAPI(t *testing.T, issuer string) *api {
	t.Helper()
	keys, err := jwks.New(jwks.Config{URL: issuer + "/jwks", InsecureHTTP: true, Interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	auth := passport.New(passport.Config[*jwt.Token]{Logger: slog.New(slog.DiscardHandler)})
	auth.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{Name: issuer, Audience: []string{notes}, Keys: keys}}},
		func(_ context.Context, c *struct{ jwt.Token }) (*jwt.Token, error) { return &c.Token, nil }))
	server := httptest.NewServer(auth.Require("jwt")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := auth.User(r.Context())
		_ = json.NewEncoder(w).Encode([]string{user.Subject, user.ClientID, strings.Join(user.Scopes, " ")})
	})))
	t.Cleanup(server.Close)
	return &api{t, issuer, server.URL, keys}
}

// token is what the provider gives the client for a resource.
func (a *api) token(resource string) string {
	a.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {"notes:read"}}
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientID, clientSecret)
	var answer struct {
		Token string `json:"access_token"`
	}
	if status, body := a.do(r); status != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || answer.Token == "" {
		a.t.Fatalf("no token: %d %s", status, body)
	}
	return answer.Token
}

// rotate gives the provider another key.
func (a *api) rotate(query string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.issuer+"/rotate"+query, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if status, body := a.do(r); status != http.StatusNoContent {
		a.t.Fatalf("no rotation: %d %s", status, body)
	}
}

// call is a request with a token.
func (a *api) call(token string) (status int, body string) {
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.url, nil)
	if err != nil {
		a.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return a.do(r)
}

func (a *api) do(r *http.Request) (status int, body string) {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Error(err)
	}
	return res.StatusCode, string(text)
}

// TestAccessTokens: the access tokens of npm's oidc-provider are right for the
// API that they are for, as they are.
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, startNode(t, newApp(t), algorithm))
			token := a.token(notes)
			dot := strings.LastIndexByte(token, '.')
			flipped := "A"
			if token[dot+1] == 'A' {
				flipped = "B"
			}
			for _, tt := range []struct {
				name, token string
				status      int
			}{
				{"as it is", token, http.StatusOK},
				{"for another audience", a.token(letters), http.StatusUnauthorized},
				{"with another signature", token[:dot+1] + flipped + token[dot+2:], http.StatusUnauthorized},
				{"with another's signature", token[:dot] + a.token(notes)[dot:], http.StatusUnauthorized},
			} {
				status, body := a.call(tt.token)
				if status != tt.status {
					t.Errorf("%s: got %d, want %d: %s", tt.name, status, tt.status, body)
				}
				if want := `["the-app","the-app","notes:read"]`; status == http.StatusOK && strings.TrimSpace(body) != want {
					t.Errorf("%s: got %s, want %s", tt.name, body, want)
				}
			}
		})
	}
}

// TestRotationThere: the provider changes its key while clients send requests.
// Tokens of the key before stay right, those of the new one are within an
// interval (D29), and the old key goes when the provider withdraws it (D27).
func TestRotationThere(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, startNode(t, newApp(t), algorithm))
			before := a.token(notes)
			if status, body := a.call(before); status != http.StatusOK {
				t.Fatalf("before: got %d: %s", status, body)
			}

			var after atomic.Pointer[string] // once there is one
			var sent atomic.Int64
			var followed, clients sync.WaitGroup
			stop := make(chan struct{})
			followed.Add(8)
			for range 8 {
				clients.Go(func() {
					found := false
					defer func() {
						if !found {
							followed.Done()
						}
					}()
					for {
						select {
						case <-stop:
							return
						default:
						}
						if status, body := a.call(before); status != http.StatusOK {
							t.Errorf("the key before: got %d: %s", status, body)
							return
						}
						sent.Add(1)
						token := after.Load()
						if token == nil {
							continue
						}
						status, body := a.call(*token)
						switch {
						case status == http.StatusOK && !found:
							found = true
							followed.Done()
						case status != http.StatusOK && (found || status != http.StatusUnauthorized):
							t.Errorf("the new key, found %t: got %d: %s", found, status, body)
							return
						}
					}
				})
			}

			a.rotate("")
			token := a.token(notes)
			if strings.HasPrefix(token, before[:strings.IndexByte(before, '.')]) {
				t.Fatal("the provider signs with the key before")
			}
			issued := time.Now()
			after.Store(&token)
			all := make(chan struct{})
			go func() { followed.Wait(); close(all) }()
			select {
			case <-all:
				t.Logf("the new key after %v, %d requests with the other", time.Since(issued), sent.Load())
			case <-time.After(10 * interval): // of which the machine may need some
				t.Error("nobody found the new key")
			}
			close(stop)
			clients.Wait()

			a.rotate("?withdraw")
			if err := a.keys.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, gone := range []string{before, token} {
				if status, _ := a.call(gone); status != http.StatusUnauthorized {
					t.Errorf("a key that was withdrawn: got %d, want 401", status)
				}
			}
			if status, body := a.call(a.token(notes)); status != http.StatusOK {
				t.Errorf("the last key: got %d: %s", status, body)
			}
		})
	}
}
