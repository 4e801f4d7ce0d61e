package passport_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
)

// TestChain: the order of strategies is the order of the names, the first
// success, redirect or error ends it, and one Strategy made by Any is no
// different from several names. F06
func TestChain(t *testing.T) {
	t.Parallel()
	type decide = func() (result, error)
	success := func() (result, error) { return result{}.Success(alice) }
	pass := func() (result, error) { return result{}.WithChallenge(`Pass realm="a"`).Pass() }
	fail := func() (result, error) {
		return result{}.WithChallenge(`Fail realm="b"`).WithHeader("X-Why", "fail").Fail(&passport.Failure{Code: "first"})
	}
	limited := func() (result, error) {
		return result{}.Fail(&passport.Failure{Code: "limited", Status: 429, Challenge: "Limited"})
	}
	refuse := func() (result, error) { return result{}, fmt.Errorf("no: %w", passport.ErrInvalidCredentials) }
	redirect := func() (result, error) { return result{}.Redirect("https://idp.example/") }
	broken := func() (result, error) { return result{}, errDown }
	down := func() (result, error) { return result{}.Fail(&passport.Failure{Code: "down", Status: 503}) }
	nobody := func() (result, error) { return result{}.Success(nil) }
	detour := func() (result, error) { return result{}, &passport.Detour{URL: "/totp", Key: "k"} }
	for name, test := range map[string]struct {
		chain      []decide
		asked      int
		status     int
		code       string
		challenges []string
	}{
		"success":                      {[]decide{success, fail}, 1, 200, "", nil},
		"pass, success":                {[]decide{pass, success, fail}, 2, 200, "", nil},
		"fail, success":                {[]decide{fail, success}, 2, 200, "", nil},
		"all pass":                     {[]decide{pass, pass}, 2, 401, "no-credentials", []string{`Pass realm="a"`, `Pass realm="a"`}}, // E01
		"pass, fail":                   {[]decide{pass, fail}, 2, 401, "first", []string{`Pass realm="a"`, `Fail realm="b"`}},          // E01
		"fail, limited, pass":          {[]decide{fail, limited, pass}, 3, 401, "first", []string{`Fail realm="b"`, "Limited", `Pass realm="a"`}},
		"limited, fail":                {[]decide{limited, fail}, 2, 429, "limited", nil},
		"refuse is fail":               {[]decide{refuse, limited}, 2, 401, "invalid-credentials", []string{"Limited"}},
		"redirect":                     {[]decide{pass, redirect, success}, 2, 303, "", nil},
		"an error never falls through": {[]decide{broken, success}, 1, 500, "internal", nil},
		"nor does an outage":           {[]decide{down, success}, 1, 503, "down", nil},
		"fail, error":                  {[]decide{fail, broken, success}, 2, 500, "internal", nil},
		"nobody is no user":            {[]decide{nobody, pass}, 2, 401, "nil-user", []string{`Pass realm="a"`}}, // E16
		"nobody, success":              {[]decide{nobody, success}, 2, 200, "", nil},
		"detour":                       {[]decide{detour, success}, 1, 403, "detour", nil},
		"more than any buffer": {
			[]decide{fail, fail, fail, pass, fail, limited, pass}, 7, 401, "first",
			[]string{`Fail realm="b"`, `Fail realm="b"`, `Fail realm="b"`, `Pass realm="a"`, `Fail realm="b"`, "Limited", `Pass realm="a"`},
		},
	} {
		for _, nested := range []string{"names", "Any", "Any of Any"} {
			t.Run(name+"/"+nested, func(t *testing.T) {
				t.Parallel()
				a := newApp(t)
				var asked []int
				var names []string
				var links []passport.Strategy[*user]
				for i, decide := range test.chain {
					s := passport.StrategyFunc[*user](func(*http.Request) (result, error) {
						asked = append(asked, i)
						return decide()
					})
					names, links = append(names, fmt.Sprint(i)), append(links, s)
					a.Use(fmt.Sprint(i), s)
				}
				switch nested {
				case "Any":
					a.Use("any", passport.Any(links...))
					names = []string{"any"}
				case "Any of Any":
					a.Use("head", passport.Any(passport.Any(links[0])))
					names = []string{"head"}
					if len(links) > 1 {
						a.Use("tail", passport.Any(links[1:]...))
						names = append(names, "tail")
					}
				}
				a.mux.Handle("/", a.Require(names...)(http.HandlerFunc(a.who)))
				w := a.browser().send("GET", "/")
				if w.Code != test.status {
					t.Errorf("status %d, want %d: %s", w.Code, test.status, w.Body)
				}
				if test.code != "" && code(t, w) != test.code {
					t.Errorf("code %s, want %s", code(t, w), test.code)
				}
				want := test.challenges
				if test.status != http.StatusUnauthorized {
					want = nil
				}
				if diff := cmp.Diff(want, w.Header().Values("WWW-Authenticate")); diff != "" {
					t.Error("challenges (-want +got):\n", diff)
				}
				if len(asked) != test.asked || !slices.IsSorted(asked) {
					t.Errorf("asked %v, want the first %d in order", asked, test.asked)
				}
			})
		}
	}
}

// TestDecoratedAny: a decorator that overrules a chain is heard.
func TestDecoratedAny(t *testing.T) {
	t.Parallel()
	fail := passport.StrategyFunc[*user](func(*http.Request) (result, error) { return result{}.Fail(&passport.Failure{Code: "wrong"}) })
	ask := passport.StrategyFunc[*user](func(*http.Request) (result, error) { return result{}.WithChallenge("Ask").Pass() })
	inner := passport.Any[*user](fail, ask, fail)
	a := newApp(t)
	a.UseFunc("limited", func(r *http.Request) (result, error) {
		res, err := inner.Authenticate(r)
		if err != nil {
			return res, err
		}
		return res.Fail(&passport.Failure{Code: "limited", Status: 429})
	})
	a.mux.Handle("/", a.Require("limited")(http.HandlerFunc(a.who)))
	if w := a.browser().send("GET", "/"); w.Code != 429 || code(t, w) != "limited" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestResultHeader: a header is sent whatever the verb was.
func TestResultHeader(t *testing.T) {
	t.Parallel()
	base := result{}.WithHeader("X-From", "strategy")
	for name, res := range map[string]result{
		"Success":  decided(base.Success(alice)),
		"Fail":     decided(base.Fail(errCause)),
		"Pass":     decided(base.Pass()),
		"Redirect": decided(base.Redirect("/x")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			a.UseFunc("it", func(*http.Request) (result, error) { return res, nil })
			a.mux.Handle("/", a.Require("it")(http.HandlerFunc(a.who)))
			a.mux.Handle("/login", a.LoginHandler("it", nil))
			a.mux.Handle("/form", a.LoginHandler("it", &passport.LoginOptions{FailureRedirect: "/again"}))
			for method, path := range map[string]string{"GET": "/", "POST": "/login", "PUT": "/form"} {
				if method == "PUT" {
					method = "POST"
				}
				if w := a.browser().send(method, path); len(w.Header().Values("X-From")) != 1 {
					t.Errorf("%s: %d %v", path, w.Code, w.Header())
				}
			}
		})
	}
}

func TestAnyOfNothing(t *testing.T) {
	t.Parallel()
	res, err := passport.Any[*user]().Authenticate(nil)
	if err != nil || res.Err() == nil || res.Outcome() != passport.Passed {
		t.Errorf("%v %v", res.Outcome(), err)
	}
}
