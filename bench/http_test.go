package bench_test

import (
	"bufio"
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/install"
)

//go:embed testdata/express
var express embed.FS

// BenchmarkHTTP is what a signed-in request costs the web server, over 64
// connections that stay open.
func BenchmarkHTTP(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name(), func(b *testing.B) {
			s := running(b, c)
			before := s.processorTime(b)
			b.SetParallelism(connections) // of which none is idle where there is one processor
			b.RunParallel(func(pb *testing.PB) {
				browser := <-s.browsers
				defer func() { s.browsers <- browser }()
				for pb.Next() {
					if err := browser.visit(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			report(b, s.processorTime(b)-before)
		})
	}
}

// TestContenders: everyone who is compared signs in, and greets whom it ought
// to.
func TestContenders(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name(), func(t *testing.T) {
			s := running(t, c)
			for range connections {
				browser := <-s.browsers
				if err := browser.visit(); err != nil {
					t.Error(err)
				}
				s.browsers <- browser
			}
			if s.processorTime(t) <= 0 {
				t.Error("the server has used no processor time")
			}
			res, err := http.Get("http://" + s.addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized {
				t.Errorf("a stranger got %s, want 401", res.Status)
			}
		})
	}
}

// A server is a contender in a process of its own.
type server struct {
	addr     string
	browsers chan *browser // that do nothing now
	life     io.Closer     // of the process: its standard input
}

// started are the servers that run, by the contender's name. They end with
// this process.
var started = make(map[string]*server)

// running returns the contender's server, which is started when it is first
// asked for.
func running(t testing.TB, c contender) *server {
	t.Helper()
	if s := started[c.name()]; s != nil {
		return s
	}
	s := c.start(t, source(t, c.engine, "site-"+c.by))
	for i := range connections {
		s.browsers <- signedIn(t, s.addr, userID(i))
	}
	started[c.name()] = s
	return s
}

// start starts the server, on the first processor.
func (c contender) start(t testing.TB, source *url.URL) *server {
	t.Helper()
	args := []string{os.Args[0]}
	if c.site == nil {
		args = expressServer(t)
	}
	cmd := pinned("0", args...)
	cmd.Env = append(append(os.Environ(), c.node...), "GOMAXPROCS=1", "NODE_ENV=production",
		serveName+"="+c.name(), serveSource+"="+source.String())
	cmd.Stderr = os.Stderr
	s := &server{browsers: make(chan *browser, connections)}
	var err error
	if s.life, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s says no address: %v", c.name(), cmd.Wait())
	}
	s.addr = strings.TrimSpace(line)
	return s
}

// pinned is a command that runs on that processor, where that can be said.
func pinned(processor string, args ...string) *exec.Cmd {
	if taskset, err := exec.LookPath("taskset"); err == nil {
		args = append([]string{taskset, "-c", processor}, args...)
	}
	return exec.CommandContext(context.Background(), args[0], args[1:]...)
}

func expressServer(t testing.TB) []string {
	t.Helper()
	node, err := install.Node(t.Context())
	if err != nil {
		install.Missing(t, err)
	}
	files, err := fs.Sub(express, "testdata/express")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := install.NPM(t.Context(), files)
	if err != nil {
		install.Missing(t, err)
	}
	return []string{node, filepath.Join(dir, "server.mjs")}
}

// processorTime is what the server has used.
func (s *server) processorTime(t testing.TB) time.Duration {
	t.Helper()
	res, err := http.Get("http://" + s.addr + cpuPath)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	us, err := strconv.ParseInt(string(body), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(us) * time.Microsecond
}

// A browser has one connection and one session. It sends the same bytes over
// and over, so that little is measured beside the server.
type browser struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	want    string
}

// signedIn returns a browser that is signed in.
func signedIn(t testing.TB, addr, user string) *browser {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-User", user)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest || len(res.Cookies()) != 1 {
		t.Fatalf("signing in: got %s with %d cookies", res.Status, len(res.Cookies()))
	}
	cookie := res.Cookies()[0]
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{
		conn, bufio.NewReader(conn),
		fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nCookie: %s=%s\r\n\r\n", addr, cookie.Name, cookie.Value),
		greeting(user),
	}
}

// visit asks for the page, and wants to be greeted.
func (b *browser) visit() error {
	if _, err := b.conn.Write(b.request); err != nil {
		return err
	}
	res, err := http.ReadResponse(b.in, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && string(body) != b.want {
		err = fmt.Errorf("got %s and %q, want %q", res.Status, body, b.want)
	}
	return err
}
