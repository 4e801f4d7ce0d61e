// Package clientaddr finds the address that a request comes from.
package clientaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Of is the address of the request's peer; or, where that is a trusted proxy,
// the last address in X-Forwarded-For that is not. The zero Addr where there
// is none: nothing that a client writes is believed otherwise.
func Of(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !contains(trusted, addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, written := range slices.Backward(hops) {
		written = strings.TrimSpace(written)
		hop, err := netip.ParseAddr(written)
		if err != nil { // some proxies write the port
			var port netip.AddrPort
			port, err = netip.ParseAddrPort(written)
			hop = port.Addr()
		}
		if err != nil {
			return addr // what stands before it cannot be trusted
		}
		addr = hop.Unmap().WithZone("")
		if !contains(trusted, addr) {
			return addr
		}
	}
	return addr
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
