package gorilla_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/csrf"
	gsessions "github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/faux"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/gorilla"
)

type user struct{ ID string }

func newAuthenticator(keeper sessions.Keeper) *passport.Authenticator[*user] {
	return passport.New(passport.Config[*user]{
		Sessions: keeper, Logger: quiet, Secrets: [][]byte{secret},
		Serializer: passport.SerializeBy(func(u *user) string { return u.ID }, func(_ context.Context, id string) (*user, error) {
			return &user{id}, nil
		}),
	})
}

// A client is a browser of the site; it follows no redirect.
type client struct {
	t    *testing.T
	site string
	http *http.Client
}

func newClient(t *testing.T, h http.Handler) *client {
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	c := server.Client()
	c.Jar, _ = cookiejar.New(nil)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{t, server.URL, c}
}

// send returns the answer with its body read.
func (c *client) send(method, path string, header http.Header) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.site+path, nil)
	must(c.t, err)
	maps.Copy(r.Header, header)
	res, err := c.http.Do(r)
	must(c.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(c.t, err)
	return res, strings.TrimSpace(string(body))
}

func (c *client) body(path string) string {
	c.t.Helper()
	_, body := c.send("GET", path, nil)
	return body
}

// notes is a site whose handlers know gorilla alone, below an Authenticator.
func notes(a *passport.Authenticator[*user], store gsessions.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		note, _ := store.Get(r, "note")
		o := &passport.LoginOptions{Keep: r.URL.Query()["keep"]}
		if err := a.Login(w, r, &user{r.URL.Query().Get("user")}, o); err != nil {
			a.Refuse(w, r, err)
			return
		}
		note.Values["signed in"] = r.URL.Query().Get("user")
		if err := note.Save(r, w); err != nil {
			a.Refuse(w, r, err)
		}
	})
	mux.Handle("POST /logout", a.LogoutHandler(nil))
	mux.HandleFunc("POST /note", func(w http.ResponseWriter, r *http.Request) {
		note, _ := store.Get(r, "note")
		note.Values["text"] = r.URL.Query().Get("text")
		if err := note.Save(r, w); err != nil {
			a.Refuse(w, r, err)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		u, _ := a.User(r.Context())
		note, _ := store.Get(r, "note")
		fmt.Fprintln(w, u, note.Values["text"], note.Values["signed in"])
	})
	return a.Handler(mux)
}

// Code that knows gorilla alone shares the session that somebody is signed in
// with, over every Keeper. B07: a sign-in drops its values, but for those that
// are named and those that it sets afterwards.
func TestSignedIn(t *testing.T) {
	t.Parallel()
	keepers := map[string]sessions.Keeper{
		"memory": sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: quiet}),
		"files":  newKeeper(t, gsessions.NewFilesystemStore(t.TempDir(), secret), gorilla.Options{}),
	}
	for name, keeper := range keepers {
		t.Run(name, func(t *testing.T) {
			a := newAuthenticator(keeper)
			c := newClient(t, notes(a, gorilla.NewStoreOf(a.Session)))
			for _, step := range []struct{ do, want string }{
				{"", "<nil> <nil> <nil>"},
				{"/note?text=one", "<nil> one <nil>"},
				{"/login?user=alice", "&{alice} <nil> alice"},
				{"/note?text=two", "&{alice} two alice"},
				{"/login?user=bob&keep=" + gorilla.Key("note"), "&{bob} two bob"},
				{"/login?user=carol", "&{carol} <nil> carol"},
				{"/logout", "<nil> <nil> <nil>"},
			} {
				if step.do != "" {
					if res, body := c.send("POST", step.do, nil); res.StatusCode >= 400 {
						t.Fatalf("%s: %s %s", step.do, res.Status, body)
					}
				}
				if got := c.body("/"); got != step.want {
					t.Errorf("after %q: got %s, want %s", step.do, got, step.want)
				}
			}
		})
	}
}

// csrf keeps its token in a cookie of its own, before the sign-in, across it
// and after it.
func TestCSRF(t *testing.T) {
	t.Parallel()
	a := newAuthenticator(sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: quiet}))
	mux := http.NewServeMux()
	store := gorilla.NewStoreOf(a.Session)
	mux.Handle("POST /", notes(a, store))
	mux.HandleFunc("GET /form", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, csrf.Token(r)) })
	mux.Handle("GET /", notes(a, store))
	c := newClient(t, a.Handler(csrf.Protect(secret)(mux)))
	referer := http.Header{"Referer": {c.site + "/form"}}

	token := c.body("/form")
	for _, step := range []struct {
		path, token string
		status      int
		want        string
	}{
		{"/login?user=alice", "", http.StatusForbidden, "<nil> <nil> <nil>"},
		{"/login?user=alice", "wrong", http.StatusForbidden, "<nil> <nil> <nil>"},
		{"/login?user=alice", token, http.StatusOK, "&{alice} <nil> alice"},
		{"/note?text=one", "", http.StatusForbidden, "&{alice} <nil> alice"},
		{"/note?text=one", token, http.StatusOK, "&{alice} one alice"},
		{"/logout", token, http.StatusSeeOther, "<nil> <nil> <nil>"},
	} {
		header := referer.Clone()
		header.Set("X-CSRF-Token", step.token)
		if res, body := c.send("POST", step.path, header); res.StatusCode != step.status {
			t.Errorf("%s with token %q: got %s %s, want %d", step.path, step.token, res.Status, body, step.status)
		}
		if got := c.body("/"); got != step.want {
			t.Errorf("after %s with token %q: got %s, want %s", step.path, step.token, got, step.want)
		}
	}
}

// goth's gothic begins and completes over our sessions, and a sign-in follows
// in the same request. It is the one test that sets goth's variables.
func TestGothic(t *testing.T) {
	keeper := sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: quiet})
	a := newAuthenticator(keeper)
	gothic.Store = gorilla.NewStoreOf(a.Session)
	goth.UseProviders(&faux.Provider{})
	defer goth.ClearProviders()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth", gothic.BeginAuthHandler)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		u, err := gothic.CompleteUserAuth(w, r)
		if err != nil {
			a.Refuse(w, r, &passport.Failure{Code: "goth", Err: err})
			return
		}
		a.Complete(w, r, &user{u.Provider + ":" + u.UserID}, nil)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		u, _ := a.User(r.Context())
		session, err := gothic.Store.Get(r, gothic.SessionName)
		fmt.Fprintln(w, u, len(session.Values), err)
	})
	c := newClient(t, a.Handler(mux))
	for range 2 { // again, by somebody who is signed in
		res, body := c.send("GET", "/auth?provider=faux", nil)
		to, err := url.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != http.StatusTemporaryRedirect || to.Host != "example.com" {
			t.Fatalf("begin: got %s to %s: %s", res.Status, to, body)
		}
		state := url.QueryEscape(to.Query().Get("state"))
		stranger := newClient(t, a.Handler(mux))
		if res, _ := stranger.send("GET", "/callback?provider=faux&state="+state, nil); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("another browser's callback: got %s, want 401", res.Status)
		}
		if res, body := c.send("GET", "/callback?provider=faux&state="+state, nil); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("callback: got %s %s, want 303", res.Status, body)
		}
		if got, want := c.body("/"), "&{faux:id} 0 <nil>"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if res, _ := c.send("GET", "/callback?provider=faux&state="+state, nil); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("the callback again: got %s, want 401", res.Status)
		}
	}
	if got, err := keeper.Count(t.Context()); err != nil || got != 1 {
		t.Errorf("%d sessions and error %v, want 1", got, err)
	}
}

// What a Keeper over a gorilla store answers is what the Authenticator makes
// of any: B26: a store that fails is 503.
func TestOutage(t *testing.T) {
	t.Parallel()
	store := newTable()
	a := newAuthenticator(newKeeper(t, store, gorilla.Options{}))
	c := newClient(t, notes(a, gorilla.NewStoreOf(a.Session)))
	if res, body := c.send("POST", "/login?user=alice", nil); res.StatusCode != http.StatusOK {
		t.Fatalf("sign-in: %s %s", res.Status, body)
	}
	store.setDown(true)
	if res, _ := c.send("GET", "/", nil); res.StatusCode != http.StatusServiceUnavailable || res.Header["Set-Cookie"] != nil {
		t.Errorf("got %s with cookies %q, want 503", res.Status, res.Header["Set-Cookie"])
	}
	store.setDown(false)
	if got := c.body("/"); !strings.HasPrefix(got, "&{alice}") {
		t.Errorf("got %s, want alice", got)
	}
}
