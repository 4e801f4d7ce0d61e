package strategytest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/gopassport/passport"
)

// sharedRules are about many requests at once.
func sharedRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "AtOnce",
		Rule:  "One strategy value must decide 64 requests at once, each as it would alone: what it keeps of a request would sign one person in as another.",
		Check: checkAtOnce[U],
	}}
}

// checkAtOnce asks the strategy of Right about all kinds of requests.
func checkAtOnce[U any](ctx context.Context, c Cases[U]) error {
	const n = 64
	type question struct {
		name string
		make func() *http.Request
		want passport.Outcome
	}
	s, right := c.Right()
	var questions []question
	for _, q := range []struct {
		name string
		r    *http.Request
	}{{"Right", right}, {"Absent", second(c.Absent())}, {"Wrong", second(c.Wrong())}} {
		body, err := bodyOf(q.r)
		if err != nil {
			return fmt.Errorf("%s: reading the body of the case: %w", q.name, err)
		}
		again := func() *http.Request {
			r := q.r.Clone(ctx)
			setBody(r, body)
			return r
		}
		want := passport.Succeeded
		if !c.Spent || q.name != "Right" { // asking once would be once too often
			d, err := c.stage(s)(again())
			if err != nil {
				return fmt.Errorf("%s, alone: %w", q.name, err)
			}
			want = d.kind()
		}
		questions = append(questions, question{q.name, again, want})
	}

	ask, start := c.stage(s), make(chan struct{})
	errs, won := make([]error, n), make([]bool, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			q := questions[i%len(questions)]
			r := q.make()
			<-start
			d, err := ask(r)
			won[i] = d.kind() == passport.Succeeded
			switch {
			case err != nil:
				errs[i] = fmt.Errorf("%s, of %d at once: %w", q.name, n, err)
			case d.kind() == q.want, c.Spent && q.want == passport.Succeeded && d.kind() == passport.Failed:
			default:
				errs[i] = fmt.Errorf("%s: %v alone, %v when %d ask at once", q.name, q.want, d, n)
			}
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if times := len(slices.DeleteFunc(won, func(b bool) bool { return !b })); c.Spent && times > 1 {
		return fmt.Errorf("Right: credentials for one time are a Success %d times", times)
	}
	return nil
}

func second[U any](_ passport.Strategy[U], r *http.Request) *http.Request { return r }
