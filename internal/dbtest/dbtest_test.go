package dbtest_test

import (
	"bufio"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/dbtest"
)

// victim, when set, makes the test binary a process that is killed while a
// server of its own runs.
const victim = "DBTEST_VICTIM"

var servers dbtest.Servers

func listens(u *url.URL) bool {
	c, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// hello makes a server of the scheme say something.
var hello = map[string]string{
	"mysql":    "",                                 // speaks first
	"postgres": "\x00\x00\x00\x08\x04\xd2\x16\x2f", // SSLRequest
	"redis":    "PING\r\n",
}

// answers tells whether a server takes a connection and speaks in a moment.
func answers(t *testing.T, u *url.URL) bool {
	t.Helper()
	c, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err = c.Write([]byte(hello[u.Scheme]))
	_, err2 := c.Read(make([]byte, 1))
	return errors.Join(err, err2) == nil
}

func TestServer(t *testing.T) {
	for _, e := range []dbtest.Engine{dbtest.MariaDB, dbtest.PostgreSQL, dbtest.Redis} {
		t.Run(e.String(), func(t *testing.T) {
			t.Parallel()
			s := dbtest.Start(t, e)
			u := s.URL()
			for _, step := range []struct {
				name    string
				do      func()
				answers bool
			}{
				{"Start", func() {}, true},
				{"Suspend", s.Suspend, false},
				{"Resume", s.Resume, true},
				{"Kill", s.Kill, false},
				{"Restart", s.Restart, true},
			} {
				step.do()
				if got := answers(t, u); got != step.answers {
					t.Errorf("after %s: answers is %v, want %v", step.name, got, step.answers)
				}
			}
		})
	}
}

func TestServersShare(t *testing.T) {
	if one, two := servers.URL(t, dbtest.Redis), servers.URL(t, dbtest.Redis); *one != *two || !listens(one) {
		t.Errorf("two tests got %v and %v, want one server that listens", one, two)
	}
}

func TestRunningEngine(t *testing.T) {
	const there = "redis://192.0.2.1:6379/5"
	t.Setenv("PASSPORT_TEST_REDIS", there)
	if got := servers.URL(t, dbtest.Redis).String(); got != there {
		t.Errorf("URL: got %s, want %s", got, there)
	}
}

// Nothing is left of the servers of a process that was killed.
func TestKilledProcess(t *testing.T) {
	if os.Getenv(victim) != "" {
		os.Stdout.WriteString(dbtest.Start(t, dbtest.PostgreSQL).URL().String() + "\n")
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
	}
	temp, err := os.MkdirTemp("", "killed-process-") // t.TempDir shuts nobody out
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), victim+"=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Wait()
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil || u.Host == "" {
		t.Skipf("the process started no server: %q", line)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 && !listens(u) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the server listens: %v; left behind: %v", listens(u), left)
		}
	}
}
