package apps_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

// newPages is a site of pages: a stranger is sent to the sign-in and then
// back, messages are shown once, and a tick remembers the browser.
func newPages(people *People) http.Handler {
	a := passport.New(config(people))
	a.Use("local", byPassword(people))
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{
		SuccessMessage:  "Welcome!",
		FailureRedirect: "/login",
		Remember:        func(r *http.Request) bool { return r.PostFormValue("remember") == "on" },
	}))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Message: "Bye."}))
	mux.HandleFunc("GET /{page}", func(w http.ResponseWriter, r *http.Request) {
		messages, _ := a.Flashes(w, r)
		write(w, r.PathValue("page"), " ", strings.Join(messages, " "))
	})
	mux.Handle("GET /{$}", http.RedirectHandler("/home", http.StatusSeeOther))
	mux.Handle("GET /orders/{id}", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, p *Person) {
		messages, _ := a.Flashes(w, r)
		write(w, "Order ", r.PathValue("id"), " of ", p.Name, ". ", strings.Join(messages, " "))
	}))
	return a.Handler(mux)
}

func TestSite(t *testing.T) {
	t.Parallel()
	v := visit(t, handler(newPages(newPeople())))
	v.sees("GET /orders/7", "/login login")
	v.sees("POST /login username=ann&password=wrong", "/login login Wrong name or password.")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "/orders/7 Order 7 of ann. Welcome!")
	v.sees("GET /orders/8", "/orders/8 Order 8 of ann.")
	v.sees("POST /logout", "/home home Bye.")
	v.sees("GET /orders/7", "/login login")

	// A browser that is remembered gets a cookie that outlives it.
	for form, persists := range map[string]bool{"": false, "&remember=on": true} {
		w := visit(t, handler(newPages(newPeople())))
		w.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error { return http.ErrUseLastResponse }
		res, err := w.client.PostForm(w.site+"/login", mustQuery(t, "username=ann&password=wonderland-wonderland"+form))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		for _, c := range res.Cookies() {
			if c.Name == "__Host-session" && (c.MaxAge > 0) != persists {
				t.Errorf("%q: %v", form, c)
			}
		}
	}
}

func mustQuery(t *testing.T, s string) url.Values {
	values, err := url.ParseQuery(s)
	if err != nil {
		t.Fatal(err)
	}
	return values
}
