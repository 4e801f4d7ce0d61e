package nearest_test

import (
	"testing"

	"github.com/gopassport/passport/internal/nearest"
)

func TestName(t *testing.T) {
	t.Parallel()
	names := map[string]int{"local": 1, "github": 2, "google": 3, "jwt": 4, "session": 5, "a": 6}
	for name, want := range map[string]string{
		"githbu": "github", "gihub": "github", "GitHub": "github", "locl": "local", "sesion": "session", "sessions": "session", "jw": "jwt", "jwtt": "jwt",
		"kerberos": "", "saml": "", "": "a", "b": "a", "twj": "",
	} {
		if got := nearest.Name(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for range 20 { // of two that are as near, always the same
		if got := nearest.Name("sax", map[string]int{"saz": 1, "say": 2, "saa": 3}); got != "saa" {
			t.Fatalf("%q", got)
		}
	}
	if got := nearest.Name("x", map[string]int(nil)); got != "" {
		t.Errorf("%q", got)
	}
}
