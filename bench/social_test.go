package bench_test

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	gorilla "github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/gitlab"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// Where the provider is, which answers in this process.
const (
	socialIssuer   = "https://provider.example"
	socialAuth     = socialIssuer + "/authorize"
	socialToken    = socialIssuer + "/token"
	socialCallback = "https://example.com/callback"
)

// answering is the provider.
type answering struct{}

func (answering) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"sub":"7","id":7,"name":"Ann","email":"ann@example.com","email_verified":true,"picture":"https://provider.example/7.png"}`
	if r.URL.Path == "/token" {
		_, _ = io.Copy(io.Discard, r.Body)
		body = `{"access_token":"c2VjcmV0LXRva2VuLW9mLWEtdXN1YWwtbGVuZ3Ro","token_type":"bearer","expires_in":3600}`
	}
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Request: r, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// socials are sites that sign in by POST /begin and GET /callback, where ann
// is greeted at GET / then.
var socials = []struct {
	by   string
	site func() http.Handler
}{
	{"passport", socialPassport},
	{"hand", func() http.Handler { return byHand(nil) }}, // nobody is signed in afterwards
	{"hand-scs", handSCS},                                // with a session on the server
	{"hand-gorilla", handGorilla},                        // with a session in a cookie
	{"goth", gothGorilla},                                // by gothic, with a session in a cookie
}

// BenchmarkSocial is a sign-in with an account elsewhere, from the request that
// begins it to the answer to the callback, without the provider's share.
func BenchmarkSocial(b *testing.B) {
	for _, s := range socials {
		b.Run("by="+s.by, func(b *testing.B) {
			site := s.site()
			b.ReportAllocs()
			start := processorTime()
			for b.Loop() {
				if _, err := socialSignIn(site); err != nil {
					b.Fatal(err)
				}
			}
			report(b, processorTime()-start)
		})
	}
}

// TestSocial: everyone who is compared signs in.
func TestSocial(t *testing.T) {
	for _, s := range socials {
		site := s.site()
		cookies, err := socialSignIn(site)
		if err != nil {
			t.Fatalf("%s: %v", s.by, err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if signedIn := strings.Contains(w.Body.String(), "7"); signedIn != (s.by != "hand") {
			t.Errorf("%s: got %d %s", s.by, w.Code, w.Body)
		}
	}
}

// TestSocialRatios prints the medians of rounds in which sites take turns, in
// processor time, and of their ratios to that with a session of scs. Run it
// alone, with -v and GOMAXPROCS=1.
func TestSocialRatios(t *testing.T) {
	if testing.Short() || !testing.Verbose() {
		t.Skip("it measures: run it with -v")
	}
	plain, openID := make(map[string]turn), make(map[string]turn)
	for _, s := range socials {
		if s.by == "goth" {
			continue // it would take most of the time
		}
		site := s.site()
		plain[s.by] = timed(func() error {
			_, err := socialSignIn(site)
			return err
		})
	}
	for _, s := range openIDs {
		p := newOpenID(t)
		site := s.site(t, p)
		openID[s.by] = func(n int) (spent time.Duration, err error) {
			for range n {
				took, _, err := openIDSignIn(site, p)
				if err != nil {
					return 0, err
				}
				spent += took
			}
			return spent, nil
		}
	}
	for name, r := range map[string]laps{"OAuth 2": byTurns(t, plain, 300, 40), "OpenID Connect": byTurns(t, openID, 150, 10)} {
		for by := range r {
			t.Logf("%-14s %-12s %7.1f µs  %5.2f × hand  %5.2f × hand-scs", name, by, r.median(by), r.ratio(by, "hand"), r.ratio(by, "hand-scs"))
		}
	}
}

// socialSignIn signs in, and returns the cookies that it left.
func socialSignIn(site http.Handler) ([]*http.Cookie, error) {
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://example.com/begin?provider=gitlab", nil))
	_, query, _ := strings.Cut(w.Header().Get("Location"), "?")
	asked, err := url.ParseQuery(query)
	if err != nil || asked.Get("state") == "" {
		return nil, fmt.Errorf("begin: got %d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "https://example.com/callback?provider=gitlab&code=c0de&state="+url.QueryEscape(asked.Get("state")), nil)
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	if site.ServeHTTP(w, r); w.Code != http.StatusSeeOther {
		return nil, fmt.Errorf("callback: got %d %s", w.Code, w.Body)
	}
	return w.Result().Cookies(), nil
}

func socialPassport() http.Handler {
	p, err := oauth.NewProvider(oauth.Service{
		Issuer: socialIssuer, API: socialIssuer, Profile: oauth.UserInfo("/me"),
		Endpoint: oauth2.Endpoint{AuthURL: socialAuth, TokenURL: socialToken},
	}, oauth.Config{
		ClientID: "c", ClientSecret: "s", RedirectURL: socialCallback,
		Client: oauth.Client(&oauth.ClientOptions{Transport: answering{}}),
	})
	if err != nil {
		panic(err)
	}
	a := passport.New(passport.Config[*user]{
		Serializer: passport.SerializeBy((*user).key, func(_ context.Context, id string) (*user, error) { return &user{id}, nil }),
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("gitlab", oauth.New(p, func(_ context.Context, id *oauth.Identity) (*user, error) { return &user{id.Subject}, nil }, nil))
	signIn := a.LoginHandler("gitlab", nil)
	mux := http.NewServeMux()
	mux.Handle("POST /begin", signIn)
	mux.Handle("GET /callback", signIn)
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { greet(w, u) }))
	return a.Handler(mux)
}

// byHand is what the example of x/oauth2 comes to, with a state and PKCE in a
// cookie, and no other check. enter signs in; nil: nobody does.
func byHand(enter func(w http.ResponseWriter, r *http.Request, subject string) error) *http.ServeMux {
	config := oauth2.Config{
		ClientID: "c", ClientSecret: "s", RedirectURL: socialCallback,
		Endpoint: oauth2.Endpoint{AuthURL: socialAuth, TokenURL: socialToken, AuthStyle: oauth2.AuthStyleInHeader},
	}
	client := &http.Client{Transport: answering{}}
	finish := func(w http.ResponseWriter, r *http.Request) error {
		c, err := r.Cookie("oauth")
		if err != nil {
			return err
		}
		state, verifier, _ := strings.Cut(c.Value, ".")
		if subtle.ConstantTimeCompare([]byte(state), []byte(r.FormValue("state"))) != 1 {
			return http.ErrNoCookie
		}
		ctx := context.WithValue(r.Context(), oauth2.HTTPClient, client)
		token, err := config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			return err
		}
		res, err := config.Client(ctx, token).Get(socialIssuer + "/me")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		var profile struct{ Sub, Name, Email, Picture string }
		if err := json.NewDecoder(res.Body).Decode(&profile); err != nil || enter == nil {
			return err
		}
		return enter(w, r, profile.Sub)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, r *http.Request) {
		state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
		http.SetCookie(w, &http.Cookie{
			Name: "oauth", Value: state + "." + verifier, Path: "/", MaxAge: 600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		http.Redirect(w, r, config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		if err := finish(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	return mux
}

func handSCS() http.Handler {
	m := scs.New()
	m.Store = memstore.New()
	mux := byHand(func(_ http.ResponseWriter, r *http.Request, subject string) error {
		if err := m.RenewToken(r.Context()); err != nil {
			return err
		}
		m.Put(r.Context(), "user", subject)
		return nil
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { greet(w, &user{m.GetString(r.Context(), "user")}) })
	return m.LoadAndSave(mux)
}

func newCookieStore() *gorilla.CookieStore {
	return gorilla.NewCookieStore(make([]byte, 32), make([]byte, 32))
}

// enterGorilla keeps who it is in a cookie.
func enterGorilla(store gorilla.Store) func(http.ResponseWriter, *http.Request, string) error {
	return func(w http.ResponseWriter, r *http.Request, subject string) error {
		s, err := store.New(r, "session")
		if err != nil {
			return err
		}
		s.Values["user"] = subject
		return s.Save(r, w)
	}
}

func greetGorilla(store gorilla.Store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		id, _ := s.Values["user"].(string)
		greet(w, &user{id})
	}
}

func handGorilla() http.Handler {
	store := newCookieStore()
	mux := byHand(enterGorilla(store))
	mux.HandleFunc("GET /{$}", greetGorilla(store))
	return mux
}

func gothGorilla() http.Handler {
	store := newCookieStore()
	gothic.Store = store
	p := gitlab.NewCustomisedURL("c", "s", socialCallback, socialAuth, socialToken, socialIssuer+"/me")
	p.HTTPClient = &http.Client{Transport: answering{}}
	goth.UseProviders(p)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", gothic.BeginAuthHandler)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		account, err := gothic.CompleteUserAuth(w, r)
		if err == nil {
			err = enterGorilla(store)(w, r, account.UserID)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /{$}", greetGorilla(store))
	return mux
}
