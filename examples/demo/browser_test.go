package main_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/internal/browser"
)

// TestBrowser is what people do on the demo, in Chromium: see
// testdata/demo.mjs. Its screenshots are kept in the directory that
// PASSPORT_SCREENSHOTS names.
func TestBrowser(t *testing.T) {
	t.Parallel()
	binary, addr := process.Build(t, "."), process.FreeAddr(t)
	file := filepath.Join(t.TempDir(), "demo.db")
	start := func() func() {
		return process.Start(t, addr, binary, "-addr", addr, "-db", file)
	}
	stop := start()
	control := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		stop()
		stop = start()
	}))
	defer control.Close()
	browser.Run(t, "testdata/demo.mjs", "http://"+addr, control.URL, os.Getenv("PASSPORT_SCREENSHOTS"))
}
