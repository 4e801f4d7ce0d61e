package faulttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// SoakVar is the environment variable that says how long the soak takes, such
// as 10m; all stores share it.
const SoakVar = "SOAK"

// SoakTime is a store's share of SOAK, if that is set: a quarter.
func SoakTime(t testing.TB) (time.Duration, bool) {
	t.Helper()
	text := os.Getenv(SoakVar)
	if text == "" {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d / 4, true
}

// Soak lets 20 people sign in, save, read and sign out at two servers, which
// sweep, while the database is stopped, resumed and killed at random. Nobody
// becomes another, nothing that was ended is back, and nothing grows.
func Soak(t *testing.T, db Database) {
	lasts, long := SoakTime(t)
	if !long {
		lasts = 3 * time.Second
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	var summary string
	t.Run(lasts.String(), func(t *testing.T) { summary = soak(t, db, lasts) })
	t.Logf("%s: %s", db.Name, summary)
	// All is closed: what is left has leaked.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		more, moreFiles := runtime.NumGoroutine()-goroutines, openFiles()-files
		if more <= 0 && moreFiles <= 0 {
			return
		}
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines and %d files more than before\n%s", more, moreFiles, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func soak(t *testing.T, db Database, lasts time.Duration) string {
	server, address := db.Start(t)
	f := newFleet(t, db, address)
	store := open(t, db, address)
	ctx, cancel := context.WithCancel(context.Background())
	var sweepers sync.WaitGroup
	for _, s := range f.servers {
		sweepers.Go(func() { _ = s.site.manager.Sweep(ctx, 100*time.Millisecond) })
	}
	tr := f.begin(20, brief)
	h := &hours{traffic: tr, server: server, store: store}
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		h.round(t, min(time.Until(end), 10*time.Second))
		if t.Failed() {
			break
		}
	}
	cancel()
	sweepers.Wait()
	return h.String()
}

// hours are the rounds of a soak: some seconds of faults, and a rest to look
// at what came of it.
type hours struct {
	*traffic
	server Server
	store  Store

	rounds, hangs, kills                         int
	goroutines, files, mostGoroutines, mostFiles int // at rest: the first time, and at most
}

// slack is how many goroutines and files the pools may grow by.
const slack = 100

func (h *hours) round(t *testing.T, lasts time.Duration) {
	h.run()
	for end, i := time.Now().Add(lasts), 0; time.Now().Before(end); i++ {
		if hang := rand.N(2) == 0; i == 0 || hang && i > 1 {
			h.hangs++
			h.server.Suspend()
			time.Sleep(50*time.Millisecond + rand.N(1500*time.Millisecond))
			h.server.Resume()
		} else {
			h.kills++
			h.server.Kill()
			time.Sleep(rand.N(300 * time.Millisecond))
			h.server.Restart()
		}
		time.Sleep(rand.N(time.Second))
	}
	h.busy(t)
	h.halt()
	time.Sleep(300 * time.Millisecond) // for what was sent before a hang
	h.settle(t, h.store)
	h.forget()
	h.rest(t)
}

// forget drops what was checked, but for some of the sessions that are over,
// which have to stay so.
func (h *hours) forget() {
	h.unanswered[0] += len(h.halves)
	h.unanswered[1] += len(h.left)
	h.halves, h.left = nil, nil
	rand.Shuffle(len(h.ended), func(i, j int) { h.ended[i], h.ended[j] = h.ended[j], h.ended[i] })
	h.ended = h.ended[:min(len(h.ended), 500)]
}

// rest counts what is open while nobody does anything.
func (h *hours) rest(t *testing.T) {
	h.transport.CloseIdleConnections()
	time.Sleep(200 * time.Millisecond)
	goroutines, files := runtime.NumGoroutine(), openFiles()
	if h.rounds == 0 {
		h.goroutines, h.files = goroutines, files
	}
	h.rounds++
	h.mostGoroutines, h.mostFiles = max(h.mostGoroutines, goroutines), max(h.mostFiles, files)
	if goroutines > h.goroutines+slack || files > h.files+slack {
		t.Errorf("at rest there are %d goroutines and %d files, at first there were %d and %d", goroutines, files, h.goroutines, h.files)
	}
}

func (h *hours) String() string {
	return fmt.Sprintf("%v; %d hangs and %d kills in %d rounds; at rest %d goroutines and %d files at first, at most %d and %d",
		h.traffic, h.hangs, h.kills, h.rounds, h.goroutines, h.files, h.mostGoroutines, h.mostFiles)
}

// openFiles counts the files and connections of this process; 0 where there is
// no /proc.
func openFiles() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files)
}
