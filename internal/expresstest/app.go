// Package expresstest runs an Express app and a Go server side by side over
// one table of sessions, for tests of package express. [Run] has the cases.
//
// The app is in the folder app, and its packages come from npm once, into the
// user's cache directory. It needs node 20 and npm: see package install.
package expresstest

import (
	"embed"
	"io/fs"
	"testing"

	"github.com/gopassport/passport/internal/install"
)

//go:embed app
var files embed.FS

// settings are those of app/server.mjs.
type settings struct {
	URL             string   `json:"url"`
	Table           string   `json:"table"`
	IDs             string   `json:"ids"` // "number" or "string"
	Secrets         []string `json:"secrets"`
	MaxAge          int64    `json:"maxAge,omitempty"` // milliseconds
	Resave          bool     `json:"resave"`
	KeepSessionInfo bool     `json:"keepSessionInfo"`
	Stamps          bool     `json:"stamps"` // logging in leaves the user's
}

// startApp starts the app, which ends with the test or its process, and
// returns its URL.
func startApp(t *testing.T, s settings) string {
	t.Helper()
	app, err := fs.Sub(files, "app")
	if err != nil {
		t.Fatal(err)
	}
	return install.Serve(t, app, s)
}
