package bench_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/boj/redistore"
	gorilla "github.com/gorilla/sessions"
	gorillamysql "github.com/srinathgs/mysqlstore"
)

// scsSite is the site on scs, as its documentation has it.
func scsSite(store scs.Store) http.Handler {
	m := scs.New()
	m.Store = store
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		if err := m.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		m.Put(r.Context(), "user", r.Header.Get("X-User"))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		u, err := find(r.Context(), m.GetString(r.Context(), "user"))
		if err != nil {
			http.Error(w, "sign in", http.StatusUnauthorized)
			return
		}
		greet(w, u)
	})
	return m.LoadAndSave(mux)
}

func memorySCS(context.Context, *url.URL) (http.Handler, error) { return scsSite(memstore.New()), nil }

// sqlSCS opens a database/sql store of scs, with the table that its
// documentation gives.
func sqlSCS[S scs.Store](driver, dsn string, open func(*sql.DB) S, schema ...string) (http.Handler, error) {
	db, err := openSQL(driver, dsn)
	if err != nil {
		return nil, err
	}
	for _, query := range schema {
		if _, err := db.Exec(query); err != nil {
			return nil, err
		}
	}
	return scsSite(open(db)), nil
}

func sqliteSCS(_ context.Context, u *url.URL) (http.Handler, error) {
	return sqlSCS("sqlite", dsn(u), sqlite3store.New,
		`CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`)
}

// mysqlSCS is without prepared statements, a round trip less, where params
// has interpolateParams.
func mysqlSCS(params string) func(context.Context, *url.URL) (http.Handler, error) {
	return func(_ context.Context, u *url.URL) (http.Handler, error) {
		return sqlSCS("mysql", dsn(u)+params, mysqlstore.New,
			`CREATE TABLE IF NOT EXISTS sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL,
			INDEX sessions_expiry_idx (expiry))`)
	}
}

const (
	postgresTable = `CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`
	postgresIndex = `CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`
)

func postgresSCS(_ context.Context, u *url.URL) (http.Handler, error) {
	return sqlSCS("postgres", dsn(u), postgresstore.New, postgresTable, postgresIndex)
}

// pgxSCS speaks to pgx itself, without database/sql.
func pgxSCS(ctx context.Context, u *url.URL) (http.Handler, error) {
	db, err := openPGX(ctx, u)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{postgresTable, postgresIndex} {
		if _, err := db.Exec(ctx, query); err != nil {
			return nil, err
		}
	}
	return scsSite(pgxstore.New(db)), nil
}

func redisSCS(_ context.Context, u *url.URL) (http.Handler, error) {
	client, err := openRedis(u, nil)
	if err != nil {
		return nil, err
	}
	return scsSite(goredisstore.New(client)), nil
}

// gorillaSite is the site on gorilla/sessions, as its documentation has it.
func gorillaSite(store gorilla.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		s, err := store.New(r, "session")
		if err == nil {
			s.Values["user"] = r.Header.Get("X-User")
			err = s.Save(r, w)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		id, _ := s.Values["user"].(string)
		u, err := find(r.Context(), id)
		if err != nil {
			http.Error(w, "sign in", http.StatusUnauthorized)
			return
		}
		greet(w, u)
	})
	return mux
}

// keys sign and encrypt cookies.
func keys() [][]byte { return [][]byte{make([]byte, 32)} }

func mysqlGorilla(_ context.Context, u *url.URL) (http.Handler, error) {
	db, err := openSQL("mysql", dsn(u))
	if err != nil {
		return nil, err
	}
	store, err := gorillamysql.NewMySQLStoreFromConnection(db, "gorilla_sessions", "/", 3600, keys()...)
	if err != nil {
		return nil, err
	}
	return gorillaSite(store), nil
}

func redisGorilla(_ context.Context, u *url.URL) (http.Handler, error) {
	store, err := redistore.NewRediStore(pool, "tcp", u.Host, "", "", keys()...)
	if err != nil {
		return nil, err
	}
	return gorillaSite(store), nil
}
