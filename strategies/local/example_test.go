package local_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
)

// A Person is what the application knows of somebody.
type Person struct {
	ID, Hash string
}

func Example() {
	hasher := password.New(&password.Options{Scheme: password.Argon2id(nil)})
	hash, _ := hasher.Hash(context.Background(), "correct horse battery staple")
	people := map[string]*Person{"ann@example.com": {"42", hash}}

	byName := func(_ context.Context, name string) (*Person, string, error) {
		p, ok := people[name]
		if !ok {
			return nil, "", passport.ErrNoUser
		}
		return p, p.Hash, nil
	}
	byID := func(context.Context, string) (*Person, error) { return people["ann@example.com"], nil }

	a := passport.New(passport.Config[*Person]{
		Serializer: passport.SerializeBy(func(p *Person) string { return p.ID }, byID),
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("local", local.New(byName, &local.Options[*Person]{NameField: "email", Hasher: hasher}))
	handler := a.Handler(a.LoginHandler("local", &passport.LoginOptions{SuccessRedirect: "/account"}))

	for _, pw := range []string{"Tr0ub4dor&3", "correct horse battery staple"} {
		form := url.Values{"email": {"Ann@Example.com "}, "password": {pw}}
		r := httptest.NewRequest("POST", "/login", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header()["Location"])
	}
	// Output:
	// 401 []
	// 303 [/account]
}

// A30: a form that changes the password asks for the current one, by the same
// throttled check as the sign-in.
func ExampleStrategy_Verify() {
	ctx := context.Background()
	hasher := password.New(&password.Options{Scheme: password.Argon2id(nil)})
	hash, _ := hasher.Hash(ctx, "correct horse battery staple")
	s := local.New(func(context.Context, string) (*Person, string, error) {
		return &Person{"42", hash}, hash, nil
	}, &local.Options[*Person]{Hasher: hasher})

	change := func(current, wanted string) error {
		if _, err := s.Verify(ctx, "ann@example.com", current); err != nil {
			return err
		}
		policy := password.Policy{}
		if err := policy.Check(ctx, wanted); err != nil {
			return err
		}
		var err error
		hash, err = hasher.Hash(ctx, wanted) // and revoke the other sessions
		return err
	}
	fmt.Println(change("Tr0ub4dor&3", "a walk by the river"))
	fmt.Println(change("correct horse battery staple", "river"))
	fmt.Println(change("correct horse battery staple", "a walk by the river"))
	// Output:
	// passport: invalid-credentials: password: does not match
	// password: shorter than 15 characters
	// <nil>
}

func ExampleFunc() {
	bind := func(name, password string) bool { return name == "ann" && password == "secret" } // LDAP
	s := local.Func(func(_ context.Context, name, password string) (*Person, error) {
		if !bind(name, password) {
			return nil, passport.ErrInvalidCredentials
		}
		return &Person{ID: name}, nil
	}, nil)
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"username":"Ann","password":"secret"}`))
	r.Header.Set("Content-Type", "application/json")
	res, err := s.Authenticate(r)
	fmt.Println(res.Outcome(), res.User().ID, err)
	r, _ = http.NewRequest("POST", "/", strings.NewReader("username=ann&password="))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err = s.Authenticate(r)
	fmt.Println(res.Outcome(), res.Failure().Message, err)
	// Output:
	// success ann <nil>
	// fail Missing credentials. <nil>
}
