package gothprovider_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

// TestBegin: the authorization URL is goth's, with the challenge, the nonce
// and what the request asks for. C05, C08
func TestBegin(t *testing.T) {
	t.Parallel()
	p := must[*gothprovider.Provider](t)(gothprovider.New(githubDotCom("read:user", "user:email"), gothprovider.Config{RedirectURL: callback}))
	f := &oauth.Flow{
		State: strings.Repeat("s", 43), Verifier: strings.Repeat("v", 43), Nonce: strings.Repeat("n", 43),
		Params: oauth.Params{Prompt: "login", LoginHint: "a+b@example.com", Extra: map[string]string{"allow_signup": "false", "state": "evil", "redirect_uri": "evil"}},
	}
	location, err := p.Begin(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(location, "+") || strings.Contains(location, f.Verifier) || strings.Contains(location, "secret") {
		t.Errorf("got %s", location)
	}
	u, err := url.Parse(location)
	if err != nil || u.Host+u.Path != "github.com/login/oauth/authorize" {
		t.Errorf("got %s, %v", location, err)
	}
	want := url.Values{
		"client_id": {"id"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read:user user:email"}, "state": {f.State},
		"code_challenge": {f.Challenge()}, "code_challenge_method": {"S256"},
		"prompt": {"login"}, "login_hint": {"a+b@example.com"}, "allow_signup": {"false"},
	}
	if got := u.Query(); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestBeginScopes(t *testing.T) {
	t.Parallel()
	for scope, test := range map[string]struct {
		more  []string
		want  string
		nonce bool
	}{
		"":              {nil, "", false},
		"email":         {nil, "email", false},
		"email profile": {[]string{"a", "b"}, "email profile a b", false},
		"email,profile": {[]string{"a", "b"}, "email,profile,a,b", false},
		"openid":        {nil, "openid", true},
		"email,openid":  {nil, "email,openid", true},
		"openidconnect": {nil, "openidconnect", false},
		"profile":       {[]string{"openid"}, "profile openid", true},
	} {
		p := strange(t, &stranger{location: func(s *stranger, state string) string {
			q := url.Values{"state": {state}, "redirect_uri": {s.callback}}
			if scope != "" {
				q.Set("scope", scope)
			}
			return "https://stranger.example/a?" + q.Encode() + "#wechat_redirect"
		}}, gothprovider.Config{})
		f := &oauth.Flow{State: "s", Verifier: "v", Nonce: "n", Params: oauth.Params{Scopes: test.more}}
		location, err := p.Begin(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(location)
		if got := u.Query(); got.Get("scope") != test.want || got.Has("nonce") != test.nonce || u.Fragment != "wechat_redirect" {
			t.Errorf("%q and %q: got %s", scope, test.more, location)
		}
	}
}

// TestParams: of the callback goth sees the code, the state and what it is
// said to need, and the verifier is ours. C09
func TestParams(t *testing.T) {
	t.Parallel()
	var got []goth.Params
	template := &stranger{authorize: func(s *stranger, params goth.Params) error {
		got = append(got, params)
		return nil
	}}
	p := strange(t, template, gothprovider.Config{CallbackParams: []string{"shop", "hmac"}, InsecureOwnClient: true})
	if extra := p.ExtraParams(); !slices.Equal(extra, []string{"shop", "hmac"}) {
		t.Errorf("reads %q", extra)
	}
	f := newFlow(t, p)
	f.Extra = map[string]string{"shop": "ours", "redirect_uri": "evil", "code_verifier": "evil", "code": "evil", "state": "evil", "other": "evil"}
	if _, err := p.Finish(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"code": {f.Code}, "state": {f.State}, "code_verifier": {f.Verifier}, "shop": {"ours"}}
	if !maps.EqualFunc(got[0].(url.Values), want, slices.Equal) {
		t.Errorf("goth got %v, want %v", got[0], want)
	}
	f.Code = ""
	if id, err := p.Finish(t.Context(), f); id != nil || !errors.Is(err, oauth.ErrBadAnswer) || len(got) != 1 {
		t.Errorf("without a code: got %v, %v", id, err)
	}
	if p := strange(t, &stranger{}, gothprovider.Config{}); len(p.ExtraParams()) != 0 {
		t.Errorf("reads %q", p.ExtraParams())
	}
}

// TestFresh: no two sign-ins share a provider of goth, which keeps state.
func TestFresh(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	made := make(map[goth.Provider]bool)
	p, err := gothprovider.New(func(callback string, client *http.Client) goth.Provider {
		p := githubDotCom()(callback, client)
		mu.Lock()
		defer mu.Unlock()
		made[p] = true
		return p
	}, gothprovider.Config{RedirectURL: callback})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := p.Begin(t.Context(), &oauth.Flow{State: "s", Verifier: "v"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(made) != 21 {
		t.Errorf("made %d, want one for New and one for each of 20", len(made))
	}
}

// TestContext: Begin and Finish end with their context, also where goth would
// go on, and nothing of them stays. C38, C40
func TestContext(t *testing.T) { // alone: it counts goroutines
	before := runtime.NumGoroutine()
	server := httptest.NewServer(http.HandlerFunc(hangs))
	for name, authorize := range map[string]func(s *stranger, params goth.Params) error{
		"waits": nil,
		"tries again and again": func(s *stranger, params goth.Params) error {
			for range 50 {
				if s.redeem(s.client, params) == nil {
					return nil
				}
				time.Sleep(2 * time.Millisecond)
			}
			return errors.New("gave up")
		},
		"hides why": func(s *stranger, params goth.Params) error {
			if s.redeem(s.client, params) != nil {
				return errors.New("something went wrong")
			}
			return nil
		},
		"takes it for an answer": func(s *stranger, params goth.Params) error { _ = s.redeem(s.client, params); return nil },
	} {
		transport := new(http.Transport)
		p := strange(t, &stranger{server: server.URL, authorize: authorize}, gothprovider.Config{Client: oauth.Client(&oauth.ClientOptions{Transport: transport})})
		f := newFlow(t, p)
		for what, want := range map[string]error{"deadline": context.DeadlineExceeded, "cancelled": context.Canceled, "over": context.Canceled} {
			ctx, cancel := context.WithCancel(t.Context())
			switch what {
			case "deadline":
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			case "cancelled":
				time.AfterFunc(50*time.Millisecond, cancel)
			case "over":
				cancel()
			}
			start := time.Now()
			id, err := p.Finish(ctx, f)
			if took := time.Since(start); id != nil || !errors.Is(err, want) || took > 2*time.Second {
				t.Errorf("%s, %s: got %v, %v after %v", name, what, id, err, took)
			}
			cancel()
		}
		transport.CloseIdleConnections()
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := make(chan bool)
	var made int
	p := must[*gothprovider.Provider](t)(gothprovider.New(func(callback string, client *http.Client) goth.Provider {
		if made++; made > 1 {
			cancel()
			<-slow
		}
		return githubDotCom()(callback, client)
	}, gothprovider.Config{RedirectURL: callback}))
	if _, err := p.Begin(ctx, &oauth.Flow{State: "s", Verifier: "v"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin: got %v", err)
	}
	close(slow)
	start := time.Now()
	server.Close() // waits for the requests
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("requests went on for %v, until the client's own timeout", took)
	}
	settled(t, before)
}
