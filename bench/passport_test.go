package bench_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// passportSite is the site on a store of ours. It signs out too, for the
// tests.
func passportSite(store sessions.Store, o *sessions.Options) http.Handler {
	a := passport.New(passport.Config[*user]{
		Serializer: passport.SerializeBy((*user).key, find),
		Sessions:   sessions.New(store, o),
		Secrets:    [][]byte{make([]byte, 32)},
		Logger:     slog.New(slog.DiscardHandler),
	})
	a.Use("header", passport.Credentials(passport.HeaderCredential("X-User"), find))
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", a.LoginHandler("header", nil))
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { greet(w, u) }))
	mux.Handle("POST /logout", a.LogoutHandler(nil))
	return a.Handler(mux)
}

func memoryPassport(context.Context, *url.URL) (http.Handler, error) {
	return passportSite(sessions.NewMemoryStore(nil), nil), nil
}

func sqlPassport(driver string, dialect sqlstore.Dialect) func(context.Context, *url.URL) (http.Handler, error) {
	return func(ctx context.Context, u *url.URL) (http.Handler, error) {
		db, err := openSQL(driver, dsn(u))
		if err != nil {
			return nil, err
		}
		store, err := newSQLStore(ctx, db, dialect)
		if err != nil {
			return nil, err
		}
		return passportSite(store, nil), nil
	}
}

// pgxPassport speaks to pgx itself, without database/sql.
func pgxPassport(ctx context.Context, u *url.URL) (http.Handler, error) {
	db, err := openPGX(ctx, u)
	if err != nil {
		return nil, err
	}
	store, err := newPGXStore(ctx, db)
	if err != nil {
		return nil, err
	}
	return passportSite(store, nil), nil
}

func redisPassport(_ context.Context, u *url.URL) (http.Handler, error) {
	client, err := openRedis(u, nil)
	if err != nil {
		return nil, err
	}
	store, err := newRedisStore(client)
	if err != nil {
		return nil, err
	}
	return passportSite(store, nil), nil
}
