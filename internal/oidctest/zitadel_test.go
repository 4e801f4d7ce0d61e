package oidctest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gopassport/passport/internal/idp"
	"github.com/gopassport/passport/strategies/oauth"
)

// TestZitadel: op knows no iss parameter and no back-channel logout. C12, C15,
// C20, C43
func TestZitadel(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			var handler http.Handler
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
			t.Cleanup(server.Close)
			people := idp.People()
			who := people[0].Subject
			var err error
			handler, err = idp.New(idp.Config{
				Issuer: server.URL, Algorithm: algorithm, Skip: func(*http.Request) string { return who },
				Clients: []idp.Client{{
					ID: clientID, Secret: clientSecret, RedirectURLs: []string{a.URL + "/callback"}, LogoutRedirect: []string{a.URL + "/bye"},
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			a.use(server.URL, asks)

			one, two := a.browser(), a.browser()
			one.signIn("")
			one.wants("signed in", people[0].Subject)
			if one.callback().Has("iss") {
				t.Error("it sends iss, and another test is needed for a provider that does not")
			}
			if id := a.last(); id.Issuer != server.URL || id.Email != people[0].Email || id.EmailStatus != oauth.EmailVerified || id.Name != people[0].Name {
				t.Errorf("got %+v", id)
			}
			who = people[1].Subject
			two.signIn("fresh")
			two.wants("signed in", people[1].Subject)
			if id := a.last(); id.EmailStatus == oauth.EmailVerified {
				t.Errorf("got %+v", id)
			}
			if status := two.signIn("prompt=none"); status != http.StatusUnauthorized || two.callback().Get("error") != "login_required" {
				t.Errorf("prompt=none: got %d, %v", status, two.callback())
			}
			if status := a.browser().signIn("acr=strong"); status != http.StatusUnauthorized {
				t.Errorf("an acr that it does not know: got %d, want 401", status)
			}
			one.visited = nil
			one.do(http.MethodPost, a.URL+"/logout", url.Values{})
			one.wants("signed out", "")
			two.wants("in another browser", people[1].Subject)
			last := one.visited[len(one.visited)-1]
			if last.Path != "/bye" || last.Query().Get("state") != "the-state" {
				t.Errorf("came back to %s", last)
			}
		})
	}
}
