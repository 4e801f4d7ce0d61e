package bench_test

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/dbtest"
)

var (
	// rounds interleaves: every benchmark runs once, then all of them again,
	// so that a noisy moment does not fall on one of those that are compared.
	rounds = flag.Int("rounds", 1, "run all benchmarks so many times, in turn")

	servers dbtest.Servers
	scratch string // a directory for as long as the process lives
)

func TestMain(m *testing.M) {
	flag.Parse()
	if name := os.Getenv(serveName); name != "" {
		fmt.Fprintln(os.Stderr, serve(name))
		os.Exit(1)
	}
	if addr := os.Getenv(floodAddress); addr != "" {
		if err := flood(addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "passport-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	for range *rounds {
		code = max(code, m.Run())
	}
	return code
}

// processorTime is what this process has used, in user and system mode.
// Unlike time on the clock it leaves out the database, the network, and what
// else the machine does.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report reports the processor time of one operation alone.
func report(b *testing.B, used time.Duration) {
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(0, "ns/op")
}
