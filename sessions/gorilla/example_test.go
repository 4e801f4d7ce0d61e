package gorilla_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	gsessions "github.com/gorilla/sessions"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/gorilla"
)

// Code written for gorilla, over our sessions.
func ExampleNewStore() {
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	// Below an Authenticator: gorilla.NewStoreOf(a.Session)
	store := gorilla.NewStore(manager)

	count := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "visits")
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		n, _ := session.Values["n"].(int)
		session.Values["n"] = n + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "visit ", n+1)
	}

	r := httptest.NewRequest("GET", "/", nil)
	for range 2 {
		w := httptest.NewRecorder()
		count(w, r)
		fmt.Println(w.Body)
		if cookies := w.Result().Cookies(); len(cookies) > 0 {
			r = httptest.NewRequest("GET", "/", nil)
			r.AddCookie(cookies[0])
		}
	}
	// Output:
	// visit 1
	// visit 2
}

// Our sessions in a store written for gorilla.
func ExampleNewKeeper() {
	dir, err := os.MkdirTemp("", "sessions")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	key := rand.Text() + rand.Text()[:6] // 32 bytes; a site keeps one
	files := gsessions.NewFilesystemStore(dir, []byte(key))
	files.MaxLength(0) // or there is room for 4 KiB

	keeper, err := gorilla.NewKeeper(context.Background(), files, nil) // says in the log what is lost
	if err != nil {
		panic(err)
	}
	session, err := sessions.Load(keeper, httptest.NewRequest("GET", "/", nil))
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	err = session.Rotate(context.Background(), w, sessions.Record{User: "alice"}, nil, nil)
	for _, cookie := range w.Result().Cookies() {
		fmt.Println(cookie.Name, cookie.Secure, err)
	}
	// Output:
	// __Host-session true <nil>
	// __Host-session-store true <nil>
}
