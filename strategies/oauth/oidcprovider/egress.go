package oidcprovider

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/gopassport/passport/strategies/oauth"
)

// guardedClient is like oauth.Client(nil), but connects to public addresses
// alone, or where the configuration says so: what is asked is named by the
// metadata, which could name a service of the application's own network. It is
// the address that is looked at, when it is dialled: what a name resolves to
// changes.
func guardedClient(c Config) *http.Client {
	issuer, _ := url.Parse(c.Issuer)
	g := guard{loopback: oauth.CheckURL("http://"+issuer.Host, false) == nil, private: c.PrivateNetwork}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: g.control}
	direct := newTransport()
	direct.DialContext = dialer.DialContext
	viaProxy := newTransport()
	viaProxy.Proxy = http.ProxyFromEnvironment
	return oauth.Client(&oauth.ClientOptions{Transport: route{direct, viaProxy}})
}

const dialTimeout = 10 * time.Second

func newTransport() *http.Transport {
	return &http.Transport{
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// route sends by the proxy that the environment names, if there is one for the
// request: then it is the proxy's address that is dialled, which may be
// private.
type route struct{ direct, viaProxy http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t route) RoundTrip(r *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(r); proxy != nil || err != nil {
		return t.viaProxy.RoundTrip(r)
	}
	return t.direct.RoundTrip(r)
}

// transport is that of a client.
func transport(c *http.Client) http.RoundTripper {
	if c.Transport == nil {
		return http.DefaultTransport
	}
	return c.Transport
}

// A guard says where connections may go.
type guard struct{ loopback, private bool }

// control is [net.Dialer.Control].
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !g.allows(at.Addr().Unmap()) {
		return fmt.Errorf("%w: %s is no public address (see Config.PrivateNetwork)", oauth.ErrBadAnswer, at.Addr())
	}
	return nil
}

func (g guard) allows(a netip.Addr) bool {
	switch {
	case a.IsLoopback():
		return g.loopback
	case a.IsPrivate(), within(a, "100.64.0.0/10"):
		return g.private
	}
	return a.IsGlobalUnicast() && !within(a, special()...)
}

// special are address blocks that are nobody's on the internet (RFC 6890), and
// those that embed an IPv4 address.
func special() []string {
	return []string{
		"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fec0::/10",
	}
}

func within(a netip.Addr, blocks ...string) bool {
	for _, block := range blocks {
		if netip.MustParsePrefix(block).Contains(a) {
			return true
		}
	}
	return false
}
