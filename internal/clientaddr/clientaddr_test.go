package clientaddr_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/clientaddr"
)

var trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64")}

func request(remote string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": forwarded}}
}

// TestOf: only what a trusted proxy wrote is believed. E11, A24
func TestOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.1:1234", nil, "203.0.113.1"},
		{"203.0.113.1:1234", []string{"198.51.100.7"}, "203.0.113.1"},
		{"192.0.2.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{" 198.51.100.7\t"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{"127.0.0.1,198.51.100.7"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{"127.0.0.1", "198.51.100.7"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{"198.51.100.7", "192.0.2.2"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{"192.0.2.3, 192.0.2.2"}, "192.0.2.3"},
		{"192.0.2.1:1", []string{"198.51.100.7, "}, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.7, garbage, 192.0.2.2"}, "192.0.2.2"},
		{"192.0.2.1:1", []string{"198.51.100.7:80"}, "198.51.100.7"},
		{"192.0.2.1:1", []string{"[2001:db8:1::7]:80"}, "2001:db8:1::7"},
		{"192.0.2.1:1", []string{""}, "192.0.2.1"},
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"[2001:db8::1]:1", []string{"2001:DB8:1::7"}, "2001:db8:1::7"},
		{"[::ffff:192.0.2.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"[fe80::1%eth0]:1", nil, "fe80::1"},
		{"192.0.2.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"@", []string{"198.51.100.7"}, "invalid IP"},
		{"", nil, "invalid IP"},
		{"203.0.113.1", nil, "invalid IP"},
	} {
		if got := clientaddr.Of(request(test.remote, test.forwarded...), trusted).String(); got != test.want {
			t.Errorf("%s %q: %s, want %s", test.remote, test.forwarded, got, test.want)
		}
		if got := clientaddr.Of(request(test.remote, test.forwarded...), nil); got != clientaddr.Of(request(test.remote), nil) {
			t.Errorf("%s %q: %s without a trusted proxy", test.remote, test.forwarded, got)
		}
	}
}

// FuzzClientAddr: the address is the peer's, or one that stands in the header
// of a trusted peer. F13
func FuzzClientAddr(f *testing.F) {
	f.Add("203.0.113.1:1234", "198.51.100.7")
	f.Add("192.0.2.1:1", "127.0.0.1, 198.51.100.7,192.0.2.2")
	f.Add("192.0.2.1:1", ",,::ffff:1.2.3.4%x,")
	f.Add("[2001:db8::1%1]:1", "fe80::1%eth0")
	f.Add("@", "")
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		peer := clientaddr.Of(request(remote), nil)
		got := clientaddr.Of(request(remote, forwarded), trusted)
		if clientaddr.Of(request(remote, forwarded), nil) != peer {
			t.Error("a header was believed, and nobody is trusted")
		}
		if got == peer {
			return
		}
		isTrusted := func(a netip.Addr) bool {
			return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
		}
		if !peer.IsValid() || !isTrusted(peer) {
			t.Errorf("%s is believed to be %s", peer, got)
		}
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%#v", got)
		}
		written := false
		for hop := range strings.SplitSeq(forwarded, ",") {
			hop = strings.TrimSpace(hop)
			a, err := netip.ParseAddr(hop)
			if err != nil {
				var p netip.AddrPort
				p, err = netip.ParseAddrPort(hop)
				a = p.Addr()
			}
			written = written || err == nil && a.Unmap().WithZone("") == got
		}
		if !written {
			t.Errorf("%s stands nowhere in %q", got, forwarded)
		}
	})
}
