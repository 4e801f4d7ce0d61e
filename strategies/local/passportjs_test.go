package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

// The rules of passport-local that hold here, each as one test named after
// it. docs/from-passport-js.md lists all of them.
func TestPassportJSRules(t *testing.T) {
	t.Parallel()
	// answer is the status of a request, and who was let in.
	answer := func(s passport.Strategy[*user], r *http.Request) string {
		a := newAuthenticator(slog.New(slog.DiscardHandler))
		a.Use("local", s)
		w := httptest.NewRecorder()
		a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { fmt.Fprint(w, u.name) }, "local").ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return fmt.Sprint(w.Code)
		}
		return w.Body.String()
	}
	rules := map[string]func(*testing.T){
		"L1 a function that verifies is needed": func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("a strategy without one")
				}
			}()
			local.Func[*user](nil, nil)
		},
		"L2 the fields have names": func(t *testing.T) {
			named := newStrategy(local.Options[*user]{NameField: "email", PasswordField: "passwd"})
			for body, want := range map[string]string{"email=alice&passwd=right": "alice", "username=alice&password=right": "400"} {
				if got := answer(named, post(formType, body)); got != want {
					t.Errorf("%s: %s, want %s", body, got, want)
				}
			}
			if got := answer(newStrategy(local.Options[*user]{}), form("alice", "right")); got != "alice" {
				t.Errorf("by default: %s", got)
			}
		},
		"L4 a missing or empty field is 400, and nobody is asked": func(t *testing.T) {
			s := local.Func(func(context.Context, string, string) (*user, error) {
				t.Error("asked")
				return nil, passport.ErrNoUser
			}, &local.Options[*user]{Limiter: free{}})
			for _, body := range []string{"", "username=alice", "password=right", "username=&password=right", "username=alice&password="} {
				if got := answer(s, post(formType, body)); got != "400" {
					t.Errorf("%q: %s", body, got)
				}
			}
		},
		"L5 a user, a refusal, an error, a panic": func(t *testing.T) {
			for want, verify := range map[string]func() (*user, error){
				"alice": func() (*user, error) { return &user{"alice"}, nil },
				"401":   func() (*user, error) { return nil, passport.ErrNoUser },
				"403":   func() (*user, error) { return nil, &passport.Failure{Code: "locked", Status: 403} },
				"500":   func() (*user, error) { return nil, errors.New("no database") },
			} {
				s := local.Func(func(context.Context, string, string) (*user, error) { return verify() }, &local.Options[*user]{Limiter: free{}})
				if got := answer(s, form("alice", "right")); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
			nobody := local.Func(func(context.Context, string, string) (*user, error) { return nil, nil }, &local.Options[*user]{Limiter: free{}})
			if got := answer(nobody, form("alice", "right")); got != "401" {
				t.Errorf("no user and no error: %s", got)
			}
			broken := local.Func(func(context.Context, string, string) (*user, error) { panic("lost") }, &local.Options[*user]{Limiter: free{}})
			if got := answer(broken, form("alice", "right")); got != "500" {
				t.Errorf("a panic: %s", got)
			}
		},
	}
	for name, rule := range rules {
		t.Run(name, rule)
	}
}
