package passport_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport"
)

// TestCanary: what is secret stands in no log (at debug), no error, no body,
// no attempt and no %+v: a password, a token, a key, a session's cookie, the
// secrets that seal. A28, B23
func TestCanary(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	key := []byte(canary + "-of-at-least-thirty-two-bytes")
	var printed []string
	show := func(values ...any) {
		for _, v := range values {
			printed = append(printed, fmt.Sprintf("%v|%+v", v, v))
		}
	}
	var a *app
	a = leaver(t, func(c *config) {
		c.Secrets = [][]byte{key}
		attempt := c.OnAttempt
		c.OnAttempt = func(ctx context.Context, at passport.Attempt) {
			attempt(ctx, at)
			show(at, at.Cause)
			slog.New(slog.NewTextHandler(a.log, nil)).Info("attempt", "attempt", at)
		}
	})
	// Every way to send a secret, to strategies that do all that goes wrong.
	decide := map[string]func(*http.Request) (result, error){
		"fail":   func(*http.Request) (result, error) { return result{}.Fail(errCause) },
		"broken": func(*http.Request) (result, error) { return result{}, errDown },
		"panic":  func(r *http.Request) (result, error) { panic("a mistake") },
		"detour": func(*http.Request) (result, error) {
			return result{}, &passport.Detour{URL: "/next", Key: "pending", Value: canary}
		},
		"claim": func(r *http.Request) (result, error) {
			e := passport.EnvOf(r.Context())
			e.Claim(r.Header.Get("X-Name"))
			show(e, e.Seal([]byte(canary), time.Now().Add(time.Hour)), r.Context())
			_, err := e.Open(r.Header.Get("X-Key"))
			show(err)
			return result{}.Fail(err)
		},
	}
	for name, f := range decide {
		a.UseFunc(name, f)
	}
	for name := range decide {
		a.mux.Handle("/in/"+name, a.LoginHandler(name, &passport.LoginOptions{FailureRedirect: "/again"}))
		a.mux.Handle("/guard/"+name, a.Require(name)(http.HandlerFunc(a.who)))
	}
	a.mux.HandleFunc("/print", func(w http.ResponseWriter, r *http.Request) {
		res, err := a.Authenticate(r, "key")
		show(res, res.Err(), res.Failure(), err, a.Session(r.Context()), a.Session(r.Context()).Record(), a.Session(r.Context()).Handle(), r.Context())
		http.SetCookie(w, &http.Cookie{Name: "nothing"})
	})
	show(a.Authenticator, a.keeper.Manager)
	secrets := []string{canary, base64.StdEncoding.EncodeToString([]byte("alice:" + canary))}
	for _, id := range []string{"", "alice"} {
		b := a.browser()
		if id != "" {
			b.login("key", id)
			secrets = append(secrets, b.cookies[sessionCookie])
		}
		paths := []string{"/me", "/print", "/login/key", "/login/pwd", "/missing", "/logout"}
		for name := range decide {
			paths = append(paths, "/in/"+name, "/guard/"+name)
		}
		slices.Sort(paths)
		for _, path := range paths {
			for _, step := range [][2]string{{"POST", ""}, {"GET", "?password=" + canary + "&token=" + canary}} {
				for _, down := range []bool{false, true} {
					if down {
						a.store.down()
					}
					w := b.clone().send(step[0], path+step[1], "X-Key", canary, "X-Name", "alice",
						"Authorization", "Basic "+secrets[1], "Proxy-Authorization", "Bearer "+canary,
						"Cookie", sessionCookie+"="+b.cookies[sessionCookie]+"; token="+canary, "X-Csrf-Token", canary)
					a.store.up()
					printed = append(printed, w.Body.String(), w.Header().Get("Location"), fmt.Sprint(w.Header()["Www-Authenticate"]))
				}
			}
		}
	}
	if len(printed) < 100 || len(a.log.lines("passport: refused")) < 20 {
		t.Fatalf("%d texts, log %s", len(printed), a.log)
	}
	for _, secret := range secrets {
		if line := a.log.lines(secret); len(line) != 0 {
			t.Errorf("the log has %s: %.500s", secret, line[0])
		}
		for _, text := range printed {
			if strings.Contains(text, secret) {
				t.Errorf("%s stands in %.500s", secret, text)
			}
		}
	}
	if dump := fmt.Sprintf("%+v", a.store.of("alice")); strings.Contains(dump, canary) {
		t.Errorf("the store has %s", dump)
	}
}
