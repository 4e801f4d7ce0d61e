// Package strategytest checks that a strategy keeps the rules of
// [passport.Strategy]. Each rule is about one sentence of them, and says when
// it is broken what would go wrong in a server:
//
//	func TestStrategy(t *testing.T) {
//		strategytest.Run(t, strategytest.Cases[*User]{
//			Right:  func() (passport.Strategy[*User], *http.Request) { return mine.New(users), request("right") },
//			Wrong:  func() (passport.Strategy[*User], *http.Request) { return mine.New(users), request("wrong") },
//			Absent: func() (passport.Strategy[*User], *http.Request) { return mine.New(users), request("") },
//			Broken: func() (passport.Strategy[*User], *http.Request) { return mine.New(down), request("right") },
//		})
//	}
//
// That a strategy does not write the response holds by its type. Run the tests
// with -race as well: one rule is about shared memory.
package strategytest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gopassport/passport"
)

// Name is what strategies under test are registered as.
const Name = "strategy"

// Cases are situations of one kind of strategy. Each function returns a new
// strategy and a new request for it; it is called several times. Let hashing
// be cheap and throttling off: the kit makes hundreds of attempts.
type Cases[U any] struct {
	// Right: credentials that are somebody's.
	Right func() (passport.Strategy[U], *http.Request)
	// Wrong: credentials of this kind that are nobody's.
	Wrong func() (passport.Strategy[U], *http.Request)
	// Absent: no credentials of this kind.
	Absent func() (passport.Strategy[U], *http.Request)
	// Broken: what the strategy asks is down. Nil, for a strategy that asks
	// nothing: its rules are skipped, visibly.
	Broken func() (passport.Strategy[U], *http.Request)
	// Slow: what the strategy asks answers only when the context that it was
	// given ends, with the context's error. Nil as with Broken.
	Slow func() (passport.Strategy[U], *http.Request)

	// Spent says that the credentials of Right are good for one time only.
	Spent bool
	// Public are values of the requests that may stand in errors, such as the
	// names of users. All other values of eight bytes and more that are
	// credentials are taken for secrets.
	Public []string
	// Config is that of the Authenticator that runs the strategy, as [Name]:
	// its Secrets, for what a request brings back sealed. The zero value does
	// for all others.
	Config passport.Config[U]
}

// A Rule is one thing that a strategy has to keep.
type Rule[U any] struct {
	Name string
	Rule string // what a strategy must do, and why

	// Check returns what it saw when the rule is broken.
	Check func(ctx context.Context, c Cases[U]) error

	needs []string // the cases without which it cannot be checked
}

// Timeouts of a rule and of one decision, so that a strategy that hangs fails
// by name.
const (
	ruleTimeout = time.Minute
	soon        = 5 * time.Second
)

// Run checks a strategy. It panics when Right, Wrong or Absent is missing.
func Run[U any](t *testing.T, c Cases[U]) {
	t.Helper()
	if c.Right == nil || c.Wrong == nil || c.Absent == nil {
		panic("strategytest: Cases needs Right, Wrong and Absent")
	}
	for _, rule := range Rules[U]() {
		t.Run(rule.Name, func(t *testing.T) {
			if missing := rule.missing(c); missing != "" {
				t.Skipf("Cases.%s is nil; not checked: %s", missing, rule.Rule)
			}
			ctx, cancel := context.WithTimeout(t.Context(), ruleTimeout)
			defer cancel()
			if err := rule.Check(ctx, c); err != nil {
				t.Errorf("broken rule: %s\nseen: %v", rule.Rule, err)
			}
		})
	}
}

// missing names a case that the rule needs and c lacks.
func (r Rule[U]) missing(c Cases[U]) string {
	for _, situation := range c.all() {
		if situation.make == nil && slices.Contains(r.needs, situation.name) {
			return situation.name
		}
	}
	return ""
}

// Rules returns all rules, for those who check them in their own way.
func Rules[U any]() []Rule[U] {
	return slices.Concat(decisionRules[U](), requestRules[U](), hostileRules[U](),
		answerRules[U](), sharedRules[U](), contextRules[U]())
}

// A situation is one of the Cases by name.
type situation[U any] struct {
	name string
	make func() (passport.Strategy[U], *http.Request)
}

func (c Cases[U]) all() []situation[U] {
	return []situation[U]{
		{"Right", c.Right}, {"Wrong", c.Wrong}, {"Absent", c.Absent}, {"Broken", c.Broken}, {"Slow", c.Slow},
	}
}

// decided are the cases that end by themselves, as far as there are any.
func (c Cases[U]) decided() []situation[U] {
	return slices.DeleteFunc(c.all(), func(s situation[U]) bool { return s.make == nil || s.name == "Slow" })
}

// A decision is what a strategy did with one request.
type decision[U any] struct {
	res passport.Result[U]
	err error
	r   *http.Request // as the strategy left it
}

// decide runs one case.
func (c Cases[U]) decide(ctx context.Context, s situation[U]) (decision[U], error) {
	strategy, r := s.make()
	d, err := c.stage(strategy)(r.WithContext(ctx))
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return d, err
}

// stage puts a strategy below an Authenticator and returns what asks it. An
// error says that it panicked, or does not come back.
func (c Cases[U]) stage(s passport.Strategy[U]) func(*http.Request) (decision[U], error) {
	type key struct{}
	a := c.authenticator(passport.StrategyFunc[U](func(r *http.Request) (passport.Result[U], error) {
		d, _ := r.Context().Value(key{}).(*decision[U])
		d.r = r
		d.res, d.err = s.Authenticate(r)
		return passport.Result[U]{}, nil
	}))
	return func(r *http.Request) (decision[U], error) {
		var d decision[U]
		r = r.WithContext(context.WithValue(r.Context(), key{}, &d))
		failed := make(chan error, 1)
		go func() {
			_, err := a.Authenticate(r, Name) // with a panic as an error
			failed <- err
		}()
		select {
		case err := <-failed:
			return d, err
		case <-time.After(soon):
			return decision[U]{}, fmt.Errorf("no decision after %v", soon)
		}
	}
}

func (c Cases[U]) authenticator(s passport.Strategy[U]) *passport.Authenticator[U] {
	config := c.Config
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	a := passport.New(config)
	a.Use(Name, s)
	return a
}

// bodyOf reads the whole body of a request, and gives it back.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	setBody(r, body)
	return body, err
}
