package oauthtest_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

type user struct{ ID string }

// app starts an application that signs in with the fake, and returns its URL.
func app(t *testing.T, fake *oauthtest.Server) string {
	t.Helper()
	return appWith(t, fake.Provider)
}

// appWith is app with the provider for its redirect URL.
func appWith[P oauth.Provider](t *testing.T, provider func(redirectURL string) P) string {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	log := slog.New(slog.DiscardHandler)
	a := passport.New(passport.Config[*user]{
		Sessions: sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{InsecureHTTP: true, Logger: log}),
		Secrets:  [][]byte{make([]byte, 32)},
		Logger:   log,
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	a.Use("fake", oauth.New(provider(server.URL+"/callback"), func(_ context.Context, id *oauth.Identity) (*user, error) {
		return &user{id.Subject + " " + id.Email + " " + id.EmailStatus.String()}, nil
	}, &oauth.Options{Timeout: 300 * time.Millisecond}))
	mux := http.NewServeMux()
	signIn := a.LoginHandler("fake", nil)
	mux.Handle("POST /begin", signIn)
	mux.Handle("GET /callback", signIn)
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { _, _ = w.Write([]byte(u.ID)) }))
	handler = a.Handler(mux)
	return server.URL
}

// signIn signs in as a browser does, with cookies and redirects, and returns
// the last answer.
func signIn(t *testing.T, url string) (int, string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar}).Post(url+"/begin", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	_ = res.Write(&b)
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return res.StatusCode, body
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	fake := oauthtest.Start(t)
	url := app(t, fake)
	if code, body := signIn(t, url); code != 200 || body != "ann ann@example.com verified" {
		t.Errorf("got %d %s", code, body)
	}
	fake.SignIn(oauthtest.User{Subject: "bob", Email: "bob@example.com", EmailStatus: oauth.EmailUnverified})
	if code, body := signIn(t, url); code != 200 || body != "bob bob@example.com unverified" {
		t.Errorf("got %d %s", code, body)
	}
	if n := fake.Redeemed(); n != 2 {
		t.Errorf("got %d requests for a token, want 2", n)
	}
}

// TestFaults: none of them signs anybody in, and after them all is well.
func TestFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[oauthtest.Fault]int{
		oauthtest.None: 200, oauthtest.Denied: 401, oauthtest.BadCode: 401, oauthtest.Down: 503, oauthtest.Slow: 503,
		oauthtest.Garbage: 502, oauthtest.Huge: 502, oauthtest.Elsewhere: 502, oauthtest.NoSubject: 502,
		oauthtest.WrongState: 403, oauthtest.WrongIssuer: 403, oauthtest.NoIssuer: 403, oauthtest.RepeatedCode: 400,
		oauthtest.Lost: 503, oauthtest.SameRefresh: 200,
	} {
		fake := oauthtest.Start(t)
		url := app(t, fake)
		fake.Break(fault)
		if code, body := signIn(t, url); code != want {
			t.Errorf("fault %d: got %d %s, want %d", fault, code, body, want)
		}
		if n := fake.Redeemed(); n > 1 {
			t.Errorf("fault %d: %d requests for a token", fault, n)
		}
		fake.Break(oauthtest.None)
		if code, body := signIn(t, url); code != 200 {
			t.Errorf("after fault %d: got %d %s", fault, code, body)
		}
	}
}

// TestStrict: the fake is as strict as a provider should be.
func TestStrict(t *testing.T) {
	t.Parallel()
	fake := oauthtest.Start(t)
	p := fake.Provider("https://example.com/callback")
	flow := func() *oauth.Flow {
		f := &oauth.Flow{State: "state", Verifier: strings.Repeat("v", 43)}
		to, err := p.Begin(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		back := fake.Visit(t, to)
		if back.Query().Get("state") != "state" || back.Query().Get("iss") != fake.URL {
			t.Fatalf("came back with %s", back)
		}
		f.Code = back.Query().Get("code")
		return f
	}
	f := flow()
	if id, err := p.Finish(t.Context(), f); err != nil || id.Subject != "ann" {
		t.Errorf("got %v, %v", id, err)
	}
	if id, err := p.Finish(t.Context(), f); err == nil {
		t.Errorf("the code again: got %v", id)
	}
	f = flow()
	f.Verifier = strings.Repeat("w", 43)
	if id, err := p.Finish(t.Context(), f); err == nil {
		t.Errorf("another verifier: got %v", id)
	}
	config := fake.Config("https://example.com/callback")
	config.ClientSecret = "wrong"
	other, err := oauth.NewProvider(fake.Service(), config)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := other.Finish(t.Context(), flow()); err == nil {
		t.Errorf("another secret: got %v", id)
	}
	if id, err := fake.Provider("https://example.com/elsewhere").Finish(t.Context(), flow()); err == nil {
		t.Errorf("another redirect URL: got %v", id)
	}
}

// TestRefresh: a refresh token is good once, its second use ends its family,
// and the other families go on.
func TestRefresh(t *testing.T) {
	t.Parallel()
	fake := oauthtest.Start(t)
	p := fake.Provider("https://example.com/callback").(oauth.Refresher)
	good := func(tokens *oauth.Tokens) bool {
		r, err := http.NewRequestWithContext(t.Context(), "GET", fake.URL+"/api/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+tokens.Access)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode == 200
	}
	first, other := fake.Issue(), fake.Issue()
	second, err := p.Refresh(t.Context(), first)
	if err != nil || !good(first) || !good(second) || second.Refresh == first.Refresh || time.Until(second.Expiry) < 59*time.Minute {
		t.Fatalf("got %v, %v", second, err)
	}
	if _, err := p.Refresh(t.Context(), first); !errors.Is(err, oauth.ErrRefused) || fake.Burnt() != 1 || good(second) {
		t.Errorf("used twice: got %v, burnt %d", err, fake.Burnt())
	}
	if _, err := p.Refresh(t.Context(), second); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("the family's newest: got %v", err)
	}
	fake.Break(oauthtest.SameRefresh)
	same, err := p.Refresh(t.Context(), other)
	if err != nil || !good(same) || same.Refresh != "" { // it leaves out what stays
		t.Errorf("SameRefresh: got %v", err)
	}
	fake.Break(oauthtest.Lost)
	if _, err := p.Refresh(t.Context(), other); err == nil || errors.Is(err, oauth.ErrRefused) {
		t.Errorf("Lost: got %v", err)
	}
	fake.Break(oauthtest.None)
	if _, err := p.Refresh(t.Context(), other); !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("after Lost: got %v", err)
	}
	fake.Live(-time.Second)
	if good(fake.Issue()) {
		t.Error("an expired token is good")
	}
	fake.Live(time.Hour)
	last := fake.Issue()
	fake.Revoke()
	if _, err := p.Refresh(t.Context(), last); !errors.Is(err, oauth.ErrRefused) || good(last) {
		t.Errorf("Revoke: got %v", err)
	}
	if n := fake.Refreshed(); n != 7 {
		t.Errorf("counted %d refreshes, want 7", n)
	}
}
