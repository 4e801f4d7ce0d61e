package strategytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gopassport/passport"
)

// contextRules are about requests that end early.
func contextRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "ContextOver",
		Rule:  "With a context that is over, a strategy must return soon: with the context's error, or with a decision that waits for nothing. A Fail would count against the person, and an error of another kind wake somebody up.",
		Check: checkOver[U],
	}, {
		Name:  "ContextHandedOn",
		Rule:  "The request's context must reach what the strategy waits for: a client that went away, and a deadline, would otherwise keep a connection each.",
		Check: checkSlow[U],
		needs: []string{"Slow"},
	}, {
		Name:  "SlowBody",
		Rule:  "When the context ends while a body trickles in, a strategy must return soon, and without a Success for what it has not read.",
		Check: checkSlowBody[U],
	}}
}

func checkOver[U any](ctx context.Context, c Cases[U]) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	s, r := c.Right()
	d, err := c.stage(s)(r.WithContext(ctx))
	if err != nil {
		return err
	}
	if d.kind() == passport.Succeeded {
		return nil
	}
	return d.ended("Right, with a context that is over")
}

// ended returns an error unless the decision is that the context ended.
func (d decision[U]) ended(what string) error {
	switch f, _ := errors.AsType[*passport.Failure](d.err); {
	case d.kind() != passport.Broken:
	case errors.Is(d.err, context.Canceled), f != nil && f.Status == http.StatusServiceUnavailable:
		return nil
	}
	return fmt.Errorf("%s: got %v, want the context's error", what, d)
}

// moment is long enough for a strategy to have begun.
const moment = 20 * time.Millisecond

func checkSlow[U any](ctx context.Context, c Cases[U]) error {
	if c.Slow == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer time.AfterFunc(moment, cancel).Stop()
	defer cancel()
	d, err := c.decide(ctx, situation[U]{"Slow", c.Slow})
	if err != nil {
		return err
	}
	return d.ended("Slow, when the context ended")
}

func checkSlowBody[U any](ctx context.Context, c Cases[U]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer time.AfterFunc(moment, cancel).Stop()
	defer cancel()
	s, r := c.Right()
	body, err := bodyOf(r)
	if err != nil {
		return fmt.Errorf("Right: reading the body of the case: %w", err)
	}
	again := r.Clone(ctx)
	hanging := &hanging{ctx: ctx, most: len(body) / 2, r: repeated(body)}
	again.Body = io.NopCloser(hanging)
	d, err := c.stage(s)(again)
	if err != nil {
		return err
	}
	if len(body) > 0 && hanging.waited && d.kind() == passport.Succeeded {
		return errors.New("Right, of which half was read: success")
	}
	return nil
}

// hanging is a body of which no more comes. As with net/http, reading fails
// when the request ends.
type hanging struct {
	ctx    context.Context //nolint:containedctx // the request's, as net/http has it
	r      io.Reader
	most   int
	waited bool
}

func (h *hanging) Read(p []byte) (int, error) {
	if h.most > 0 {
		n, err := h.r.Read(p[:min(h.most, len(p))])
		h.most -= n
		return n, err
	}
	h.waited = true
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}
