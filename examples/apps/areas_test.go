package apps_test

import (
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// newAreas has customers and administrators in one process, with users,
// sessions and sign-ins of their own: user 1 of the one is not user 1 of the
// other.
func newAreas(customers, admins *People) http.Handler {
	c := passport.New(config(customers))
	adminConfig := config(admins)
	adminConfig.LoginPage = "/admin/login"
	adminConfig.Sessions = sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Name: "admin"})
	adminConfig.Secrets = [][]byte{[]byte("thirty-two bytes of the admins'.")}
	a := passport.New(adminConfig)
	c.Use("local", byPassword(customers))
	a.Use("local", byPassword(admins))

	mux := http.NewServeMux()
	mux.Handle("POST /login", c.LoginHandler("local", nil))
	mux.Handle("POST /admin/login", a.LoginHandler("local", &passport.LoginOptions{SuccessRedirect: "/admin", FailureRedirect: "/admin/login"}))
	mux.Handle("POST /admin/logout", a.LogoutHandler(nil))
	mux.Handle("GET /{$}", c.RequireFunc(hello))
	mux.Handle("GET /admin", a.RequireFunc(hello))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { write(w, "Customers") })
	mux.HandleFunc("GET /admin/login", func(w http.ResponseWriter, _ *http.Request) { write(w, "Staff") })
	return c.Handler(a.Handler(mux))
}

func TestAreas(t *testing.T) {
	t.Parallel()
	customers, admins := newPeople(), new(People)
	admins.Add(Person{Name: "root", Hash: wonderland})
	v := visit(t, handler(newAreas(customers, admins)))
	v.sees("POST /login username=ann&password=wonderland-wonderland", "/ Hello ann")
	v.sees("GET /admin", "/admin/login Staff")
	v.sees("POST /admin/login username=ann&password=wonderland-wonderland", "/admin/login Staff")
	v.sees("POST /admin/login username=root&password=wonderland-wonderland", "/admin Hello root")
	v.sees("GET /", "/ Hello ann")
	v.sees("POST /admin/logout", "/ Hello ann")
	v.sees("GET /admin", "/admin/login Staff")
}
