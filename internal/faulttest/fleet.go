package faulttest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fleet is several servers of the site over one database, in this process or
// in processes of their own, and the way to them.
type fleet struct {
	t         testing.TB
	db        Database
	address   string
	transport *http.Transport
	users     *users // of the servers in this process

	mu      sync.Mutex
	servers []*server
	stores  []Store // of the servers in this process
}

// A server is one of them.
type server struct {
	url string

	// In this process.
	site     *site
	shutdown func(context.Context) error

	// In another.
	kill func()
}

// newFleet starts two servers in this process.
func newFleet(t testing.TB, db Database, address string) *fleet {
	t.Helper()
	f := emptyFleet(t, db, address)
	for range 2 {
		f.add(address, 0)
	}
	return f
}

func emptyFleet(t testing.TB, db Database, address string) *fleet {
	f := &fleet{t: t, db: db, address: address, users: newUsers()}
	f.transport = &http.Transport{MaxIdleConnsPerHost: 64, ExpectContinueTimeout: time.Minute}
	t.Cleanup(f.transport.CloseIdleConnections)
	return f
}

// add starts one more server in this process, whose store may be at another
// address or have a timeout of its own, and returns its number.
func (f *fleet) add(address string, timeout time.Duration) int {
	f.t.Helper()
	store, closeStore, err := f.db.Open(address, timeout)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = closeStore() }) // some connections may be broken
	return f.addStore(store)
}

// addStore starts a server over an open store.
func (f *fleet) addStore(store Store) int {
	s := newSite(store, f.users)
	srv := httptest.NewTLSServer(s)
	f.trust(srv.Certificate())
	f.t.Cleanup(func() {
		f.transport.CloseIdleConnections()
		srv.Close()
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers = append(f.servers, &server{url: srv.URL, site: s, shutdown: srv.Config.Shutdown})
	f.stores = append(f.stores, store)
	return len(f.servers) - 1
}

// trust is called before the first request.
func (f *fleet) trust(cert *x509.Certificate) {
	if f.transport.TLSClientConfig == nil {
		pool := x509.NewCertPool()
		pool.AddCert(cert)
		f.transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
}

// url is where server n is now.
func (f *fleet) url(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.servers[n%len(f.servers)].url
}

// corrupted counts the sessions that servers in this process could not decode.
func (f *fleet) corrupted() (n int64) {
	for _, s := range f.servers {
		n += s.site.log.n.Load()
	}
	return n
}

// zones are the local times of the servers, which must not matter.
var zones = []string{"America/New_York", "Asia/Tokyo"}

const (
	databaseVar = "FAULTTEST_DATABASE" // makes the test binary a server: its Database
	addressVar  = "FAULTTEST_ADDRESS"
)

// spawnFleet starts two servers, each in a process of its own, with a time zone
// of its own. The test binary must call [Main].
func spawnFleet(t testing.TB, db Database, address string) *fleet {
	t.Helper()
	f := emptyFleet(t, db, address)
	for i := range 2 {
		f.servers = append(f.servers, nil)
		f.spawn(i)
	}
	return f
}

// spawn starts server n, again if it was killed.
func (f *fleet) spawn(n int) {
	f.t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0]) // it ends with its standard input
	cmd.Env = append(os.Environ(), databaseVar+"="+f.db.Name, addressVar+"="+f.address, "TZ="+zones[n%len(zones)])
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	end := sync.OnceFunc(func() { _ = cmd.Wait() })
	f.t.Cleanup(func() {
		f.transport.CloseIdleConnections()
		_ = in.Close()
		end()
	})
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		f.t.Fatalf("the server said %q: %v", said, err)
	}
	url, encoded, _ := strings.Cut(strings.TrimSpace(said), " ")
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		f.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	f.trust(cert)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[n] = &server{url: url, kill: func() { _ = cmd.Process.Kill(); end() }}
}

// killAll kills the servers, which are processes, with SIGKILL.
func (f *fleet) killAll() {
	for _, s := range f.servers {
		s.kill()
	}
}

// spawnAll starts them again.
func (f *fleet) spawnAll() {
	for n := range f.servers {
		f.spawn(n)
	}
}

// Main is the TestMain of a package that uses the kit: a test binary that was
// started as a server is one.
func Main(m *testing.M, databases ...Database) {
	name := os.Getenv(databaseVar)
	if name == "" {
		os.Exit(m.Run())
	}
	err := errNoDatabase
	for _, db := range databases {
		if db.Name == name {
			err = serve(db, os.Getenv(addressVar))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs the site until the standard input ends.
func serve(db Database, address string) error {
	store, closeStore, err := db.Open(address, 0)
	if err != nil {
		return err
	}
	srv := httptest.NewTLSServer(newSite(store, newUsers()))
	fmt.Println(srv.URL, base64.StdEncoding.EncodeToString(srv.Certificate().Raw))
	_, _ = io.Copy(io.Discard, os.Stdin)
	srv.Close()
	return closeStore()
}
