// Package browser runs Playwright scripts in headless Chromium, for tests.
//
// A script is an ES module that exports one function:
//
//	export default async ({ browser, args, dir, assert }) => {
//		const page = await browser.newPage()
//		await page.goto(args[0])
//		assert.equal(await page.title(), 'Sign in')
//		await page.screenshot({ path: `${dir}/sign-in.png` })
//	}
//
// browser is a Playwright Browser, args are the arguments of [Run], dir is a
// directory for screenshots, assert is node:assert/strict. What the script
// prints is what Run returns. What a script needs from the Go side while it
// runs, such as a restart of the server, it asks for at a URL of the test's.
//
// Run needs Chromium and node, and fetches playwright-core from npm into the
// user's cache directory, once. Where tests run as root on Debian, what is
// missing is installed. Elsewhere the test is skipped with a line that says
// how to get it; with CI=true that is a failure.
package browser

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/install"
)

// timeout is how long a script may run where the test has no deadline.
const timeout = 3 * time.Minute

//go:embed run.mjs package.json package-lock.json
var files embed.FS

// Run runs the Playwright script in the file at path with args, and returns
// what it printed. An error in the script fails the test. The browser is new,
// and ends with the script or shortly before the test's deadline; tests may
// run in parallel.
//
// To keep the screenshots, run go test with -artifacts and -outputdir.
func Run(t testing.TB, path string, args ...string) string {
	t.Helper()
	tools, err := find(t.Context())
	if err != nil {
		install.Missing(t, fmt.Errorf("the browser tests need Chromium, node 20 and npm: %w", err))
	}
	path, err = filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), limit(t))
	defer cancel()
	cmd := exec.CommandContext(ctx, tools.node, append([]string{tools.runner, path}, args...)...)
	cmd.Env = append(os.Environ(), "CHROMIUM="+tools.chromium, "SCREENSHOTS="+t.ArtifactDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Playwright ends Chromium on SIGTERM, which a kill would leave behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(path), cmp.Or(ctx.Err(), err), &stdout, &stderr)
	}
	return stdout.String()
}

// limit leaves the test a moment to report before its own deadline.
func limit(t testing.TB) time.Duration {
	if t, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := t.Deadline(); ok {
			return time.Until(end) - 10*time.Second
		}
	}
	return timeout
}

type toolset struct{ chromium, node, runner string }

// find finds the tools, and gets what is missing.
func find(ctx context.Context) (tools toolset, err error) {
	tools.chromium, err = install.Program(ctx, "chromium", "chromium", "chromium-browser", "google-chrome")
	if err != nil {
		return tools, err
	}
	if tools.node, err = install.Node(ctx); err != nil {
		return tools, err
	}
	dir, err := install.NPM(ctx, files)
	tools.runner = filepath.Join(dir, "run.mjs")
	return tools, err
}
