package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/gopassport/passport/internal/egress"
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
	return egress.Client(egress.Options{
		Timeout: opts.Timeout, MaxBody: opts.MaxBody, Transport: opts.Transport, Bad: ErrBadAnswer,
	})
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
