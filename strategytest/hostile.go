package strategytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gopassport/passport"
)

// mostRead is what a strategy may read of an endless body.
const mostRead = 32 << 20

// hostileRules are about requests that no browser sends.
func hostileRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "HostileHeaders",
		Rule:  "Whatever stands in the headers must be a Pass or a Fail, and neither a panic nor an outage: a stranger would fill the log with errors.",
		Check: checkHeaders[U],
	}, {
		Name:  "HostileBodies",
		Rule:  "A body that breaks off, is malformed or never ends must be a Pass or a Fail, after a bounded number of bytes: a stranger would take all memory, or fill the log with errors.",
		Check: checkBodies[U],
	}, {
		Name:  "Junk",
		Rule:  "A request whose headers, query and body are all junk must not be a Success: the strategy lets people in when it cannot read what they sent.",
		Check: checkJunk[U],
	}}
}

// hostileValues are values of a header.
func hostileValues() []string {
	return []string{
		"", " ", "\x00", "a\x00b", "\xff\xfe\xfd", "\r\nX-Evil: 1", "\u202e\U0001F600é",
		"Basic", "Basic ", "Basic =", "Basic !!!!", "Basic Og==", "Basic " + strings.Repeat("YTph", 40_000),
		"Bearer", "Bearer ", "Bearer a.b.c", "Bearer ..", "Bearer eyJhbGciOiJub25lIn0.e30.", "bearer\tx", "Bearer a b",
		`Digest username="`, `Digest a="b`, ",,,,", "=", `"`, `\`, "%", "%00", "%zz", strings.Repeat(",", 5000),
		strings.Repeat("a", 1<<20), strings.Repeat("=;", 10_000), "t=1,v1=", "9999999999999999999999",
	}
}

// always are headers that are tried whatever a case has.
var always = []string{"Authorization", "Cookie", "Content-Type"}

func checkHeaders[U any](ctx context.Context, c Cases[U]) error {
	s, r := c.Right()
	body, err := bodyOf(r)
	if err != nil {
		return fmt.Errorf("Right: reading the body of the case: %w", err)
	}
	ask := c.stage(s)
	try := func(what string, header http.Header) error {
		again := r.Clone(ctx)
		again.Header = header
		setBody(again, body)
		return c.harmless(ask, what, again)
	}
	names := slices.Compact(slices.Sorted(slices.Values(slices.Concat(always, slices.Collect(maps.Keys(r.Header))))))
	for _, name := range names {
		for _, value := range hostileValues() {
			header := r.Header.Clone()
			header[name] = []string{value}
			if err := try(fmt.Sprintf("%s: %.40q", name, value), header); err != nil {
				return err
			}
		}
		header := r.Header.Clone()
		header[name] = slices.Repeat(append([]string{"x"}, header[name]...), 200)
		if err := try(fmt.Sprintf("%s: %d of them", name, len(header[name])), header); err != nil {
			return err
		}
		header[name] = []string{}
		if err := try(name+": none of them", header); err != nil {
			return err
		}
	}
	return nil
}

// harmless returns an error unless a request is passed or refused, or Success.
func (c Cases[U]) harmless(ask func(*http.Request) (decision[U], error), what string, r *http.Request) error {
	d, err := ask(r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if k := d.kind(); k == passport.Broken {
		return fmt.Errorf("%s: %v", what, d)
	}
	return nil
}

func checkBodies[U any](ctx context.Context, c Cases[U]) error {
	s, r := c.Right()
	body, err := bodyOf(r)
	if err != nil {
		return fmt.Errorf("Right: reading the body of the case: %w", err)
	}
	ask := c.stage(s)
	endless := &counted{Reader: repeated("a=b&")}
	bodies := []struct {
		name   string
		body   io.Reader
		length int64
	}{
		{"an empty body", http.NoBody, 0},
		{"a body that breaks off", io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}), int64(len(body))},
		{"a body that fails at once", broken{}, -1},
		{"a body of one byte at a time", io.MultiReader(bytewise{bytes.NewReader(body)}, broken{}), -1},
		{"a body of NULs", strings.NewReader(strings.Repeat("\x00", 1000)), 1000},
		{"a body that is not UTF-8", strings.NewReader("\xff\xfe=\xfd&{\"\xc3\x28"), -1},
		{"a body of braces", strings.NewReader(strings.Repeat(`{"a":[`, 10_000)), -1},
		{"a body of separators", strings.NewReader(strings.Repeat("&;=%", 10_000)), -1},
		{"a body cut by the server", io.MultiReader(bytes.NewReader(body), failing{&http.MaxBytesError{Limit: 1}}), -1},
		{"a body without an end", endless, -1},
		{"a length that is a lie", strings.NewReader("a"), 1 << 40},
	}
	for _, b := range bodies {
		again := r.Clone(ctx)
		again.Method = http.MethodPost
		again.Body, again.ContentLength = io.NopCloser(b.body), b.length
		if err := c.harmless(ask, b.name, again); err != nil {
			return err
		}
	}
	if endless.n > mostRead {
		return fmt.Errorf("%d bytes were read of a body without an end", endless.n)
	}
	return nil
}

func checkJunk[U any](ctx context.Context, c Cases[U]) error {
	s, r := c.Right()
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return nil // the credentials are none of these
	}
	body, err := bodyOf(r)
	if err != nil {
		return fmt.Errorf("Right: reading the body of the case: %w", err)
	}
	again := r.Clone(ctx)
	for name, values := range again.Header {
		if name != "Content-Type" {
			again.Header[name] = slices.Repeat([]string{"junk"}, len(values))
		}
	}
	again.Header.Set("Authorization", "Junk junk")
	again.URL.RawQuery = url.Values{"junk": {"junk"}}.Encode()
	setBody(again, bytes.Repeat([]byte("!"), len(body)))
	d, err := c.stage(s)(again)
	if err != nil {
		return err
	}
	if d.kind() == passport.Succeeded {
		return errors.New("junk is a Success")
	}
	return nil
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if len(body) == 0 {
		r.Body = http.NoBody
	}
}

// broken is a connection that the client has closed.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// bytewise reads one byte at a time.
type bytewise struct{ r io.Reader }

func (b bytewise) Read(p []byte) (int, error) { return b.r.Read(p[:min(1, len(p))]) }

// repeated reads the same text for ever.
type repeated string

func (s repeated) Read(p []byte) (int, error) {
	n := 0
	for n+len(s) <= len(p) {
		n += copy(p[n:], s)
	}
	if n == 0 {
		n = copy(p, s)
	}
	return n, nil
}

// counted counts what is read, and ends it before memory does.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	if c.n > 2*mostRead {
		return 0, io.EOF
	}
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
