package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ClientOptions of [Client]. The zero value works.
type ClientOptions struct {
	// Timeout bounds a request, its answer's body included. Default 10 s.
	Timeout time.Duration
	// MaxBody bounds the body of an answer, in bytes. Default 1 MiB.
	MaxBody int64
	// Transport sends the requests. Default: one of its own, with the proxy of
	// the environment and at most 64 KiB of headers.
	Transport http.RoundTripper
}

// Client returns the client that asks providers; o may be nil. It has a
// deadline and a limit for answers, and keeps no cookies. It follows three
// redirects at most, to the same scheme and host alone, and none of a request
// that carries a secret: one with a body or an Authorization header.
func Client(o *ClientOptions) *http.Client {
	var opts ClientOptions
	if o != nil {
		opts = *o
	}
	if opts.Timeout < 0 || opts.MaxBody < 0 {
		panic("oauth: ClientOptions.Timeout and ClientOptions.MaxBody cannot be negative; leave them 0 for the default")
	}
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.MaxBody == 0 {
		opts.MaxBody = 1 << 20
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           100,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    opts.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &http.Client{
		Timeout:       opts.Timeout,
		Transport:     limited{opts.Transport, opts.MaxBody},
		CheckRedirect: checkRedirect,
	}
}

const defaultTimeout = 10 * time.Second

// within is a copy of c for a request of ctx. It has no deadline that is later
// than that of ctx: net/http would start a goroutine to watch it.
func within(ctx context.Context, c *http.Client) *http.Client {
	client := *c
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= c.Timeout {
		client.Timeout = 0
	}
	return &client
}

func checkRedirect(to *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > 3:
		return fmt.Errorf("%w: too many redirects", ErrBadAnswer)
	case first.Method != http.MethodGet || first.Header.Get("Authorization") != "":
		return fmt.Errorf("%w: it redirects a request with a secret", ErrBadAnswer)
	case to.URL.Scheme != first.URL.Scheme || to.URL.Host != first.URL.Host:
		return fmt.Errorf("%w: it redirects to another host", ErrBadAnswer)
	}
	return nil
}

// limited is a transport whose answers have a longest body.
type limited struct {
	base http.RoundTripper
	max  int64
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &limitedBody{res.Body, l.max, l.max}
	return res, nil
}

type limitedBody struct {
	io.ReadCloser
	left, max int64
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
	return fmt.Errorf("%w: it exceeds %d bytes", ErrBadAnswer, b.max)
}
