package main_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// TestNewcomer: the session of somebody who had to choose a name first has
// what the provider's logout finds it by. C43
func TestNewcomer(t *testing.T) {
	t.Parallel()
	addr, idp, file := process.FreeAddr(t), process.FreeAddr(t), filepath.Join(t.TempDir(), "demo.db")
	process.Start(t, addr, binary, "-addr", addr, "-idp", idp, "-db", file)
	const ann = "248289761001"
	here, there := process.NewClient(addr), process.NewClient(idp)
	here.Header.Set("Accept", "text/html")
	// follow sends a request and returns where its answer leads.
	follow := func(c *process.Client, method, path, form string) *url.URL {
		t.Helper()
		res, body := c.Do(t, method, path, form)
		u, err := res.Location()
		if err != nil {
			t.Fatalf("%s %s: %s, %v\n%s", method, path, res.Status, err, body)
		}
		return u
	}
	login := follow(there, "GET", follow(here, "POST", "/auth/example", "").RequestURI(), "")
	answer := follow(there, "POST", "/login", url.Values{"id": {login.Query().Get("id")}, "subject": {ann}}.Encode())
	back := follow(there, "GET", answer.RequestURI(), "")
	if name := follow(here, "GET", back.RequestURI(), ""); name.Path != "/nickname" {
		t.Fatalf("sent to %s", name)
	}
	if home := follow(here, "POST", "/nickname", "username=newcomer"); home.Path != "/account" {
		t.Fatalf("sent to %s", home)
	}
	if res, body := here.Do(t, "GET", "/api/me", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, "newcomer") {
		t.Fatalf("got %s %s", res.Status, body)
	}

	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(2000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		t.Fatal(err)
	}
	var user string
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM users WHERE name = 'newcomer'").Scan(&user); err != nil {
		t.Fatal(err)
	}
	records, err := sessions.New(store, nil).List(t.Context(), user)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d sessions, %v", len(records), err)
	}
	var session sessions.Session
	session.Open(nil, records[0])
	if at, ok := oidcprovider.SessionKey.Get(&session); !ok || at.Issuer != "http://"+idp || at.Subject != ann || at.IssuedAt == 0 {
		t.Errorf("got issuer %q, subject %q, issued at %d", at.Issuer, at.Subject, at.IssuedAt)
	}
}
