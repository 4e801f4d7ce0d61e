package oauth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{login: &passport.LoginOptions{SuccessRedirect: "/home"}})
	b := s.browser()
	w := b.land(b.back())
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/home" {
		t.Fatalf("got %d %s %s, want 303 /home\n%s", w.Code, w.Header().Get("Location"), w.Body, s.log)
	}
	if got, want := b.me(), s.fake.URL+" ann"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if left := b.open(); len(left) != 0 {
		t.Errorf("the attempt's cookie stays: %v", left)
	}
	id := s.verified()[0]
	if id.Email != "ann@example.com" || id.EmailStatus != oauth.EmailVerified || id.Name != "Ann" || id.Tokens != nil {
		t.Errorf("got %+v", id)
	}
	// C46: nothing of the callback stays in caches or referrers.
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestBegin looks at what is sent to the provider.
func TestBegin(t *testing.T) {
	t.Parallel()
	params := func(r *http.Request) oauth.Params {
		return oauth.Params{Scopes: []string{"repo"}, Prompt: "login", LoginHint: r.FormValue("hint"), Extra: map[string]string{"theme": "dark"}}
	}
	s := newSite(t, setup{options: &oauth.Options{Params: params}})
	seen := make(map[string]bool)
	for range 20 {
		b := s.browser()
		// C01, C09, C11: what a client says of the flow, or of the host, is not listened to.
		w := b.send("POST", "https://evil.example/auth/fake?state=mine&redirect_uri=https://evil.example&code_challenge=x&nonce=n", "hint=ann%40example.com&state=mine",
			"X-Forwarded-Host", "evil.example")
		u, err := url.Parse(w.Header().Get("Location"))
		if err != nil || w.Code != http.StatusSeeOther { // C32: 303
			t.Fatalf("got %d %s", w.Code, w.Header().Get("Location"))
		}
		query := u.Query()
		for name, want := range map[string]string{
			"redirect_uri": callback, "response_type": "code", "client_id": oauthtest.ClientID, // C45: the code flow alone
			"code_challenge_method": "S256", // C08
			"prompt":                "login", "login_hint": "ann@example.com", "theme": "dark",
			"scope": "repo", // C44: what the application names
		} {
			if got := query[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		// C01: 256 bits, fresh each time. C08: so is the challenge.
		for _, name := range []string{"state", "code_challenge"} {
			value := query.Get(name)
			if raw, err := base64.RawURLEncoding.DecodeString(value); err != nil || len(raw) != 32 || seen[value] {
				t.Errorf("%s: %q is not 256 fresh bits", name, value)
			}
			seen[value] = true
		}
		if query.Has("code_verifier") || query.Has("client_secret") { // C37
			t.Errorf("a secret is in %s", u)
		}
		// C02: the cookie.
		cookie := w.Header().Get("Set-Cookie")
		for _, part := range []string{"__Host-", "flow-", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Max-Age=600"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("%s is not in %s", part, cookie)
			}
		}
		if state := query.Get("state"); strings.Contains(cookie, state) {
			t.Error("the cookie shows the state")
		}
	}
	if creates, spent := s.store.writes(); creates != 0 || spent != 0 {
		t.Errorf("twenty begins made %d records and %d one-time values", creates, spent)
	}
}

// TestReservedParams: an extra parameter cannot take the place of the flow's.
func TestReservedParams(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"state", "redirect_uri", "code_challenge", "Code_Challenge_Method", "nonce", "client_id", "response_type", "scope", "request"} {
		s := newSite(t, setup{options: &oauth.Options{Params: func(*http.Request) oauth.Params {
			return oauth.Params{Extra: map[string]string{name: "mine"}}
		}}})
		if w := s.browser().send("POST", "/auth/fake", ""); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: got %d, want 500", name, w.Code)
		}
	}
}

// TestWhoMayBegin: a POST of this origin, or a person who follows a link on
// it. Everything else is sent to the login page. C28, E07
func TestWhoMayBegin(t *testing.T) {
	t.Parallel()
	const login, provider = "/login", "provider"
	for name, test := range map[string]struct {
		method string
		header []string
		status int
		to     string
	}{
		"POST":                     {"POST", nil, 303, provider},
		"POST of no browser":       {"POST", []string{"Sec-Fetch-Site", ""}, 303, provider},
		"POST, cross-site":         {"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		"POST, same site":          {"POST", []string{"Sec-Fetch-Site", "same-site"}, 403, ""},
		"POST of another origin":   {"POST", []string{"Sec-Fetch-Site", "", "Origin", "http://evil.example"}, 403, ""},
		"POST of another scheme":   {"POST", []string{"Sec-Fetch-Site", "", "Origin", "null"}, 403, ""},
		"link on the site":         {"GET", nil, 303, provider},
		"link elsewhere":           {"GET", []string{"Sec-Fetch-Site", "cross-site"}, 303, login},
		"link on the same site":    {"GET", []string{"Sec-Fetch-Site", "same-site"}, 303, login},
		"typed":                    {"GET", []string{"Sec-Fetch-Site", "none"}, 303, login},
		"old browser":              {"GET", []string{"Sec-Fetch-Site", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Dest", ""}, 303, login},
		"frame":                    {"GET", []string{"Sec-Fetch-Dest", "iframe"}, 303, login},
		"image":                    {"GET", []string{"Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors", "Accept", "image/*"}, 401, ""},
		"image elsewhere":          {"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors", "Accept", "image/*"}, 401, ""},
		"fetch":                    {"GET", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "application/json"}, 401, ""},
		"prefetch":                 {"GET", []string{"Sec-Purpose", "prefetch"}, 400, ""},
		"prefetch, as Chromium's":  {"GET", []string{"Sec-Purpose", "prefetch", "Sec-Fetch-Site", "none"}, 400, ""},
		"prerender":                {"GET", []string{"Sec-Purpose", "prefetch;prerender"}, 400, ""},
		"HEAD":                     {"HEAD", nil, 405, ""},
		"OPTIONS":                  {"OPTIONS", nil, 405, ""},
		"PUT":                      {"PUT", nil, 405, ""},
		"POST cross-site by GET's": {"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403, ""},
	} {
		s := newSite(t, setup{})
		b := s.browser()
		w := b.send(test.method, "/auth/fake", "", test.header...)
		to := w.Header().Get("Location")
		if strings.HasPrefix(to, s.fake.URL) {
			to = provider
		}
		if w.Code != test.status || to != test.to {
			t.Errorf("%s: got %d %s, want %d %s", name, w.Code, to, test.status, test.to)
		}
		if begun := len(b.open()) == 1; begun != (test.to == provider) {
			t.Errorf("%s: cookies %v", name, b.open())
		}
	}
}

// TestBeginByDecision: Authenticate, which checks no origin itself, does not
// begin for another one either. C28
func TestBeginByDecision(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	if w := s.browser().send("POST", "/decide", "", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("cross-site: got %d, want 403", w.Code)
	}
	if w := s.browser().send("POST", "/decide", ""); !strings.HasPrefix(w.Header().Get("Location"), s.fake.URL) {
		t.Errorf("got %d %s, want the provider", w.Code, w.Header().Get("Location"))
	}
	// Require never begins.
	if w := s.browser().get("/tried"); w.Header().Get("Location") != "/login" {
		t.Errorf("Require: got %d %s, want the login page", w.Code, w.Header().Get("Location"))
	}
}

// TestMayBegin: a link begins by POST alone, for somebody. C26, C28
func TestMayBegin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, user string
		purpose      passport.Event
		want         bool
	}{
		"link":          {"POST", "ann", passport.EventLink, true},
		"link nobody":   {"POST", "", passport.EventLink, false},
		"link by GET":   {"GET", "ann", passport.EventLink, false},
		"login":         {"POST", "", passport.EventLogin, true},
		"login by GET":  {"GET", "", passport.EventLogin, true},
		"login again":   {"POST", "ann", passport.EventLogin, true},
		"login by HEAD": {"HEAD", "", passport.EventLogin, false},
	} {
		r := httptest.NewRequest(test.method, "/auth/fake", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Sec-Fetch-Dest", "document")
		if got := oauth.MayBegin(r, test.purpose, test.user); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

// TestState: whose state it is. Nothing is asked of the provider where it is
// not right. C02, C04, C05, C10, C12, C13
func TestState(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(s *site, b *browser, u *url.URL) (*browser, *url.URL)
		status int
		code   string
	}{
		"C02: another browser": {func(s *site, _ *browser, u *url.URL) (*browser, *url.URL) {
			other := s.browser()
			other.begin()
			return other, u
		}, 403, "invalid-state"},
		"C02: a browser that began nothing": {func(s *site, _ *browser, u *url.URL) (*browser, *url.URL) {
			return s.browser(), u
		}, 403, "invalid-state"},
		"C05: no state": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "state", "")
		}, 403, "invalid-state"},
		"C05: an empty state": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery = with(u, "state", "").RawQuery + "&state="
			return b, u
		}, 403, "invalid-state"},
		"another end of the state": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			state := u.Query().Get("state")
			return b, with(u, "state", state[:8]+strings.Repeat("A", 35))
		}, 403, "invalid-state"},
		"a short state": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "state", u.Query().Get("state")[:8])
		}, 403, "invalid-state"},
		"a state that is shorter than the name of its cookie": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "state", u.Query().Get("state")[:7])
		}, 403, "invalid-state"},
		"C04: another secret": {func(s *site, b *browser, u *url.URL) (*browser, *url.URL) {
			s.build(setup{provider: s.fake.Provider(callback), secret: 1})
			return b, u
		}, 403, "invalid-state"},
		"C04: another strategy": {func(s *site, b *browser, u *url.URL) (*browser, *url.URL) {
			s.build(setup{provider: s.fake.Provider(callback), strategy: "other"})
			return b, u
		}, 403, "invalid-state"},
		"C04, C13: another redirect URL": {func(s *site, b *browser, u *url.URL) (*browser, *url.URL) {
			s.build(setup{provider: s.fake.Provider("https://example.com/auth/other/callback")})
			u.Path = "/auth/other/callback"
			return b, u
		}, 403, "invalid-state"},
		"C04: another provider": {func(s *site, b *browser, u *url.URL) (*browser, *url.URL) {
			service := s.fake.Service()
			service.Issuer, service.SendsIssuer = "https://other.example", false
			p, err := oauth.NewProvider(service, s.fake.Config(callback))
			if err != nil {
				s.t.Fatal(err)
			}
			s.build(setup{provider: p})
			return b, with(u, "iss", "")
		}, 403, "invalid-state"},
		"C10: two codes": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&code=x"
			return b, u
		}, 400, "bad-request"},
		"C10: two states": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&state=x"
			return b, u
		}, 400, "bad-request"},
		"C10: two iss": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&iss=x"
			return b, u
		}, 400, "bad-request"},
		"C10: two errors": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&error=x&error=x"
			return b, u
		}, 400, "bad-request"},
		"neither code nor error": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "code", "")
		}, 400, "bad-request"},
		"malformed": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&a=%zz"
			return b, u
		}, 400, "bad-request"},
		"too long": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			u.RawQuery += "&a=" + strings.Repeat("a", 20_000)
			return b, u
		}, 400, "bad-request"},
		"C12: another iss": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "iss", u.Query().Get("iss")+"/")
		}, 403, "issuer-mismatch"},
		"C12: no iss": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "iss", "")
		}, 403, "issuer-mismatch"},
		"C12: another iss with an error": {func(_ *site, b *browser, u *url.URL) (*browser, *url.URL) {
			return b, with(u, "iss", "https://other.example", "error", "access_denied", "code", "")
		}, 403, "issuer-mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, setup{})
			b := s.browser()
			u := b.back()
			changed := *u
			other, bad := test.change(s, b, &changed)
			other.refused(name, other.land(bad), test.status, test.code)
			if n := s.fake.Redeemed(); n != 0 || len(s.verified()) != 0 {
				t.Errorf("%d requests for a token", n)
			}
		})
	}
}

// TestAttemptSurvives: what others send does not use up an attempt. C06
func TestAttemptSurvives(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	for _, bad := range []*url.URL{with(u, "state", strings.Repeat("A", 43)), with(u, "iss", "https://evil.example"), with(u, "code", "")} {
		if w := b.land(bad); w.Code < 400 {
			t.Errorf("got %d for %s", w.Code, bad)
		}
	}
	if b.land(u); b.me() == "" {
		t.Error("the attempt is gone")
	}
}

// TestPurpose: a state for one purpose, or one user, is none for another.
// C04, C26
func TestPurpose(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		purpose passport.Event
		user    string
		ok      bool
	}{
		"login":           {passport.EventLogin, "", true},
		"link":            {passport.EventLink, "", false},
		"link of a user":  {passport.EventLink, "ann", false},
		"login of a user": {passport.EventLogin, "ann", false},
		"authenticate":    {passport.EventAuthenticate, "", false},
		"none":            {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := oauthtest.Start(t)
			p := fake.Provider(callback)
			var state string
			s := &site{t: t, fake: fake, log: new(syncBuffer)}
			s.store = newSite(t, setup{}).store
			s.build(setup{provider: p, wrap: func(strategy *oauth.Strategy[*user]) passport.Strategy[*user] {
				return planter{strategy, func(r *http.Request) (res passport.Result[*user], err error) {
					var cookie string
					cookie, state = oauth.Plant(p, passport.EnvOf(r.Context()), test.purpose, test.user)
					return res.WithHeader("Set-Cookie", cookie).Redirect("/")
				}}
			}})
			b := s.browser()
			b.send("POST", "/auth/fake", "")
			// The provider's error is as good as a code here, and needs none.
			w := b.get("/auth/fake/callback?error=access_denied&iss=" + url.QueryEscape(fake.URL) + "&state=" + state)
			if got := w.Code == http.StatusSeeOther; got != test.ok {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

type planter struct {
	*oauth.Strategy[*user]
	plant passport.StrategyFunc[*user]
}

func (p planter) Authenticate(r *http.Request) (passport.Result[*user], error) {
	if r.Method == http.MethodPost {
		return p.plant(r)
	}
	return p.Strategy.Authenticate(r)
}

// TestReplay: fifty callbacks at once make one request for a token, and one
// sign-in; so does one after the other. C03, C36
func TestReplay(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	before := b.clone()
	const n = 50
	var wg sync.WaitGroup
	codes := make([]int, n)
	for i := range n {
		wg.Go(func() { codes[i] = before.clone().land(u).Code })
	}
	wg.Wait()
	slices.Sort(codes)
	if codes[0] != http.StatusSeeOther || codes[1] != http.StatusForbidden || codes[n-1] != http.StatusForbidden {
		t.Errorf("got %v, want one 303 and 403", codes)
	}
	again := before.clone()
	again.refused("again", again.land(u), 403, "invalid-state")
	if got := s.fake.Redeemed(); got != 1 {
		t.Errorf("got %d requests for a token, want 1", got)
	}
}

// TestLifetime: a state is good for ten minutes. C04
func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		after time.Duration
		code  int
	}{{10*time.Minute - time.Second, 303}, {10 * time.Minute, 403}} {
		synctest.Test(t, func(t *testing.T) {
			p := &stub{}
			s := newSite(t, setup{provider: p})
			b := s.browser()
			u, err := url.Parse(b.begin())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(test.after)
			w := b.get("/auth/fake/callback?code=x&state=" + u.Query().Get("state"))
			if w.Code != test.code {
				t.Errorf("after %v: got %d, want %d", test.after, w.Code, test.code)
			}
		})
	}
}

// A stub is a provider without a network.
type stub struct {
	finish func(ctx context.Context, f *oauth.Flow) (*oauth.Identity, error)
	begin  func(f *oauth.Flow) (string, error)
	issuer string
	extras []string
	sends  func() (bool, error)
}

func (p *stub) Issuer() string {
	if p.issuer != "" {
		return p.issuer
	}
	return "https://stub.example"
}
func (p *stub) RedirectURL() string   { return callback }
func (p *stub) ExtraParams() []string { return p.extras }
func (p *stub) SendsIssuer(context.Context) (bool, error) {
	if p.sends != nil {
		return p.sends()
	}
	return false, nil
}

func (p *stub) Begin(_ context.Context, f *oauth.Flow) (string, error) {
	if p.begin != nil {
		return p.begin(f)
	}
	return authorize(f), nil
}

// authorize is where the browser goes to sign in at a stub; pairs are put in
// the place of what a flow has there, "" removes it.
func authorize(f *oauth.Flow, pairs ...string) string {
	query := url.Values{}
	f.AddTo(query)
	u := &url.URL{Scheme: "https", Host: "stub.example", Path: "/authorize", RawQuery: query.Encode()}
	return with(u, pairs...).String()
}

func (p *stub) Finish(ctx context.Context, f *oauth.Flow) (*oauth.Identity, error) {
	if p.finish != nil {
		return p.finish(ctx, f)
	}
	return &oauth.Identity{Subject: "1"}, nil
}

// TestTabs: several tabs at once all finish, also those that began before the
// session's id changed; a ninth drops the first. C06, C07
func TestTabs(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	var tabs []*url.URL
	for range 9 {
		tabs = append(tabs, b.back())
		time.Sleep(2 * time.Millisecond) // the clock of the cookies
	}
	if n := len(b.open()); n != 8 {
		t.Fatalf("got %d open attempts, want 8", n)
	}
	size := 0
	for _, name := range b.open() {
		size += len(name) + len(b.cookies[name])
	}
	if size > 8*512 {
		t.Errorf("eight attempts take %d bytes of cookies", size)
	}
	if w := b.land(tabs[0]); w.Code != http.StatusForbidden {
		t.Errorf("the oldest: got %d, want 403", w.Code)
	}
	for i, u := range tabs[1:] {
		if w := b.land(u); w.Code != http.StatusSeeOther {
			t.Errorf("tab %d: got %d %s", i+2, w.Code, w.Body)
		}
	}
	if n := len(b.open()); n != 0 {
		t.Errorf("%d cookies stay", n)
	}
}

// TestPlantedCookies: cookies that somebody else put into the browser do not
// keep an attempt from ending, and are nothing themselves.
func TestPlantedCookies(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	own := b.open()[0]
	w := b.get(u.RequestURI(), "Cookie", own+"=1.AAAA; "+own+"=x; "+own+"=") // the real one follows
	if w.Code != http.StatusSeeOther || b.me() == "" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	for i := range 20 {
		b.cookies[fmt.Sprintf("%s%08d", own[:len(own)-8], i)] = "99999999999999999999.junk"
	}
	b.begin()
	if n := len(b.open()); n > 8 {
		t.Errorf("%d cookies of attempts", n)
	}
}

// TestReturnTo: each tab goes where it was on its way to. C30
func TestReturnTo(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	b.get("/page?a=1") // sent to the login page
	first := b.back()
	b.get("/page?b=2")
	second := b.back()
	if to := b.land(first).Header().Get("Location"); to != "/page?a=1" {
		t.Errorf("the first tab goes to %s", to)
	}
	if to := b.land(second).Header().Get("Location"); to != "/page?b=2" {
		t.Errorf("the second tab goes to %s", to)
	}
	// A long one, and one that leads elsewhere, cost the way, not the sign-in. C31
	b = s.browser()
	b.get("/page?" + strings.Repeat("a", 1900))
	b.get("//evil.example/page")
	if w := b.land(b.back()); w.Code != http.StatusSeeOther || strings.HasPrefix(w.Header().Get("Location"), "//") {
		t.Errorf("got %d %s", w.Code, w.Header().Get("Location"))
	}
	// Nor is it taken from what a request that begins says. C31
	b = s.browser()
	to := b.send("POST", "/auth/fake?return_to=/elsewhere&next=/elsewhere", "return_to=/elsewhere&redirect=/elsewhere", "Referer", "https://example.com/elsewhere").Header().Get("Location")
	if to := b.land(s.fake.Visit(t, to)).Header().Get("Location"); to != "/" {
		t.Errorf("got %s, want /", to)
	}
	// What a callback says of it is not read. C09
	b = s.browser()
	u := with(b.back(), "return_to", "/elsewhere", "redirect_uri", "https://evil.example", "access_token", "t", "code_verifier", "v", "client_id", "c")
	if to := b.land(u).Header().Get("Location"); to != "/" {
		t.Errorf("got %s, want /", to)
	}
}

// TestProviderError: an error of the provider is a refusal with a fixed
// message, after the state is checked and spent, and costs no request. C33,
// C34
func TestProviderError(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script>\r\nSet-Cookie: a=b"
	for failure, test := range map[string]struct{ code, message string }{
		"access_denied":           {"access-denied", "The sign-in was cancelled."},
		"server_error":            {"provider-refused", "The provider refused the sign-in."},
		"login_required":          {"provider-refused", "The provider refused the sign-in."},
		"temporarily_unavailable": {"provider-refused", "The provider refused the sign-in."},
		evil:                      {"provider-refused", "The provider refused the sign-in."},
	} {
		s := newSite(t, setup{})
		b := s.browser()
		u := with(b.back(), "error", failure, "error_description", evil+strings.Repeat("x", 5000), "error_uri", "https://evil.example")
		before := b.clone()
		w := b.land(u)
		// A browser is sent back to the login page, and told there.
		b.refused(failure, w, 303, test.code)
		if to := w.Header().Get("Location"); to != "/login" {
			t.Errorf("%q: sent to %s", failure, to)
		}
		page := b.get("/login").Body.String()
		if page != test.message {
			t.Errorf("%q: the page says %q, want %q", failure, page, test.message)
		}
		if w := before.land(with(u, "error", "")); w.Code != http.StatusForbidden {
			t.Errorf("%q: the state is not spent: %d", failure, w.Code)
		}
		if n := s.fake.Redeemed(); n != 0 {
			t.Errorf("%q: %d requests for a token", failure, n)
		}
		for line := range strings.SplitSeq(s.log.String(), "\n") {
			if strings.Contains(line, "provider answered") && (!strings.Contains(line, `</script>\\r\\nSet`) || strings.Count(line, "x") > 100) {
				t.Errorf("%q: logged as it came, %d bytes", failure, len(line))
			}
		}
		if strings.Contains(fmt.Sprint(w.Header()), "script") {
			t.Errorf("%q: reflected in %v", failure, w.Header())
		}
	}
}

// TestRefusedUser: the application's own refusals and outages count, and the
// browser does not come back to the callback after it.
func TestRefusedUser(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		to     string
		code   string
	}{
		"no user":  {passport.ErrNoUser, 303, "/login", "invalid-credentials"},
		"disabled": {&passport.Failure{Code: "disabled", Status: 403, Message: "Disabled."}, 403, "", "disabled"},
		"down":     {errors.New("connection refused"), 500, "", "internal"},
		"late":     {context.DeadlineExceeded, 503, "", "unavailable"},
		"detour":   {&passport.Detour{URL: "/nickname", Key: "pending", Value: "x"}, 303, "/nickname", ""},
	} {
		s := newSite(t, setup{})
		s.fail(test.err)
		b := s.browser()
		w := b.land(b.back())
		if w.Code != test.status || w.Header().Get("Location") != test.to {
			t.Errorf("%s: got %d %s, want %d %s", name, w.Code, w.Header().Get("Location"), test.status, test.to)
		}
		for cookie := range b.cookies {
			if strings.HasSuffix(cookie, "-return") {
				t.Errorf("%s: a return-to was left: the callback", name)
			}
		}
		if test.code != "" {
			b.refused(name, w, test.status, test.code)
		}
	}
}

// TestTokens are kept only where they are asked for. C41
func TestTokens(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		s := newSite(t, setup{options: &oauth.Options{KeepTokens: keep}})
		b := s.browser()
		b.land(b.back())
		tokens := s.verified()[0].Tokens
		if (tokens != nil) != keep || keep && (tokens.Access == "" || tokens.Refresh == "" || tokens.Expiry.IsZero()) {
			t.Errorf("keep %t: got %v", keep, tokens)
		}
		if keep && strings.Contains(s.log.String(), tokens.Access) {
			t.Error("a token is in the log")
		}
	}
}

// TestOnceFails: where nobody knows whether the state was used, nobody is
// asked.
func TestOnceFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	s.store.mu.Lock()
	s.store.fails = 1
	s.store.mu.Unlock()
	b.refused("once", b.land(u), 503, "unavailable")
	if n := s.fake.Redeemed(); n != 0 {
		t.Errorf("%d requests for a token", n)
	}
}

// TestIssuerSender: whether iss has to come may take a network to know.
func TestIssuerSender(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sends  func() (bool, error)
		iss    string
		status int
	}{
		"no, absent":  {func() (bool, error) { return false, nil }, "", 303},
		"no, right":   {func() (bool, error) { return false, nil }, "https://stub.example", 303},
		"no, wrong":   {func() (bool, error) { return false, nil }, "https://other.example", 403}, // C12
		"yes, absent": {func() (bool, error) { return true, nil }, "", 403},                       // C12
		"yes, right":  {func() (bool, error) { return true, nil }, "https://stub.example", 303},
		"down":        {func() (bool, error) { return false, errors.New("no discovery") }, "", 503},
	} {
		s := newSite(t, setup{provider: &stub{sends: test.sends}})
		b := s.browser()
		u, err := url.Parse(b.begin())
		if err != nil {
			t.Fatal(err)
		}
		w := b.get("/auth/fake/callback?code=x&state=" + u.Query().Get("state") + "&iss=" + url.QueryEscape(test.iss))
		if w.Code != test.status {
			t.Errorf("%s: got %d, want %d", name, w.Code, test.status)
		}
	}
}

// TestDown: a provider that cannot be asked where to go answers 503, and the
// site starts without it.
func TestDown(t *testing.T) {
	t.Parallel()
	p := &stub{begin: func(*oauth.Flow) (string, error) { return "", errors.New("dial tcp: connection refused") }}
	s := newSite(t, setup{provider: p})
	b := s.browser()
	b.refused("begin", b.send("POST", "/auth/fake", ""), 503, "provider-unavailable")

	// A service is not asked before somebody comes back from it.
	service := oauth.GitHub()
	service.Endpoint.TokenURL = "http://127.0.0.1:1/token"
	gone, err := oauth.NewProvider(service, oauth.Config{ClientID: "c", RedirectURL: callback})
	if err != nil {
		t.Fatal(err)
	}
	s = newSite(t, setup{provider: gone})
	b = s.browser()
	u, err := url.Parse(b.begin())
	if err != nil {
		t.Fatal(err)
	}
	b.refused("end", b.get("/auth/fake/callback?code=x&state="+u.Query().Get("state")), 503, "provider-unavailable")
}

// TestBadBegin: a provider that shows the verifier, leads nowhere, or leaves
// out what protects the flow, is not followed. C05, C08
func TestBadBegin(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(f *oauth.Flow) string{
		"the verifier":      func(f *oauth.Flow) string { return authorize(f, "code_verifier", f.Verifier) },
		"a path":            func(f *oauth.Flow) string { return strings.TrimPrefix(authorize(f), "https://stub.example") },
		"another scheme":    func(f *oauth.Flow) string { return strings.Replace(authorize(f), "https", "javascript", 1) },
		"a script":          func(*oauth.Flow) string { return "javascript:alert(1)" },
		"no URL":            func(*oauth.Flow) string { return "https://%zz" },
		"no state":          func(f *oauth.Flow) string { return authorize(f, "state", "") },
		"another state":     func(f *oauth.Flow) string { return authorize(f, "state", "mine") },
		"two states":        func(f *oauth.Flow) string { return authorize(f) + "&state=mine" },
		"no challenge":      func(f *oauth.Flow) string { return authorize(f, "code_challenge", "") },
		"another challenge": func(f *oauth.Flow) string { return authorize(f, "code_challenge", "mine") },
		"no method":         func(f *oauth.Flow) string { return authorize(f, "code_challenge_method", "") },
		"a long memo":       func(f *oauth.Flow) string { f.Memo = strings.Repeat("m", 2000); return authorize(f) },
		"a memo with a NUL": func(f *oauth.Flow) string { f.Memo = "a\x00b"; return authorize(f) },
	} {
		s := newSite(t, setup{provider: &stub{begin: func(f *oauth.Flow) (string, error) { return begin(f), nil }}})
		if w := s.browser().send("POST", "/auth/fake", ""); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: got %d, want 500", name, w.Code)
		}
	}
}

// TestWithoutChallenge: only a provider that says so leaves the challenge out,
// and never the state. C05, C08
func TestWithoutChallenge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		says bool
		drop string
		want int
	}{
		{true, "code_challenge", http.StatusSeeOther},
		{false, "code_challenge", http.StatusInternalServerError},
		{true, "state", http.StatusInternalServerError},
	} {
		p := &omitter{stub: stub{begin: func(f *oauth.Flow) (string, error) { return authorize(f, test.drop, ""), nil }}, says: test.says}
		s := newSite(t, setup{provider: p})
		if w := s.browser().send("POST", "/auth/fake", ""); w.Code != test.want {
			t.Errorf("%+v: got %d", test, w.Code)
		}
	}
}

type omitter struct {
	stub
	says bool
}

func (p *omitter) OmitsChallenge() bool { return p.says }

// TestFlow: what Begin saw is what Finish sees.
func TestFlow(t *testing.T) {
	t.Parallel()
	var began, ended oauth.Flow
	p := &stub{}
	p.begin = func(f *oauth.Flow) (string, error) {
		f.Memo = "memo"
		began = *f
		return authorize(f), nil
	}
	p.finish = func(_ context.Context, f *oauth.Flow) (*oauth.Identity, error) {
		ended = *f
		return &oauth.Identity{Subject: "1"}, nil
	}
	s := newSite(t, setup{provider: p})
	b := s.browser()
	b.begin()
	if w := b.get("/auth/fake/callback?code=c0de&state=" + began.State); w.Code != http.StatusSeeOther {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if ended.State != began.State || ended.Verifier != began.Verifier || ended.Nonce != began.Nonce || ended.Memo != "memo" || ended.Code != "c0de" {
		t.Errorf("began with %+v, ended with %+v", began, ended)
	}
	all := []string{began.State, began.Verifier, began.Nonce}
	slices.Sort(all)
	if len(slices.Compact(all)) != 3 || len(began.Verifier) < 43 {
		t.Errorf("state, verifier and nonce: %v", all)
	}
}

func TestNewPanics(t *testing.T) {
	t.Parallel()
	verify := func(context.Context, *oauth.Identity) (*user, error) { return nil, nil }
	for name, f := range map[string]func(){
		"no provider":  func() { oauth.New(nil, verify, nil) },
		"nil provider": func() { oauth.New((*stub)(nil), verify, nil) },
		"no verify":    func() { oauth.New[*user](&stub{}, nil, nil) },
		"timeout":      func() { oauth.New(&stub{}, verify, &oauth.Options{Timeout: -1}) },
		"client":       func() { oauth.Client(&oauth.ClientOptions{Timeout: -1}) },
		"no profile":   func() { _, _ = oauth.NewProvider(oauth.Service{}, oauth.Config{}) },
		"relative":     func() { oauth.New(redirected("/auth/callback"), verify, nil) }, // C11
		"no path":      func() { oauth.New(redirected("https://example.com"), verify, nil) },
		"query":        func() { oauth.New(redirected("https://example.com/a?b"), verify, nil) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "oauth: ") {
					t.Errorf("%s: panicked with %q", name, p)
				}
			}()
			f()
		}()
	}
}

type redirectedStub struct {
	stub
	to string
}

func (p *redirectedStub) RedirectURL() string { return p.to }

func redirected(to string) oauth.Provider { return &redirectedStub{to: to} }
