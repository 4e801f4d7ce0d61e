package passport_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

type config = passport.Config[*user]

func pass(*http.Request) (result, error) { return result{}.Pass() }

// TestWiring: a mistake of wiring panics, and says how to mend it. F16
func TestWiring(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.UseFunc("github", pass)
	api := passport.New(config{})
	ids := passport.SerializeBy((*user).Key, a.users.byID)
	var (
		nilStrategy passport.StrategyFunc[*user]
		nilKeeper   *sessions.Manager
		nilIDs      *idSerializer
	)
	for name, test := range map[string]struct {
		do   func()
		want string
	}{
		// B21: empty or short keys.
		"short secret":        {func() { passport.New(config{Secrets: [][]byte{make([]byte, 31)}}) }, "needs at least 32"},
		"short second secret": {func() { passport.New(config{Secrets: [][]byte{secret, nil}}) }, "needs at least 32"},
		// E01: no control character gets into a challenge.
		"realm with LF":               {func() { passport.New(config{Realm: "a\nb"}) }, "no challenge"},
		"realm with CR":               {func() { passport.New(config{Realm: "a\rSet-Cookie: x=y"}) }, "no challenge"},
		"realm with NUL":              {func() { passport.New(config{Realm: "a\x00"}) }, "no challenge"},
		"realm with DEL":              {func() { passport.New(config{Realm: "a\x7f"}) }, "no challenge"},
		"realm beyond ASCII":          {func() { passport.New(config{Realm: "Müller"}) }, "no challenge"},
		"origin with a path":          {func() { passport.New(config{TrustedOrigins: []string{"https://a.example/b"}}) }, "TrustedOrigins"},
		"origin of no scheme":         {func() { passport.New(config{TrustedOrigins: []string{"a.example"}}) }, "TrustedOrigins"},
		"typed nil keeper":            {func() { passport.New(config{Sessions: nilKeeper, Serializer: ids}) }, "Sessions is a nil pointer"},
		"typed nil serializer":        {func() { passport.New(config{Serializer: nilIDs}) }, "Serializer is a nil pointer"},
		"sessions without serializer": {func() { passport.New(config{Sessions: a.keeper}) }, "needs a Config.Serializer"},

		"no name":            {func() { a.UseFunc("", pass) }, "needs a name"},
		"nil strategy":       {func() { a.Use("nil", nil) }, "strategy is nil"},
		"typed nil strategy": {func() { a.Use("nil", nilStrategy) }, `Use("nil")`},
		"nil function":       {func() { a.UseFunc("nil", nil) }, "strategy is nil"},
		"nil pointer":        {func() { a.Use("nil", (*pointerStrategy)(nil)) }, "strategy is nil"},
		"name taken":         {func() { a.UseFunc("github", pass) }, "taken"},
		"session is ours":    {func() { a.UseFunc("session", pass) }, "taken"},
		"Any of nil":         {func() { passport.Any[*user](passport.StrategyFunc[*user](pass), nil) }, "strategy is nil"},
		"Any of typed nil":   {func() { passport.Any[*user](nilStrategy) }, "strategy is nil"},

		"misspelt":              {func() { a.Require("githbu") }, `did you mean "github"?`},
		"misspelt session":      {func() { a.Require("sesion") }, `did you mean "session"?`},
		"unknown":               {func() { a.Optional("kerberos") }, "call Use first"},
		"unknown login":         {func() { a.LoginHandler("gihtub", nil) }, `did you mean "github"?`},
		"unknown to a function": {func() { a.RequireFunc(func(http.ResponseWriter, *http.Request, *user) {}, "x") }, "call Use first"},

		"login of an API":   {func() { api.LoginHandler("x", nil) }, "needs Config.Serializer"}, // E15
		"logout of an API":  {func() { api.LogoutHandler(nil) }, "needs Config.Serializer"},
		"session of an API": {func() { api.Require() }, "needs Config.Serializer"},

		"Handler of nil":     {func() { a.Handler(nil) }, "needs a handler"},
		"Require of nil":     {func() { a.Require("session")(nil) }, "need a handler"},
		"Optional of nil":    {func() { a.Optional("session")(nil) }, "need a handler"},
		"RequireFunc of nil": {func() { a.RequireFunc(nil) }, "needs a function"},
		"Allow of nil":       {func() { a.Allow(nil) }, "needs a function"},
		"Allow around nil":   {func() { a.Allow(func(context.Context, *user) error { return nil })(nil) }, "needs a handler"},

		"Credentials without extract": {func() { passport.Credentials[string, *user](nil, a.users.byID) }, "needs an extract"},
		"Credentials without verify":  {func() { passport.Credentials[string, *user](passport.HeaderCredential("X"), nil) }, "needs an extract"},
		"SerializeBy of nil":          {func() { passport.SerializeBy[*user](nil, nil) }, "two functions"},
		"StampBy of nil":              {func() { passport.StampBy[*user](nil, (*user).Key) }, "StampBy needs"},
		"StampBy typed nil":           {func() { passport.StampBy[*user](nilIDs, (*user).Key) }, "StampBy needs"},
		"StampBy without function":    {func() { passport.StampBy(ids, nil) }, "StampBy needs"},
		"Serializers of none":         {func() { passport.Serializers[*user]() }, "at least one"},
		"Serializers with nil":        {func() { passport.Serializers(ids, nil) }, "is nil"},
		"Serializers with typed nil":  {func() { passport.Serializers[*user](ids, nilIDs) }, "is nil"},

		"challenge without scheme":   {func() { passport.Challenge("") }, "no challenge"},
		"challenge of a bad scheme":  {func() { passport.Challenge("Ba sic") }, "no challenge"},
		"challenge of half a pair":   {func() { passport.Challenge("Basic", "realm") }, "no challenge"},
		"challenge of a bad name":    {func() { passport.Challenge("Basic", "re=alm", "x") }, "no challenge"},
		"challenge with a line feed": {func() { passport.Challenge("Basic", "realm", "x\r\nSet-Cookie: a=b") }, "no challenge"},

		"zero Authenticator": {func() { new(passport.Authenticator[*user]).UseFunc("x", pass) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := panics(test.do)
			if p == nil {
				t.Fatal("does not panic")
			}
			if got := fmt.Sprint(p); !strings.Contains(got, test.want) {
				t.Errorf("%q does not say %q", got, test.want)
			}
		})
	}
}

type pointerStrategy struct{ n int }

func (s *pointerStrategy) Authenticate(*http.Request) (result, error) {
	s.n++
	return result{}.Pass()
}

type idSerializer struct{ users *directory }

func (s *idSerializer) Serialize(_ context.Context, u *user) (string, error) { return u.ID, nil }
func (s *idSerializer) Deserialize(ctx context.Context, id string) (*user, error) {
	return s.users.byID(ctx, id)
}

// TestZero: what a zero value can be asked lets nobody in. F16
func TestZero(t *testing.T) {
	t.Parallel()
	a := newApp(t).routes()
	if _, ok := a.User(t.Context()); ok {
		t.Error("a user out of nothing")
	}
	if a.Info(t.Context()) != nil || a.Session(t.Context()).Handle() != "" || passport.EnvOf(t.Context()) != nil {
		t.Error("something out of nothing")
	}
	if err := (result{}).Err(); err == nil {
		t.Error("the zero Result lets someone in")
	}
	if got := new(passport.Failure).Error(); got != "passport: invalid-credentials" {
		t.Errorf("the zero Failure says %q", got)
	}
	b := a.browser()
	a.mux.HandleFunc("/refuse/nil", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, nil) })
	a.mux.HandleFunc("/refuse/zero", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, new(passport.Failure)) })
	a.mux.HandleFunc("/refuse/typed-nil", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, (*passport.Failure)(nil)) })
	a.mux.HandleFunc("/detour", func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, new(passport.Detour)) })
	for path, status := range map[string]int{"/refuse/nil": 500, "/refuse/zero": 401, "/refuse/typed-nil": 500, "/detour": 403} {
		if w := b.send("GET", path); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	if w := b.send("POST", "/login/key", "X-Key", "alice"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Errorf("nil LoginOptions: %d %v", w.Code, w.Header())
	}
	if w := b.send("POST", "/logout"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Errorf("nil LogoutOptions: %d %v", w.Code, w.Header())
	}
}

// TestUseWhileServing: registration ends with the first request. F01, C47
func TestUseWhileServing(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(a *app){
		"Handler":      func(a *app) { a.browser().send("GET", "/") },
		"Authenticate": func(a *app) { a.Authenticate(a.browser().request("GET", "/"), "key") },
		"Require": func(a *app) {
			newBrowser(t, a.Require("key")(http.NotFoundHandler())).send("GET", "/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			a.UseFunc("before", pass)
			a.Require("before")
			a.UseFunc("between", pass)
			serve(a)
			if p := fmt.Sprint(panics(func() { a.UseFunc("after", pass) })); !strings.Contains(p, "after the first request") {
				t.Errorf("Use while serving: %s", p)
			}
			if panics(func() { a.Require("after") }) == nil {
				t.Error("the strategy was registered")
			}
		})
	}
}

// TestConcurrentWiring is for the race detector: wiring, and the first
// requests, from everywhere at once. F01
func TestConcurrentWiring(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { _ = panics(func() { a.UseFunc(fmt.Sprint("s", i), pass) }) })
		wg.Go(func() { _ = panics(func() { a.Require(fmt.Sprint("s", i), "key") }) })
		wg.Go(func() { a.Authenticate(a.browser().request("GET", "/"), fmt.Sprint("s", i)) })
		wg.Go(func() { a.browser().send("GET", "/") })
	}
	wg.Wait()
}

// TestWarnings: what a Config leaves out, and a site would miss, is said once.
func TestWarnings(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	ids := passport.SerializeBy((*user).Key, newDirectory().byID)
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	for name, test := range map[string]struct {
		config config
		want   string
	}{
		"nothing":                  {config{}, ""},
		"in memory":                {config{Serializer: ids}, ""},
		"sessions without secrets": {config{Serializer: ids, Sessions: manager}, "Config.Secrets"},
		"all":                      {config{Serializer: ids, Sessions: manager, Secrets: [][]byte{secret}}, ""},
		"a keeper that spends nothing": {
			config{Serializer: ids, Sessions: onlyKeeper{manager}, Secrets: [][]byte{secret}}, "Config.Once",
		},
	} {
		log.Reset()
		test.config.Logger = logger
		passport.New(test.config)
		if got := log.String(); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: logged %q, want %q", name, got, test.want)
		}
	}
}

// onlyKeeper has none of a Manager's other abilities.
type onlyKeeper struct{ sessions.Keeper }

// TestConfigIsCopied: what New was given may change afterwards.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	a := newApp(t, func(c *config) { c.TrustedProxies = proxies })
	proxies[0] = netip.MustParsePrefix("198.51.100.0/24")
	a.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		if got := passport.EnvOf(r.Context()).Client().String(); got != "203.0.113.9" {
			t.Errorf("client %s", got)
		}
	})
	a.browser().send("GET", "/", "X-Forwarded-For", "203.0.113.9") // from 192.0.2.1, as httptest has it
}
