package apps_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

// A Directory is an LDAP server, by whatever client. Bind tells whether the
// password is that of the entry.
type Directory interface {
	Bind(ctx context.Context, dn, password string) (ok bool, err error)
}

// newIntranet checks passwords at a directory. A name is no part of the DN
// before it is escaped, and an empty password never gets there: a directory
// takes it for nobody's, and grants it.
func newIntranet(directory Directory, escape func(string) string) http.Handler {
	people := &People{}
	a := passport.New(config(people))
	a.Use("ldap", local.Func(func(ctx context.Context, name, password string) (*Person, error) {
		ok, err := directory.Bind(ctx, "uid="+escape(name)+",ou=people,dc=example,dc=com", password)
		if err != nil {
			return nil, err // an outage, and no wrong password
		}
		if !ok {
			return nil, passport.ErrInvalidCredentials
		}
		p, _, err := people.ByName(ctx, name)
		if err != nil { // the first time
			p = people.Add(Person{Name: name})
		}
		return p, nil
	}, nil))
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("ldap", nil))
	mux.Handle("GET /{$}", a.RequireFunc(hello))
	return a.Handler(mux)
}

// directory is a fake one.
type directory struct {
	passwords map[string]string
	down      error
}

func (d *directory) Bind(_ context.Context, dn, password string) (bool, error) {
	return password == "" || d.passwords[dn] == password, d.down
}

func TestIntranet(t *testing.T) {
	t.Parallel()
	d := &directory{passwords: map[string]string{"uid=ann,ou=people,dc=example,dc=com": "a long password"}}
	v := visit(t, handler(newIntranet(d, func(s string) string { return s }))) // ldap.EscapeDN
	v.header.Set("Accept", "application/json")
	v.sees("POST /login username=ann&password=", "400 /login bad-request")
	v.sees("POST /login username=ann&password=wrong", "401 /login invalid-credentials")
	v.sees("POST /login username=nobody&password=wrong", "401 /login invalid-credentials")
	v.sees("POST /login username=Ann&password=a+long+password", "/ Hello ann")
	d.down = context.DeadlineExceeded
	v.sees("POST /login username=ann&password=a+long+password", "503 /login unavailable")
}
