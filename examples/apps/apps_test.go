// Package apps_test has small applications, one a file, each as short as it
// can be: what is there to copy, and what its test drives over HTTP.
package apps_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/passporttest"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
)

// A Person has an account.
type Person struct {
	ID, Name, Hash string
	Admin          bool
}

// Key is what a session keeps of a Person.
func (p *Person) Key() string { return p.ID }

// People is the application's table of users.
type People struct {
	mu     sync.Mutex
	rows   []Person
	linked map[string]string // accounts elsewhere to the ids of people
}

// ByID finds a Person for a session.
func (t *People) ByID(_ context.Context, id string) (*Person, error) {
	return t.find(func(p Person) bool { return p.ID == id })
}

// ByName finds a Person, and the hash of the password, for a sign-in.
func (t *People) ByName(_ context.Context, name string) (*Person, string, error) {
	p, err := t.find(func(p Person) bool { return p.Name == name })
	if err != nil {
		return nil, "", err
	}
	return p, p.Hash, nil
}

func (t *People) find(is func(Person) bool) (*Person, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.rows {
		if is(p) {
			return &p, nil
		}
	}
	return nil, sql.ErrNoRows
}

// Add makes an account.
func (t *People) Add(p Person) *Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.ID = strconv.Itoa(len(t.rows) + 1)
	t.rows = append(t.rows, p)
	return &p
}

// wonderland is the hash of the password wonderland-wonderland.
const wonderland = "$2a$10$7G3/gPBPIrNwnK8hECraOOcYBFWtQwuWPdQ2dI3LfT6sM3RxHQ5QC"

// newPeople are ann, an admin, and bob, with the password
// wonderland-wonderland.
func newPeople() *People {
	t := &People{linked: make(map[string]string)}
	t.Add(Person{Name: "ann", Hash: wonderland, Admin: true})
	t.Add(Person{Name: "bob", Hash: wonderland})
	return t
}

// byPassword signs people in with a name and a password.
func byPassword(people *People) *local.Strategy[*Person] {
	return local.New(people.ByName, &local.Options[*Person]{Hasher: password.New(&password.Options{Scheme: password.Bcrypt(10)})})
}

// config is what most of the applications have in common.
func config(people *People) passport.Config[*Person] {
	return passport.Config[*Person]{
		Serializer: passport.SerializeBy((*Person).Key, people.ByID),
		LoginPage:  "/login",
		Logger:     slog.New(slog.DiscardHandler),
	}
}

// write answers with a text.
func write(w http.ResponseWriter, text ...string) {
	_, _ = io.WriteString(w, strings.Join(text, ""))
}

// A visitor is a browser in front of an application.
type visitor struct {
	t      *testing.T
	site   string
	client *http.Client
	header http.Header // of every request
}

// visit starts a server with what build returns, which is told its address.
func visit(t *testing.T, build func(site string) http.Handler) *visitor {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	site := "http://" + server.Listener.Addr().String()
	server.Config.Handler = build(site)
	server.Start()
	t.Cleanup(server.Close)
	return &visitor{t, site, passporttest.Client(server), http.Header{"Accept": {"text/html"}}}
}

// handler is for applications that do not ask where they are.
func handler(h http.Handler) func(string) http.Handler {
	return func(string) http.Handler { return h }
}

// sees sends a request, "METHOD /path body", follows where it is sent, and
// compares what is shown there: "/path text", or the status before it where
// that is not 200. Of a problem the text is its
// code, of anything else the first line.
func (v *visitor) sees(request, want string) {
	v.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(target, " ")
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header = v.header.Clone()
	switch {
	case strings.HasPrefix(body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	var problem struct{ Code string }
	if json.Unmarshal(text, &problem) == nil && problem.Code != "" {
		text = []byte(problem.Code)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	got := res.Request.URL.Path + " " + line
	if res.StatusCode != http.StatusOK {
		got = strconv.Itoa(res.StatusCode) + " " + got
	}
	if got != want {
		v.t.Errorf("%s\n got %s\nwant %s", request, got, want)
	}
}
