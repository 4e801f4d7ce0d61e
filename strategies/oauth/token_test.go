package oauth_test

import (
	"errors"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
)

// tokenEndpoint answers with a body, and keeps what it was asked.
func tokenEndpoint(t *testing.T, contentType, body string) (asked *http.Request, c *oauth2.Config) {
	t.Helper()
	asked = new(http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		*asked = *r
		says(200, contentType, body)(w, r)
	}))
	t.Cleanup(server.Close)
	return asked, &oauth2.Config{
		ClientID: "a b:c", ClientSecret: "s%&", RedirectURL: "https://example.com/callback",
		Endpoint: oauth2.Endpoint{TokenURL: server.URL, AuthStyle: oauth2.AuthStyleInHeader},
	}
}

// TestTokenForm: what is sent is RFC 6749 sections 2.3.1, 4.1.3 and 6, with
// RFC 7636 section 4.5.
func TestTokenForm(t *testing.T) {
	t.Parallel()
	asked, c := tokenEndpoint(t, "application/json", goodToken)
	client := oauth.Client(nil)
	redeem := func() {
		t.Helper()
		if _, err := oauth.Redeem(t.Context(), client, c, &oauth.Flow{Code: "c0de", Verifier: "v"}); err != nil {
			t.Fatal(err)
		}
	}
	code := url.Values{"grant_type": {"authorization_code"}, "code": {"c0de"}, "code_verifier": {"v"}, "redirect_uri": {c.RedirectURL}}
	check := func(name string, want url.Values, inHeader bool) {
		t.Helper()
		id, secret, ok := asked.BasicAuth()
		if ok != inHeader || ok && (id != "a+b%3Ac" || secret != "s%25%26") {
			t.Errorf("%s: the header has %q, %q", name, id, secret)
		}
		if !maps.EqualFunc(asked.PostForm, want, func(a, b []string) bool { return len(a) == 1 && a[0] == b[0] }) {
			t.Errorf("%s: asked for %v, want %v", name, asked.PostForm, want)
		}
		if asked.Method != http.MethodPost || asked.Header.Get("Accept") != "application/json" {
			t.Errorf("%s: %s, for %s", name, asked.Method, asked.Header.Get("Accept"))
		}
	}
	redeem()
	check("in the header", code, true)
	if _, err := oauth.Renew(t.Context(), client, c, &oauth.Tokens{Access: "a", Refresh: "r"}); err != nil {
		t.Fatal(err)
	}
	check("refresh", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r"}}, true)
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	redeem()
	code.Set("client_id", "a b:c")
	code.Set("client_secret", "s%&")
	check("in the form", code, false)
	c.ClientSecret = ""
	code.Del("client_secret")
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInParams, oauth2.AuthStyleInHeader} {
		c.Endpoint.AuthStyle = style
		redeem()
		check("a public client", code, false)
	}
	c.RedirectURL = ""
	redeem()
	code.Del("redirect_uri")
	check("no redirect URL", code, false)
}

// TestTokenAnswer: how long a token lives may be a number or a string, and is
// not known where it is left out.
func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		contentType, body string
		life              time.Duration
	}{
		{"application/json", `{"access_token":"a","expires_in":3600,"scope":"x y"}`, time.Hour},
		{"application/json", `{"access_token":"a","expires_in":"3600","scope":"x,y"}`, time.Hour},
		{"application/json; charset=utf-8", `{"access_token":"a","expires_in":null,"token_type":"Bearer","refresh_token":null,"error":"","scope":"x y"}`, 0},
		{"", `{"access_token":"a","token_type":"BEARER","error":null,"scope":"x y"}`, 0},
		{"application/x-www-form-urlencoded", "access_token=a&expires_in=3600&scope=x+y&token_type=bearer", time.Hour},
		{"application/json", `{"access_token":"a","expires_in":0,"scope":"x y"}`, 0},
		{"application/json", `{"access_token":"a","expires_in":-1,"scope":"x y"}`, 0},
		{"application/json", `{"access_token":"a","expires_in":"","scope":"x y"}`, 0},
		{"application/json", `{"access_token":"a","expires_in":9223372036854775,"scope":"x y"}`, math.MaxInt32 * time.Second},
		{"application/json", `{"access_token":"a","expires_in":99999999999999999999,"scope":"x y"}`, math.MaxInt32 * time.Second},
		{"text/plain; charset=utf-8", "access_token=a&scope=x%2Cy&token_type=", 0},
	} {
		_, c := tokenEndpoint(t, tt.contentType, tt.body)
		tokens, err := oauth.Renew(t.Context(), oauth.Client(nil), c, &oauth.Tokens{Refresh: "r"})
		if err != nil {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		life := time.Duration(0)
		if !tokens.Expiry.IsZero() {
			life = time.Until(tokens.Expiry).Round(time.Second)
		}
		if tokens.Expiry.IsZero() != (tt.life == 0) {
			t.Errorf("%s: expires %v", tt.body, tokens.Expiry)
		}
		if tokens.Access != "a" || tokens.Refresh != "" || life != tt.life || len(tokens.Scopes) != 2 || tokens.Scopes[1] != "y" {
			t.Errorf("%s: %v, life %v", tt.body, tokens, life)
		}
	}
}

// TestNotAsked: what the application has not set is its mistake, and a refresh
// token that is not there nobody's answer.
func TestNotAsked(t *testing.T) {
	t.Parallel()
	asked, c := tokenEndpoint(t, "application/json", goodToken)
	if _, err := oauth.Renew(t.Context(), oauth.Client(nil), c, &oauth.Tokens{Access: "a"}); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("no refresh token: %v", err)
	}
	for name, endpoint := range map[string]oauth2.Endpoint{
		"no style":   {TokenURL: c.Endpoint.TokenURL},
		"no address": {TokenURL: "https://a b/", AuthStyle: oauth2.AuthStyleInHeader},
	} {
		c.Endpoint = endpoint
		if _, err := oauth.Redeem(t.Context(), oauth.Client(nil), c, &oauth.Flow{Code: "c"}); err == nil || errors.Is(err, oauth.ErrBadAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked.Method != "" {
		t.Error("asked all the same")
	}
}
