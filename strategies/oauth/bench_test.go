package oauth_test

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// stubbed answers for a provider, in this process.
type stubbed struct{}

func (stubbed) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	body := goodToken
	if r.URL.Path == "/me" {
		body = goodProfile
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// flow begins and ends one sign-in at h.
func flow(b *testing.B, h http.Handler) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/auth/fake", nil))
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", callbackPath+"?code=c&state="+to.Query().Get("state"), nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusSeeOther {
		b.Fatal(w.Code, w.Body)
	}
}

// BenchmarkFlow is our work in a begin and a callback, the session included.
func BenchmarkFlow(b *testing.B) {
	p, err := oauth.NewProvider(oauth.Service{
		Issuer: "https://stub.example", API: "https://stub.example", Profile: oauth.UserInfo("/me"),
		Endpoint: oauth2.Endpoint{AuthURL: "https://stub.example/authorize", TokenURL: "https://stub.example/token"},
	}, oauth.Config{ClientID: "c", ClientSecret: "s", RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: stubbed{}})})
	if err != nil {
		b.Fatal(err)
	}
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler), Serializer: passport.SerializeBy(
		func(u *user) string { return u.ID },
		func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
	)})
	a.Use("fake", oauth.New(p, func(_ context.Context, id *oauth.Identity) (*user, error) { return &user{id.Subject}, nil }, nil))
	h := a.Handler(a.LoginHandler("fake", nil))
	b.ReportAllocs()
	for b.Loop() {
		flow(b, h)
	}
}

// BenchmarkByHand is the same on x/oauth2, with a state and PKCE in a cookie,
// without any other check and without a session.
func BenchmarkByHand(b *testing.B) {
	config := oauth2.Config{
		ClientID: "c", ClientSecret: "s", RedirectURL: callback,
		Endpoint: oauth2.Endpoint{AuthURL: "https://stub.example/authorize", TokenURL: "https://stub.example/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	client := &http.Client{Transport: stubbed{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/fake", func(w http.ResponseWriter, r *http.Request) {
		state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
		http.SetCookie(w, &http.Cookie{Name: "state", Value: state + "." + verifier, Path: "/", Secure: true, HttpOnly: true})
		http.Redirect(w, r, config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	})
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("state")
		if err != nil {
			http.Error(w, "no cookie", http.StatusForbidden)
			return
		}
		state, verifier, _ := strings.Cut(c.Value, ".")
		if subtle.ConstantTimeCompare([]byte(state), []byte(r.FormValue("state"))) != 1 {
			http.Error(w, "state", http.StatusForbidden)
			return
		}
		ctx := context.WithValue(r.Context(), oauth2.HTTPClient, client)
		token, err := config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		res, err := config.Client(ctx, token).Get("https://stub.example/me")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		var profile struct{ Sub string }
		if err := json.NewDecoder(res.Body).Decode(&profile); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	b.ReportAllocs()
	for b.Loop() {
		flow(b, mux)
	}
}
