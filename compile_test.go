package passport_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestWrongUserTypes: strategies that find other users than the
// authenticator's do not compile, and the compiler names both types where
// each is wired: one with a type of its own, a function, one of Credentials.
func TestWrongUserTypes(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, "./testdata/wronguser").CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	_, messages, _ := strings.Cut(string(out), "\n") // the name of the package
	mistakes := strings.Split(strings.TrimSpace(messages), "testdata/wronguser/main.go:")[1:]
	if len(mistakes) != 3 {
		t.Errorf("%d mistakes, want 3", len(mistakes))
	}
	for _, m := range mistakes {
		if !strings.Contains(m, "as passport.Strategy[*Customer] value in argument to a.Use") || !strings.Contains(m, "passport.Result[*Employee]") {
			t.Errorf("the message does not name both types:\n%s", m)
		}
	}
}
