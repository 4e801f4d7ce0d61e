package apps_test

import (
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// impersonator is the administrator in somebody else's session.
const impersonator = sessions.Key[string]("impersonator")

// newSupport lets administrators see the site as somebody else, and come back.
// Both are sign-ins: a new id, and nothing of the session before but who it is
// to be again.
func newSupport(people *People) http.Handler {
	a := passport.New(config(people))
	a.Use("local", byPassword(people))
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", nil))
	mux.Handle("POST /as", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, admin *Person) {
		person, _, err := people.ByName(r.Context(), r.PostFormValue("name"))
		switch {
		case !admin.Admin:
			err = passport.ErrForbidden
		case err == nil && person.Admin:
			err = passport.ErrForbidden // nobody gets more rights by it
		}
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.Complete(w, r, person, &passport.LoginOptions{Values: map[string]any{string(impersonator): admin.ID}})
	}))
	mux.HandleFunc("POST /back", func(w http.ResponseWriter, r *http.Request) {
		id, ok := impersonator.Get(a.Session(r.Context()))
		if !ok {
			a.Refuse(w, r, passport.ErrForbidden)
			return
		}
		admin, err := people.ByID(r.Context(), id)
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.Complete(w, r, admin, nil)
	})
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, p *Person) {
		write(w, "Hello ", p.Name)
		if _, ok := impersonator.Get(a.Session(r.Context())); ok {
			write(w, ", seen by support")
		}
	}))
	return a.Handler(mux)
}

func TestSupport(t *testing.T) {
	t.Parallel()
	v := visit(t, handler(newSupport(newPeople())))
	v.header.Set("Accept", "application/json")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "/ Hello ann")
	v.sees("POST /back", "403 /back forbidden")
	v.sees("POST /as name=bob", "/ Hello bob, seen by support")
	v.sees("POST /as name=ann", "403 /as forbidden")
	v.sees("POST /back", "/ Hello ann")
	v.sees("POST /back", "403 /back forbidden")
	v.sees("POST /as name=nobody", "401 /as invalid-credentials")

	// A sign-in in between ends it.
	v.sees("POST /as name=bob", "/ Hello bob, seen by support")
	v.sees("POST /login username=bob&password=wonderland-wonderland", "/ Hello bob")
	v.sees("POST /back", "403 /back forbidden")
}
