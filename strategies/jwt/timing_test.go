package jwt_test

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestResponsiveUnderGarbage: 64 connections that send 16 KiB of garbage at
// full speed hold one good client up about as much as 64 that send small
// requests to a handler that asks for nothing. Both floods keep the processors
// busy; what differs is what a refusal costs. It measures the machine, and wants
// it for itself. By turns, the median of five.
func TestResponsiveUnderGarbage(t *testing.T) {
	if os.Getenv("PASSPORT_TIMING") == "" {
		t.Skip("set PASSPORT_TIMING=1 to measure; takes a minute on an idle machine")
	}
	s := signers()[jwt.RS256]
	_, api := site(strategy(s.key))
	mux := http.NewServeMux()
	mux.Handle("/api", api)
	mux.HandleFunc("/open", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	good := s.token()
	h, p, sig := parts(good)
	fill := strings.Repeat("A", 16<<10-len(good))

	floods := []struct{ name, path, token string }{
		{"open", "/open", ""},
		{"open, 16 KiB", "/open", strings.Repeat("A", 16<<10)}, // for comparison
		{"wrong signature", "/api", h + "." + p + fill + "." + sig},
		{"garbage header", "/api", strings.Repeat("A", 16<<10)},
		{"too long", "/api", h + "." + p + fill + fill + "." + sig},
	}
	p99 := make(map[string][]float64)
	for range 5 {
		for _, i := range rand.Perm(len(floods)) {
			f := floods[i]
			p99[f.name] = append(p99[f.name], flooded(t, server.URL, good, f.path, f.token))
		}
	}
	median := func(name string) float64 { return slices.Sorted(slices.Values(p99[name]))[len(p99[name])/2] }
	for _, f := range floods {
		ratio := median(f.name) / median("open")
		t.Logf("%-16s p99 of good requests %6.2f ms, %.2f × that beside the open handler", f.name, median(f.name), ratio)
		if ratio > 1.5 {
			t.Errorf("%s: more than 1.5 ×", f.name)
		}
	}
}

// flooded is the p99 of good requests, in milliseconds, while 64 connections
// send others.
func flooded(t *testing.T, base, good, path, token string) float64 {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	defer client.CloseIdleConnections()
	send := func(path, token string, status ...int) {
		r, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || !slices.Contains(status, res.StatusCode) {
			t.Errorf("%s: got %d, %v", path, res.StatusCode, err)
		}
	}
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 64 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if path == "/open" {
					send(path, token, http.StatusOK)
				} else {
					send(path, token, http.StatusUnauthorized, http.StatusBadRequest)
				}
			}
		})
	}
	send("/api", good, http.StatusOK) // connects
	took := make([]float64, 200)
	for i := range took {
		begun := time.Now()
		send("/api", good, http.StatusOK)
		took[i] = float64(time.Since(begun).Microseconds()) / 1000
	}
	close(stop)
	flood.Wait()
	slices.Sort(took)
	return took[len(took)*99/100]
}
