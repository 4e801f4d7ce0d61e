package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

// jwtSite greets by a token. It is not compared with others: it is flooded.
var jwtSite = contender{db: "none", by: "jwt", site: func(_ context.Context, u *url.URL) (http.Handler, error) {
	key, err := jwt.PublicKey([]byte(u.Query().Get("key")), &jwt.KeyOptions{ID: "2026-11"})
	if err != nil {
		return nil, err
	}
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{{Name: jwtIssuer, Audience: []string{jwtAudience}, Keys: key}}},
		func(_ context.Context, c *jwtClaims) (*user, error) { return &user{c.Subject}, nil }))
	return a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { greet(w, u) }, "jwt"), nil
}}

const floodAddress = "BENCH_FLOOD" // makes the test binary flood that address with the request on its standard input

// TestJWTFlood prints how long a right request takes while 64 connections send
// 16 KiB of something else as fast as they can, in rounds in which the floods
// take turns. The server has a processor, and the flood what
// the one who measures leaves of another. Run it alone, with -v, on that other:
//
//	GOMAXPROCS=1 taskset -c 1 go test -run TestJWTFlood -v .
//
// A flood without a token is what net/http bears by itself, and the 401.
func TestJWTFlood(t *testing.T) {
	if testing.Short() || !testing.Verbose() {
		t.Skip("it measures: run it with -v")
	}
	k := jwtKeys(t)["RS256"]
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	site := jwtSite.start(t, &url.URL{RawQuery: url.Values{"key": {string(key)}}.Encode()})
	defer site.life.Close()
	addr := site.addr
	right := dial(t, addr, "Authorization: Bearer "+k.token(t, nil), "user-1234567890")
	random := make([]byte, 12<<10)
	_, _ = rand.Read(random)
	garbage := base64.RawURLEncoding.EncodeToString(random)[:16<<10-10]
	floods := []struct{ name, field string }{
		{"none", ""},
		{"no token", "X-Filling: " + garbage},
		{"garbage", "Authorization: Bearer " + garbage[:5000] + "." + garbage[5000:10000] + "." + garbage[10000:]},
		{"garbage behind a right header", "Authorization: Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"2026-11","typ":"at+jwt"}`)) + "." + garbage[:16000] + ".AAAA"},
		{"forged", "Authorization: Bearer " + jwtRefused(t, k, 15<<10)["signature"]},
	}
	took, refused := make([]latencies, len(floods)), make([]latencies, len(floods))
	for range *jwtRounds {
		for i, f := range floods {
			stop := flooding(t, addr, f.field)
			for range 200 {
				took[i].time(t, right.visit)
				time.Sleep(time.Millisecond)
			}
			refused[i] = append(refused[i], stop())
		}
	}
	bare := took[1].percentiles()
	for i, f := range floods {
		p := took[i].percentiles()
		t.Logf("%-30s p50 %6.0f µs, p99 %6.0f µs: %4.2f and %4.2f × no token; one refused in %v", f.name,
			float64(p.p50)/1e3, float64(p.p99)/1e3, float64(p.p50)/float64(bare.p50), float64(p.p99)/float64(bare.p99), refused[i].percentiles().p50)
	}
}

// dial is a browser that sends the field.
func dial(t testing.TB, addr, field, user string) *browser {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &browser{conn, bufio.NewReader(conn), request(addr, field), greeting(user)}
}

func request(addr, field string) []byte {
	return fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n%s\r\n\r\n", addr, field)
}

// flooding floods from a process of its own, which is the last to get its
// processor, until stop tells how much time one request took.
func flooding(t testing.TB, addr, field string) (stop func() time.Duration) {
	t.Helper()
	if field == "" {
		return func() time.Duration { return 0 }
	}
	cmd := pinned("1", "nice", "-n", "19", os.Args[0])
	cmd.Env = append(os.Environ(), floodAddress+"="+addr, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(append(request(addr, field), 0)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil { // it is under way
		t.Fatal(err)
	}
	start := time.Now()
	return func() time.Duration {
		took := time.Since(start)
		_ = in.Close()
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n == 0 {
			t.Fatalf("the flood sent %q: %v", line, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return took / time.Duration(n)
	}
}

// flood sends what it reads up to a NUL over 64 connections until its standard
// input ends, and tells when it begins, and at the end how often it did.
func flood(addr string) error {
	in := bufio.NewReader(os.Stdin)
	sent, err := in.ReadBytes(0)
	if err != nil {
		return err
	}
	sent = sent[:len(sent)-1]
	var refused atomic.Int64
	failed := make(chan error, connections)
	for range connections {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		go func() { failed <- floodOver(conn, sent, &refused) }()
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	time.Sleep(200 * time.Millisecond)
	fmt.Println()
	refused.Store(0)
	select {
	case err := <-failed:
		return err
	case err := <-ended:
		fmt.Println(refused.Load())
		return err
	}
}

// floodOver sends again and again. All answers are as long as the first, so
// that no time goes into reading them.
func floodOver(conn net.Conn, sent []byte, refused *atomic.Int64) error {
	var answer bytes.Buffer
	for first := true; ; first = false {
		if _, err := conn.Write(sent); err != nil {
			return err
		}
		if !first {
			if _, err := io.ReadFull(conn, answer.Bytes()); err != nil {
				return err
			}
			if !bytes.HasPrefix(answer.Bytes(), []byte("HTTP/1.1 401 ")) {
				return fmt.Errorf("got %.100q", answer.Bytes())
			}
			refused.Add(1)
			continue
		}
		res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &answer)), nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
	}
}
