// Package tutorial_test does what docs/tutorial.md says.
package tutorial_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/internal/install"
)

// TestTutorial begins in an empty folder, writes the files of the page, runs
// its commands in their order, and wants the answers that it shows. The port is
// another one, and the module is that of this checkout.
func TestTutorial(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "bash"} {
		if _, err := install.Program(t.Context(), program, program); err != nil {
			install.Missing(t, err)
		}
	}
	page, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := reader{folder: t.TempDir(), addr: process.FreeAddr(t), stop: func() {}}
	text := strings.ReplaceAll(string(page), "localhost:8080", r.addr)
	done := make(map[string]int)
	for _, b := range blocks(text) {
		language, file, _ := strings.Cut(b.info, " ")
		done[language]++
		switch language {
		case "go":
			if err := os.WriteFile(filepath.Join(r.folder, file), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case "sh":
			r.run(t, b.text)
			if strings.Contains(b.text, "go mod init") {
				r.folder = filepath.Join(r.folder, "site")
				r.bash(t, "go mod edit -require="+module+"@v0.0.0 -replace="+module+"='"+checkout+"'")
			}
		case "console":
			r.compare(t, b.text)
		default:
			t.Errorf("a block of %q is not done", b.info)
		}
	}
	if done["go"] < 8 || done["sh"] < 7 || done["console"] < 6 {
		t.Errorf("blocks are missing: %v", done)
	}
}

const module = "github.com/gopassport/passport"

// A reader is at the page.
type reader struct {
	folder, addr string
	stop         func() // the site that runs
}

// run does a block of commands; one that starts the site goes on meanwhile.
func (r *reader) run(t *testing.T, commands string) {
	t.Helper()
	variables, starts := strings.CutSuffix(commands, "go run .\n")
	if !starts {
		r.bash(t, commands)
		return
	}
	r.stop()
	binary := filepath.Join(t.TempDir(), "site.exe")
	r.bash(t, "go build -o '"+binary+"' .")
	// go run does not hand signals on, so that the program itself is started.
	r.stop = process.Start(t, r.addr, "bash", "-c", "cd '"+r.folder+"' && "+variables+" exec '"+binary+"'")
}

func (r *reader) bash(t *testing.T, commands string) {
	t.Helper()
	cmd := r.command(t, "set -e\n"+commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s%v\n%s", commands, err, out)
	}
}

func (r *reader) command(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = r.folder
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "LC_ALL=C.UTF-8")
	return cmd
}

// compare runs the commands of a block in one shell, and compares the answer
// of each with what stands below it.
func (r *reader) compare(t *testing.T, block string) {
	t.Helper()
	var commands, want []string
	var script strings.Builder
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands, want = append(commands, command), append(want, "")
			script.WriteString(command + "printf '\\0'\n")
		} else if len(want) > 0 {
			want[len(want)-1] += line
		}
	}
	cmd := r.command(t, script.String())
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v", err)
	}
	got := strings.Split(string(out), "\x00")
	if len(got) != len(commands)+1 {
		t.Fatalf("%d answers to %d commands:\n%s", len(got)-1, len(commands), out)
	}
	for i, command := range commands {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("$ %s-page +answer:\n%s", command, diff)
		}
	}
}

// A block is what stands between two fences.
type block struct{ info, text string }

func blocks(page string) (all []block) {
	in := false
	for line := range strings.Lines(page) {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !in:
			all = append(all, block{info: strings.TrimSpace(info)})
			in = true
		case fence:
			in = false
		case in:
			all[len(all)-1].text += line
		}
	}
	return all
}
