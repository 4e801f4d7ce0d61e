package oidctest_test

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/install"
	"github.com/gopassport/passport/strategies/oauth"
)

//go:embed node
var files embed.FS

// startNode starts npm's provider for an app, and returns its issuer.
func startNode(t *testing.T, a *app, algorithm string) string {
	t.Helper()
	dir, err := fs.Sub(files, "node")
	if err != nil {
		t.Fatal(err)
	}
	return install.Serve(t, dir, map[string]any{"algorithm": algorithm, "client": map[string]any{
		"client_id": clientID, "client_secret": clientSecret, "redirect_uris": []string{a.URL + "/callback"},
		"post_logout_redirect_uris": []string{a.URL + "/bye"}, "backchannel_logout_uri": a.URL + "/backchannel",
	}})
}

var hidden = regexp.MustCompile(`action="([^"]+)"[^§]*?name="xsrf" value="([^"]+)"`)

// endThere ends the session at npm's provider, which asks before it does.
func (b *browser) endThere(target string, form url.Values) {
	b.app.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	_, page := b.do(method, target, form)
	m := hidden.FindStringSubmatch(page)
	if m == nil {
		b.app.t.Fatalf("no question whether to sign out: %s", page)
	}
	b.do(http.MethodPost, m[1], url.Values{"xsrf": {m[2]}, "logout": {"yes"}})
}

// TestNode: npm's oidc-provider requires PKCE and sends iss. C12, C15, C20,
// C21, C43
func TestNode(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"RS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			issuer := startNode(t, a, algorithm)
			a.use(issuer, asks)

			b := a.browser()
			b.signIn("as=ann")
			b.wants("signed in", "ann")
			if iss := b.callback().Get("iss"); iss != issuer {
				t.Errorf("the callback has the iss %q", iss)
			}
			id := a.last()
			if id == nil || id.Issuer != issuer || id.Email != "ann@example.com" || id.EmailStatus != oauth.EmailVerified || id.Name != "ann" {
				t.Errorf("got %+v", id)
			}
			signedOutThere(t, a, issuer)
			signedOutHere(t, a)
			asked(t, a)
		})
	}
}

// signedOutThere: the provider ends the session of one browser, and no other.
func signedOutThere(t *testing.T, a *app, issuer string) {
	one, two, other := a.browser(), a.browser(), a.browser()
	one.signIn("as=bob")
	two.signIn("as=bob")
	other.signIn("as=eve")
	one.wants("before", "bob")
	two.wants("before", "bob")
	one.endThere(issuer+"/session/end", nil)
	one.wants("signed out there", "")
	two.wants("in another browser", "bob")
	other.wants("another person", "eve")
}

// signedOutHere: the provider is told, and sends the browser back.
func signedOutHere(t *testing.T, a *app) {
	one, two := a.browser(), a.browser()
	one.signIn("as=dan")
	two.signIn("as=dan")
	one.visited = nil
	one.endThere(a.URL+"/logout", url.Values{})
	one.wants("signed out here", "")
	two.wants("in another browser", "dan")
	last := one.visited[len(one.visited)-1]
	if last.Path != "/bye" || last.Query().Get("state") != "the-state" {
		t.Errorf("came back to %s", last)
	}
	if there := one.visited[0].Query(); there.Get("id_token_hint") == "" || there.Get("client_id") != clientID {
		t.Errorf("was sent to %s", one.visited[0])
	}
	// It is over there too: who signs in without a word is a stranger.
	if status := one.signIn("prompt=none"); status != http.StatusUnauthorized {
		t.Errorf("prompt=none after signing out: got %d, want 401", status)
	}
}

// asked: prompt and max_age reach the provider, and what it says is checked.
func asked(t *testing.T, a *app) {
	b := a.browser()
	if status := b.signIn("prompt=none"); status != http.StatusUnauthorized || b.callback().Get("error") != "login_required" {
		t.Errorf("prompt=none for a stranger: got %d, %v", status, b.callback())
	}
	b.signIn("as=fay&fresh")
	b.wants("signed in", "fay")
	first := authTime(t, a)
	b.signIn("prompt=none")
	b.wants("prompt=none", "fay")
	time.Sleep(2100 * time.Millisecond) // it counts whole seconds
	b.signIn("as=fay&fresh")
	b.wants("max_age=1", "fay")
	if again := authTime(t, a); again <= first {
		t.Errorf("it did not ask again: auth_time is %d, and was %d", again, first)
	}
	if status := b.signIn("acr=strong"); status != http.StatusUnauthorized {
		t.Errorf("an acr that the provider does not know: got %d, want 401", status)
	}
}

// authTime is when the provider authenticated whom it told of last.
func authTime(t *testing.T, a *app) int64 {
	t.Helper()
	n, _ := a.last().Claims["auth_time"].(json.Number)
	at, err := n.Int64()
	if err != nil {
		t.Errorf("no auth_time: %v", err)
	}
	return at
}
