package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
)

// TestUncheckedAuthentication: what a provider does not check it is not asked
// for. C20
func TestUncheckedAuthentication(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]oauth.Params{
		"MaxAge":    {MaxAge: time.Hour},
		"ACRValues": {ACRValues: []string{"strong"}},
	} {
		for _, p := range []oauth.Provider{nil, &stub{}} {
			s := newSite(t, setup{provider: p, options: &oauth.Options{Params: func(*http.Request) oauth.Params { return params }}})
			if w := s.browser().send("POST", "/auth/fake", ""); w.Code != http.StatusInternalServerError || w.Header().Get("Location") != "" {
				t.Errorf("%s: got %d, want 500", name, w.Code)
			}
		}
	}
}

// TestSessionValues: they are in the session that the sign-in begins. C43
func TestSessionValues(t *testing.T) {
	t.Parallel()
	p := &stub{finish: func(context.Context, *oauth.Flow) (*oauth.Identity, error) {
		return &oauth.Identity{Subject: "1", SessionValues: map[string]any{"a": 1, "b": "two"}}, nil
	}}
	var state string
	p.begin = func(f *oauth.Flow) (string, error) {
		state = f.State
		return authorize(f), nil
	}
	s := newSite(t, setup{provider: p})
	b := s.browser()
	b.begin()
	b.get(callbackPath + "?code=c&state=" + state)
	manager := sessions.New(s.store, nil)
	records, err := manager.List(t.Context(), "https://stub.example 1")
	if err != nil || len(records) != 1 {
		t.Fatalf("got %d sessions, %v", len(records), err)
	}
	if values, err := json.Marshal(sessions.DecodeValues(records[0].Data)); err != nil || string(values) != `{"a":1,"b":"two"}` {
		t.Errorf("got %s, %v", values, err)
	}
}

// TestCheckURL is about where codes and secrets may be sent. C14
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]bool{ // as it is, and where plain http will do
		"https://idp.example/x":    {true, true},
		"http://localhost:8080":    {true, true},
		"http://a.localhost":       {true, true},
		"http://127.0.0.1":         {true, true},
		"http://[::1]:1":           {true, true},
		"http://idp.example":       {false, true},
		"http://localhost.example": {false, true},
		"http://127.0.0.1.example": {false, true},
		"":                         {},
		"/path":                    {},
		"//idp.example":            {},
		"ftp://idp.example":        {},
		"javascript:alert(1)":      {},
		"https://user@idp.example": {},
		"https://idp.example#x":    {},
		"https://idp.example/%zz":  {},
	} {
		got := [2]bool{oauth.CheckURL(address, false) == nil, oauth.CheckURL(address, true) == nil}
		if got != want {
			t.Errorf("%q: got %v, want %v", address, got, want)
		}
	}
}

// TestRedeemWithoutCode: nothing is sent.
func TestRedeemWithoutCode(t *testing.T) {
	t.Parallel()
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	c := &oauth2.Config{ClientID: "c", Endpoint: oauth2.Endpoint{TokenURL: server.URL, AuthStyle: oauth2.AuthStyleInParams}}
	_, err := oauth.Redeem(t.Context(), oauth.Client(nil), c, &oauth.Flow{Verifier: strings.Repeat("v", 43)})
	if !errors.Is(err, oauth.ErrRefused) || asked {
		t.Errorf("got %v, asked: %t", err, asked)
	}
}
