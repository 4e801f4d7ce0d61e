package faulttest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

const realm = "session" // of the site's sessions

// Promises shows what the session layer promises, between browsers and two
// server processes in two time zones over one database.
func Promises(t *testing.T, db Database) {
	address := db.New(t)
	p := &promises{fleet: spawnFleet(t, db, address), store: open(t, db, address)}
	t.Run("1 Two tabs share one session, another browser has its own", p.tabs)
	t.Run("2 The server's expiry counts, not the cookie's", p.expiry)
	t.Run("3 Sessions survive a restart, and every server sees a logout at once", p.restart)
	t.Run("4 Signing in gives a new id, signing out ends the session everywhere", p.ids)
	t.Run("5 Nothing in the database can be used as a cookie", p.noCookies)
}

// open opens a store for the test itself.
func open(t testing.TB, db Database, address string) Store {
	t.Helper()
	store, closeStore, err := db.Open(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	})
	return store
}

type promises struct {
	*fleet
	store Store

	conn    net.Conn // of ask; nil: none
	answers *bufio.Reader
}

// signedIn is a browser that has signed in.
func (f *fleet) signedIn(t testing.TB, n int, name string) *browser {
	t.Helper()
	b := f.browser()
	wantStatus(t, b.login(n, name), http.StatusSeeOther)
	return b
}

func wantStatus(t testing.TB, a answer, status int) {
	t.Helper()
	if a.err != nil || a.status != status {
		t.Fatalf("got %v, want %d", a, status)
	}
}

// wantBody wants 200 with a text.
func wantBody(t testing.TB, a answer, text string) {
	t.Helper()
	if a.err != nil || a.status != http.StatusOK || a.body != text {
		t.Errorf("got %v, want 200 %q", a, text)
	}
}

// wantRows wants the user to have so many sessions, and returns them.
func wantRows(t testing.TB, store Store, name string, n int) []sessions.Record {
	t.Helper()
	rows, err := store.List(t.Context(), realm, name)
	if err != nil || len(rows) != n {
		t.Fatalf("%s has %d sessions, error %v, want %d", name, len(rows), err, n)
	}
	return rows
}

// idOf is the key of the record of a cookie.
func idOf(token string) sessions.ID {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		panic(err) // our own
	}
	return sha256.Sum256(slices.Concat([]byte(realm), []byte{0}, b))
}

func (p *promises) tabs(t *testing.T) {
	browser := p.signedIn(t, 0, "alice") // its tabs share its cookies
	wantBody(t, browser.whoami(0), "alice")
	wantBody(t, browser.whoami(1), "alice")
	wantStatus(t, browser.set(0, "cart", "tea"), http.StatusNoContent)
	wantBody(t, browser.get(1, "cart"), "tea")

	another := p.browser()
	wantBody(t, another.whoami(0), nobody)
	wantBody(t, another.get(1, "cart"), "")
	wantStatus(t, another.login(1, "bob"), http.StatusSeeOther)
	private := p.signedIn(t, 1, "alice") // the same person, in a private window
	wantStatus(t, private.set(1, "cart", "coffee"), http.StatusNoContent)
	for n := range 2 {
		wantBody(t, another.whoami(n), "bob")
		wantBody(t, another.get(n, "cart"), "")
		wantBody(t, private.get(n, "cart"), "coffee")
		wantBody(t, browser.get(n, "cart"), "tea")
	}
}

func (p *promises) expiry(t *testing.T) {
	const name = "expiry"
	b := p.browser()
	wantStatus(t, b.login(0, name, "remember", "1"), http.StatusSeeOther)
	token := b.token()

	// The browser forgets its cookie: the row stays, and nothing reaches it.
	b.take("")
	wantBody(t, b.whoami(0), nobody)
	old := wantRows(t, p.store, name, 1)[0]
	wantStatus(t, b.login(1, name), http.StatusSeeOther)
	wantRows(t, p.store, name, 2)

	// The cookie says 30 days; the deadline on the server has come.
	remembered := p.with(token)
	wantBody(t, remembered.whoami(1), name)
	old.Absolute = time.Now().UnixMilli()
	if err := p.store.Update(t.Context(), old, old.Version); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		wantBody(t, remembered.whoami(n), nobody)
	}
	if got := remembered.token(); got != token {
		t.Errorf("the cookie of an expired session became %q: it may be another's by now", got)
	}
	if _, err := p.store.DeleteExpired(t.Context(), time.Now(), 100); err != nil {
		t.Fatal(err)
	}
	wantRows(t, p.store, name, 1)
	wantBody(t, b.whoami(0), name)
}

func (p *promises) restart(t *testing.T) {
	b := p.signedIn(t, 0, "carol")
	wantStatus(t, b.set(1, "cart", "tea"), http.StatusNoContent)
	p.killAll()
	p.spawnAll()
	for n := range 2 {
		wantBody(t, b.whoami(n), "carol")
		wantBody(t, b.get(n, "cart"), "tea")
	}
	copied := p.with(b.token())
	wantBody(t, copied.whoami(0), "carol")
	wantStatus(t, b.logout(1), http.StatusSeeOther)
	wantBody(t, copied.whoami(0), nobody)
	wantBody(t, copied.whoami(1), nobody)
}

func (p *promises) ids(t *testing.T) {
	const name = "dave"
	b := p.browser()
	wantStatus(t, b.set(0, "cart", "tea"), http.StatusNoContent)
	before := p.with(b.token())
	wantStatus(t, b.login(1, name), http.StatusSeeOther)
	if b.token() == before.token() {
		t.Error("signing in kept the id")
	}
	for n := range 2 { // who knew the id from before is not signed in with it
		wantBody(t, before.whoami(n), nobody)
		wantBody(t, before.get(n, "cart"), "")
	}

	// A request is under way at one server while the other signs out.
	running := p.with(b.token())
	finish := running.hold(0, "/set", "key=cart&value=late")
	wantStatus(t, b.logout(1), http.StatusSeeOther)
	if a := finish(); a.err != nil || a.status != http.StatusUnauthorized || a.cookie != "" {
		t.Errorf("a request that saves after the logout: got %v, want 401 and no cookie", a)
	}
	for n := range 2 {
		wantBody(t, running.whoami(n), nobody)
		wantBody(t, running.get(n, "cart"), "")
	}
	wantRows(t, p.store, name, 0)
}

func (p *promises) noCookies(t *testing.T) {
	b := p.signedIn(t, 0, "erin")
	wantStatus(t, b.set(0, "cart", "tea"), http.StatusNoContent)
	if got := p.ask(t, b.token()); got != "erin" {
		t.Fatalf("the cookie itself: got %q, want erin", got)
	}
	defer func() {
		if p.conn != nil {
			_ = p.conn.Close()
		}
	}()
	id := idOf(b.token())
	values := p.db.Dump(t, p.address)
	if !slices.ContainsFunc(values, func(v string) bool { return strings.HasSuffix(v, string(id[:])) }) {
		t.Error("the dump does not have the session's key: it is not whole")
	}
	tried := make(map[string]bool)
	for _, v := range values {
		for _, cookie := range spellings(v) {
			if tried[cookie] {
				continue
			}
			tried[cookie] = true
			if got := p.ask(t, cookie); got != nobody && got != "" {
				t.Errorf("%q of the database, as the cookie %q, is %s", v, cookie, got)
			}
		}
	}
	if got := p.ask(t, b.token()); got != "erin" {
		t.Errorf("the cookie itself, after all: got %q, want erin", got)
	}
	t.Logf("%d values, %d cookies tried", len(values), len(tried))
}

// spellings are what a value, and the key at its end, may look like in a cookie.
func spellings(v string) (all []string) {
	for _, s := range []string{v, v[max(0, len(v)-32):]} {
		b := []byte(s)
		all = append(all, s, hex.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), base64.StdEncoding.EncodeToString(b), url.QueryEscape(s))
	}
	return slices.DeleteFunc(all, func(s string) bool { return len(s) > 4096 })
}

// ask asks who has the cookie, which may be no cookie at all: then the server
// need not answer. It keeps the connection while the server does.
func (p *promises) ask(t *testing.T, cookie string) string {
	t.Helper()
	if p.conn == nil {
		conn, err := (&tls.Dialer{Config: p.transport.TLSClientConfig}).DialContext(context.Background(), "tcp", p.url(1)[len("https://"):])
		if err != nil {
			t.Fatal(err)
		}
		p.conn, p.answers = conn, bufio.NewReader(conn)
	}
	_, _ = fmt.Fprintf(p.conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\n\r\n", sessionCookie, cookie)
	var body []byte
	resp, err := http.ReadResponse(p.answers, nil)
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err != nil || resp.StatusCode != http.StatusOK || strings.ContainsAny(cookie, "\r\n") {
		_ = p.conn.Close()
		p.conn = nil
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}
