package bench_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
)

var (
	sizes     = flag.String("sizes", "", "TestScale: numbers of rows, rising, such as 10000,1000000,5000000")
	redisMost = flag.Int("redis-rows", 1_000_000, "TestScale: the most rows in Redis, which keeps them in memory")
)

// TestScale shows what does not grow with the table: the cost of finding a
// session beside the bare SELECT of its row, of listing a user's sessions, and
// of what people do while a fifth of all sessions is swept out. It prints two
// tables, and judges nothing. Times are of the clock: here the database counts.
func TestScale(t *testing.T) {
	if *sizes == "" {
		t.Skip("no -sizes: see make bench-scale")
	}
	var lookups, sweeps []string
	for _, d := range databases {
		if strings.HasPrefix(d.name, "postgres-") {
			continue // another way to the same database
		}
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t, d.large(t))
			rows := 0
			for field := range strings.SplitSeq(*sizes, ",") {
				size, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				if db.redis != nil && size > *redisMost {
					break
				}
				start := time.Now()
				db.fill(t, rows, size)
				t.Logf("%d rows more in %v", size-rows, time.Since(start).Round(time.Second))
				rows = size
				lookups = append(lookups, fmt.Sprintf("| %s | %d | %s | %.0f |", d.name, rows, lookUp(t, db, rows), db.bytes(t)/float64(rows)))
			}
			sweeps = append(sweeps, fmt.Sprintf("| %s | %s |", d.name, sweep(t, db, rows)))
		})
	}
	fmt.Printf("\n| database | rows | bare p50, p99 µs | Find p50, p99 µs | ratio p50, p99 | List p50, p99 ms | bytes a row |\n| --- | --- | --- | --- | --- | --- | --- |\n%s\n",
		strings.Join(lookups, "\n"))
	fmt.Printf("\n| database | swept | in | look-up p99 ms: quiet, sweep, ratio | touch | login |\n| --- | --- | --- | --- | --- | --- |\n%s\n",
		strings.Join(sweeps, "\n"))
}

// large is a server with the memory that one has on which millions of rows
// are kept; its other settings are its own.
func (d database) large(t testing.TB) *url.URL {
	t.Helper()
	switch d.engine {
	case dbtest.MariaDB:
		return dbtest.Start(t, d.engine, "--innodb-buffer-pool-size=2G", "--innodb-log-file-size=1G").URL()
	case dbtest.PostgreSQL:
		return dbtest.Start(t, d.engine, "-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB").URL()
	case dbtest.Redis:
		return dbtest.Start(t, d.engine).URL()
	}
	u := source(t, d.engine, "")
	u.Path = filepath.Join(t.TempDir(), "scale.db")
	u.RawQuery += "&_pragma=cache_size(-65536)"
	return u
}

// row is the session number i. Its id is anywhere in the table. Each user has
// three, and a fifth of all expired one to two hours ago.
func row(i int, now time.Time) sessions.Record {
	id := rowID(i)
	age := time.Minute + time.Duration(binary.BigEndian.Uint32(id[8:])%3_000_000)*time.Millisecond
	if expired(i) {
		age += 25 * time.Hour
	}
	r := record(now.Add(-age))
	r.ID, r.User = id, rowUser(i)
	return r
}

func rowID(i int) sessions.ID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))) }
func rowUser(i int) string    { return "user-" + strconv.Itoa(i/3) }
func expired(i int) bool      { return i%5 == 0 }

const (
	windows = 20   // whose medians count
	window  = 1000 // look-ups of each kind
)

// lookUp finds and lists at random. It alternates the bare way and ours, each
// of which has rows of its own, so that neither warms the other's.
func lookUp(t *testing.T, db opened, rows int) string {
	t.Helper()
	bare, ours, list := make([]percentiles, windows), make([]percentiles, windows), make([]percentiles, windows)
	for w := range windows {
		var b, o, l latencies
		for i := range window {
			finds := []func(){
				func() { b.time(t, func() error { return db.bare(t.Context(), rowID(rand.IntN(rows))) }) },
				func() {
					o.time(t, func() error {
						_, err := db.Find(t.Context(), rowID(rand.IntN(rows)))
						return err
					})
				},
			}
			finds[i%2]()
			finds[1-i%2]()
			if i%10 == 0 {
				l.time(t, func() error {
					found, err := db.List(t.Context(), "session", rowUser(rand.IntN(rows)))
					if err == nil && len(found) == 0 {
						err = sessions.ErrNotFound
					}
					return err
				})
			}
		}
		bare[w], ours[w], list[w] = b.percentiles(), o.percentiles(), l.percentiles()
	}
	b, o, l := medians(bare), medians(ours), medians(list)
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return fmt.Sprintf("%.0f, %.0f | %.0f, %.0f | %.2f, %.2f | %.2f, %.2f",
		us(b.p50), us(b.p99), us(o.p50), us(o.p99), us(o.p50)/us(b.p50), us(o.p99)/us(b.p99), ms(l.p50), ms(l.p99))
}

// sweep sweeps the expired rows out while others work, and compares with
// what these did before.
func sweep(t *testing.T, db opened, rows int) string {
	t.Helper()
	quiet := work(t, db, rows, func(ctx context.Context) { sleep(ctx, 15*time.Second) })
	swept := &counted{store: db.store}
	m := sessions.New(swept, nil)
	start := time.Now()
	busy := work(t, db, rows, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		swept.done = cancel
		_ = m.Sweep(ctx, time.Hour)
	})
	took := time.Since(start)
	var columns strings.Builder
	for i := range quiet {
		q, b := quiet[i].percentiles().p99, busy[i].percentiles().p99
		fmt.Fprintf(&columns, " | %.1f, %.1f, %.1f", float64(q)/1e6, float64(b)/1e6, float64(b)/float64(q))
	}
	return fmt.Sprintf("%d | %v%s", swept.rows, took.Round(time.Second), &columns)
}

// counted counts what is swept, until there is no more.
type counted struct {
	store
	rows int
	done func()
}

// DeleteExpired implements [sessions.ExpiredDeleter].
func (c *counted) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := c.store.DeleteExpired(ctx, now, limit)
	c.rows += n
	if err == nil && n < limit {
		c.done()
	}
	return n, err
}

// work looks sessions up, touches them and signs in, each in its turn every
// few milliseconds, until during returns.
func work(t *testing.T, db opened, rows int, during func(context.Context)) (all [3]latencies) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	alive := func() sessions.ID {
		for {
			if i := rand.IntN(rows); !expired(i) {
				return rowID(i)
			}
		}
	}
	m := sessions.New(db, nil)
	var wg sync.WaitGroup
	for i, do := range []func() error{
		func() error {
			_, err := db.Find(t.Context(), alive())
			return err
		},
		func() error {
			now := time.Now()
			return db.Touch(t.Context(), alive(), now.UnixMilli(), now.Add(24*time.Hour).UnixMilli())
		},
		func() error {
			r := record(time.Now())
			r.Version = 0
			return m.Save(t.Context(), httptest.NewRecorder(), &r)
		},
	} {
		wg.Go(func() {
			for ctx.Err() == nil {
				all[i].time(t, do)
				sleep(ctx, 2*time.Millisecond+rand.N(2*time.Millisecond))
			}
		})
	}
	during(ctx)
	cancel()
	wg.Wait()
	return all
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

type latencies []time.Duration

func (l *latencies) time(t *testing.T, do func() error) {
	start := time.Now()
	if err := do(); err != nil {
		t.Error(err)
	}
	*l = append(*l, time.Since(start))
}

type percentiles struct{ p50, p99 time.Duration }

func (l latencies) percentiles() percentiles {
	l = slices.Sorted(slices.Values(l))
	return percentiles{l[len(l)/2], l[len(l)*99/100]}
}

func medians(all []percentiles) (m percentiles) {
	var p50, p99 latencies
	for _, p := range all {
		p50, p99 = append(p50, p.p50), append(p99, p.p99)
	}
	return percentiles{p50.percentiles().p50, p99.percentiles().p50}
}
