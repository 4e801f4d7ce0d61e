package passport_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gopassport/passport"
)

// Audit is a decorator: a function from a Strategy to a Strategy. It writes
// down who came in by it; whoever runs it is told by EnvOf. What only watches
// needs none: Config.OnAttempt gets every decision.
func Audit[U any](s passport.Strategy[U], w io.Writer) passport.Strategy[U] {
	return passport.StrategyFunc[U](func(r *http.Request) (passport.Result[U], error) {
		res, err := s.Authenticate(r)
		if err == nil && res.Outcome() != passport.Passed {
			env := passport.EnvOf(r.Context())
			fmt.Fprintln(w, env.Purpose(), env.Strategy(), res.Outcome(), r.URL.Path)
		}
		return res, err
	})
}

// A decorator that writes a line for every attempt.
func ExampleStrategyFunc_audit() {
	library := Library{"alice": {ID: "alice"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	var lines strings.Builder
	a.Use("card", Audit[*Reader](Card{library}, &lines))
	door := a.Require("card")(http.NotFoundHandler())
	serve(door, "GET", "/books/1", "X-Card", "alice")
	serve(door, "GET", "/books/2", "X-Card", "mallory")
	serve(door, "GET", "/books/3")
	fmt.Print(lines.String())
	// Output:
	// require card success /books/1
	// require card fail /books/2
}

// A Tracer is what OpenTelemetry's does, in one method: begin a span, and
// return what ends it.
type Tracer interface {
	Start(ctx context.Context, name string) (context.Context, func(attributes ...string))
}

// Traced is a decorator that makes a span of each decision. What s asks, a
// database say, finds the span in its context and is a child of it.
func Traced[U any](s passport.Strategy[U], t Tracer) passport.Strategy[U] {
	return passport.StrategyFunc[U](func(r *http.Request) (passport.Result[U], error) {
		ctx, end := t.Start(r.Context(), "authenticate "+passport.EnvOf(r.Context()).Strategy())
		traced := r.WithContext(ctx)
		res, err := s.Authenticate(traced)
		r.Body = traced.Body // what s has read and put back
		end("outcome", res.Outcome().String())
		return res, err
	})
}

// printer is a Tracer for the example.
type printer struct{}

func (printer) Start(ctx context.Context, name string) (context.Context, func(...string)) {
	return ctx, func(attributes ...string) { fmt.Println(name, attributes) }
}

// A decorator that traces. Its request is another one, and EnvOf reaches
// through all the same.
func ExampleStrategyFunc_trace() {
	library := Library{"alice": {ID: "alice"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("card", Traced[*Reader](Card{library}, printer{}))
	door := a.Require("card")(http.NotFoundHandler())
	serve(door, "GET", "/", "X-Card", "alice")
	serve(door, "GET", "/", "X-Card", "mallory")
	// Output:
	// authenticate card [outcome success]
	// authenticate card [outcome fail]
}

// Each tenant has a strategy of its own: the one that is registered chooses.
func ExampleStrategyFunc_tenants() {
	tenants := map[string]passport.Strategy[*Reader]{
		"north.example": Card{Library{"alice": {ID: "alice of the north"}}},
		"south.example": Card{Library{"alice": {ID: "alice of the south"}}},
	}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.UseFunc("card", func(r *http.Request) (res passport.Result[*Reader], err error) {
		if s, ok := tenants[r.Host]; ok {
			return s.Authenticate(r)
		}
		return res.Pass()
	})
	door := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, r *Reader) { io.WriteString(w, r.ID) }, "card")
	for _, host := range []string{"north.example", "south.example", "west.example"} {
		r, w := httptest.NewRequest("GET", "https://"+host+"/", nil), httptest.NewRecorder()
		r.Header.Set("X-Card", "alice")
		door.ServeHTTP(w, r)
		fmt.Println(w.Code, host, strings.HasPrefix(w.Body.String(), "alice of the "+strings.TrimSuffix(host, ".example")))
	}
	// Output:
	// 200 north.example true
	// 200 south.example true
	// 401 west.example false
}
