package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// A sweeping store plays a table with so many expired rows.
type sweeping struct {
	sessions.Store
	expired int
	spent   int // keys
	hang    bool
	took    time.Duration // of each call
	err     error
	calls   []sweepCall
}

type sweepCall struct {
	At      time.Time
	Limit   int
	Timeout time.Duration
}

func (s *sweeping) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	deadline, _ := ctx.Deadline()
	s.calls = append(s.calls, sweepCall{now, limit, time.Until(deadline)})
	if s.hang {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	time.Sleep(s.took)
	n := min(limit, s.expired)
	s.expired -= n
	if s.spent > limit {
		s.spent -= limit
		return n, sessions.ErrMore
	}
	return n, s.err
}

// B15: the sweeper works in bounded batches with pauses and a timeout of its
// own, by the clock of each batch, and stops with its context.
func TestSweepRounds(t *testing.T) {
	t.Parallel()
	const round, pause, timeout = time.Minute, sessions.SweepPause, 10 * time.Second
	for name, c := range map[string]struct {
		store    sweeping
		interval time.Duration
		want     []time.Duration // when it calls the store
		logs     int
	}{
		"nothing":    {sweeping{}, round, []time.Duration{0, round, 2 * round}, 0},
		"a batch":    {sweeping{expired: sessions.SweepBatch}, round, []time.Duration{0, pause, round + pause, 2*round + pause}, 0},
		"batches":    {sweeping{expired: 2*sessions.SweepBatch + 1}, round, []time.Duration{0, pause, 2 * pause, round + 2*pause, 2*round + 2*pause}, 0},
		"slow":       {sweeping{expired: sessions.SweepBatch, took: time.Second}, round, []time.Duration{0, 5 * time.Second, round + 6*time.Second, 2*round + 7*time.Second}, 0},
		"spent keys": {sweeping{spent: 2*sessions.SweepBatch + 1}, round, []time.Duration{0, pause, 2 * pause, round + 2*pause, 2*round + 2*pause}, 0},
		"an error":   {sweeping{err: errDown}, round, []time.Duration{0, round, 2 * round}, 3},
		"hanging":    {sweeping{hang: true}, round, []time.Duration{0, timeout + round, 2 * (timeout + round)}, 2},
		"default":    {sweeping{}, 0, []time.Duration{0}, 0},
		"negative":   {sweeping{}, -1, []time.Duration{0}, 0},
	} {
		inTime(t, name, func(t *testing.T) {
			var log bytes.Buffer
			store := c.store
			m := manager(&store, sessions.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			ctx, cancel := context.WithCancel(t.Context())
			start := time.Now()
			done := make(chan error, 1)
			go func() { done <- m.Sweep(ctx, c.interval) }()
			time.Sleep(2*round + 25*time.Second)
			cancel()
			synctest.Wait() // no time passes: it stops at once, in a pause and in a call
			select {
			case err := <-done:
				wantErr(t, "Sweep", err, context.Canceled)
			default:
				t.Error("Sweep goes on without its context")
			}
			var want []sweepCall
			for _, after := range c.want {
				want = append(want, sweepCall{start.Add(after - sessions.SweepGrace), sessions.SweepBatch, timeout})
			}
			if diff := cmp.Diff(want, store.calls); diff != "" {
				t.Errorf("calls of the store:\n%s", diff)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != c.logs {
				t.Errorf("%d errors in the log, want %d:\n%s", n, c.logs, log.String())
			}
		})
	}
	inTime(t, "default interval", func(t *testing.T) {
		var store sweeping
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Minute)
		defer cancel()
		wantErr(t, "Sweep", manager(&store, sessions.Options{}).Sweep(ctx, 0), context.DeadlineExceeded)
		if len(store.calls) != 3 {
			t.Errorf("%d rounds in 11 minutes, want one every 5", len(store.calls))
		}
	})
}

// B15: several instances sweep one table at once, and nobody deletes a
// session that is in use.
func TestSweepDeletesWhatHasExpired(t *testing.T) {
	t.Parallel()
	inTime(t, "memory", func(t *testing.T) {
		const idle = 3 * time.Hour
		store := sessions.NewMemoryStore(nil)
		options := sessions.Options{Idle: idle, Refresh: time.Minute}
		m := manager(store, options)
		another := manager(store, sessions.Options{Name: "another", Idle: idle})
		for i := range 3 * sessions.SweepBatch {
			signIn(t, m, sessions.Record{User: fmt.Sprint("idle ", i)}, nil)
		}
		signIn(t, another, sessions.Record{User: "idle"}, nil)
		renewed := signIn(t, m, sessions.Record{User: "renewed"}, nil)
		time.Sleep(idle - time.Millisecond)
		fresh := signIn(t, m, sessions.Record{User: "fresh"}, nil)

		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() { wantErr(t, "Sweep", manager(store, options).Sweep(ctx, time.Second), context.Canceled) })
		}
		synctest.Wait()
		if n := rows(t, store, "session", "idle 0"); n != 1 {
			t.Error("swept a row before its deadline")
		}
		if !known(t, m, renewed) { // the last moment to renew it
			t.Error("the session in use has ended")
		}
		// F11: the clock of a server may be an hour ahead.
		time.Sleep(sessions.SweepGrace - time.Second)
		synctest.Wait()
		if n := rows(t, store, "session", "idle 0"); n != 1 {
			t.Error("swept a row that is valid by a clock an hour behind")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for i := range 3 * sessions.SweepBatch {
			if n := rows(t, store, "session", fmt.Sprint("idle ", i)); n != 0 {
				t.Fatalf("expired row %d is left", i)
			}
		}
		if n := rows(t, store, "another", "idle"); n != 0 {
			t.Error("the expired row of another realm is left")
		}
		if user(t, m, renewed) != "renewed" || user(t, m, fresh) != "fresh" {
			t.Error("swept a session that is in use")
		}
		cancel()
		group.Wait()
	})
}

// rows counts a user's records, expired ones too.
func rows(t *testing.T, store store, realm, user string) int {
	t.Helper()
	list, err := store.List(t.Context(), realm, user)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestSweepThatCannotStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var store sweeping
	wantErr(t, "context done", manager(&store, sessions.Options{}).Sweep(ctx, time.Hour), context.Canceled)
	err := manager(bare{}, sessions.Options{}).Sweep(t.Context(), time.Hour)
	if !errors.Is(err, sessions.ErrUnsupported) {
		t.Errorf("store without the ability: %v", err)
	}
}
