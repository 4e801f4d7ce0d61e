package expresstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// A Database is where both sides keep the sessions.
type Database struct {
	// URL is what the Node store takes: mysql:, postgres: or redis:.
	URL string
	// Open opens the Go side's table before the app starts, which makes it,
	// and drops it with the test. The name is that of a table in MySQL, of a
	// schema in PostgreSQL, which has the table session, and a prefix in Redis.
	Open func(t *testing.T, name string) express.Table
	// Short leaves out the cases that have nothing to do with the table.
	Short bool
}

// A config is what a case changes about the site.
type config struct {
	settings
	express.Options
	stamper bool // the Go side ends sessions whose user's stamp changed
}

// A site is served by both sides.
type site struct {
	node, golang string // URLs
	table        express.Table
	keeper       *express.Keeper
	users        *directory
	loaded       chan struct{} // tells that /slow of the Go side has its session
	letGo        chan struct{} // lets it save
}

// secret is one that both sides know.
const secret = "a secret of express-session that has more than 32 bytes"

func open(t *testing.T, db Database, change func(*config)) *site {
	t.Helper()
	c := config{
		settings: settings{URL: db.URL, Table: "express_" + rand.Text(), IDs: "number", Secrets: []string{secret}},
		Options:  express.Options{InsecureHTTP: true, Logger: slog.New(slog.DiscardHandler)},
	}
	if change != nil {
		change(&c)
	}
	kind := express.NumberID
	if c.IDs == "string" {
		kind = express.StringID
	}
	s := &site{table: db.Open(t, c.Table), users: newDirectory(kind), loaded: make(chan struct{}), letGo: make(chan struct{})}
	s.node = startApp(t, c.settings)
	var err error
	if s.keeper, err = express.New(s.table, kind, c.Secrets, &c.Options); err != nil {
		t.Fatal(err)
	}
	serializer := passport.SerializeBy((*user).key, s.users.byID)
	if c.stamper {
		serializer = passport.StampBy(serializer, func(u *user) string { return strconv.Itoa(u.stamp) })
	}
	server := httptest.NewServer(s.handler(passport.New(passport.Config[*user]{
		Serializer: serializer, Sessions: s.keeper, Secrets: [][]byte{[]byte(secret)},
		Once: sessions.NewMemoryStore(nil), Logger: c.Logger,
	})))
	t.Cleanup(server.Close)
	s.golang = server.URL
	return s
}

// A user is one of those that app/server.mjs has too.
type user struct {
	id, name string
	stamp    int
}

func (u *user) key() string { return u.id }

type directory struct{ users []*user }

func newDirectory(kind express.IDKind) *directory {
	d := new(directory)
	for i, name := range []string{"alice", "bob"} {
		id := strconv.Itoa(i)
		if kind == express.StringID {
			id = "user-" + id
		}
		d.users = append(d.users, &user{id, name, 1})
	}
	return d
}

func (d *directory) byID(_ context.Context, id string) (*user, error) {
	for _, u := range d.users {
		if u.id == id {
			return u, nil
		}
	}
	return nil, passport.ErrNoUser
}

// handler is the Go side. Its paths are those of app/server.mjs.
func (s *site) handler(a *passport.Authenticator[*user]) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, r *http.Request, err error) {
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		var name string
		if u, ok := a.User(r.Context()); ok {
			name = u.name
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"name": name})
	}
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) { answer(w, r, nil) })
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { answer(w, r, a.Logout(w, r)) })
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Username, Password string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			a.Refuse(w, r, err)
			return
		}
		for _, u := range s.users.users {
			if u.name == body.Username && body.Password == "secret" {
				answer(w, r, a.Login(w, r, u, &passport.LoginOptions{Factor: "pwd", Keep: []string{"cart"}}))
				return
			}
		}
		a.Refuse(w, r, passport.ErrInvalidCredentials)
	})
	set := func(session *sessions.Session, r *http.Request) error {
		var values map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&values); err != nil {
			return err
		}
		for key, value := range values {
			if err := session.Set(key, value); err != nil {
				return err
			}
		}
		return nil
	}
	mux.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, a.UpdateSession(w, r, func(session *sessions.Session) error { return set(session, r) }))
	})
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, r *http.Request) {
		session := a.Session(r.Context())
		values := sessions.DecodeValues(session.Record().Data)
		for key := range values {
			if strings.HasPrefix(key, "\x00") {
				delete(values, key)
			}
		}
		_ = json.NewEncoder(w).Encode(values)
	})
	// A request that has loaded its session, and saves it when it is let go.
	mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
		session := a.Session(r.Context())
		s.loaded <- struct{}{}
		<-s.letGo
		err := session.Set("slow", "go")
		if err == nil {
			err = session.Save(r.Context(), w)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		answer(w, r, nil)
	})
	return a.Handler(mux)
}
