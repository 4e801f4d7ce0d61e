package loopback_test

import (
	"testing"

	"github.com/gopassport/passport/internal/loopback"
)

func TestHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "a.localhost": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true,
		"": false, "example.com": false, "localhost.example": false, "notlocalhost": false, "10.0.0.1": false, "::": false, "127.0.0.1.example": false,
	} {
		if got := loopback.Host(host); got != want {
			t.Errorf("%q: got %t", host, got)
		}
	}
}
