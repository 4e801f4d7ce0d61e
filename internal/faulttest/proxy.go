package faulttest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A mode is what a proxy does to its connections.
type mode int

const (
	pass     mode = iota
	cut           // ends each after so many bytes of answers
	drop          // ends each when it has passed a request on
	halfOpen      // passes no answers on, and ends nothing
	delay         // holds each answer up
	modes
)

const held = 30 * time.Millisecond // by delay

// A proxy stands between a store and its database.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	mode  mode
	left  int // bytes of answers until cut
	conns map[net.Conn]struct{}
}

// newProxy returns a proxy for the address, and its own.
func newProxy(t testing.TB, address string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host, conns: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.reset()
		p.running.Wait()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

// set changes what happens from now on, to open connections too.
func (p *proxy) set(m mode, left int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.left = m, left
}

// reset ends all connections.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.running.Go(func() { p.copy(server, client, p.request) })
		p.running.Go(func() { p.copy(client, server, p.answer) })
	}
}

// copy passes on what may, and then ends both ways.
func (p *proxy) copy(to, from net.Conn, may func(n int) (pass int, goOn bool)) {
	defer func() {
		_, _ = to.Close(), from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, to)
		delete(p.conns, from)
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		n, goOn := may(n)
		if _, err := to.Write(b[:n]); err != nil || !goOn {
			return
		}
	}
}

func (p *proxy) request(n int) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n, p.mode != drop
}

func (p *proxy) answer(n int) (int, bool) {
	p.mu.Lock()
	m := p.mode
	defer p.mu.Unlock()
	switch m {
	case cut:
		n = min(n, p.left)
		p.left -= n
		return n, p.left > 0
	case drop:
		return 0, false
	case halfOpen:
		return 0, true
	case delay:
		p.mu.Unlock()
		time.Sleep(held)
		p.mu.Lock()
	}
	return n, true
}
