package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopassport/passport/strategies/jwt"
)

// Refresh fetches the set now, or waits for the fetch that is under way. With
// an error the last set stays.
func (s *Source) Refresh(ctx context.Context) error {
	f, leads := s.take(0)
	if leads {
		s.lead(ctx, f)
	}
	return f.wait(ctx)
}

// Run fetches each set before the last has run out, until ctx ends, and
// returns its error. No request waits for the issuer then, but for one whose key
// is not in the set, and while there is no set that may be used.
func (s *Source) Run(ctx context.Context) error {
	s.runs.Add(1)
	defer s.runs.Add(-1)
	for {
		// Looked at anew each time: a request may have brought another set.
		if now := s.now.Load(); now == nil || !now.fresh(time.Now().Add(now.life/4)) {
			_ = s.Refresh(ctx) // logged, and tried again
		}
		timer := time.NewTimer(s.c.Interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// fetch fetches where that is due, and waits for it, unless there is something
// to go on with and somebody else fetches. That it brought nothing is no error:
// there may be a set.
func (s *Source) fetch(ctx context.Context, goesOn bool) error {
	if goesOn && s.runs.Load() > 0 {
		return nil
	}
	f, leads := s.take(s.c.Interval)
	switch {
	case leads:
		s.lead(ctx, f)
	case f != nil && !goesOn:
		if err := f.wait(ctx); ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// take returns the fetch that is under way, or a new one for the caller to
// lead, but none sooner than interval after the last began.
func (s *Source) take(interval time.Duration) (f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil && (s.tried.IsZero() || time.Since(s.tried) >= interval) {
		s.flight, s.tried, leads = &flight{done: make(chan struct{})}, time.Now(), true
	}
	return s.flight, leads
}

// lead fetches for all that wait. It goes on when its own client leaves: or
// else clients that leave could make any number of fetches.
func (s *Source) lead(ctx context.Context, f *flight) {
	f.err = errors.New("jwks: the fetch panicked")
	defer func() {
		s.mu.Lock()
		s.flight, s.failed = nil, f.err
		s.mu.Unlock()
		close(f.done)
	}()
	last := s.now.Load()
	next, err := s.get(context.WithoutCancel(ctx), last)
	if f.err = err; err != nil {
		s.c.Logger.WarnContext(ctx, "jwks: no new keys", "url", s.c.URL, "error", err)
		return
	}
	if next.skipped != "" && (last == nil || last.skipped != next.skipped) {
		s.c.Logger.WarnContext(ctx, "jwks: keys that cannot be used", "url", s.c.URL, "error", next.skipped)
	}
	s.now.Store(next)
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("jwks: waiting for keys: %w", ctx.Err())
	}
}

// get asks the issuer once. Keys of the last set that came again stay the same.
func (s *Source) get(ctx context.Context, last *set) (*set, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.c.URL, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", errBad, res.StatusCode)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	keys, skipped, err := Parse(body, s.c.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBad, errors.Join(append(skipped, err)...))
	}
	next := &set{keys: keys, ids: make(map[string]bool), fetched: time.Now(), life: lifetime(res.Header)}
	if len(skipped) > 0 {
		next.skipped = errors.Join(skipped...).Error()
	}
	for i, k := range keys {
		if last != nil {
			if j := slices.IndexFunc(last.keys, k.Equal); j >= 0 {
				keys[i] = last.keys[j]
			}
		}
		next.ids[k.ID()] = true
	}
	next.found, err = jwt.Keys(keys...)
	return next, err
}

// lifetime is how long an answer is good for (RFC 9111 section 5.2.2), within
// bounds.
func lifetime(h http.Header) time.Duration {
	life := defaultLife
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return minLife
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				life = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(life, minLife), maxLife)
}

// takes tells whether a key could have the algorithm at all.
func (s *Source) takes(alg jwt.Algorithm) bool {
	if s.c.Algorithms == nil {
		return asymmetric(alg)
	}
	return slices.Contains(s.c.Algorithms, alg)
}

func asymmetric(alg jwt.Algorithm) bool {
	switch alg {
	case jwt.RS256, jwt.RS384, jwt.RS512, jwt.PS256, jwt.PS384, jwt.PS512, jwt.ES256, jwt.ES384, jwt.ES512, jwt.EdDSA:
		return true
	}
	return false
}

func (s *Source) unavailable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return ErrUnavailable // the set was too old when it came
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, s.failed)
}
