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
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// timeout is how long a script may run where the test has no deadline.
const timeout = 3 * time.Minute

// howTo is what a skip says.
const howTo = "the browser tests need Chromium, node 20 and npm (Debian: apt-get install chromium nodejs npm)"

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
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal(err)
	case err != nil:
		line, _, _ := strings.Cut(err.Error(), "\n")
		t.Skip(line)
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
	cache, err := os.UserCacheDir()
	if err != nil {
		return tools, err
	}
	cache = filepath.Join(cache, "gopassport")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return tools, err
	}
	// Test binaries run in parallel: one installs, the others wait.
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return tools, err
	}
	defer unlock()

	tools.chromium, err = program(ctx, "chromium", "chromium", "chromium-browser", "google-chrome")
	if err != nil {
		return tools, err
	}
	tools.node, err = program(ctx, "nodejs", "node")
	if err != nil {
		return tools, err
	}
	if err := exec.CommandContext(ctx, tools.node, "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)").Run(); err != nil {
		return tools, fmt.Errorf("node is too old: %s", howTo)
	}
	tools.runner, err = playwright(ctx, cache)
	return tools, err
}

// program finds a program by one of its names, or installs the Debian package.
func program(ctx context.Context, pkg string, names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", fmt.Errorf("no %s: %s", pkg, howTo)
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-q"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: apt-get %s: %w\n%s", howTo, strings.Join(args, " "), err, out)
		}
	}
	return exec.LookPath(names[0])
}

// playwright is run.mjs in a directory with playwright-core, which is made
// once for each version of the embedded files.
func playwright(ctx context.Context, cache string) (runner string, err error) {
	id := sha256.New()
	for _, name := range []string{"run.mjs", "package-lock.json"} {
		content, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		id.Write(content)
	}
	dir := filepath.Join(cache, fmt.Sprintf("playwright-%x", id.Sum(nil)[:8]))
	runner = filepath.Join(dir, "run.mjs")
	if _, err := os.Stat(dir); err == nil {
		return runner, nil
	}

	npm, err := program(ctx, "npm", "npm")
	if err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(cache, "npm-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := os.CopyFS(unfinished, files); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = unfinished
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: npm ci: %w\n%s", howTo, err, out)
	}
	return runner, os.Rename(unfinished, dir)
}
