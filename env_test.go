package passport_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// asks runs f in a strategy of that name, with the Env that it sees.
func (a *app) asks(name string, f func(*passport.Env)) {
	a.t.Helper()
	asked := false
	a.UseFunc(name, func(r *http.Request) (result, error) {
		asked = true
		f(passport.EnvOf(r.Context()))
		return result{}.Pass()
	})
	newBrowser(a.t, a.Handler(a.Require(name)(http.NotFoundHandler()))).send("GET", "/")
	if !asked {
		a.t.Fatal("the strategy was not asked")
	}
}

// TestSeal: a sealed value is opened by the same strategy of an authenticator
// of the same name and secrets, in time, and by no other. B21, B22
func TestSeal(t *testing.T) {
	t.Parallel()
	old, next := []byte("an old secret of thirty-two bytes"), []byte("the next secret of thirty-two b.")
	synctest.Test(t, func(t *testing.T) {
		var sealed string
		newApp(t, named("session", old)).asks("oauth", func(e *passport.Env) {
			sealed = e.Seal([]byte("value"), time.Now().Add(time.Minute))
		})
		for name, test := range map[string]struct {
			app      *app
			strategy string
			opens    bool
		}{
			"the same":              {newApp(t, named("session", old)), "oauth", true},
			"rotated":               {newApp(t, named("session", next, old)), "oauth", true}, // B21
			"rotated out":           {newApp(t, named("session", next)), "oauth", false},     // B21
			"another strategy":      {newApp(t, named("session", old)), "saml", false},
			"a strategy alike":      {newApp(t, named("session", old)), "oauth2", false},
			"another authenticator": {newApp(t, named("admin", old)), "oauth", false},
			"random secrets":        {newApp(t, named("session")), "oauth", false},
		} {
			test.app.asks(test.strategy, func(e *passport.Env) {
				value, err := e.Open(sealed)
				if (err == nil) != test.opens || err == nil && string(value) != "value" {
					t.Errorf("%s: %q, %v", name, value, err)
				}
			})
		}
		a := newApp(t, named("session", next, old))
		a.asks("oauth", func(e *passport.Env) { sealed = e.Seal([]byte("v"), time.Now().Add(time.Minute)) })
		b := newApp(t, named("session", old)) // the newest seals
		b.asks("oauth", func(e *passport.Env) {
			if _, err := e.Open(sealed); err == nil {
				t.Error("the older secret sealed")
			}
		})
		time.Sleep(time.Minute)
		c := newApp(t, named("session", next))
		c.asks("oauth", func(e *passport.Env) {
			if _, err := e.Open(sealed); err == nil {
				t.Error("too late, and it opens")
			}
		})
	})
}

// TestSealedForStrategyIsNoCookie: what a strategy sealed is not taken for
// what the framework leaves. B22
func TestSealedForStrategyIsNoCookie(t *testing.T) {
	t.Parallel()
	var sealed string
	maker := newApp(t)
	maker.asks("oauth", func(e *passport.Env) {
		sealed = e.Seal([]byte("0123456789abcdef/evil"), time.Now().Add(time.Minute)) // as long as what is left there
	})
	a := leaver(t)
	b := a.browser()
	b.cookies = map[string]string{returnCookie: sealed, flashCookie: sealed, sessionCookie: sealed}
	if got := b.send("GET", "/flashes"); got.Code != 200 || got.Body.Len() != 0 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := b.signIn(); got != "/" {
		t.Errorf("leads to %s", got)
	}
}

// TestOnce: a value is spent once, for one strategy of one authenticator. B22
func TestOnce(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	shared := func(name string) *app {
		return newApp(t, func(c *config) {
			c.Sessions = sessions.New(store, &sessions.Options{Name: name})
		})
	}
	key := [32]byte{1}
	for _, test := range []struct {
		app, strategy string
		key           [32]byte
		fresh         bool
	}{
		{"session", "oauth", key, true},
		{"session", "oauth", key, false},
		{"session", "saml", key, true},
		{"admin", "oauth", key, true},
		{"session", "oauth", [32]byte{2}, true},
	} {
		shared(test.app).asks(test.strategy, func(e *passport.Env) {
			err := e.Once(t.Context(), test.key, time.Now().Add(time.Minute))
			if test.fresh && err != nil || !test.fresh && !errors.Is(err, sessions.ErrUsed) {
				t.Errorf("%+v: %v", test, err)
			}
		})
	}
	a := newApp(t)
	a.store.down("Once")
	a.asks("oauth", func(e *passport.Env) {
		if err := e.Once(t.Context(), key, time.Now().Add(time.Minute)); !errors.Is(err, errDown) {
			t.Errorf("an outage: %v", err)
		}
	})
}

// TestOnceWithout: a keeper that spends nothing leaves it to memory.
func TestOnceWithout(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(c *config) { c.Sessions = onlyKeeper{c.Sessions} })
	a.asks("oauth", func(e *passport.Env) {
		for i, want := range []error{nil, sessions.ErrUsed} {
			if err := e.Once(t.Context(), [32]byte{}, time.Now().Add(time.Minute)); !errors.Is(err, want) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

// TestEnv: a strategy is told how it was asked, also through Any and a
// decorator, and by an authenticator inside another.
func TestEnv(t *testing.T) {
	t.Parallel()
	var seen []string
	see := passport.StrategyFunc[*user](func(r *http.Request) (result, error) {
		e := passport.EnvOf(r.Context())
		seen = append(seen, fmt.Sprint(e.Strategy(), " ", e.Purpose(), " ", e.UserID(), " ", e.ReturnTo()))
		return result{}.Pass()
	})
	decorated := passport.StrategyFunc[*user](func(r *http.Request) (result, error) { return see.Authenticate(r) })
	a := newApp(t, func(c *config) { c.LoginPage = "/page" })
	a.Use("it", see)
	a.Use("any", passport.Any[*user](passport.StrategyFunc[*user](pass), decorated))
	a.mux.Handle("/login/it", a.LoginHandler("it", nil))
	a.mux.Handle("/guard", a.Require("it", "any")(http.NotFoundHandler()))
	a.mux.HandleFunc("/authenticate", func(_ http.ResponseWriter, r *http.Request) {
		a.Authenticate(r, "it")
		seen = append(seen, passport.EnvOf(r.Context()).Strategy()+"-")
	})
	a.routes()
	b := a.browser()
	b.send("GET", "/me?x=y", "Accept", "text/html")
	b.send("POST", "/login/it")
	b.send("POST", "/guard")
	b.send("GET", "/authenticate")
	b.login("key", "alice")
	b.send("POST", "/guard")
	want := []string{
		"it login  /me?x=y", "it require  /me?x=y", "any require  /me?x=y", "it authenticate  /me?x=y", "-",
		"it require alice ", "any require alice ",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
}

// TestClient: X-Forwarded-For is believed from trusted proxies alone. E11, A24
func TestClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"direct":                  {"203.0.113.1:1234", nil, "203.0.113.1"},
		"a liar":                  {"203.0.113.1:1234", []string{"127.0.0.1"}, "203.0.113.1"},
		"by a proxy":              {"192.0.2.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		"a liar behind a proxy":   {"192.0.2.1:1", []string{"127.0.0.1, 198.51.100.7"}, "198.51.100.7"},
		"in lines":                {"192.0.2.1:1", []string{"127.0.0.1", "198.51.100.7"}, "198.51.100.7"},
		"two proxies":             {"192.0.2.1:1", []string{"127.0.0.1, 198.51.100.7, 192.0.2.9"}, "198.51.100.7"},
		"proxies alone":           {"192.0.2.1:1", []string{"192.0.2.8, 192.0.2.9"}, "192.0.2.8"},
		"nothing forwarded":       {"192.0.2.1:1", nil, "192.0.2.1"},
		"nonsense forwarded":      {"192.0.2.1:1", []string{"198.51.100.7, unknown"}, "192.0.2.1"},
		"nonsense behind a proxy": {"192.0.2.1:1", []string{"unknown, 192.0.2.9"}, "192.0.2.9"},
		"IPv6 trusted":            {"[2001:db8::1]:1", []string{"2001:db8:ffff::7"}, "2001:db8:ffff::7"},
		"IPv4 as IPv6":            {"[::ffff:192.0.2.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"IPv6 zone":               {"[fe80::1%eth0]:1", nil, "fe80::1"},
		"a socket":                {"@", []string{"198.51.100.7"}, "invalid IP"},
		"none":                    {"", nil, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *config) {
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}
			})
			a.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
				if got := passport.EnvOf(r.Context()).Client().String(); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			})
			b := a.browser()
			r := b.request("GET", "/")
			r.RemoteAddr = test.remote
			r.Header["X-Forwarded-For"] = test.forwarded
			b.do(r)
		})
	}
}

// TestEnvOfNothing: outside of an Authenticator there is none.
func TestEnvOfNothing(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	for name, ctx := range map[string]context.Context{
		"background": t.Context(), "WithUser": a.WithUser(t.Context(), alice),
	} {
		if passport.EnvOf(ctx) != nil {
			t.Errorf("%s: there is an Env", name)
		}
	}
	api := passport.New(config{Logger: slog.New(slog.DiscardHandler)})
	api.UseFunc("it", func(r *http.Request) (result, error) {
		if e := passport.EnvOf(r.Context()); e == nil || e.Strategy() != "it" || e.UserID() != "" || e.ReturnTo() != "" || e.Client().String() != "192.0.2.1" {
			t.Errorf("%+v", e)
		}
		return result{}.Pass()
	})
	newBrowser(t, api.Require("it")(http.NotFoundHandler())).send("GET", "/")
}
