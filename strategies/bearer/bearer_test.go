package bearer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/bearer"
)

type user struct{ name string }

// owner is what the application knows of tokens.
func owner(_ context.Context, token string) (*user, error) {
	if len(token) > 4<<10 || token == "" {
		return &user{"anyone"}, nil // if it is ever asked
	}
	switch token {
	case "right":
		return &user{"ann"}, nil
	case "weak":
		return nil, bearer.ErrInsufficientScope
	case "outage":
		return nil, errors.New("no database")
	case "slow":
		return nil, context.DeadlineExceeded
	case "banned":
		return nil, passport.ErrForbidden
	case "used-up":
		return nil, &passport.Failure{Code: "used-up"}
	case "elsewhere":
		return nil, &passport.Failure{Code: "elsewhere", Challenge: `Bearer realm="elsewhere"`}
	case "nil":
		return nil, nil
	}
	return nil, passport.ErrNoUser
}

// serve is the whole answer to r.
func serve(s passport.Strategy[*user], r *http.Request) *httptest.ResponseRecorder {
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("bearer", s)
	w := httptest.NewRecorder()
	a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { fmt.Fprint(w, u.name) }, "bearer").ServeHTTP(w, r)
	return w
}

func with(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Authorization"] = values
	return r
}

// D33, D35, D36, E01: the status and the challenge of RFC 6750 section 3, of
// fixed texts.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := bearer.New(owner, &bearer.Options{Realm: "api", Scope: "read write"})
	const (
		bare      = `Bearer realm="api", scope="read write"`
		invalid   = `Bearer realm="api", error="invalid_token", error_description="The token is not valid"`
		malformed = `Bearer realm="api", error="invalid_request", error_description="The request has no token in one place, in the right form"`
		weak      = `Bearer realm="api", error="insufficient_scope", error_description="The token does not allow this", scope="read write"`
	)
	for _, c := range []struct {
		name      string
		values    []string
		status    int
		challenge string
	}{
		{"right", []string{"Bearer right"}, 200, ""},
		{"nothing", nil, 401, bare},
		{"another scheme", []string{"Basic YTpi"}, 401, bare},
		{"unknown", []string{"Bearer x"}, 401, invalid},
		{"a failure", []string{"Bearer used-up"}, 401, invalid},
		{"a failure that asks", []string{"Bearer elsewhere"}, 401, `Bearer realm="elsewhere"`},
		{"a nil user", []string{"Bearer nil"}, 401, invalid},
		{"too long", []string{"Bearer " + strings.Repeat("x", 4097)}, 401, invalid},
		{"malformed", []string{"Bearer a b"}, 400, malformed},
		{"two headers", []string{"Bearer right", "Bearer right"}, 400, malformed},
		{"insufficient scope", []string{"Bearer weak"}, 403, weak},
		{"forbidden", []string{"Bearer banned"}, 403, ""},
		{"outage", []string{"Bearer outage"}, 500, ""},
		{"slow", []string{"Bearer slow"}, 503, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := serve(s, with(c.values...))
			if got := strings.Join(w.Header()["Www-Authenticate"], " | "); w.Code != c.status || got != c.challenge {
				t.Errorf("%d %s\nwant %d %s", w.Code, got, c.status, c.challenge)
			}
		})
	}
	metadata := bearer.New(owner, &bearer.Options{ResourceMetadata: "https://api.example.com/.well-known/oauth-protected-resource"})
	const want = `Bearer realm="Users", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
	if got := serve(metadata, with()).Header().Get("Www-Authenticate"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// E16: without an error there is a user.
func TestNobody(t *testing.T) {
	t.Parallel()
	u, err := bearer.New(owner, nil).Verify(t.Context(), "nil")
	f, refused := passport.AsRefusal(err)
	if u != nil || !refused || f.Code != bearer.CodeInvalidToken {
		t.Errorf("%v, %v", u, err)
	} else if cause, _ := errors.AsType[*passport.Failure](f.Err); cause == nil || cause.Code != passport.CodeNilUser {
		t.Errorf("the log tells %v", f)
	}
}

// D34: neither a form nor the query is looked at unless that is asked for.
func TestPlaces(t *testing.T) {
	t.Parallel()
	post := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token=right&more=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	query := func() *http.Request { return httptest.NewRequest(http.MethodGet, "/?access_token=right", nil) }
	both := func() *http.Request {
		r := post()
		r.URL.RawQuery = "access_token=right"
		return r
	}
	for _, c := range []struct {
		name string
		o    *bearer.Options
		r    *http.Request
		want int
	}{
		{"form", nil, post(), 401},
		{"query", nil, query(), 401},
		{"form, asked for", &bearer.Options{Form: true}, post(), 200},
		{"query, form asked for", &bearer.Options{Form: true}, query(), 401},
		{"query, asked for", &bearer.Options{InsecureQuery: true}, query(), 200},
		{"both", &bearer.Options{Form: true, InsecureQuery: true}, both(), 400},
		{"no token68", &bearer.Options{InsecureQuery: true}, httptest.NewRequest(http.MethodGet, "/?access_token=a+b", nil), 400},
		{"empty", &bearer.Options{InsecureQuery: true}, httptest.NewRequest(http.MethodGet, "/?access_token=", nil), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if w := serve(bearer.New(owner, c.o), c.r); w.Code != c.want {
				t.Errorf("%d, want %d", w.Code, c.want)
			}
		})
	}
	// The handler reads the body that the strategy read.
	a := passport.New(passport.Config[*user]{})
	a.Use("bearer", bearer.New(owner, &bearer.Options{Form: true}))
	w := httptest.NewRecorder()
	a.RequireFunc(func(w http.ResponseWriter, r *http.Request, _ *user) { fmt.Fprint(w, r.FormValue("more")) }, "bearer").ServeHTTP(w, post())
	if w.Body.String() != "1" {
		t.Errorf("the handler read %q of the body", w.Body)
	}
	r := post()
	r.Body = http.MaxBytesReader(nil, r.Body, 3)
	if w := serve(bearer.New(owner, &bearer.Options{Form: true}), r); w.Code != 413 {
		t.Errorf("a body beyond the server's own limit: %d", w.Code)
	}
}

// A28, D36: a token does not show in answers, errors, logs or what is printed.
func TestNoSecretShows(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-IN-THE-COAL-MINE"
	var seen bytes.Buffer
	a := passport.New(passport.Config[*user]{
		Logger:    slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(_ context.Context, at passport.Attempt) { fmt.Fprintf(&seen, "%s %v\n", at.Name, at.Cause) },
	})
	s := bearer.New(owner, nil)
	a.Use("bearer", s)
	for _, values := range [][]string{{"Bearer " + canary}, {"Bearer " + canary, "x"}, {"Bearer " + canary + " x"}, {"Bearer " + strings.Repeat(canary, 500)}} {
		w := httptest.NewRecorder()
		a.Require("bearer")(http.NotFoundHandler()).ServeHTTP(w, with(values...))
		fmt.Fprintln(&seen, w.Body, w.Header())
	}
	fmt.Fprintf(&seen, "%+v %#v", s, s)
	if !strings.Contains(seen.String(), "invalid-token") {
		t.Fatal("the test sees nothing")
	}
	if strings.Contains(seen.String(), canary) {
		t.Errorf("shows the token:\n%s", &seen)
	}
}

// F16
func TestWiringMistakes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"no function": func() { bearer.New[*user](nil, nil) },
		"realm":       func() { bearer.New(owner, &bearer.Options{Realm: "\n"}) },
		"scope":       func() { bearer.New(owner, &bearer.Options{Scope: "é"}) },
		"negative":    func() { bearer.New(owner, &bearer.Options{MaxToken: -1}) },
		"no introspector": func() {
			bearer.Introspected(nil, func(context.Context, *bearer.Token) (*user, error) { return nil, nil }, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			f()
		})
	}
	if _, err := bearer.New(owner, nil).Verify(t.Context(), ""); err == nil {
		t.Error("an empty token lets somebody in")
	}
	if _, err := new(bearer.Strategy[*user]).Authenticate(with()); err != nil {
		t.Errorf("the zero Strategy: %v", err)
	}
}
