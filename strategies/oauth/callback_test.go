package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// TestTokenRequest looks at the one request that redeems a code: the code
// flow, with the verifier of the challenge, and the secret in a header. C08,
// C11, C36, C37, C45
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"a token":           {200, goodToken},
		"unknown client":    {401, `{"error":"invalid_client"}`}, // what others take for a reason to try the body
		"unsupported grant": {400, `{"error":"unsupported_grant_type"}`},
	} {
		var sent []*http.Request
		var bodies []string
		p := redeems(t, func(r *http.Request) *http.Response {
			if r.URL.Path == "/me" {
				return answers(r, 200, "application/json", []byte(goodProfile))
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			sent, bodies = append(sent, r), append(bodies, string(body))
			return answers(r, answer.status, "application/json", []byte(answer.body))
		})
		s := newSite(t, setup{provider: p})
		b := s.browser()
		asked := parsed(t, b.begin()).Query()
		b.get(callbackPath + "?code=c0de&grant_type=password&redirect_uri=https://evil.example&code_verifier=x&state=" + asked.Get("state"))
		if len(sent) != 1 {
			t.Errorf("%s: %d requests", name, len(sent))
			continue
		}
		r := sent[0]
		if r.Method != http.MethodPost || r.URL.String() != "https://stub.example/token" {
			t.Errorf("%s: %s %s", name, r.Method, r.URL)
		}
		if id, secret, ok := r.BasicAuth(); !ok || id != "c" || secret != "s" {
			t.Errorf("%s: no client secret in the header", name)
		}
		form, err := url.ParseQuery(bodies[0])
		if err != nil {
			t.Fatal(err)
		}
		f := oauth.Flow{Verifier: form.Get("code_verifier")}
		if f.Challenge() != asked.Get("code_challenge") {
			t.Errorf("%s: the verifier is not that of the challenge", name)
		}
		form.Del("code_verifier")
		want := url.Values{"grant_type": {"authorization_code"}, "code": {"c0de"}, "redirect_uri": {callback}}
		if diff := cmp.Diff(want, form); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
}

func parsed(t *testing.T, location string) *url.URL {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestEveryCallback: whatever a callback ends with, it is not cached, sniffed,
// or told to the next page, its code is in no answer, and what the provider
// says is reflected nowhere. C33, C35, C46
func TestEveryCallback(t *testing.T) {
	t.Parallel()
	const code, evil = "c0de-canary", "<script>evil</script>"
	finish := func(err error) func(context.Context, *oauth.Flow) (*oauth.Identity, error) {
		return func(context.Context, *oauth.Flow) (*oauth.Identity, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		finish func(context.Context, *oauth.Flow) (*oauth.Identity, error)
		method string
		query  string // "STATE" is the state
		status int    // for a browser
		api    int    // for a program
	}{
		"success":          {nil, "GET", "code=" + code + "&state=STATE", 303, 303},
		"refused":          {finish(oauth.ErrRefused), "GET", "code=" + code + "&state=STATE", 303, 401},
		"a bad answer":     {finish(oauth.ErrBadAnswer), "GET", "code=" + code + "&state=STATE", 502, 502},
		"an outage":        {finish(errors.New(evil)), "GET", "code=" + code + "&state=STATE", 503, 503},
		"nobody":           {finish(nil), "GET", "code=" + code + "&state=STATE", 502, 502},
		"cancelled":        {nil, "GET", "error=access_denied&error_description=" + url.QueryEscape(evil) + "&state=STATE", 303, 401},
		"an error":         {nil, "GET", "error=" + url.QueryEscape(evil) + "&error_uri=" + url.QueryEscape("https://evil.example/"+evil) + "&state=STATE", 303, 401},
		"a foreign state":  {nil, "GET", "code=" + code + "&state=" + strings.Repeat("A", 43), 403, 403},
		"no state":         {nil, "GET", "code=" + code + "&state=" + url.QueryEscape(evil), 403, 403},
		"another issuer":   {nil, "GET", "code=" + code + "&iss=" + url.QueryEscape(evil) + "&state=STATE", 403, 403},
		"repeated":         {nil, "GET", "code=" + code + "&code=" + url.QueryEscape(evil) + "&state=STATE", 400, 400},
		"a form":           {nil, "POST", "code=" + code + "&state=STATE", 303, 303},
		"a malformed form": {nil, "POST", "code=" + code + "&code=" + url.QueryEscape(evil), 400, 400},
		"PUT":              {nil, "PUT", "code=" + code + "&state=STATE", 405, 405},
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			s := newSite(t, setup{provider: &stub{finish: test.finish}})
			b := s.browser()
			query := strings.ReplaceAll(test.query, "STATE", parsed(t, b.begin()).Query().Get("state"))
			var w *httptest.ResponseRecorder
			if test.method == "GET" {
				w = b.get(callbackPath+"?"+query, "Accept", accept, "Sec-Fetch-Site", "cross-site")
			} else {
				w = b.send(test.method, callbackPath, query, "Accept", accept, "Sec-Fetch-Site", "cross-site")
			}
			want := test.status
			if accept != "text/html" {
				want = test.api
			}
			if w.Code != want {
				t.Errorf("%s, %s: got %d, want %d", name, accept, w.Code, want)
			}
			for header, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
				if got := w.Header()[header]; len(got) != 1 || got[0] != want {
					t.Errorf("%s, %s: %s: got %q, want %q", name, accept, header, got, want)
				}
			}
			var all bytes.Buffer
			if err := w.Result().Write(&all); err != nil {
				t.Fatal(err)
			}
			if text := all.String(); strings.Contains(text, "evil") || test.method == "GET" && strings.Contains(text, code) {
				t.Errorf("%s, %s: reflected:\n%s", name, accept, text)
			}
		}
	}
}

// TestReload: a callback that is loaded again, and one on another server of
// the site, changes nobody: who is signed in stays so, and is told. C03, C36
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	before := b.clone()
	b.land(u)
	who := b.me()
	if w := b.land(u); w.Code != http.StatusForbidden || who == "" || b.me() != who || !strings.Contains(w.Body.String(), "Begin again.") {
		t.Errorf("got %d %s, and %q is signed in, want %q", w.Code, w.Body, b.me(), who)
	}
	s.build(setup{provider: s.provider}) // over the same store
	before.refused("on another server", before.land(u), 403, "invalid-state")
	if n := s.fake.Redeemed(); n != 1 {
		t.Errorf("%d requests for a token", n)
	}
}

// TestErrorOfAnotherBrowser: an error has to have the state too, and does not
// spend that of somebody else. C34
func TestErrorOfAnotherBrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	u := b.back()
	failed := with(u, "error", "access_denied", "code", "")
	other := s.browser()
	other.begin()
	other.refused("another browser", other.land(failed), 403, "invalid-state")
	other.refused("no state", other.land(with(failed, "state", "")), 403, "invalid-state")
	if b.land(u); b.me() == "" {
		t.Error("the state is spent")
	}
}

// TestNoStateWithoutCode: an answer without a code needs the state all the same,
// whatever else the provider reads, and does not spend it. C05
func TestNoStateWithoutCode(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{provider: &stub{extras: []string{"oauth_token", "openid.claimed_id"}}})
	b := s.browser()
	state := parsed(t, b.begin()).Query().Get("state")
	for _, query := range []string{"oauth_token=x", "openid.claimed_id=x&state=", "oauth_token=x&state=" + state[:42]} {
		b.refused(query, b.get(callbackPath+"?"+query), 403, "invalid-state")
	}
	b.refused("no code", b.get(callbackPath+"?oauth_token=x&state="+state), 400, "bad-request")
	if b.get(callbackPath + "?code=c&oauth_token=x&state=" + state); b.me() == "" {
		t.Error("not with the state and a code either")
	}
}

// TestNames: a name counts as it was registered, byte for byte; what is not
// registered panics when a route is wired, and is never echoed. C48
func TestNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	b := s.browser()
	for _, name := range []string{"FAKE", "Fake", "fake ", " fake", "fak", "fakee", "fake\x00", "fake/", "../fake", "ｆake", "<script>", ""} {
		a := passport.New(passport.Config[*user]{
			Serializer: passport.SerializeBy(func(u *user) string { return u.ID }, func(_ context.Context, id string) (*user, error) { return &user{id}, nil }),
		})
		a.Use("fake", oauth.New(s.provider, s.verify, nil))
		panicked := func() (panicked bool) {
			defer func() { panicked = recover() != nil }()
			a.LoginHandler(name, nil)
			return false
		}()
		r := httptest.NewRequest("POST", "/", nil)
		w := httptest.NewRecorder()
		res, err := a.Authenticate(r, name)
		a.Refuse(w, r, err)
		if !panicked || err == nil || res.Outcome() != passport.Passed || w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "script") {
			t.Errorf("%q: panicked %t, %s %v, %d %s", name, panicked, res.Outcome(), err, w.Code, w.Body)
		}
		// Where the name is a part of the path, there is no such route.
		target := "/auth/" + url.PathEscape(name)
		if w := b.send("POST", target, ""); w.Code != http.StatusNotFound && w.Code/100 != 3 || len(b.open()) != 0 || strings.Contains(w.Body.String(), "script") {
			t.Errorf("%s: got %d %s", target, w.Code, w.Body)
		}
	}
}
