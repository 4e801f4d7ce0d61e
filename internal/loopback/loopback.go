// Package loopback tells names of this machine, where http is as good as
// https.
package loopback

import (
	"net"
	"strings"
)

// Host tells whether a host, without a port, is this machine (RFC 6761 section
// 6.3).
func Host(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
