package main_test

import (
	"crypto/rand"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/internal/browser"
	"github.com/gopassport/passport/internal/dbtest"
)

var servers dbtest.Servers

// scratch is the URL of an empty database.
func scratch(t *testing.T, e dbtest.Engine) string {
	t.Helper()
	u := servers.URL(t, e)
	var driver, dsn string
	switch e {
	case dbtest.MariaDB:
		driver, dsn = "mysql", u.User.String()+"@tcp("+u.Host+")"+u.Path
	case dbtest.PostgreSQL:
		driver, dsn = "pgx", u.String()
	default:
		return u.String() // the names are new, see TestSharedDatabase
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "demo_" + strings.ToLower(rand.Text())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = db.Exec("DROP DATABASE " + name)
		_ = db.Close()
	})
	u.Path = "/" + name
	return u.String()
}

// Two servers, started at once over an empty database, are one site.
func TestSharedDatabase(t *testing.T) {
	for _, e := range []dbtest.Engine{dbtest.MariaDB, dbtest.PostgreSQL, dbtest.Redis} {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			db := scratch(t, e)
			one, two := startTwo(t, db)
			name := "u" + strings.ToLower(rand.Text())[:20]
			form := func(password string) string { return url.Values{"username": {name}, "password": {password}}.Encode() }

			here, there := process.NewClient(one), process.NewClient(two)
			there.Cookies = here.Cookies // one browser
			elsewhere := process.NewClient(two)
			me := func(c *process.Client, want int) {
				t.Helper()
				if res, body := c.Do(t, "GET", "/api/me", ""); res.StatusCode != want || want == http.StatusOK && !strings.Contains(body, name) {
					t.Fatalf("/api/me at %s: %s, want %d\n%s", c.Base, res.Status, want, body)
				}
			}
			post := func(c *process.Client, path, form string) {
				t.Helper()
				if res, body := c.Do(t, "POST", path, form); res.StatusCode != http.StatusSeeOther {
					t.Fatalf("POST %s at %s: %s\n%s", path, c.Base, res.Status, body)
				}
			}
			post(here, "/register", form("correct horse battery"))
			me(here, http.StatusOK)
			me(there, http.StatusOK)
			if res, _ := elsewhere.Do(t, "POST", "/register", form("another password")); res.Header.Get("Location") == "/account" {
				t.Fatal("one name was given twice")
			}
			post(elsewhere, "/login", form("correct horse battery"))
			me(elsewhere, http.StatusOK)
			old := strings.Clone(here.Cookies["__Host-session"])

			// B24: a changed password ends the others, on every server.
			post(there, "/account/password", url.Values{"current": {"correct horse battery"}, "password": {"purple monkey dishwasher"}}.Encode())
			me(here, http.StatusOK)
			me(elsewhere, http.StatusUnauthorized)

			last := strings.Clone(here.Cookies["__Host-session"])
			post(there, "/logout", "")
			for _, cookie := range []string{old, last} {
				here.Cookies["__Host-session"] = cookie
				me(here, http.StatusUnauthorized)
				me(there, http.StatusUnauthorized)
			}
		})
	}
}

// startTwo starts two servers at once.
func startTwo(t *testing.T, db string) (one, two string) {
	t.Helper()
	one, two = process.FreeAddr(t), process.FreeAddr(t)
	idp := process.FreeAddr(t)
	started := make(chan struct{})
	go func() {
		defer close(started)
		process.Start(t, two, binary, "-addr", two, "-idp", idp, "-db", db)
	}()
	process.Start(t, one, binary, "-addr", one, "-idp", idp, "-db", db)
	<-started
	return one, two
}

// TestBrowserTwoServers is what a person sees of two servers on one MariaDB,
// and of its end: see testdata/shared.mjs.
func TestBrowserTwoServers(t *testing.T) {
	t.Parallel()
	db := dbtest.Start(t, dbtest.MariaDB)
	one, two := startTwo(t, db.URL().String())
	control := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kill":
			db.Kill()
		case "/restart":
			db.Restart()
		}
	}))
	defer control.Close()
	browser.Run(t, "testdata/shared.mjs", "http://"+one, "http://"+two, control.URL, os.Getenv("PASSPORT_SCREENSHOTS"))
}
