package passport

import (
	"errors"
	"net/http"

	"github.com/gopassport/passport/internal/few"
)

// A tally adds up the decisions of a chain. A success stays off the heap.
type tally[U any] struct {
	result     Result[U] // the one that ended the chain, or the first failure
	failures   few.List[*Failure]
	challenges few.List[string]
	header     http.Header // of those that let nobody in
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
	if t.failures.Len() == 0 {
		t.result = res
	}
	if more := res.details().failures; len(more) > 0 {
		t.failures.Add(more...)
	} else {
		t.failures.Add(res.failure)
	}
}

// ask keeps what res asks for, and its headers.
func (t *tally[U]) ask(res Result[U]) {
	switch {
	case len(res.details().challenges) > 0:
		t.challenges.Add(res.details().challenges...)
	case res.failure != nil && res.failure.Challenge != "":
		t.challenges.Add(res.failure.Challenge)
	case res.challenge != "":
		t.challenges.Add(res.challenge)
	}
	if header := res.details().header; header != nil {
		if t.header == nil {
			t.header = make(http.Header)
		}
		for key, values := range header {
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
	if t.failures.Len() > 1 || t.challenges.Len() > 1 {
		more := res.changed()
		more.failures = t.failures.All()
		more.challenges = t.challenges.All()
	} else if t.challenges.Len() == 1 {
		res.challenge = t.challenges.First()
	}
	if t.header != nil {
		res.changed().header = t.header
	}
	return res
}
