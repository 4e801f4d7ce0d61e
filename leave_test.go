package passport_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
)

// leaver is an application with a login page, and a page that shows messages.
func leaver(t testing.TB, changes ...func(*config)) *app {
	a := newApp(t, append(changes, func(c *config) { c.LoginPage = "/page" })...).routes()
	a.mux.Handle("/{path...}", a.RequireFunc(func(http.ResponseWriter, *http.Request, *user) {}))
	a.mux.HandleFunc("POST /flash", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		fmt.Fprint(w, a.Flash(w, r.Form["m"]...))
	})
	a.mux.HandleFunc("GET /flashes", func(w http.ResponseWriter, r *http.Request) {
		messages, err := a.Flashes(w, r)
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		fmt.Fprint(w, strings.Join(messages, "|"))
	})
	return a
}

const (
	returnCookie = "__Host-session-return"
	flashCookie  = "__Host-session-flash"
)

// visit asks for a page as a person does.
func (b *browser) visit(target string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.send("GET", target, "Accept", "text/html")
}

// signIn returns where the sign-in leads.
func (b *browser) signIn() string {
	b.t.Helper()
	w := b.send("POST", "/login/key", "X-Key", "alice")
	if w.Code != http.StatusSeeOther {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// TestReturnTo: who is sent to sign in comes back, once.
func TestReturnTo(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/a", "/a/b?c=d&e=f", "/a?x=%2F%2Fevil.example", "/a%20b", "/" + strings.Repeat("a", 2000)} {
		a := leaver(t)
		b := a.browser()
		if w := b.visit(target); w.Header().Get("Location") != "/page" {
			t.Fatalf("%s: %d %v", target, w.Code, w.Header())
		}
		if got := b.signIn(); got != target {
			t.Errorf("%s: comes back to %s", target, got)
		}
		if got := b.signIn(); got != "/" {
			t.Errorf("%s: comes back again to %s", target, got)
		}
	}
}

// TestReturnToElsewhere: where a browser cannot be sent back to, it is sent to
// the default, and told nothing. C31
func TestReturnToElsewhere(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"//evil.example/", "/\\evil.example", "http://evil.example/../..//evil.example", "/" + strings.Repeat("a", 3000), "/a\tb", "*"} {
		a := leaver(t)
		b := a.browser()
		r := b.request("GET", "/a", "Accept", "text/html")
		r.RequestURI, r.URL.Path = uri, uri // as a router that does not clean paths has it
		w := httptest.NewRecorder()
		a.Handler(a.Require()(http.NotFoundHandler())).ServeHTTP(w, r)
		b.keep(w.Header())
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/page" {
			t.Errorf("%.40s: %d %v", uri, w.Code, w.Header())
		}
		if got := b.signIn(); !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\t") || len(got) > 2048 {
			t.Errorf("%.40s: comes back to %s", uri, got)
		}
	}
}

// TestTakenOnce: of any number of requests with one cookie, at once or one
// after another, one gets what it holds. B43
func TestTakenOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		leave func(*browser)
		take  func(*browser) bool
	}{
		"message":   {func(b *browser) { b.send("POST", "/flash?m=hello") }, func(b *browser) bool { return b.send("GET", "/flashes").Body.Len() > 0 }},
		"return-to": {func(b *browser) { b.visit("/deep") }, func(b *browser) bool { return b.signIn() == "/deep" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := leaver(t)
			b := a.browser()
			test.leave(b)
			if a.store.rows() != 0 {
				t.Error("a row for a stranger")
			}
			var wg sync.WaitGroup
			var mu sync.Mutex
			got := 0
			for range 16 {
				tab := b.clone()
				wg.Go(func() {
					if test.take(tab) {
						mu.Lock()
						got++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if test.take(b.clone()) {
				t.Error("a replayed cookie still has it")
			}
			if got != 1 {
				t.Errorf("%d of 16 got it", got)
			}
			test.take(b)
			if len(b.cookies) > 1 || b.cookies[flashCookie] != "" || b.cookies[returnCookie] != "" {
				t.Errorf("the browser keeps %v", b.cookies)
			}
		})
	}
}

// TestSpendFails: a return-to that cannot be spent now costs the way, not the
// sign-in, and stays. Messages are spent in the process, without the store.
func TestSpendFails(t *testing.T) {
	t.Parallel()
	a := leaver(t)
	b := a.browser()
	b.send("POST", "/flash?m=hello")
	b.visit("/deep")
	a.store.down("Once")
	if got := b.clone().signIn(); got != "/" || len(a.log.lines("could not spend")) != 1 {
		t.Errorf("signed in to %s, log %s", got, a.log)
	}
	if got := b.send("GET", "/flashes").Body.String(); got != "hello" {
		t.Errorf("messages %q", got)
	}
	a.store.up()
	if got := b.signIn(); got != "/deep" {
		t.Errorf("comes back to %s", got)
	}
}

// TestSwappedCookies: what was sealed for one cookie is nothing in another,
// nor for another authenticator or with another secret, nor when it is
// damaged or old. B22
func TestSwappedCookies(t *testing.T) {
	t.Parallel()
	a := leaver(t)
	b := a.browser()
	b.send("POST", "/flash?m=/evil")
	b.visit("/deep")
	b.login("otp", "alice") // its return-to is spent
	message, session := b.cookies[flashCookie], b.cookies[sessionCookie]
	c := a.browser()
	c.visit("/deep")
	way := c.cookies[returnCookie]
	other := leaver(t, named("admin", secret))
	foreign := leaver(t, named("session", []byte("another secret of thirty-two bytes")))
	raw, _ := base64.RawURLEncoding.DecodeString(way)
	raw[len(raw)-1] ^= 1
	for name, test := range map[string]struct {
		app     *app
		cookies map[string]string
		in, msg string
	}{
		"as they are":           {a, map[string]string{returnCookie: way, flashCookie: message}, "/deep", "/evil"},
		"swapped":               {a, map[string]string{returnCookie: message, flashCookie: way}, "/", ""},
		"session as return-to":  {a, map[string]string{returnCookie: session, flashCookie: session}, "/", ""},
		"return-to as session":  {a, map[string]string{sessionCookie: way}, "/", ""},
		"another authenticator": {other, map[string]string{"__Host-admin-return": way, "__Host-admin-flash": message}, "/", ""},
		"another secret":        {foreign, map[string]string{returnCookie: way, flashCookie: message}, "/", ""},
		"damaged":               {a, map[string]string{returnCookie: base64.RawURLEncoding.EncodeToString(raw), flashCookie: "A" + message[1:]}, "/", ""},
		"cut":                   {a, map[string]string{returnCookie: way[:len(way)-1], flashCookie: message[1:]}, "/", ""},
		"of another alphabet":   {a, map[string]string{returnCookie: way + "=", flashCookie: "+/" + message}, "/", ""},
		"empty":                 {a, map[string]string{returnCookie: "", flashCookie: ""}, "/", ""},
		"long":                  {a, map[string]string{returnCookie: strings.Repeat("A", 1<<16)}, "/", ""},
	} {
		d := test.app.browser()
		d.cookies = test.cookies
		if got := d.send("GET", "/flashes").Body.String(); got != test.msg {
			t.Errorf("%s: messages %q, want %q", name, got, test.msg)
		}
		if got := d.signIn(); got != test.in {
			t.Errorf("%s: leads to %q, want %q", name, got, test.in)
		}
	}
}

func TestLeftTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := leaver(t)
		b := a.browser()
		b.visit("/deep")
		b.send("POST", "/flash?m=hello")
		c := b.clone()
		time.Sleep(10*time.Minute - time.Second)
		if got := c.signIn(); got != "/deep" {
			t.Errorf("in time: %s", got)
		}
		time.Sleep(time.Second)
		if got, msg := b.signIn(), b.send("GET", "/flashes").Body.String(); got != "/" || msg != "" {
			t.Errorf("too late: %s %q", got, msg)
		}
	})
}

// TestFlash: messages come in order; what no cookie can hold is refused, not
// cut.
func TestFlash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query, want string
		left        bool
	}{
		{"m=a&m=b", "a|b", true},
		{"m=%22%5C%3Cb%3E%C3%A9%00%0D%0A", "\"\\<b>é\x00\r\n", true},
		{"", "", true},
		{"m=" + strings.Repeat("x", 2900), strings.Repeat("x", 2900), true},
		{"m=" + strings.Repeat("x", 3100), "", false},
	} {
		b := leaver(t).browser()
		w := b.send("POST", "/flash?"+test.query)
		if got := w.Body.String() == "true"; got != test.left {
			t.Errorf("%.20s: left %v", test.query, got)
		}
		for _, line := range w.Header()["Set-Cookie"] {
			if name, value, _ := strings.Cut(line, ";"); len(name) > 4096 || strings.Contains(value, "hello") {
				t.Errorf("%.20s: %s", test.query, line)
			}
		}
		if diff := cmp.Diff(test.want, b.send("GET", "/flashes").Body.String()); diff != "" {
			t.Errorf("%.20s (-want +got):\n%s", test.query, diff)
		}
	}
	a := newApp(t)
	a.mux.Handle("/in", a.LoginHandler("key", &passport.LoginOptions{SuccessMessage: strings.Repeat("x", 4000)}))
	if w := a.browser().send("POST", "/in", "X-Key", "alice"); w.Code != 303 || len(a.log.lines("too long for a cookie")) != 1 {
		t.Errorf("%d %s", w.Code, a.log)
	}
}
