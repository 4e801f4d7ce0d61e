// Package expresstest runs an Express app and a Go server side by side over
// one table of sessions, for tests of package express. [Run] has the cases.
//
// The app is in the folder app, and its packages come from npm once, into the
// user's cache directory. It needs node 20 and npm: see package install.
package expresstest

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"strings"
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
	node, err := install.Node(t.Context())
	if err != nil {
		install.Missing(t, err)
	}
	dir, err := install.NPM(t.Context(), app)
	if err != nil {
		install.Missing(t, err)
	}
	config, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), node, "server.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SETTINGS="+string(config), "NODE_ENV=production")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // killed, as a rule: the context of a test ends before
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("the Express app did not start: %v\n%s", err, &stderr)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}
