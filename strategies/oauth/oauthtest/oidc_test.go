package oauthtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

func TestOIDC(t *testing.T) {
	t.Parallel()
	fake := oauthtest.Start(t)
	url := appWith(t, fake.OIDC)
	if code, body := signIn(t, url); code != 200 || body != "ann ann@example.com verified" {
		t.Errorf("got %d %s", code, body)
	}
	fake.SignIn(oauthtest.User{Subject: "bob", Email: "bob@example.com", EmailStatus: oauth.EmailUnverified, Name: "Bob"})
	fake.Claims(func(claims map[string]any) { claims["email"] = "robert@example.com" })
	if code, body := signIn(t, url); code != 200 || body != "bob robert@example.com unverified" {
		t.Errorf("got %d %s", code, body)
	}
	if scope, nonce := fake.Asked().Get("scope"), fake.Asked().Get("nonce"); scope != "openid email profile" || len(nonce) != 43 {
		t.Errorf("asked for %q, with the nonce %q", scope, nonce)
	}
}

// TestOIDCFaults: none of them signs anybody in, and after them all is well.
func TestOIDCFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[oauthtest.Fault]int{
		oauthtest.Denied: 401, oauthtest.BadCode: 401, oauthtest.NoSubject: 502,
		oauthtest.WrongState: 403, oauthtest.WrongIssuer: 403, oauthtest.NoIssuer: 403, oauthtest.RepeatedCode: 400,
		oauthtest.NoIDToken: 502, oauthtest.Unsigned: 502, oauthtest.ForeignKey: 502, oauthtest.WrongNonce: 502,
		oauthtest.WrongAudience: 502, oauthtest.Expired: 502, oauthtest.OtherIssuer: 502,
		oauthtest.Garbage: 502, oauthtest.Huge: 502, oauthtest.Elsewhere: 502, oauthtest.Down: 503, oauthtest.Slow: 503,
	} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			t.Parallel()
			fake := oauthtest.Start(t)
			url := appWith(t, fake.OIDC)
			fake.Break(fault)
			if code, body := signIn(t, url); code != want {
				t.Errorf("got %d %s, want %d", code, body, want)
			}
			fake.Break(oauthtest.None)
			time.Sleep(1100 * time.Millisecond) // a provider that failed is left alone for a second
			if code, body := signIn(t, url); code != 200 {
				t.Errorf("afterwards: got %d %s", code, body)
			}
		})
	}
}

// TestOIDCLogout: by the application's wish, and by the provider's.
func TestOIDCLogout(t *testing.T) {
	t.Parallel()
	fake := oauthtest.Start(t)
	p := fake.OIDC("https://example.com/callback")
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	var told []oidcprovider.LogoutToken
	backChannel := httptest.NewServer(oidcprovider.BackChannelHandler(p, manager, func(_ context.Context, lt oidcprovider.LogoutToken) (string, error) {
		told = append(told, lt)
		if lt.SID == "down" {
			return "", errors.New("down")
		}
		return lt.Subject, nil
	}, slog.New(slog.DiscardHandler)))
	defer backChannel.Close()
	if status := fake.Logout(t, backChannel.URL); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	if status := fake.Logout(t, backChannel.URL); status != http.StatusOK {
		t.Errorf("of the next session: got %d", status)
	}
	if len(told) != 2 || told[0].Subject != "ann" || told[0].SID == "" || told[0].SID == told[1].SID || told[0].Issuer != fake.URL {
		t.Errorf("got %+v", told)
	}
	res, err := http.PostForm(backChannel.URL, url.Values{"logout_token": {fake.LogoutToken("", "down")}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if last := told[len(told)-1]; res.StatusCode != http.StatusBadRequest || last.Subject != "" || last.SID != "down" {
		t.Errorf("got %s, %+v", res.Status, last)
	}

	end := fake.URL + "/logout?client_id=" + oauthtest.ClientID + "&post_logout_redirect_uri=https%3A%2F%2Fexample.com%2Fbye%3Fa%3Db&state=s"
	if back := fake.Visit(t, end); back.String() != "https://example.com/bye?a=b&state=s" {
		t.Errorf("came back to %s", back)
	}
	for target, want := range map[string]int{
		strings.Replace(end, oauthtest.ClientID, "other", 1):         http.StatusBadRequest,
		fake.URL + "/logout?client_id=" + oauthtest.ClientID:         http.StatusOK,
		fake.URL + "/logout?post_logout_redirect_uri=https://x.test": http.StatusBadRequest,
	} {
		res, err := http.Get(target)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", target, res.StatusCode, want)
		}
	}
}
