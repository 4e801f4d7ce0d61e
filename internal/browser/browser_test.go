package browser_test

import (
	"bytes"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopassport/passport/internal/browser"
)

func TestRun(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>It works</title><h1>It works</h1>"))
	}))
	defer srv.Close()

	if got, want := browser.Run(t, "testdata/smoke.mjs", srv.URL), "It works\n"; got != want {
		t.Errorf("title: got %q, want %q", got, want)
	}
	shot, err := os.ReadFile(filepath.Join(t.ArtifactDir(), "smoke.png"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.DecodeConfig(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	if picture.Width != 390 || picture.Height != 844 {
		t.Errorf("screenshot: got %d by %d, want 390 by 844", picture.Width, picture.Height)
	}
}
