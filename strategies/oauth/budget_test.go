package oauth_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
)

// TestBudget holds what a sign-in may allocate, the requests to the provider included.
func TestBudget(t *testing.T) { // alone: it counts allocations
	s := quiet(t)
	begin := func() *httptest.ResponseRecorder { return serve(s.handler, "POST", "/auth/fake", nil) }
	both := func() {
		w := begin()
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if w = serve(s.handler, "GET", callbackPath+"?code=c&state="+to.Query().Get("state"), w.Result().Cookies()); w.Code != http.StatusSeeOther {
			t.Fatal(w.Code, w.Body)
		}
	}
	for name, test := range map[string]struct {
		f   func()
		max float64
	}{"begin": {func() { begin() }, 80}, "begin and callback": {both, 295}} {
		if got := testing.AllocsPerRun(200, test.f); got > test.max {
			t.Errorf("%s: %v allocations, at most %v", name, got, test.max)
		} else {
			t.Logf("%s: %v allocations", name, got)
		}
	}
}

// TestOpenAttempts: one that is open takes at most 2 KiB of the browser's
// memory, however long the way back, and none of the server's. C07
func TestOpenAttempts(t *testing.T) { // alone: it measures memory
	const limit, n = 2 << 10, 5000
	for _, way := range []string{"", "/page", "/page?" + strings.Repeat("a", 400), "/page?" + strings.Repeat("a", 1200), "/page?" + strings.Repeat("a", 2000)} {
		s := newSite(t, setup{provider: &stub{begin: func(f *oauth.Flow) (string, error) {
			f.Memo = strings.Repeat("m", 700)
			return authorize(f), nil
		}}})
		b := s.browser()
		if way != "" {
			b.get(way)
		}
		b.begin()
		name := b.open()[0]
		if size := len(name) + len(b.cookies[name]); size > limit {
			t.Errorf("%.20s: the cookie has %d bytes", way, size)
		}
	}

	s := quiet(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range n {
		serve(s.handler, "POST", "/auth/fake", nil)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > n*16 {
		t.Errorf("%d begins leave %d bytes", n, grown)
	} else {
		t.Logf("%d begins leave %d bytes", n, grown)
	}
	if creates, spent := s.store.writes(); creates != 0 || spent != 0 {
		t.Errorf("%d begins made %d records and %d one-time values", n, creates, spent)
	}
	runtime.KeepAlive(s)
}

// serve sends one request with cookies.
func serve(h http.Handler, method, target string, cookies []*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// stubbed answers for a provider, in this process.
type stubbed struct{}

func (stubbed) RoundTrip(r *http.Request) (*http.Response, error) {
	body := goodProfile
	if r.URL.Path == "/token" {
		body = goodToken
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// quiet is a site that logs nothing, with a provider that is stubbed.
func quiet(t testing.TB) *site {
	p, err := oauth.NewProvider(oauth.Service{
		Issuer: "https://stub.example", API: "https://stub.example", Profile: oauth.UserInfo("/me"),
		Endpoint: oauth2.Endpoint{AuthURL: "https://stub.example/authorize", TokenURL: "https://stub.example/token"},
	}, oauth.Config{ClientID: "c", ClientSecret: "s", RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: stubbed{}})})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, store: &countingStore{MemoryStore: sessions.NewMemoryStore(nil)}}
	a := passport.New(passport.Config[*user]{
		Sessions: sessions.New(s.store, nil), Secrets: [][]byte{make([]byte, 32)}, Logger: slog.New(slog.DiscardHandler),
		Serializer: passport.SerializeBy(
			func(u *user) string { return u.ID },
			func(_ context.Context, id string) (*user, error) { return &user{id}, nil },
		),
	})
	a.Use("fake", oauth.New(p, func(_ context.Context, id *oauth.Identity) (*user, error) { return &user{id.Subject}, nil }, nil))
	s.handler = a.Handler(a.LoginHandler("fake", nil))
	return s
}
