package main_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/internal/browser"
)

// TestBrowser signs in through a real OpenID provider, in Chromium: see
// testdata/social.mjs. Its screenshots are kept in the directory that
// PASSPORT_SCREENSHOTS names.
func TestBrowser(t *testing.T) {
	t.Parallel()
	addr, idp := process.FreeAddr(t), process.FreeAddr(t)
	process.Start(t, addr, process.Build(t, "."), "-addr", addr, "-idp", idp)
	browser.Run(t, "testdata/social.mjs", "http://"+addr, "http://"+idp, os.Getenv("PASSPORT_SCREENSHOTS"))
}

// TestPortTaken: where one of the two ports is taken, the program says so and
// ends.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	binary := process.Build(t, ".")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := fmt.Sprintf(":%d", listener.Addr().(*net.TCPAddr).Port)
	taken, free := "localhost"+port, process.FreeAddr(t)
	for _, args := range [][]string{{"-addr", free, "-idp", taken}, {"-addr", taken, "-idp", free}} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		said, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
		if err == nil || ctx.Err() != nil || !strings.Contains(string(said), port+":") || strings.Contains(string(said), "http://") {
			t.Errorf("%q: ended with %v, and said %s", args, err, said)
		}
		cancel()
	}
}
