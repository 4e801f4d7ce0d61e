package main_test

import (
	"os"
	"testing"

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
