package gothprovider

import (
	"net/url"
	"slices"
	"testing"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
)

// Flagged is flagged.
func Flagged(u goth.User, flag string) oauth.EmailStatus { return flagged(u, flag) }

// CheckNonce is checkNonce of a provider that asked for openid, or did not.
func CheckNonce(token, nonce string, openID bool) error {
	return (&Provider{openID: openID}).checkNonce(token, nonce)
}

// Placed checks where a location of goth's leads.
func Placed(t *testing.T, redirectURL, location string) {
	p := &Provider{c: Config{RedirectURL: redirectURL}}
	f := &oauth.Flow{State: "s", Verifier: "v", Nonce: "n"}
	u, err := p.check(location, f.State)
	if err != nil {
		return
	}
	placed, err := url.Parse(p.place(u, f))
	if err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(placed.RawQuery)
	if err != nil || placed.Host != u.Host || placed.Scheme != "https" && placed.Scheme != "http" || placed.User != nil {
		t.Fatalf("%q leads to %s, %v", location, placed, err)
	}
	for name, want := range map[string]string{
		"state": f.State, "redirect_uri": redirectURL, "code_challenge": f.Challenge(), "code_challenge_method": "S256",
	} {
		if !slices.Equal(query[name], []string{want}) {
			t.Errorf("%q leads to %s", location, placed)
		}
	}
}
