// Package egress asks other servers: with a deadline, a limit for what they
// answer, and no way to be sent elsewhere.
package egress

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// Options of [Client]. All are needed but Transport.
type Options struct {
	Timeout   time.Duration     // of a request, its answer's body included
	MaxBody   int64             // of an answer, in bytes
	Transport http.RoundTripper // nil: one of its own, with the proxy of the environment
	Bad       error             // is wrapped by errors about answers that cannot be used
}

// Client returns a client that keeps no cookies. It follows three redirects
// at most, to the same scheme and host alone, and none of a request that
// carries a secret: one with a body or an Authorization header.
func Client(o Options) *http.Client {
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           100,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    o.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &http.Client{
		Timeout:       o.Timeout,
		Transport:     limited{o.Transport, o.MaxBody, o.Bad},
		CheckRedirect: o.checkRedirect,
	}
}

func (o Options) checkRedirect(to *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > 3:
		return fmt.Errorf("%w: too many redirects", o.Bad)
	case first.Method != http.MethodGet || first.Header.Get("Authorization") != "":
		return fmt.Errorf("%w: it redirects a request with a secret", o.Bad)
	case to.URL.Scheme != first.URL.Scheme || to.URL.Host != first.URL.Host:
		return fmt.Errorf("%w: it redirects to another host", o.Bad)
	}
	return nil
}

// limited is a transport whose answers have a longest body.
type limited struct {
	base http.RoundTripper
	max  int64
	bad  error
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &limitedBody{res.Body, l.max, l}
	return res, nil
}

type limitedBody struct {
	io.ReadCloser
	left int64
	of   limited
}

// Read fails where the body goes on behind the limit: an answer that is cut
// is none.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLong()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, b.tooLong()
	}
	return n, err
}

func (b *limitedBody) tooLong() error {
	return fmt.Errorf("%w: it exceeds %d bytes", b.of.bad, b.of.max)
}
