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
	addr, idp := process.FreeAddr(t), process.FreeAddr(t)
	file := filepath.Join(t.TempDir(), "demo.db")
	start := func() func() {
		return process.Start(t, addr, binary, "-addr", addr, "-idp", idp, "-db", file)
	}
	stop := start()
	control := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		stop()
		stop = start()
	}))
	defer control.Close()
	browser.Run(t, "testdata/demo.mjs", "http://"+addr, control.URL, os.Getenv("PASSPORT_SCREENSHOTS"))
}

// TestBrowserSocial is what people do who have an account elsewhere: see
// testdata/social.mjs.
func TestBrowserSocial(t *testing.T) {
	t.Parallel()
	addr, idp := process.FreeAddr(t), process.FreeAddr(t)
	process.Start(t, addr, binary, "-addr", addr, "-idp", idp, "-db", filepath.Join(t.TempDir(), "demo.db"))
	browser.Run(t, "testdata/social.mjs", "http://"+addr, "http://"+idp, os.Getenv("PASSPORT_SCREENSHOTS"))
}

// TestExplain is what a developer sees who wonders about a refusal: see
// testdata/explain.mjs.
func TestExplain(t *testing.T) {
	t.Parallel()
	addr := process.FreeAddr(t)
	process.Start(t, addr, binary, "-addr", addr, "-idp", process.FreeAddr(t), "-db", filepath.Join(t.TempDir(), "demo.db"), "-explain")
	browser.Run(t, "testdata/explain.mjs", "http://"+addr, os.Getenv("PASSPORT_SCREENSHOTS"))
}
