package oauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// posts is a site whose provider answers by a form, with the person's name.
func posts(t *testing.T) (*site, *oauth.Flow, *oauth.Flow) {
	t.Helper()
	var began, ended oauth.Flow
	p := &stub{extras: []string{"user"}}
	p.begin = func(f *oauth.Flow) (string, error) {
		began = *f
		return authorize(f), nil
	}
	p.finish = func(_ context.Context, f *oauth.Flow) (*oauth.Identity, error) {
		ended = *f
		return &oauth.Identity{Subject: "1"}, nil
	}
	return newSite(t, setup{provider: p}), &began, &ended
}

// post is a form that a page of the provider posts.
func (b *browser) post(target string, form url.Values) *httptest.ResponseRecorder {
	return b.send("POST", target, form.Encode(), "Sec-Fetch-Site", "cross-site", "Origin", "https://stub.example")
}

const callbackPath = "/auth/fake/callback"

// TestFormPost: a form decides nothing. It is sent to the same path by GET,
// with what counts; the rest travels sealed. C29
func TestFormPost(t *testing.T) {
	t.Parallel()
	s, began, ended := posts(t)
	b := s.browser()
	b.begin()
	const name = `{"name":{"firstName":"Ann"},"email":"ann@example.com"}`
	w := b.post(callbackPath, url.Values{
		"code": {"c0de"}, "state": {began.State}, "iss": {"https://stub.example"}, "user": {name},
		"id_token": {"x"}, "access_token": {"x"}, "redirect_uri": {"https://evil.example"},
	})
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || u.Host != "" || u.Path != callbackPath {
		t.Fatalf("got %d %s %s, want 303 to the same path", w.Code, u, w.Body)
	}
	if strings.Contains(u.String(), "Ann") || strings.Contains(u.String(), "ann") {
		t.Errorf("the name is legible in %s", u)
	}
	got := u.Query()
	got.Del("passport_extra")
	want := url.Values{"code": {"c0de"}, "state": {began.State}, "iss": {"https://stub.example"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent on (-want +got):\n%s", diff)
	}
	if set := w.Header().Get("Set-Cookie"); set != "" || ended.Code != "" || b.me() != "" {
		t.Errorf("the form decided: cookie %q, code %q", set, ended.Code)
	}
	if w := b.land(u); w.Code != http.StatusSeeOther || b.me() == "" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if ended.Code != "c0de" || ended.Extra["user"] != name {
		t.Errorf("got %+v", ended)
	}
}

// TestFormPostOfOthers: the form is let in at that method and path alone, and
// the state counts as ever. C29, C02, C03
func TestFormPostOfOthers(t *testing.T) {
	t.Parallel()
	s, began, ended := posts(t)
	b := s.browser()
	b.begin()
	form := url.Values{"code": {"c0de"}, "state": {began.State}}
	for _, path := range []string{"/auth/fake", "/auth/other/callback"} {
		if w := b.post(path, form); w.Code != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", path, w.Code)
		}
	}
	for name, test := range map[string]struct {
		form   url.Values
		header []string
		status int
	}{
		"repeated":  {url.Values{"code": {"a", "b"}, "state": {"s"}}, nil, 400}, // C10
		"JSON":      {form, []string{"Content-Type", "application/json"}, 400},
		"multipart": {form, []string{"Content-Type", "multipart/form-data; boundary=x"}, 400},
		"no type":   {form, []string{"Content-Type", ""}, 400},
		"too long":  {url.Values{"code": {strings.Repeat("c", 20_000)}}, nil, 400},
	} {
		header := append([]string{"Sec-Fetch-Site", "cross-site"}, test.header...)
		if w := b.send("POST", callbackPath, test.form.Encode(), header...); w.Code != test.status {
			t.Errorf("%s: got %d, want %d", name, w.Code, test.status)
		}
	}
	to := b.post(callbackPath, form).Header().Get("Location")
	if w := s.browser().get(to); w.Code != http.StatusForbidden {
		t.Errorf("another browser: got %d, want 403", w.Code)
	}
	before := b.clone()
	b.get(to)
	if w := before.get(to); w.Code != http.StatusForbidden || ended.Code == "" {
		t.Errorf("again: got %d, want 403", w.Code)
	}
}

// TestSealedExtra: what was sealed is for one state alone, and never is a
// cookie, though a stranger chose it. B22, C29
func TestSealedExtra(t *testing.T) {
	t.Parallel()
	s, began, ended := posts(t)
	provider := s.provider
	extra := func(b *browser, state, user string) string {
		u, err := url.Parse(b.post(callbackPath, url.Values{"code": {"c"}, "state": {state}, "user": {user}}).Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("passport_extra")
	}
	b := s.browser()
	b.begin()
	foreign := extra(s.browser(), strings.Repeat("A", 43), "Eve")
	for name, sealed := range map[string]string{"of another state": foreign, "nonsense": "AAAA", "empty": ""} {
		if w := b.get(callbackPath + "?code=c&state=" + began.State + "&passport_extra=" + sealed); w.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, w.Code)
		}
	}
	if ended.Code != "" {
		t.Error("redeemed")
	}
	// A state that is an attempt, tag and all: the seed, and fields behind it.
	for _, tag := range []string{"", "A", "E"} {
		forged := extra(s.browser(), tag+strings.Repeat("A", 32)+"login\x00/\x00\x00", "x")
		p := &stub{extras: []string{"user"}}
		opens := true
		s.build(setup{provider: p, wrap: func(strategy *oauth.Strategy[*user]) passport.Strategy[*user] {
			return planter{strategy, func(r *http.Request) (res passport.Result[*user], err error) {
				opens = oauth.Opens(p, passport.EnvOf(r.Context()), "1."+forged)
				return res.Pass()
			}}
		}})
		if s.browser().send("POST", "/auth/fake", ""); opens {
			t.Errorf("tag %q: opens as an attempt", tag)
		}
		s.build(setup{provider: provider})
	}
	// The cookie of an attempt is no extra either.
	b = s.browser()
	b.begin()
	_, cookie, _ := strings.Cut(b.cookies[b.open()[0]], ".")
	if w := b.get(callbackPath + "?code=c&state=" + began.State + "&passport_extra=" + cookie); w.Code != http.StatusBadRequest {
		t.Errorf("a cookie as an extra: got %d, want 400", w.Code)
	}
}

// TestBounces: of what another origin posts, only the callback is let in. C29
func TestBounces(t *testing.T) {
	t.Parallel()
	s := oauth.New(&stub{}, func(context.Context, *oauth.Identity) (*user, error) { return nil, nil }, nil)
	for target, want := range map[string]bool{
		callbackPath: true, callbackPath + "?a=b": true, "https://other.example" + callbackPath: true,
		"/auth/fake": false, "/": false, callbackPath + "/": false, "/AUTH/fake/callback": false, "//auth/fake/callback": false,
		"/auth/fake/callback;x": false, "/x?" + callbackPath: false,
	} {
		if got := s.Bounces(httptest.NewRequest("POST", target, nil)); got != want {
			t.Errorf("%s: got %t, want %t", target, got, want)
		}
	}
	// Below a prefix that a router cut off. E10: and no header says otherwise.
	r := httptest.NewRequest("POST", callbackPath, nil)
	r.URL.Path = "/callback"
	if !s.Bounces(r) {
		t.Error("not where the path is cut")
	}
	r = httptest.NewRequest("POST", "/x", nil)
	r.Header.Set("X-Forwarded-Uri", callbackPath)
	r.Header.Set("X-Original-Url", callbackPath)
	if s.Bounces(r) {
		t.Error("by a header")
	}
}

// TestFormReadBefore: a middleware that parses forms is no hindrance.
func TestFormReadBefore(t *testing.T) {
	t.Parallel()
	s, began, _ := posts(t)
	inner := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		inner.ServeHTTP(w, r)
	})
	b := s.browser()
	b.begin()
	to := b.post(callbackPath, url.Values{"code": {"c"}, "state": {began.State}}).Header().Get("Location")
	if b.get(to); b.me() == "" {
		t.Errorf("not signed in by %s", to)
	}
}

// FuzzAnswer: of any callback at most one value of each name is read.
func FuzzAnswer(f *testing.F) {
	f.Add("code=a&state=b&iss=c&user=d")
	f.Add("code=a&code=b")
	f.Add("code=%zz;state=1")
	f.Add("&=&a&%00=%00&error=x&error_description=")
	f.Fuzz(func(t *testing.T, encoded string) {
		code, state, iss, extra, err := oauth.ReadAnswer(encoded, []string{"user"})
		values, parseErr := url.ParseQuery(encoded)
		if parseErr != nil {
			if err == nil {
				t.Error("malformed, and read")
			}
			return
		}
		if err != nil {
			return
		}
		for name, got := range map[string]string{"code": code, "state": state, "iss": iss, "user": extra["user"]} {
			if all := values[name]; len(all) > 1 || got != values.Get(name) {
				t.Errorf("%s: got %q of %q", name, got, all)
			}
		}
	})
}
