package bench_test

import (
	"slices"
	"testing"
	"time"
)

// A turn does something n times, and tells how much processor time that took.
type turn func(n int) (time.Duration, error)

// timed is the turn of a function that counts whole.
func timed(run func() error) turn {
	return func(n int) (time.Duration, error) {
		start := processorTime()
		for range n {
			if err := run(); err != nil {
				return 0, err
			}
		}
		return processorTime() - start, nil
	}
}

// laps are the times of those who took turns, in µs, of each round.
type laps map[string][]float64

// byTurns lets all of them run n times, and again, round after round, so that a
// slow moment of the machine falls on everybody.
func byTurns(t *testing.T, all map[string]turn, times, n int) laps {
	t.Helper()
	r := make(laps)
	for range times {
		for by, turn := range all {
			took, err := turn(n)
			if err != nil {
				t.Fatalf("%s: %v", by, err)
			}
			r[by] = append(r[by], float64(took)/float64(n)/1e3)
		}
	}
	return r
}

func (r laps) median(by string) float64 { return median(r[by]) }

// ratio is the median of what by took in times of what to took in the same
// round.
func (r laps) ratio(by, to string) float64 {
	ratios := slices.Clone(r[by])
	for i := range ratios {
		ratios[i] /= r[to][i]
	}
	return median(ratios)
}

func median(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }
