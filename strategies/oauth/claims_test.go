package oauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/oauth"
)

func TestParseJSON(t *testing.T) {
	t.Parallel()
	nest := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for body, ok := range map[string]bool{
		`{}`: true, ` [1, {"a": null}] `: true, `"a:b"`: true, `{"a":1}`: true,
		`{"a\":{[":"\\","b":"\":\"","c":["\\\":"]}`: true, // colons and braces in strings
		nest(32): true, nest(33): false, strings.Repeat("[", 32) + strings.Repeat("]", 32): true, strings.Repeat("[", 33) + strings.Repeat("]", 33): false,
		`[[],[],[],{"a":[]}]`: true,
		`{"a":1,"a":1}`:       false, `{"a":1,"\u0061":2}`: false, `[{"b":{"a":1,"a":2}}]`: false, `{"a":{"x":1,"x":2},"a":3}`: false,
		`{"a":1,"A":2}`: true, `{"\ud800":1,"\ud801":2}`: false, // which would be one
		``: false, ` `: false, `{`: false, `{"a"}`: false, `{"a":1}}`: false, `{"a":1} {}`: false, `{"a":1}` + "\u0085": false, "\xff": false, `nul`: false, `{'a':1}`: false,
	} {
		if _, err := oauth.ParseJSON([]byte(body)); (err == nil) != ok || err != nil && !errors.Is(err, oauth.ErrBadAnswer) {
			t.Errorf("%.60q: %v", body, err)
		}
	}
}

// TestAddressesAreNotLogged: what the query of a request proves is a secret.
// C35
func TestAddressesAreNotLogged(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			jsonSays(goodToken)(w, r)
			return
		}
		if r.URL.Query().Get("appsecret_proof") == "" {
			t.Error("no proof")
		}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	service := oauth.Facebook()
	service.Endpoint.TokenURL, service.API = server.URL+"/token", server.URL
	p, err := oauth.NewProvider(service, oauth.Config{ClientID: "c", ClientSecret: canary, RedirectURL: callback})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, setup{provider: p})
	b := s.browser()
	u, err := url.Parse(b.begin())
	if err != nil {
		t.Fatal(err)
	}
	b.refused("cut", b.get(callbackPath+"?code=c&state="+u.Query().Get("state")), 503, "provider-unavailable")
	if log := s.log.String(); strings.Contains(log, "proof") {
		t.Errorf("logged: %s", log)
	}
}
