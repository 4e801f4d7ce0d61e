package strategytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/gopassport/passport"
)

// kind is what the Authenticator would make of a decision.
func (d decision[U]) kind() passport.Outcome {
	if errors.Is(d.err, passport.ErrPass) {
		return passport.Passed
	}
	if d.err != nil {
		if _, refused := passport.AsRefusal(d.err); refused {
			return passport.Failed
		}
		if _, detour := errors.AsType[*passport.Detour](d.err); detour {
			return passport.Detoured
		}
		return passport.Broken
	}
	if f := d.res.Failure(); f != nil && f.Status >= http.StatusInternalServerError {
		return passport.Broken
	}
	return d.res.Outcome()
}

// String tells a decision without what may be secret in it.
func (d decision[U]) String() string {
	if d.err != nil {
		return fmt.Sprintf("%v, by an error of type %T", d.kind(), d.err)
	}
	return d.kind().String()
}

// wants makes a rule's check of one case and its outcome.
func wants[U any](name string, outcome passport.Outcome) func(context.Context, Cases[U]) error {
	return func(ctx context.Context, c Cases[U]) error {
		for _, s := range c.decided() {
			if s.name != name {
				continue
			}
			d, err := c.decide(ctx, s)
			if err != nil {
				return err
			}
			if d.kind() != outcome {
				return fmt.Errorf("%s: got %v, want %v", name, d, outcome)
			}
		}
		return nil
	}
}

// decisionRules are about what is decided.
func decisionRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "RightSucceeds",
		Rule:  "Right credentials must be a Success with their user: a zero user, or a nil one, is refused with nil-user.",
		Check: checkRight[U],
	}, {
		Name:  "WrongFails",
		Rule:  "Wrong credentials must Fail, or be an error that refuses: a Pass would let them through where credentials are optional, an outage would end the chain and wake somebody up.",
		Check: wants[U]("Wrong", passport.Failed),
	}, {
		Name:  "AbsentPasses",
		Rule:  "Absent credentials must Pass: a Fail would refuse whoever signs in by another strategy of the route, and count as an attack in the logs.",
		Check: wants[U]("Absent", passport.Passed),
	}, {
		Name:  "BrokenIsAnError",
		Rule:  "What is broken must be an error that is no refusal: a Fail would tell people that their password is wrong, a Pass would fall through to a weaker strategy.",
		Check: wants[U]("Broken", passport.Broken),
		needs: []string{"Broken"},
	}, {
		Name:  "NobodyWithoutSuccess",
		Rule:  "A decision that is no Success must carry no user: whoever reads User before Outcome would sign somebody in.",
		Check: checkNobody[U],
	}}
}

func checkRight[U any](ctx context.Context, c Cases[U]) error {
	if err := wants[U]("Right", passport.Succeeded)(ctx, c); err != nil {
		return err
	}
	d, err := c.decide(ctx, situation[U]{"Right", c.Right})
	if err != nil {
		return err
	}
	if isNobody(d.res.User()) {
		return errors.New("Right: the user is nobody")
	}
	return nil
}

func checkNobody[U any](ctx context.Context, c Cases[U]) error {
	for _, s := range c.decided() {
		d, err := c.decide(ctx, s)
		if err != nil {
			return err
		}
		if d.kind() != passport.Succeeded && !isNobody(d.res.User()) {
			return fmt.Errorf("%s: %v, with a user", s.name, d)
		}
	}
	return nil
}

func isNobody[U any](user U) bool {
	v := reflect.ValueOf(user)
	return !v.IsValid() || v.IsZero()
}

// requestRules are about the request behind the strategy.
func requestRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "BodyHandedBack",
		Rule:  "The body must be there for the handler behind, put back or parsed into PostForm: it would get an empty form or an empty message.",
		Check: checkBody[U],
	}, {
		Name:  "RequestUnchanged",
		Rule:  "A strategy must leave method, URL, host, address and headers as they are: the handler behind and the next strategy would see what nobody sent.",
		Check: checkUnchanged[U],
	}}
}

func checkBody[U any](ctx context.Context, c Cases[U]) error {
	for _, s := range c.decided() {
		strategy, r := s.make()
		before, err := bodyOf(r)
		if err != nil {
			return fmt.Errorf("%s: reading the body of the case: %w", s.name, err)
		}
		d, err := c.stage(strategy)(r.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		after, err := bodyOf(d.r)
		if err != nil {
			return fmt.Errorf("%s: the body cannot be read any more: %w", s.name, err)
		}
		if !bytes.Equal(before, after) && d.r.PostForm == nil {
			return fmt.Errorf("%s: of %d bytes of body %d are left", s.name, len(before), len(after))
		}
	}
	return nil
}

func checkUnchanged[U any](ctx context.Context, c Cases[U]) error {
	for _, s := range c.decided() {
		strategy, r := s.make()
		before := r.Clone(ctx)
		d, err := c.stage(strategy)(r.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		switch {
		case !reflect.DeepEqual(before.Header, d.r.Header):
			return fmt.Errorf("%s: the headers have changed", s.name)
		case before.URL.String() != d.r.URL.String() || before.RequestURI != d.r.RequestURI:
			return fmt.Errorf("%s: the URL has changed", s.name)
		case before.Method != d.r.Method || before.Host != d.r.Host || before.RemoteAddr != d.r.RemoteAddr:
			return fmt.Errorf("%s: method, host or address have changed", s.name)
		}
	}
	return nil
}
