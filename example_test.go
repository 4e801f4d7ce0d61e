package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// A Reader borrows books.
type Reader struct {
	ID         string
	Generation int // raised with every new password
}

// Key is what a session keeps of a Reader.
func (r *Reader) Key() string { return r.ID }

// A Library is the application's database.
type Library map[string]*Reader

// ByID finds a Reader.
func (l Library) ByID(_ context.Context, id string) (*Reader, error) {
	if r, ok := l[id]; ok {
		return r, nil
	}
	return nil, passport.ErrNoUser
}

// ByPassword finds a Reader by what a form sent. Package local does that well.
func (l Library) ByPassword(ctx context.Context, form [2]string) (*Reader, error) {
	if form[1] != "wonderland" {
		return nil, passport.ErrInvalidCredentials
	}
	return l.ByID(ctx, form[0])
}

// Form finds the credentials in a form.
func Form(r *http.Request) ([2]string, bool) {
	form := [2]string{r.PostFormValue("username"), r.PostFormValue("password")}
	return form, form[0] != ""
}

// Visit is a browser that sends a request, and what it is shown.
func Visit(browser *http.Client, method, url string, form ...string) string {
	req, err := http.NewRequest(method, url, strings.NewReader(strings.Join(form, "&")))
	if err != nil {
		return err.Error()
	}
	if len(form) > 0 {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 {
		return resp.Status
	}
	return resp.Status + " " + string(body)
}

// A whole login: a form, a session, a page that asks for it, a way out.
func Example() {
	library := Library{"alice": {ID: "alice"}}
	a := passport.New(passport.Config[*Reader]{
		Serializer: passport.SerializeBy((*Reader).Key, library.ByID),
		Sessions:   sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{InsecureHTTP: true, Logger: slog.New(slog.DiscardHandler)}),
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("local", passport.Credentials(Form, library.ByPassword))

	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{SuccessRedirect: "/books"}))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/bye"}))
	mux.Handle("GET /books", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, r *Reader) {
		fmt.Fprintf(w, "The books of %s.", r.ID)
	}))
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "See you.") })

	server := httptest.NewServer(a.Handler(mux))
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}

	fmt.Println(Visit(browser, "GET", server.URL+"/books"))
	fmt.Println(Visit(browser, "POST", server.URL+"/login", "username=alice", "password=looking-glass"))
	fmt.Println(Visit(browser, "POST", server.URL+"/login", "username=alice", "password=wonderland"))
	fmt.Println(Visit(browser, "GET", server.URL+"/books"))
	fmt.Println(Visit(browser, "POST", server.URL+"/logout"))
	fmt.Println(Visit(browser, "GET", server.URL+"/books"))
	// Output:
	// 401 Unauthorized
	// 401 Unauthorized
	// 200 OK The books of alice.
	// 200 OK The books of alice.
	// 200 OK See you.
	// 401 Unauthorized
}

// quiet is a Config for examples whose log is not theirs to show.
func quiet(library Library) passport.Config[*Reader] {
	return passport.Config[*Reader]{
		Serializer: passport.SerializeBy((*Reader).Key, library.ByID),
		Logger:     slog.New(slog.DiscardHandler),
	}
}

// serve answers one request, with pairs of headers.
func serve(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://books.example"+target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// cookies are those that an answer set, as the next request sends them.
func cookies(w *httptest.ResponseRecorder) string {
	var pairs []string
	for _, line := range w.Header()["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; ")
}

// One kind of credentials is two functions: where they are, and whose.
func ExampleCredentials() {
	keys := map[string]*Reader{"k-123": {ID: "alice"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("key", passport.Credentials(
		passport.HeaderCredential("X-Api-Key"),
		func(_ context.Context, key string) (*Reader, error) {
			if r, ok := keys[key]; ok {
				return r, nil
			}
			return nil, passport.ErrInvalidCredentials
		},
	))
	api := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, r *Reader) { io.WriteString(w, r.ID) }, "key")
	fmt.Println(serve(api, "GET", "/", "X-Api-Key", "k-123").Body)
	fmt.Println(serve(api, "GET", "/", "X-Api-Key", "k-456").Code)
	fmt.Println(serve(api, "GET", "/").Code)
	// Output:
	// alice
	// 401
	// 401
}

// Card is a strategy of one's own: a library card that is held to a reader
// at the door.
type Card struct{ Library Library }

func (c Card) Authenticate(r *http.Request) (res passport.Result[*Reader], err error) {
	res = res.WithChallenge(passport.Challenge("Card", "desk", "Ground floor"))
	id := r.Header.Get("X-Card")
	if id == "" {
		return res.Pass()
	}
	reader, ok := c.Library[id]
	if !ok {
		return res.Fail(&passport.Failure{Code: "card-unknown", Message: "Please renew your card."})
	}
	return res.WithFactor("hwk").WithInfo("ground floor").Success(reader)
}

// A strategy decides by one verb, and never writes the response.
func ExampleStrategy() {
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("card", Card{Library{"alice": {ID: "alice"}}})
	door := a.RequireFunc(func(w http.ResponseWriter, r *http.Request, reader *Reader) {
		fmt.Fprintf(w, "%s, %v", reader.ID, a.Info(r.Context()))
	}, "card")
	fmt.Println(serve(door, "GET", "/", "X-Card", "alice").Body)
	refused := serve(door, "GET", "/", "X-Card", "mallory")
	var problem struct{ Code, Detail string }
	json.Unmarshal(refused.Body.Bytes(), &problem)
	fmt.Println(refused.Code, problem.Code, problem.Detail)
	fmt.Println(refused.Header().Get("WWW-Authenticate"))
	// Output:
	// alice, ground floor
	// 401 card-unknown Please renew your card.
	// Card desk="Ground floor"
}

// Several strategies under one name.
func ExampleAny() {
	library := Library{"alice": {ID: "alice"}, "bob": {ID: "bob"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("door", passport.Any(
		passport.Strategy[*Reader](Card{library}),
		passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID),
	))
	door := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, r *Reader) { io.WriteString(w, r.ID) }, "door")
	fmt.Println(serve(door, "GET", "/", "X-Card", "alice").Body)
	fmt.Println(serve(door, "GET", "/", "X-Api-Key", "bob").Body)
	// Output:
	// alice
	// bob
}

// Require refuses whom no strategy knows; Optional lets a stranger through,
// and refuses credentials that are wrong all the same.
func ExampleAuthenticator_Optional() {
	library := Library{"alice": {ID: "alice"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	shelf := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reader, ok := a.User(r.Context()); ok {
			fmt.Fprint(w, "for ", reader.ID)
			return
		}
		fmt.Fprint(w, "for everyone")
	})
	for _, guard := range []passport.Middleware{a.Require("key"), a.Optional("key")} {
		for _, key := range []string{"alice", "", "mallory"} {
			w := serve(guard(shelf), "GET", "/", "X-Api-Key", key)
			if w.Code != http.StatusOK {
				fmt.Println(w.Code)
				continue
			}
			fmt.Println(w.Body)
		}
	}
	// Output:
	// for alice
	// 401
	// 401
	// for alice
	// for everyone
	// 401
}

// Authenticate decides and writes nothing; Complete and Refuse write. Between
// them there is room for what only this application does.
func ExampleAuthenticator_Authenticate() {
	library := Library{"alice": {ID: "alice"}, "bob": {ID: "bob"}}
	a := passport.New(quiet(library))
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	login := func(w http.ResponseWriter, r *http.Request) {
		res, err := a.Authenticate(r, "key")
		if err == nil {
			err = res.Err()
		}
		if err == nil && res.User().ID == "bob" {
			err = &passport.Failure{Code: "books-overdue", Status: http.StatusForbidden, Message: "Bring back the books."}
		}
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		a.Complete(w, r, res.User(), &passport.LoginOptions{SuccessRedirect: "/books"})
	}
	h := a.Handler(http.HandlerFunc(login))
	for _, key := range []string{"alice", "bob", "mallory"} {
		w := serve(h, "POST", "/login", "X-Api-Key", key)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 303 "/books"
	// 403 ""
	// 401 ""
}

// Link joins an account of any kind to who is signed in: here a library card
// by its number. Social logins are joined the same way.
func ExampleLink() {
	library := Library{"alice": {ID: "alice"}}
	a := passport.New(quiet(library))
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	type Card struct{ Number string }
	cards := passport.Credentials(
		func(r *http.Request) (string, bool) { return r.FormValue("card"), r.FormValue("card") != "" },
		func(_ context.Context, number string) (Card, error) { return Card{number}, nil },
	)
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("key", nil))
	mux.Handle("POST /cards", passport.Link(a, cards, func(_ context.Context, reader *Reader, card Card) error {
		fmt.Println(reader.ID, "has card", card.Number)
		return nil
	}, &passport.LoginOptions{SuccessRedirect: "/cards"}))
	h := a.Handler(mux)

	fmt.Println("a stranger:", serve(h, "POST", "/cards?card=17").Code)
	cookie := serve(h, "POST", "/login", "X-Api-Key", "alice").Header().Get("Set-Cookie")
	fmt.Println(serve(h, "POST", "/cards?card=17", "Cookie", cookie).Header().Get("Location"))
	// Output:
	// a stranger: 401
	// alice has card 17
	// /cards
}

// Complete signs in a user whom the application itself has found: after a
// registration, for instance.
func ExampleAuthenticator_Complete() {
	library := Library{}
	a := passport.New(quiet(library))
	h := a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reader := &Reader{ID: r.FormValue("name")}
		library[reader.ID] = reader
		a.Complete(w, r, reader, &passport.LoginOptions{SuccessRedirect: "/welcome"})
	}))
	w := serve(h, "POST", "/register?name=alice")
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 /welcome
}

// Refuse answers whatever a function of the application returned.
func ExampleAuthenticator_Refuse() {
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	for _, err := range []error{
		passport.ErrInvalidCredentials,
		passport.ErrForbidden,
		&passport.Failure{Status: http.StatusTooManyRequests, RetryAfter: time.Minute},
		fmt.Errorf("books: %w", context.DeadlineExceeded),
		errors.New("books: the shelf fell over"),
	} {
		w := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Refuse(w, r, err) }), "GET", "/")
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	// Output:
	// 401 ""
	// 403 ""
	// 429 "60"
	// 503 ""
	// 500 ""
}

// SerializeBy takes what names a user, and what finds one by that name.
func ExampleSerializeBy() {
	library := Library{"alice": {ID: "alice"}}
	s := passport.SerializeBy((*Reader).Key, library.ByID)
	id, _ := s.Serialize(context.Background(), library["alice"])
	_, err := s.Deserialize(context.Background(), "mallory")
	fmt.Println(id, err)
	// Output: alice passport: no such user
}

// staff serializes those readers who work here.
type staff struct{ passport.Serializer[*Reader] }

func (s staff) Serialize(ctx context.Context, r *Reader) (string, error) {
	if !strings.HasPrefix(r.ID, "staff/") {
		return "", passport.ErrPass
	}
	return s.Serializer.Serialize(ctx, r)
}

func (s staff) Deserialize(ctx context.Context, id string) (*Reader, error) {
	if !strings.HasPrefix(id, "staff/") {
		return nil, passport.ErrPass
	}
	return s.Serializer.Deserialize(ctx, id)
}

// Several kinds of users: a link that returns ErrPass leaves the user, or the
// id, to the next.
func ExampleSerializers() {
	readers := Library{"alice": {ID: "alice"}}
	employees := Library{"staff/bob": {ID: "staff/bob"}}
	s := passport.Serializers[*Reader](
		staff{passport.SerializeBy((*Reader).Key, employees.ByID)},
		passport.SerializeBy((*Reader).Key, readers.ByID),
	)
	for _, id := range []string{"alice", "staff/bob"} {
		r, err := s.Deserialize(context.Background(), id)
		fmt.Println(r.ID, err)
	}
	// Output:
	// alice <nil>
	// staff/bob <nil>
}

// With a stamp a new password ends every other session at once.
func ExampleStampBy() {
	library := Library{"alice": {ID: "alice", Generation: 1}}
	c := quiet(library)
	c.Serializer = passport.StampBy(c.Serializer, func(r *Reader) string { return fmt.Sprint(r.Generation) })
	a := passport.New(c)
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	mux := http.NewServeMux()
	mux.Handle("/login", a.LoginHandler("key", nil))
	mux.Handle("/books", a.RequireFunc(func(http.ResponseWriter, *http.Request, *Reader) {}))
	h := a.Handler(mux)
	cookie := cookies(serve(h, "POST", "/login", "X-Api-Key", "alice"))
	fmt.Println(serve(h, "GET", "/books", "Cookie", cookie).Code)
	library["alice"] = &Reader{ID: "alice", Generation: 2}
	fmt.Println(serve(h, "GET", "/books", "Cookie", cookie).Code)
	// Output:
	// 200
	// 401
}

// Values in a session have typed keys. Where another request changed the same
// key meanwhile, the function is called again.
func ExampleAuthenticator_UpdateSession() {
	cart := sessions.Key[[]string]("cart")
	a := passport.New(quiet(nil))
	h := a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := a.UpdateSession(w, r, func(s *sessions.Session) error {
			books, _ := cart.Get(s)
			return cart.Set(s, append(books, r.FormValue("book")))
		})
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		books, _ := cart.Get(a.Session(r.Context()))
		fmt.Fprint(w, books)
	}))
	first := serve(h, "POST", "/cart?book=Emma")
	fmt.Println(first.Body)
	fmt.Println(serve(h, "POST", "/cart?book=Ulysses", "Cookie", cookies(first)).Body)
	// Output:
	// [Emma]
	// [Emma Ulysses]
}

// A message for the next page, shown once. Nothing is stored for it.
func ExampleAuthenticator_Flash() {
	a := passport.New(quiet(nil))
	leave := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { a.Flash(w, "The book is yours.") })
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		messages, err := a.Flashes(w, r)
		fmt.Fprint(w, messages, err)
	})
	cookie := cookies(serve(leave, "POST", "/"))
	fmt.Println(serve(show, "GET", "/", "Cookie", cookie).Body)
	fmt.Println(serve(show, "GET", "/", "Cookie", cookie).Body)
	// Output:
	// [The book is yours.] <nil>
	// [] <nil>
}

// Allow asks whether the user may; behind Require, which asks who it is.
func ExampleAuthenticator_Allow() {
	library := Library{"alice": {ID: "alice"}, "bob": {ID: "bob"}}
	a := passport.New(passport.Config[*Reader]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	librarians := a.Allow(func(_ context.Context, r *Reader) error {
		if r.ID != "alice" {
			return passport.ErrForbidden
		}
		return nil
	})
	h := a.Require("key")(librarians(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for _, key := range []string{"alice", "bob", ""} {
		fmt.Println(serve(h, "GET", "/", "X-Api-Key", key).Code)
	}
	// Output:
	// 200
	// 403
	// 401
}

// Every decision, for an audit log or for metrics.
func ExampleAttempt() {
	library := Library{"alice": {ID: "alice"}}
	c := quiet(library)
	c.OnAttempt = func(_ context.Context, t passport.Attempt) {
		fmt.Printf("%s by %s: %v %q of %q\n", t.Event, t.Strategy, t.Outcome, t.Code, t.UserID)
	}
	a := passport.New(c)
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Api-Key"), library.ByID))
	login := a.Handler(a.LoginHandler("key", nil))
	serve(login, "POST", "/", "X-Api-Key", "mallory")
	serve(login, "POST", "/", "X-Api-Key", "alice")
	// Output:
	// login by key: fail "invalid-credentials" of ""
	// login by key: success "" of "alice"
}

func ExampleChallenge() {
	fmt.Println(passport.Challenge("Basic", "realm", `The "Books"`, "charset", "UTF-8"))
	// Output: Basic realm="The \"Books\"", charset="UTF-8"
}

// WithUser puts a user into a context: for tests of handlers.
func ExampleAuthenticator_WithUser() {
	a := passport.New(quiet(nil))
	books := a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, r *Reader) {
		fmt.Fprintf(w, "The books of %s.", r.ID)
	})
	r := httptest.NewRequest("GET", "/books", nil)
	r = r.WithContext(a.WithUser(r.Context(), &Reader{ID: "alice"}))
	w := httptest.NewRecorder()
	books.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output: The books of alice.
}
