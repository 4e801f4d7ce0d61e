package strategytest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategytest"
)

type user struct{ Name string }

const (
	right = "right-token-of-ann"
	wrong = "wrong-token-of-no-one"
)

// result saves tests from spelling the type.
type result = passport.Result[*user]

func request(token string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader("message=hello&to=everyone"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		r.Header.Set("X-Token", token)
	}
	return r
}

// check is what a good strategy does with a token.
func check(ctx context.Context, token string) (*user, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case token != right:
		return nil, passport.ErrInvalidCredentials
	}
	return &user{"ann"}, nil
}

var errDown = errors.New("the database is down")

// cases are those of a strategy by token. Broken and Slow differ from it in
// what they ask.
func cases(make func(check func(context.Context, string) (*user, error)) passport.Strategy[*user]) strategytest.Cases[*user] {
	with := func(check func(context.Context, string) (*user, error), token string) func() (passport.Strategy[*user], *http.Request) {
		return func() (passport.Strategy[*user], *http.Request) { return make(check), request(token) }
	}
	return strategytest.Cases[*user]{
		Right:  with(check, right),
		Wrong:  with(check, wrong),
		Absent: with(check, ""),
		Broken: with(func(context.Context, string) (*user, error) { return nil, errDown }, right),
		Slow:   with(func(ctx context.Context, _ string) (*user, error) { <-ctx.Done(); return nil, ctx.Err() }, right),
	}
}

// The kit passes strategies that are right: one of Credentials, and one that
// does all by itself.
func TestRightStrategies(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(check func(context.Context, string) (*user, error)) passport.Strategy[*user]{
		"credentials": func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return passport.Credentials(passport.HeaderCredential("X-Token"), check)
		},
		"any": func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return passport.Any(passport.Credentials(passport.HeaderCredential("X-Token"), check))
		},
		"its own": func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return good(check, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			strategytest.Run(t, cases(make))
		})
	}
}

// good is a strategy that keeps the rules, with a change to break one.
func good(check func(context.Context, string) (*user, error), change func(r *http.Request, token string, res result, err error) (result, error)) passport.StrategyFunc[*user] {
	return func(r *http.Request) (result, error) {
		var res result
		token := r.Header.Get("X-Token")
		if token == "" {
			res, err := res.Pass()
			if change != nil {
				return change(r, token, res, err)
			}
			return res, err
		}
		u, err := check(r.Context(), token)
		switch {
		case errors.Is(err, passport.ErrInvalidCredentials):
			res, err = res.Fail(err)
		case err == nil:
			res, err = res.Success(u)
		}
		if change != nil {
			return change(r, token, res, err)
		}
		return res, err
	}
}

// TestBrokenStrategies: each mistake is caught by the rule that is about it,
// which says what it saw; and each rule catches some mistake, or it would be
// about nothing.
func TestBrokenStrategies(t *testing.T) {
	t.Parallel()
	rules := make(map[string]strategytest.Rule[*user])
	for _, rule := range strategytest.Rules[*user]() {
		rules[rule.Name] = rule
	}
	for _, m := range mistakes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			rule, ok := rules[m.rule]
			if !ok {
				t.Fatalf("no rule %q", m.rule)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := rule.Check(ctx, cases(m.make))
			if err == nil {
				t.Fatal("the rule has not seen it")
			}
			seen := err.Error()
			if m.rule == "AtOnce" { // who comes first is chance
				_, seen, _ = strings.Cut(seen, " when ")
			}
			if diff := cmp.Diff(m.seen, seen); diff != "" {
				t.Errorf("what it saw (-want +got):\n%s", diff)
			}
		})
	}
}

// A rule that says nothing about why is of no use to whoever breaks it, and
// one that is shown to catch nothing is none.
func TestRulesAreTold(t *testing.T) {
	t.Parallel()
	caught, seen := make(map[string]bool), make(map[string]bool)
	for _, m := range mistakes() {
		caught[m.rule] = true
	}
	for _, rule := range strategytest.Rules[*user]() {
		if seen[rule.Name] || len(rule.Rule) < 60 || !strings.HasSuffix(rule.Rule, ".") {
			t.Errorf("%s: want a name of its own and a rule told in a sentence, got %q", rule.Name, rule.Rule)
		}
		if !caught[rule.Name] {
			t.Errorf("%s is shown to catch nothing", rule.Name)
		}
		seen[rule.Name] = true
	}
}

// What a strategy does not ask cannot break.
func TestMissingCases(t *testing.T) {
	t.Parallel()
	c := cases(func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
		return good(check, nil)
	})
	c.Broken, c.Slow = nil, nil
	strategytest.Run(t, c)
	defer func() {
		if p := recover(); p != "strategytest: Cases needs Right, Wrong and Absent" {
			t.Errorf("panic %v", p)
		}
	}()
	strategytest.Run(t, strategytest.Cases[*user]{Right: c.Right})
}
