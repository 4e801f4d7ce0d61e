// Hello is a form, a session, a protected page and a logout, on one screen.
package main

import (
	"context"
	"flag"
	"html/template"
	"net/http"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

type User struct{ Name, Hash string }

var users = map[string]User{"alice": {"alice", "$2a$12$C.fhZZNYItcPcJvbVBWVIeNy9vjnX1WvVkEerSX9igWr.f8I/zTxO"}} // wonderland

var page = template.Must(template.New("").Parse(`<!doctype html><title>Hello</title>{{with .Name}}<p>Hello, {{.}}!</p>
<form method="post" action="/logout"><button>Sign out</button></form>{{else}}<form method="post" action="/login"><label>Name
<input name="username"></label> <label>Password <input name="password" type="password"></label><button>Sign in</button></form>{{end}}`))

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	flag.Parse()
	key := func(u User) string { return u.Name }
	byKey := func(_ context.Context, key string) (User, error) { return users[key], nil }
	byName := func(_ context.Context, name string) (User, string, error) { return users[name], users[name].Hash, nil }
	a := passport.New(passport.Config[User]{Serializer: passport.SerializeBy(key, byKey), LoginPage: "/"})
	a.Use("local", local.New(byName, nil))
	show := func(w http.ResponseWriter, _ *http.Request, user User) { _ = page.Execute(w, user) }
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", nil))
	mux.Handle("POST /logout", a.LogoutHandler(nil))
	mux.Handle("GET /account", a.RequireFunc(show)) // a stranger is sent to the form, and then back
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		user, _ := a.User(r.Context())
		show(w, r, user)
	})
	panic(http.ListenAndServe(*addr, a.Handler(mux)))
}
