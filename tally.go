package passport

import (
	"errors"
	"net/http"
	"slices"
)

// A tally adds up the decisions of a chain. A success stays off the heap.
type tally[U any] struct {
	result     Result[U] // the one that ended the chain, or the first failure
	failures   few[*Failure]
	challenges few[string]
	header     http.Header // of those that let nobody in
}

// few is a list whose first items lie in itself.
type few[T any] struct {
	n     int
	first [4]T
	rest  []T
}

func (f *few[T]) add(items ...T) {
	for _, item := range items {
		if f.n < len(f.first) {
			f.first[f.n] = item
		} else {
			f.rest = append(f.rest, item)
		}
		f.n++
	}
}

func (f *few[T]) all() []T {
	return slices.Concat(f.first[:min(f.n, len(f.first))], f.rest)
}

// add counts one decision, and tells whether it ends the chain. With an error
// the result lets nobody in.
func (t *tally[U]) add(res Result[U], err error, isNil func(U) bool) (done bool, _ error) {
	if errors.Is(err, ErrPass) {
		res, err = res.Pass()
	}
	if err != nil {
		f, refused := AsRefusal(err)
		if !refused {
			t.result = Result[U]{strategy: res.strategy}
			return true, err
		}
		res.outcome, res.failure = Failed, f
	}
	if res.outcome == Succeeded && isNil(res.user) {
		res.outcome, res.failure = Failed, &Failure{Code: CodeNilUser}
	}
	switch res.outcome {
	case Succeeded, Redirected:
		t.result = res
		return true, nil
	case Failed:
		if f := res.failure; f.status() >= http.StatusInternalServerError {
			t.result = Result[U]{strategy: res.strategy}
			return true, f
		}
		t.fail(res)
	}
	t.ask(res)
	return false, nil
}

// fail keeps the failures of res, and the rest of the first one.
func (t *tally[U]) fail(res Result[U]) {
	if t.failures.n == 0 {
		t.result = res
	}
	if res.more != nil && len(res.more.failures) > 0 {
		t.failures.add(res.more.failures...)
	} else {
		t.failures.add(res.failure)
	}
}

// ask keeps what res asks for, and its headers.
func (t *tally[U]) ask(res Result[U]) {
	switch {
	case res.more != nil && len(res.more.challenges) > 0:
		t.challenges.add(res.more.challenges...)
	case res.failure != nil && res.failure.Challenge != "":
		t.challenges.add(res.failure.Challenge)
	case res.challenge != "":
		t.challenges.add(res.challenge)
	}
	if res.more != nil && res.more.header != nil {
		if t.header == nil {
			t.header = make(http.Header)
		}
		for key, values := range res.more.header {
			t.header[key] = append(t.header[key], values...)
		}
	}
}

// refusal is the result of a chain that nobody ended: the first failure, or
// Pass where all passed, with everything that was asked for.
func (t *tally[U]) refusal() Result[U] {
	var nobody U
	res := t.result
	res.user = nobody
	if t.failures.n > 1 || t.challenges.n > 1 {
		more := res.changed()
		more.failures = t.failures.all()
		more.challenges = t.challenges.all()
	} else if t.challenges.n == 1 {
		res.challenge = t.challenges.first[0]
	}
	if t.header != nil {
		res.changed().header = t.header
	}
	return res
}
