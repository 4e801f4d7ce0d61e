package strategytest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport"
)

// A mistake breaks a strategy. It names the rule that must catch it, and what
// that says.
type mistake struct {
	name, rule, seen string
	make             func(check func(context.Context, string) (*user, error)) passport.Strategy[*user]
}

// changed is a mistake at the end of a strategy that is good otherwise.
func changed(name, rule, seen string, change func(r *http.Request, token string, res result, err error) (result, error)) mistake {
	return mistake{name, rule, seen, func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
		return good(check, change)
	}}
}

// before is a mistake at its beginning.
func before(name, rule, seen string, do func(r *http.Request) error) mistake {
	return mistake{name, rule, seen, func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
		s := good(check, nil)
		return passport.StrategyFunc[*user](func(r *http.Request) (result, error) {
			if err := do(r); err != nil {
				return result{}, err
			}
			return s(r)
		})
	}}
}

func mistakes() []mistake {
	return []mistake{
		changed("nobody is a success", "RightSucceeds", "Right: the user is nobody",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Succeeded {
					return res.Success(nil)
				}
				return res, err
			}),
		changed("right is refused", "RightSucceeds", "Right: got fail, want success",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				return res.Fail(err)
			}),
		changed("wrong passes", "WrongFails", "Wrong: got pass, want fail",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					return res.Pass()
				}
				return res, err
			}),
		changed("wrong is an outage", "WrongFails", "Wrong: got broken, by an error of type *errors.errorString, want fail",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					return result{}, errors.New("mine: no such token")
				}
				return res, err
			}),
		changed("absent fails", "AbsentPasses", "Absent: got fail, want pass",
			func(_ *http.Request, token string, res result, err error) (result, error) {
				if token == "" {
					return res.Fail(errors.New("mine: no token"))
				}
				return res, err
			}),
		changed("broken fails", "BrokenIsAnError", "Broken: got fail, want broken",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if errors.Is(err, errDown) {
					return res.Fail(err)
				}
				return res, err
			}),
		changed("broken passes", "BrokenIsAnError", "Broken: got pass, want broken",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if errors.Is(err, errDown) {
					return res.Pass()
				}
				return res, err
			}),
		changed("a user beside an error", "NobodyWithoutSuccess", "Wrong: fail, by an error of type *errors.errorString, with a user",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					res, _ = res.Success(&user{"ann"})
					return res, passport.ErrInvalidCredentials
				}
				return res, err
			}),
		before("the body is eaten", "BodyHandedBack", "Right: of 25 bytes of body 0 are left", func(r *http.Request) error {
			_, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20))
			return nil
		}),
		before("the token is taken away", "RequestUnchanged", "Right: the headers have changed", func(r *http.Request) error {
			r.Header.Add("X-Seen", "1")
			return nil
		}),
		before("the address is believed", "RequestUnchanged", "Right: method, host or address have changed", func(r *http.Request) error {
			r.RemoteAddr = "192.0.2.99:1"
			return nil
		}),
		before("the path is cut", "RequestUnchanged", "Right: the URL has changed", func(r *http.Request) error {
			r.URL.Path = "/elsewhere"
			return nil
		}),
		before("a header is indexed", "HostileHeaders", `Authorization: "": passport: panic in strategy strategy`, func(r *http.Request) error {
			if values, ok := r.Header["Authorization"]; ok {
				_ = values[0][0]
			}
			return nil
		}),
		before("a malformed header is an outage", "HostileHeaders", `Authorization: "": broken, by an error of type *errors.errorString`, func(r *http.Request) error {
			if values, ok := r.Header["Authorization"]; ok && !strings.HasPrefix(values[0], "Bearer ") {
				return errors.New("mine: malformed Authorization header")
			}
			return nil
		}),
		before("a body that breaks off is an outage", "HostileBodies", "a body that breaks off: broken, by an error of type *fmt.wrapError", func(r *http.Request) error {
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			if err != nil {
				return fmt.Errorf("mine: reading the body: %w", err)
			}
			return nil
		}),
		before("a body without an end is read", "HostileBodies", "67112960 bytes were read of a body without an end", func(r *http.Request) error {
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, make([]byte, 4<<10))
			return nil
		}),
		changed("what cannot be read is let in", "Junk", "junk is a Success",
			func(_ *http.Request, token string, res result, err error) (result, error) {
				if !strings.Contains(token, "-") {
					return res.Success(&user{"ann"})
				}
				return res, err
			}),
		changed("the token is in the error", "NoSecret", "Wrong: the Failure's Error has the request's header X-Token",
			func(_ *http.Request, token string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					return res.Fail(fmt.Errorf("mine: no user has the token %q", token))
				}
				return res, err
			}),
		changed("the token is in the message", "NoSecret", "Wrong: the Failure's Message has the request's header X-Token",
			func(_ *http.Request, token string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					return res.Fail(&passport.Failure{Message: token + " is not known."})
				}
				return res, err
			}),
		changed("a challenge by hand", "ChallengeWellFormed", `Wrong: "Token realm=my site" is no challenge`,
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Failed {
					return res.Fail(&passport.Failure{Challenge: "Token realm=my site"})
				}
				return res, err
			}),
		changed("a challenge in Unicode", "ChallengeWellFormed", "Absent: a challenge is not printable ASCII",
			func(_ *http.Request, _ string, res result, err error) (result, error) {
				if res.Outcome() == passport.Passed {
					return res.WithChallenge(`Token realm="Bücher"`).Pass()
				}
				return res, err
			}),
		changed("a failure for whoever has none", "AbsentAllocatesNothing", "Absent: 1 allocations",
			func(_ *http.Request, token string, res result, err error) (result, error) {
				if token == "" {
					return res.WithInfo("no token").Pass()
				}
				return res, err
			}),
		{"the token is kept in the strategy", "AtOnce", "64 ask at once", func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			var last atomic.Value // a plain field is what the race detector sees
			return passport.StrategyFunc[*user](func(r *http.Request) (result, error) {
				last.Store(r.Header.Get("X-Token"))
				time.Sleep(time.Millisecond)
				var res result
				token, _ := last.Load().(string)
				if token == "" {
					return res.Pass()
				}
				u, err := check(r.Context(), token)
				if err != nil {
					return res.Fail(err)
				}
				return res.Success(u)
			})
		}},
		{"an end is a refusal", "ContextOver", "Right, with a context that is over: got fail, want the context's error", func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return good(check, func(_ *http.Request, _ string, res result, err error) (result, error) {
				if err != nil {
					return res.Fail(err)
				}
				return res, err
			})
		}},
		{"a context of its own", "ContextHandedOn", "Slow: no decision after 5s", func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return passport.Credentials(passport.HeaderCredential("X-Token"), func(_ context.Context, token string) (*user, error) {
				return check(context.Background(), token)
			})
		}},
		{"half a body is enough", "SlowBody", "Right, of which half was read: success", func(check func(context.Context, string) (*user, error)) passport.Strategy[*user] {
			return passport.StrategyFunc[*user](func(r *http.Request) (result, error) {
				_, _ = io.ReadAll(r.Body)
				u, err := check(context.WithoutCancel(r.Context()), r.Header.Get("X-Token"))
				if err != nil {
					return result{}, err
				}
				return result{}.Success(u)
			})
		}},
	}
}
