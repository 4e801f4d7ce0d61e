// Package dbtest starts throwaway database servers for tests: MariaDB,
// PostgreSQL and Redis from Debian's packages, each on a free loopback port,
// in a temporary directory, as an unprivileged user. They stop by themselves,
// also when the test process is killed. They do not wait for the disk: what
// they acknowledged outlives a crash of the server, but not one of the machine.
//
// Where tests run as root on Debian, a missing package is installed. Elsewhere
// the test is skipped with a line that says what is missing and how to get it;
// with CI=true that is a failure.
package dbtest

import (
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/gopassport/passport/internal/install"
)

// An Engine is a kind of database.
type Engine int

// The engines.
const (
	MariaDB Engine = iota + 1
	PostgreSQL
	Redis
)

// String is the name of the engine.
func (e Engine) String() string { return e.engine().name }

// Servers are the servers that the tests of one process share: each engine is
// started when it is first asked for, and runs until the process ends. The
// zero value is ready to use.
type Servers struct {
	mu      sync.Mutex
	started map[Engine]*process
}

// URL is where the engine listens. Its user may create tables and databases;
// what it keeps is shared, so tests use names of their own.
//
// A running engine is used instead when PASSPORT_TEST_MYSQL,
// PASSPORT_TEST_POSTGRES or PASSPORT_TEST_REDIS is its URL, such as
//
//	mysql://root:secret@127.0.0.1:3306/test
//	postgres://postgres:secret@127.0.0.1:5432/postgres?sslmode=disable
//	redis://127.0.0.1:6379/0
func (s *Servers) URL(t testing.TB, e Engine) *url.URL {
	t.Helper()
	if running := os.Getenv(e.engine().env); running != "" {
		u, err := url.Parse(running)
		if err != nil {
			t.Fatalf("%s is no URL", e.engine().env) // err has the password
		}
		return u
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started[e] == nil {
		p := begin(t, e, nil)
		if s.started == nil {
			s.started = make(map[Engine]*process)
		}
		s.started[e] = p
	}
	return s.started[e].url()
}

// begin starts a server. Only where there is no program for it, the test may
// be skipped.
func begin(t testing.TB, e Engine, args []string) *process {
	t.Helper()
	programs, err := find(t.Context(), e.engine())
	if err != nil {
		install.Missing(t, fmt.Errorf("no %s to test on; set %s to the URL of one, or: %w", e, e.engine().env, err))
	}
	p, err := start(t.Context(), e.engine(), programs, args)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A Server is one that belongs to one test, which may ill-treat it.
type Server struct {
	t testing.TB
	p *process
}

// Start starts a server with more arguments for its command line, and stops
// it when the test ends.
func Start(t testing.TB, e Engine, args ...string) *Server {
	t.Helper()
	p := begin(t, e, args)
	t.Cleanup(p.discard)
	return &Server{t, p}
}

// URL is where the server listens, after a Restart too.
func (s *Server) URL() *url.URL { return s.p.url() }

// Kill ends the server as a crash does, with SIGKILL. Its data stays.
func (s *Server) Kill() {
	s.t.Helper()
	s.p.kill()
}

// Restart starts the killed server again, over its data, and returns when it
// answers.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.p.run(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// Suspend stops all processes of the server with SIGSTOP: its connections
// stay open and nobody answers.
func (s *Server) Suspend() {
	s.t.Helper()
	if err := s.p.suspend(); err != nil {
		s.t.Fatal(err)
	}
}

// Resume ends Suspend.
func (s *Server) Resume() {
	s.t.Helper()
	if err := s.p.resume(); err != nil {
		s.t.Fatal(err)
	}
}
