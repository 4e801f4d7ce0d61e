package install

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Serve starts server.mjs, one of the files, with the packages that their
// package-lock.json names, and returns the URL that it serves under. It gets
// its settings as JSON in the variable SETTINGS, prints its port, and ends
// with its standard input, which is with the test or its process. Where node
// is missing, or npm, the test ends as with [Missing].
func Serve(t *testing.T, files fs.FS, settings any) (url string) {
	t.Helper()
	node, err := Node(t.Context())
	if err != nil {
		Missing(t, err)
	}
	dir, err := NPM(t.Context(), files)
	if err != nil {
		Missing(t, err)
	}
	config, err := json.Marshal(settings)
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
		if t.Failed() {
			t.Logf("server.mjs said:\n%s", &stderr)
		}
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("server.mjs did not start: %v\n%s", err, &stderr)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}
