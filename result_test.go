package passport_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

type (
	result  = passport.Result[*user]
	session = sessions.Session
)

var errCause = errors.New("the cause")

// decided is what a verb made, which has no error.
func decided(r result, err error) result {
	if err != nil {
		panic(err)
	}
	return r
}

func TestResultVerbs(t *testing.T) {
	t.Parallel()
	failure := &passport.Failure{Code: "locked", Status: 423}
	tests := map[string]struct {
		result   result
		outcome  passport.Outcome
		user     *user
		failure  *passport.Failure
		location string
	}{
		"zero":                        {result{}, passport.Passed, nil, nil, ""}, // F03
		"Pass":                        {decided(result{}.Pass()), passport.Passed, nil, nil, ""},
		"Success":                     {decided(result{}.Success(alice)), passport.Succeeded, alice, nil, ""},
		"Fail":                        {decided(result{}.Fail(failure)), passport.Failed, nil, failure, ""},
		"Fail with a wrapped Failure": {decided(result{}.Fail(fmt.Errorf("more: %w", failure))), passport.Failed, nil, failure, ""},
		"Fail with a cause":           {decided(result{}.Fail(errCause)), passport.Failed, nil, &passport.Failure{Code: "invalid-credentials", Err: errCause}, ""},
		"Fail with nil":               {decided(result{}.Fail(nil)), passport.Failed, nil, &passport.Failure{Code: "invalid-credentials"}, ""},
		"Redirect":                    {decided(result{}.Redirect("/elsewhere")), passport.Redirected, nil, nil, "/elsewhere"},
		// The last verb counts, and nothing of an earlier one is left. F03
		"Success, Fail":     {decided(decided(result{}.Success(alice)).Fail(failure)), passport.Failed, nil, failure, ""},
		"Success, Pass":     {decided(decided(result{}.Success(alice)).Pass()), passport.Passed, nil, nil, ""},
		"Success, Redirect": {decided(decided(result{}.Success(alice)).Redirect("/x")), passport.Redirected, nil, nil, "/x"},
		"Fail, Success":     {decided(decided(result{}.Fail(failure)).Success(alice)), passport.Succeeded, alice, nil, ""},
		"Fail, Pass":        {decided(decided(result{}.Fail(failure)).Pass()), passport.Passed, nil, nil, ""},
		"Redirect, Pass":    {decided(decided(result{}.Redirect("/x")).Pass()), passport.Passed, nil, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := test.result
			if r.Outcome() != test.outcome {
				t.Errorf("outcome %v, want %v", r.Outcome(), test.outcome)
			}
			if r.User() != test.user {
				t.Errorf("user %v, want %v", r.User(), test.user)
			}
			if got := r.Failure(); (got == nil) != (test.failure == nil) || got != nil && *got != *test.failure {
				t.Errorf("failure %+v, want %+v", got, test.failure)
			}
			want := 0
			if test.failure != nil {
				want = 1
			}
			if got := len(r.Failures()); got != want {
				t.Errorf("%d failures, want %d", got, want)
			}
			if r.Location() != test.location {
				t.Errorf("location %q, want %q", r.Location(), test.location)
			}
			if signedIn := r.Err() == nil; signedIn != (test.outcome == passport.Succeeded) {
				t.Errorf("Err: %v", r.Err())
			}
			if test.failure != nil && (!errors.Is(r.Err(), test.failure.Err) && test.failure.Err != nil) {
				t.Errorf("%v is not the cause", r.Err())
			}
		})
	}
}

// TestResultCopies: two results that were made of one share nothing.
func TestResultCopies(t *testing.T) {
	t.Parallel()
	base := result{}.WithHeader("X-A", "1").WithInfo("base").WithChallenge("Base").WithFactor("pwd")
	one := base.WithHeader("X-A", "one").WithInfo("one")
	two := base.WithHeader("X-B", "two")
	one.Header().Set("X-A", "changed by the reader")
	for _, test := range []struct {
		name   string
		result result
		header http.Header
		info   any
	}{
		{"base", base, http.Header{"X-A": {"1"}}, "base"},
		{"one", one, http.Header{"X-A": {"1", "one"}}, "one"},
		{"two", two, http.Header{"X-A": {"1"}, "X-B": {"two"}}, "base"},
		{"zero", result{}, nil, nil},
	} {
		if diff := cmp.Diff(test.header, test.result.Header()); diff != "" {
			t.Errorf("%s: header (-want +got):\n%s", test.name, diff)
		}
		if got := test.result.Info(); got != test.info {
			t.Errorf("%s: info %v, want %v", test.name, got, test.info)
		}
	}
	failed := decided(result{}.Fail(errCause))
	failed.Failures()[0] = nil
	if failed.Failures()[0] == nil {
		t.Error("Failures hands out what belongs to the Result")
	}
}

func TestOutcomeString(t *testing.T) {
	t.Parallel()
	want := []string{"pass", "success", "fail", "redirect", "broken", "detour", "unknown"}
	for i, want := range want {
		if got := passport.Outcome(i).String(); got != want {
			t.Errorf("Outcome(%d) is %q, want %q", i, got, want)
		}
	}
}

// TestUnknownOutcome: whatever a later version adds to the outcomes, only
// Succeeded lets anyone in. F03
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	forged := func(o passport.Outcome) result {
		res := decided(result{}.Success(alice))
		field := reflect.ValueOf(&res).Elem().FieldByName("outcome")
		*(*passport.Outcome)(unsafe.Pointer(field.UnsafeAddr())) = o
		return res
	}
	for _, o := range []passport.Outcome{passport.Passed, passport.Broken, passport.Detoured, 6, 255} {
		res := forged(o)
		if res.Err() == nil {
			t.Errorf("%v (%d): no error", o, o)
		}
		a := newApp(t)
		a.UseFunc("forged", func(*http.Request) (result, error) { return res, nil })
		a.Use("any", passport.Any(passport.Strategy[*user](passport.StrategyFunc[*user](func(*http.Request) (result, error) { return res, nil }))))
		a.mux.Handle("/who/forged", a.Require("forged")(http.HandlerFunc(a.who)))
		a.mux.Handle("/who/any", a.Require("any")(http.HandlerFunc(a.who)))
		a.mux.Handle("/optional", a.Optional("forged")(http.HandlerFunc(a.who)))
		a.mux.Handle("/login", a.LoginHandler("forged", nil))
		b := a.browser()
		for _, path := range []string{"/who/forged", "/who/any"} {
			if w := b.send("GET", path); w.Code != http.StatusUnauthorized {
				t.Errorf("%v (%d): %s answers %d %s", o, o, path, w.Code, w.Body)
			}
		}
		if w := b.send("GET", "/optional"); w.Body.String() == "alice" {
			t.Errorf("%v (%d): Optional lets alice in", o, o)
		}
		if w := b.send("POST", "/login"); w.Code != http.StatusUnauthorized || a.store.rows() != 0 {
			t.Errorf("%v (%d): login answers %d, %d rows", o, o, w.Code, a.store.rows())
		}
	}
}

// TestClassification: functions of the application speak plain Go.
func TestClassification(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"ErrInvalidCredentials":   {passport.ErrInvalidCredentials, 401, "invalid-credentials"},
		"wrapped":                 {fmt.Errorf("local: %w", passport.ErrInvalidCredentials), 401, "invalid-credentials"},
		"ErrNoUser":               {passport.ErrNoUser, 401, "invalid-credentials"},
		"sql.ErrNoRows":           {fmt.Errorf("users: %w", sql.ErrNoRows), 401, "invalid-credentials"},
		"ErrForbidden":            {passport.ErrForbidden, 403, "forbidden"},
		"Failure":                 {&passport.Failure{Code: "locked", Status: 423}, 423, "locked"},
		"Failure of no status":    {&passport.Failure{Code: "odd", Status: 200}, 401, "odd"},
		"Failure of 500 and more": {&passport.Failure{Status: 502}, 502, "internal"},
		"deadline":                {fmt.Errorf("db: %w", context.DeadlineExceeded), 503, "unavailable"},
		"anything else":           {errDown, 500, "internal"},
		"ErrPass":                 {fmt.Errorf("x: %w", passport.ErrPass), 401, "no-credentials"},
		"a Pass, as an error":     {result{}.Err(), 401, "no-credentials"},
		"typed nil Failure":       {(*passport.Failure)(nil), 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			a.UseFunc("it", func(*http.Request) (result, error) { return result{}, test.err })
			a.UseFunc("weak", func(*http.Request) (result, error) { return result{}.Pass() })
			a.mux.Handle("/", a.Require("it", "weak")(http.HandlerFunc(a.who)))
			w := a.browser().send("GET", "/")
			if w.Code != test.status || code(t, w) != test.code {
				t.Errorf("%d %s, want %d %s", w.Code, code(t, w), test.status, test.code)
			}
		})
	}
}
