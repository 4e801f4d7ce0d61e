package pgxstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/faulttest"
	"github.com/gopassport/passport/sessions/pgxstore"
	"github.com/gopassport/passport/sessions/sqlstore"
)

var database = faulttest.Database{
	Name: "pgx",
	New:  newSchema,
	Start: func(t testing.TB) (faulttest.Server, string) {
		s := dbtest.Start(t, dbtest.PostgreSQL)
		return s, s.URL().String()
	},
	Open: openAt,
	Dump: dump,
}

func TestMain(m *testing.M) { faulttest.Main(m, database) }

func openAt(address string, timeout time.Duration) (faulttest.Store, func() error, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, nil, err
	}
	s, err := pgxstore.New(pool, &sqlstore.Options{Timeout: timeout})
	if err == nil {
		err = s.Migrate(context.Background())
	}
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return s, func() error { pool.Close(); return nil }, nil
}

// dump reads both tables.
func dump(t testing.TB, address string) (all []string) {
	t.Helper()
	pool := connect(t, address)
	for _, table := range []string{"passport_sessions", "passport_sessions_once"} {
		rows, err := pool.Query(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			for _, value := range rows.RawValues() {
				all = append(all, string(value))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// B02, B03, B04, B08, B09, B12, B23: the five promises, told between browsers
// and two server processes.
func TestPromises(t *testing.T) {
	t.Parallel()
	faulttest.Promises(t, database)
}

// B06, B26, B27, B28, B29, B30, B31, B32, B33: PostgreSQL is killed, is not
// there, hangs.
func TestOutages(t *testing.T) {
	t.Parallel()
	faulttest.Outages(t, database)
}

// B26, B27, B32, F09: the connections to PostgreSQL are cut, hang, are slow.
func TestCut(t *testing.T) {
	t.Parallel()
	faulttest.Cut(t, database)
}

// B26, B27, B32: every place where an answer of PostgreSQL may end.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	faulttest.CutEverywhere(t, database)
}

// B26, B27, B28, B29, B30, B32: a pool without a connection.
func TestExhausted(t *testing.T) {
	t.Parallel()
	pool := connect(t, with(t, newSchema(t), "pool_max_conns", "1"))
	faulttest.Exhausted(t, over(t, pool), func() func() {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return conn.Release
	})
}

// F12: a server that is shut down while people save.
func TestShutdown(t *testing.T) {
	t.Parallel()
	faulttest.Shutdown(t, database)
}

// F11: clocks that have jumped by an hour.
func TestClocks(t *testing.T) {
	t.Parallel()
	faulttest.Clocks(t, database)
}

// B24: a changed password, and the other ways to end a user's sessions.
func TestPassword(t *testing.T) {
	t.Parallel()
	faulttest.Password(t, database)
}

// F09: 64 people at once.
func TestNeverCross(t *testing.T) { faulttest.NeverCross(t, database) }

// F17: hours of all of it, in some seconds; make soak takes its time. Beside
// no other test, because it counts goroutines.
func TestSoak(t *testing.T) { faulttest.Soak(t, database) }
