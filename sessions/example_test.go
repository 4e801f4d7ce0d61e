package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Sessions without an Authenticator: a counter of visits. One browser's visits
// are counted together, another's apart.
func Example() {
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	visits := sessions.Key[int]("visits")

	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Load(manager, r)
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		n, _ := visits.Get(session)
		visits.Set(session, n+1)
		if err := session.Save(r.Context(), w); err != nil { // before the first byte of the answer
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		fmt.Println("visit", n+1)
	}))
	defer server.Close()

	for _, visits := range []int{2, 1} {
		jar, _ := cookiejar.New(nil)
		browser := &http.Client{Jar: jar, Transport: server.Client().Transport}
		for range visits {
			if res, err := browser.Get(server.URL); err == nil {
				res.Body.Close()
			}
		}
	}
	// Output:
	// visit 1
	// visit 2
	// visit 1
}

// The examples below stand for handlers: session is what one request loaded.
func visit(manager *sessions.Manager, cookie string) *sessions.Session {
	r := httptest.NewRequest("GET", "/", nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	session, err := sessions.Load(manager, r)
	if err != nil {
		panic(err)
	}
	return session
}

// begin makes a session for user and returns its cookie.
func begin(manager *sessions.Manager, user, agent string) string {
	w := httptest.NewRecorder()
	record := sessions.Record{User: user, Origin: &sessions.Origin{Agent: agent}}
	values := map[string]any{"flash": "Welcome!"}
	if err := visit(manager, "").Rotate(context.Background(), w, record, nil, values); err != nil {
		panic(err)
	}
	cookie := w.Result().Cookies()[0]
	return cookie.Name + "=" + cookie.Value
}

func ExampleKey() {
	type Item struct {
		Name   string
		Amount int
	}
	cart := sessions.Key[[]Item]("cart") // declare it once, beside the handlers that use it

	session := visit(sessions.New(sessions.NewMemoryStore(nil), nil), "")
	items, found := cart.Get(session)
	fmt.Println(items, found)

	if err := cart.Set(session, append(items, Item{"tea", 2})); err != nil {
		fmt.Println(err)
	}
	items, found = cart.Get(session)
	fmt.Println(items, found)
	// Output:
	// [] false
	// [{tea 2}] true
}

func ExampleSession_Save() {
	ctx := context.Background()
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	cookie := begin(manager, "alice", "")

	// Two tabs load the session at once.
	one, two := visit(manager, cookie), visit(manager, cookie)

	one.Set("theme", "dark")
	fmt.Println("theme:", one.Save(ctx, nil))

	two.Set("language", "fr") // another key: both changes stay
	fmt.Println("language:", two.Save(ctx, nil))

	one.Set("language", "de") // the same key: somebody has to decide
	if err := one.Save(ctx, nil); errors.Is(err, sessions.ErrConflict) {
		language, _ := sessions.Key[string]("language").Get(one)
		fmt.Println("it is now", language)
	}
	// Output:
	// theme: <nil>
	// language: <nil>
	// it is now fr
}

func ExampleSession_Take() {
	ctx := context.Background()
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	cookie := begin(manager, "alice", "")

	// Two tabs load the session at once. One of them shows the message.
	for _, session := range []*sessions.Session{visit(manager, cookie), visit(manager, cookie)} {
		var message string
		found, err := session.Take(ctx, "flash", &message)
		fmt.Printf("%q %t %v\n", message, found, err)
	}
	// Output:
	// "Welcome!" true <nil>
	// "" false <nil>
}

func ExampleManager_List() {
	ctx := context.Background()
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	session := visit(manager, begin(manager, "alice", "Firefox"))

	list, err := manager.List(ctx, "alice")
	for _, record := range list {
		current := record.ID.Handle() == session.Handle()
		fmt.Println(record.Origin.Agent, current, err)
	}
	// Output:
	// Firefox true <nil>
}

func ExampleManager_Revoke() {
	ctx := context.Background()
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	phone := begin(manager, "alice", "phone")
	handle := visit(manager, phone).Handle() // as a form would send it

	fmt.Println(manager.Revoke(ctx, "mallory", handle)) // not a session of hers
	fmt.Println(visit(manager, phone).Record().User)

	fmt.Println(manager.Revoke(ctx, "alice", handle))
	fmt.Printf("%q\n", visit(manager, phone).Record().User)
	// Output:
	// sessions: record not found
	// alice
	// <nil>
	// ""
}

func ExampleManager_RevokeOthers() {
	ctx := context.Background()
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)
	begin(manager, "alice", "phone")
	begin(manager, "alice", "library")
	session := visit(manager, begin(manager, "alice", "laptop"))

	// After a change of the password, say.
	fmt.Println(manager.RevokeOthers(ctx, "alice", session.Record().ID))
	// Output:
	// 2 <nil>
}

func ExampleManager_Sweep() {
	manager := sessions.New(sessions.NewMemoryStore(nil), nil)

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- manager.Sweep(ctx, time.Minute) }()

	// The server serves here, and then shuts down.
	stop()
	fmt.Println(<-done)
	// Output:
	// context canceled
}
