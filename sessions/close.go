package sessions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Close ends writing: new writes are refused with [ErrClosed], and those under
// way are waited for. When ctx ends first, the error names them and wraps
// ctx's. Reading goes on, and [Manager.Sweep] returns. Call it when the HTTP
// server has shut down, before the database is closed.
func (m *Manager) Close(ctx context.Context) error { return m.store.writes.close(ctx) }

// writes are the writes that are under way.
type writes struct {
	mu      sync.Mutex
	running map[*pending]struct{}
	closing chan struct{} // closed when no write begins any more
	ended   chan struct{} // closed when, besides, nothing runs
}

func newWrites() *writes {
	return &writes{running: make(map[*pending]struct{}), closing: make(chan struct{}), ended: make(chan struct{})}
}

// A pending write is one call.
type pending struct {
	name  string
	id    ID // zero: none
	start time.Time
}

func (w *pending) String() string {
	took := time.Since(w.start).Round(time.Millisecond)
	if w.id == (ID{}) {
		return fmt.Sprintf("%s after %v", w.name, took)
	}
	return fmt.Sprintf("%s of session %s after %v", w.name, w.id.Handle(), took)
}

func (ws *writes) begin(w *pending) error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed() {
		return ErrClosed
	}
	ws.running[w] = struct{}{}
	return nil
}

func (ws *writes) end(w *pending) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.running, w)
	if ws.closed() && len(ws.running) == 0 {
		close(ws.ended)
	}
}

func (ws *writes) closed() bool {
	select {
	case <-ws.closing:
		return true
	default:
		return false
	}
}

func (ws *writes) close(ctx context.Context) error {
	select {
	case <-ws.refuse():
		return nil
	case <-ctx.Done():
	}
	cut := ws.cut()
	if len(cut) == 0 {
		return nil
	}
	return fmt.Errorf("sessions: closed before %s: %w", strings.Join(cut, ", "), ctx.Err())
}

// refuse lets no write begin, and returns what is closed when none runs.
func (ws *writes) refuse() <-chan struct{} {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if !ws.closed() {
		close(ws.closing)
		if len(ws.running) == 0 {
			close(ws.ended)
		}
	}
	return ws.ended
}

// cut names what is under way, the longest first.
func (ws *writes) cut() []string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	all := make([]*pending, 0, len(ws.running))
	for w := range ws.running {
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *pending) int { return a.start.Compare(b.start) })
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.String()
	}
	return names
}
