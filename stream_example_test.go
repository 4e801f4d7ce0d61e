package passport_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// StillIn asks anew whether the session of r lets its user in: the store
// whether the session is there, the application who the user is, and whether
// the stamp is the same. It lets nobody in where one of them cannot tell.
func StillIn[U any](a *passport.Authenticator[U], r *http.Request) (in bool) {
	// Not by the context of r, which has the answer from when r came.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, in = a.User(r.Context())
	})).ServeHTTP(nowhere{}, r.Clone(ctx))
	return in
}

// nowhere is where an answer goes that nobody waits for.
type nowhere struct{}

func (nowhere) Header() http.Header         { return make(http.Header) }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// Stream sends events for as long as the session lets its user in.
func Stream[U any](a *passport.Authenticator[U], events <-chan string) http.Handler {
	return a.RequireFunc(func(w http.ResponseWriter, r *http.Request, _ U) {
		w.Header().Set("Content-Type", "text/event-stream")
		again := time.NewTicker(time.Second)
		defer again.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-again.C:
				if !StillIn(a, r) {
					return
				}
			case event := <-events:
				fmt.Fprintf(w, "data: %s\n\n", event)
				if http.NewResponseController(w).Flush() != nil {
					return
				}
			}
		}
	})
}

// An answer that lasts is let in once, when it begins. So that it ends with
// the session, it asks again: here every second.
func ExampleAuthenticator_Handler_stream() {
	library := Library{"alice": {ID: "alice"}}
	c := quiet(library)
	manager := sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{InsecureHTTP: true, Logger: c.Logger})
	c.Sessions = manager
	a := passport.New(c)
	a.Use("form", passport.Credentials(Form, library.ByPassword))
	events := make(chan string, 1)
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("form", nil))
	mux.Handle("GET /events", Stream(a, events))
	server := httptest.NewServer(a.Handler(mux))
	defer server.Close()

	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	Visit(browser, "POST", server.URL+"/login", "username=alice&password=wonderland")
	events <- "Emma is back"
	res, err := browser.Get(server.URL + "/events")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan()
	fmt.Println(lines.Text())

	// Elsewhere somebody ends all of her sessions.
	n, err := manager.RevokeUser(context.Background(), "alice")
	fmt.Println("ended:", n, err)
	for lines.Scan() {
	}
	fmt.Println("the stream is over:", lines.Err())
	// Output:
	// data: Emma is back
	// ended: 1 <nil>
	// the stream is over: <nil>
}
