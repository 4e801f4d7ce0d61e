package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// A contender is a web server that keeps logins in a database. All of them
// serve the same site, where POST / with a header X-User signs in and GET /
// greets who is signed in, and look their users up in the same map.
type contender struct {
	db, by string
	engine dbtest.Engine // 0: a file, or memory
	site   func(context.Context, *url.URL) (http.Handler, error)
	node   []string // instead of site: environment of the Express server
}

func (c contender) name() string { return "db=" + c.db + "/by=" + c.by }

var contenders = []contender{
	{db: "memory", by: "passport", site: memoryPassport},
	{db: "memory", by: "scs", site: memorySCS},

	{db: "sqlite", by: "passport", site: sqlPassport("sqlite", sqlstore.SQLite)},
	{db: "sqlite", by: "scs", site: sqliteSCS},

	{db: "mariadb", by: "passport", engine: dbtest.MariaDB, site: sqlPassport("mysql", sqlstore.MySQL)},
	{db: "mariadb", by: "scs", engine: dbtest.MariaDB, site: mysqlSCS("")},
	{db: "mariadb", by: "scs-interpolate", engine: dbtest.MariaDB, site: mysqlSCS("&interpolateParams=true")},
	{db: "mariadb", by: "gorilla", engine: dbtest.MariaDB, site: mysqlGorilla},
	{db: "mariadb", by: "express", engine: dbtest.MariaDB, node: []string{"TOUCH=true"}},
	{db: "mariadb", by: "express-readonly", engine: dbtest.MariaDB, node: []string{"TOUCH=false"}},

	{db: "postgres", by: "passport", engine: dbtest.PostgreSQL, site: sqlPassport("pgx", sqlstore.PostgreSQL)},
	{db: "postgres", by: "passport-pq", engine: dbtest.PostgreSQL, site: sqlPassport("postgres", sqlstore.PostgreSQL)},
	{db: "postgres", by: "passport-pgx", engine: dbtest.PostgreSQL, site: pgxPassport},
	{db: "postgres", by: "scs-pgxstore", engine: dbtest.PostgreSQL, site: pgxSCS},
	{db: "postgres", by: "scs-postgresstore", engine: dbtest.PostgreSQL, site: postgresSCS},

	{db: "redis", by: "passport", engine: dbtest.Redis, site: redisPassport},
	{db: "redis", by: "scs", engine: dbtest.Redis, site: redisSCS},
	{db: "redis", by: "gorilla", engine: dbtest.Redis, site: redisGorilla},
}

// A user is looked up in memory by every contender: what is compared is what
// comes before.
type user struct{ id string }

func (u *user) key() string { return u.id }

// connections is how many clients there are, each with a session of its own.
const connections = 64

var users = func() map[string]*user {
	all := make(map[string]*user)
	for i := range connections {
		all[userID(i)] = &user{userID(i)}
	}
	return all
}()

func userID(i int) string { return "user-" + strconv.Itoa(i) }

func find(_ context.Context, id string) (*user, error) {
	if u := users[id]; u != nil {
		return u, nil
	}
	return nil, sessions.ErrNotFound
}

func greeting(id string) string { return "Hello, " + id + "!\n" }

func greet(w http.ResponseWriter, u *user) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, greeting(u.id))
}

const (
	serveName   = "BENCH_SERVE"  // makes the test binary the server of this contender
	serveSource = "BENCH_SOURCE" // is where its database is
	cpuPath     = "/cpu"         // is where a server tells its processor time, in microseconds
)

// serve serves until standard input ends, which it does with the process that
// started this one, and tells its address on standard output.
func serve(name string) error {
	u, err := url.Parse(os.Getenv(serveSource))
	if err != nil {
		return err
	}
	var site http.Handler
	for _, c := range append(contenders, jwtSite) {
		if c.name() == name {
			if site, err = c.site(context.Background(), u); err != nil {
				return err
			}
		}
	}
	if site == nil {
		return errors.New("no contender " + name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == cpuPath {
				fmt.Fprint(w, processorTime().Microseconds())
				return
			}
			site.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: time.Minute,
	}
	return srv.Serve(l)
}
