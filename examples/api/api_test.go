package main_test

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

// TestPage runs what docs/api-tokens.md shows, and wants the answers that it
// shows. Only ports and the file of the key are others.
func TestPage(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "bash"} {
		if _, err := install.Program(t.Context(), program, program); err != nil {
			install.Missing(t, err)
		}
	}
	page, err := os.ReadFile("../../docs/api-tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	here := strings.NewReplacer("/tmp/key.pem", key, "localhost:8080", process.FreeAddr(t), "localhost:8081", process.FreeAddr(t))

	binary := process.Build(t, ".")
	const api = "go run -C examples ./api "
	started := 0
	for _, line := range blocks(string(page), "sh") {
		line = here.Replace(line)
		if args, ok := strings.CutPrefix(line, api); ok {
			flags := strings.Fields(args)
			for i, f := range flags {
				if f == "-addr" {
					process.Start(t, flags[i+1], binary, flags...)
					started++
				}
			}
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	if started != 2 {
		t.Fatalf("the page starts %d APIs", started)
	}

	// One shell runs all commands, and ends the answer of each with a NUL.
	var commands, want []string
	var script strings.Builder
	for _, line := range blocks(string(page), "console") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands, want = append(commands, command), append(want, "")
			script.WriteString(here.Replace(command) + "\nprintf '\\0'\n")
		} else {
			want[len(want)-1] += line + "\n"
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "LC_ALL=C.UTF-8")
	cmd.Stderr = t.Output()
	out, _ := cmd.Output() // the last command may fail as it should
	answers := strings.Split(string(out), "\x00")
	if len(answers) != len(commands)+1 {
		t.Fatalf("%d answers to %d commands:\n%s", len(answers)-1, len(commands), out)
	}
	for i, command := range commands {
		got := strings.ReplaceAll(answers[i], " \n", "\n")
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("$ %s\n-page +answer:\n%s", command, diff)
		}
	}
}

// blocks are the lines of the fenced blocks of a language.
func blocks(page, language string) (lines []string) {
	in := false
	for line := range strings.SplitSeq(page, "\n") {
		switch {
		case line == "```"+language:
			in = true
		case strings.HasPrefix(line, "```"):
			in = false
		case in && line != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// TestOneScreen: each file fits on one, or nearly.
func TestOneScreen(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(code), "\n"); !strings.HasSuffix(file, "_test.go") && n > 80 {
			t.Errorf("%s: %d lines, more than 80", file, n)
		}
	}
}
