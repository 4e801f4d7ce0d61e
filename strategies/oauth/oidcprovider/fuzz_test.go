package oidcprovider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// FuzzMetadata: of any document only endpoints are taken that are https, and
// of one issuer alone. F13, C14
func FuzzMetadata(f *testing.F) {
	const rest = `,"authorization_endpoint":"https://idp.example/a","token_endpoint":"https://idp.example/t","jwks_uri":"https://idp.example/k"`
	f.Add([]byte(`{"issuer":"https://idp.example"` + rest + `}`))
	f.Add([]byte(`{"issuer":"https://idp.example"` + rest + `,"userinfo_endpoint":"http://idp.example","end_session_endpoint":""}`))
	f.Add([]byte(`{"issuer":"https://idp.example","issuer":"https://evil.example"` + rest + `}`))
	f.Add([]byte(`{"issuer":"https://idp.example/"` + rest + `}`))
	f.Add([]byte(`{"issuer":["https://idp.example"],"token_endpoint":{},"jwks_uri":"file:///etc/passwd"}`))
	p, err := oidcprovider.New(oidcprovider.Config{Issuer: wireIssuer, ClientID: clientID, RedirectURL: callback})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		urls, err := oidcprovider.ParseMetadata(p, doc)
		if err != nil {
			if !errors.Is(err, oauth.ErrBadAnswer) {
				t.Errorf("%v is no ErrBadAnswer", err)
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(doc, &members); err != nil || members["issuer"] != wireIssuer {
			t.Errorf("taken, and of %v: %v", members["issuer"], err)
		}
		for i, address := range urls {
			if address == "" && i > 2 {
				continue
			}
			u, err := url.Parse(address)
			loopback := err == nil && (u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || strings.HasPrefix(u.Hostname(), "127.") || strings.HasSuffix(u.Hostname(), ":1"))
			if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !loopback {
				t.Errorf("endpoint %q", address)
			}
		}
	})
}

// FuzzLogoutToken: whatever is signed as a logout token, one that is taken is
// of this issuer, for this client, and about a logout. F13, C43
func FuzzLogoutToken(f *testing.F) {
	good := `{"iss":"https://idp.example","aud":"the-client","iat":%,"exp":%,"jti":"1","sub":"ann","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`
	for _, change := range []string{"", `"sub":"ann"=>"sid":"1"`, `"ann"=>""`, `"jti"=>"JTI"`, `"iss"=>"iss":"x","iss"`, `{}=>null`, `"sub"=>"nonce":"x","sub"`, `%=>1e300`, `"the-client"=>["the-client"]`, `"exp":%=>"exp":"1"`} {
		from, to, _ := strings.Cut(change, "=>")
		f.Add([]byte(strings.Replace(good, from, to, 1)))
	}
	wired := &fakeWire{keys: jwks()}
	p, err := oidcprovider.New(oidcprovider.Config{
		Issuer: wireIssuer, ClientID: clientID, RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: wire(wired.answer)}),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		payload = []byte(strings.ReplaceAll(string(payload), "%", fmt.Sprint(time.Now().Unix()+1)))
		token := signed(edKey(), jose.EdDSA, "ed", "logout+jwt", payload) // signs without chance
		if err := oidcprovider.VerifyLogout(context.Background(), p, token); err != nil {
			if !errors.Is(err, oauth.ErrBadAnswer) {
				t.Errorf("%v is no ErrBadAnswer", err)
			}
			return
		}
		var c map[string]any
		if err := json.Unmarshal(payload, &c); err != nil {
			t.Fatalf("taken: %s", payload)
		}
		_, nonce := c["nonce"]
		events, _ := c["events"].(map[string]any)
		if _, about := events[event].(map[string]any); !about || nonce || c["iss"] != wireIssuer || c["jti"] == "" || c["sub"] == nil && c["sid"] == nil {
			t.Errorf("taken: %s", payload)
		}
		if _, numeric := c["exp"].(float64); !numeric {
			t.Errorf("taken: %s", payload)
		}
	})
}
