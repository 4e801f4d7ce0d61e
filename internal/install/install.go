// Package install finds the programs that tests need and Go does not bring.
// Where tests run as root on Debian, what is missing is installed; elsewhere
// the error says in its first line how to get it.
package install

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Missing ends the test for want of what err names: with a skip, and where
// the variable CI is "true" with a failure.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	t.Skip(line)
}

// Program finds a program by one of its names, each of them a name in PATH or
// a pattern of absolute paths, or installs the Debian package pkg.
func Program(ctx context.Context, pkg string, names ...string) (string, error) {
	if path := find(names); path != "" {
		return path, nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", fmt.Errorf("no %s (Debian: apt-get install %s)", names[0], pkg)
	}
	// Test binaries run in parallel: one installs, the others wait.
	_, unlock, err := cache()
	if err != nil {
		return "", err
	}
	defer unlock()
	if path := find(names); path != "" {
		return path, nil
	}
	allow, err := startNoServices()
	if err != nil {
		return "", err
	}
	defer allow()
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("no %s: apt-get %s: %w\n%s", names[0], strings.Join(args, " "), err, out)
		}
	}
	if path := find(names); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("no %s, though the package %s is installed", names[0], pkg)
}

func find(names []string) string {
	for _, name := range names {
		if !filepath.IsAbs(name) {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
			continue
		}
		if paths, err := filepath.Glob(name); err == nil && len(paths) > 0 {
			return paths[len(paths)-1] // the newest version sorts last
		}
	}
	return ""
}

// startNoServices keeps Debian from starting the servers that it installs,
// which belong to nobody here. See invoke-rc.d(8).
func startNoServices() (allow func(), err error) {
	const policy, ours = "/usr/sbin/policy-rc.d", "#!/bin/sh\n# For the tests of gopassport, while they install.\nexit 101\n"
	if text, err := os.ReadFile(policy); err == nil && string(text) != ours {
		return func() {}, nil // the machine has a policy of its own
	}
	if err := os.WriteFile(policy, []byte(ours), 0o755); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(policy) }, nil
}

// cache is a directory that lasts, for this process alone until unlock.
func cache() (dir string, unlock func(), err error) {
	dir, err = os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(dir, "gopassport")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	unlock, err = lock(filepath.Join(dir, "lock"))
	return dir, unlock, err
}

// Node finds node, of version 20 or later.
func Node(ctx context.Context) (string, error) {
	node, err := Program(ctx, "nodejs", "node")
	if err != nil {
		return "", err
	}
	if err := exec.CommandContext(ctx, node, "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)").Run(); err != nil {
		return "", fmt.Errorf("node is older than version 20: %w", err)
	}
	return node, nil
}

// NPM is a directory with the files and the packages that their
// package-lock.json names, beside them. It is made once for each version of
// the files and kept in the user's cache directory.
func NPM(ctx context.Context, files fs.FS) (dir string, err error) {
	id, err := digest(files)
	if err != nil {
		return "", err
	}
	npm, err := Program(ctx, "npm", "npm")
	if err != nil {
		return "", err
	}
	parent, unlock, err := cache()
	if err != nil {
		return "", err
	}
	defer unlock()
	dir = filepath.Join(parent, "npm-"+id)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unfinished, err := os.MkdirTemp(parent, "unfinished-")
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
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, os.Rename(unfinished, dir)
}

// digest names a version of the files.
func digest(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		fmt.Fprintf(sum, "%q %d\n", path, len(content))
		sum.Write(content)
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), err
}
