package apps_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/gopassport/passport"
)

// newBackend is the backend of a single-page application: JSON in and out, a
// session cookie in between, and never a redirect.
func newBackend(people *People) http.Handler {
	a := passport.New(config(people))
	a.Use("local", byPassword(people))
	me := func(w http.ResponseWriter, _ *http.Request, p *Person) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"name": p.Name})
	}
	mux := http.NewServeMux()
	mux.Handle("POST /api/login", a.LoginHandler("local", &passport.LoginOptions{Then: a.RequireFunc(me)}))
	mux.Handle("GET /api/me", a.RequireFunc(me))
	mux.HandleFunc("POST /api/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Logout(w, r); err != nil {
			a.Refuse(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return a.Handler(mux)
}

func TestSinglePageBackend(t *testing.T) {
	t.Parallel()
	v := visit(t, handler(newBackend(newPeople())))
	v.header.Set("Accept", "application/json")
	v.sees("GET /api/me", "401 /api/me no-credentials")
	v.sees(`POST /api/login {"username":"ann","password":"wrong"}`, "401 /api/login invalid-credentials")
	v.sees(`POST /api/login {"username":"ann"}`, "400 /api/login bad-request")
	v.sees(`POST /api/login {"username":"ann","password":"wonderland-wonderland"}`, `/api/login {"name":"ann"}`)
	v.sees("GET /api/me", `/api/me {"name":"ann"}`)
	v.header.Set("Origin", "https://evil.example")
	v.sees("POST /api/logout", "403 /api/logout cross-origin")
	v.header.Del("Origin")
	v.sees("POST /api/logout", "204 /api/logout ")
	v.sees("GET /api/me", "401 /api/me no-credentials")
}
