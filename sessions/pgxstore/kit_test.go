package pgxstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/pgxstore"
	"github.com/gopassport/passport/sessions/sqlstore"
	"github.com/gopassport/passport/sessions/storetest"
)

var servers dbtest.Servers

// newSchema is the address of a new, empty schema, until the test ends.
func newSchema(t testing.TB) string {
	t.Helper()
	u := servers.URL(t, dbtest.PostgreSQL)
	db := connect(t, u.String())
	name := "t_" + strings.ToLower(rand.Text())
	if _, err := db.Exec(context.Background(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(context.Background(), "SET client_min_messages = error; DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return with(t, u.String(), "search_path", name)
}

// with is the address with one more setting.
func with(t testing.TB, address, key, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// connect opens a pool of its own, as another process would.
func connect(t testing.TB, address string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// over opens a store with its tables.
func over(t testing.TB, pool *pgxpool.Pool) *sqlstore.Store {
	t.Helper()
	s, err := pgxstore.New(pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func record(user string) sessions.Record {
	r := sessions.Record{
		User: user, Data: `{"cart":["tea"]}`, Factors: "pwd", Stamp: "c3RhbXA",
		AuthTime: 1e12, Created: 1e12, LastSeen: 1e12, Idle: 3e12, Absolute: 4e12, Version: 1, Remember: true,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Mozilla/5.0"},
	}
	copy(r.ID[:], rand.Text()+rand.Text())
	return r
}

// B06, B09, B10, B15, B34, B43, B44: each case names its rule. The second
// handle has a pool of its own, with pgx as it comes and as poolers want it.
func TestStoreKit(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			var address string
			storetest.RunOptions(t, func(t *testing.T) sessions.Store {
				address = with(t, newSchema(t), "default_query_exec_mode", mode)
				return over(t, connect(t, address))
			}, &storetest.Options{Instance: func(t *testing.T, _ sessions.Store) sessions.Store {
				return over(t, connect(t, address))
			}})
		})
	}
}

// Servers that use database/sql and servers that use pgx share their sessions.
func TestBesideSQLStore(t *testing.T) {
	t.Parallel()
	ctx, address := t.Context(), newSchema(t)
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	plain, err := sqlstore.New(db, sqlstore.PostgreSQL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	native := over(t, connect(t, address)) // finds the tables there
	for name, s := range map[string][2]*sqlstore.Store{"database/sql first": {plain, native}, "pgx first": {native, plain}} {
		r, next := record("alice"), record("alice")
		if err := s[0].Create(ctx, r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		one, err1 := s[0].Find(ctx, r.ID)
		other, err2 := s[1].Find(ctx, r.ID)
		if err1 != nil || err2 != nil || one != other || other.User != "alice" {
			t.Errorf("%s: found %+v and %+v, errors %v and %v", name, one, other, err1, err2)
		}
		if err := errors.Join(s[1].Update(ctx, r, 1), s[0].Replace(ctx, r.ID, 2, next)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s[1].Find(ctx, r.ID); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("%s: Find of what the other has replaced: got error %v, want ErrNotFound", name, err)
		}
		list, err := s[1].List(ctx, "session", "alice")
		if err != nil || len(list) != 1 || list[0].ID != next.ID || *list[0].Origin != *next.Origin {
			t.Errorf("%s: listed %+v, error %v", name, list, err)
		}
		if err := s[1].Once(ctx, next.ID, time.UnixMilli(4e12)); err != nil {
			t.Errorf("%s: Once: %v", name, err)
		}
		if err := s[0].Once(ctx, next.ID, time.UnixMilli(4e12)); !errors.Is(err, sessions.ErrUsed) {
			t.Errorf("%s: Once of what the other has spent: got error %v, want ErrUsed", name, err)
		}
		if err := s[1].Delete(ctx, next.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Find allocates 16 times; over database/sql, and pgx below it, 66 times.
func TestFindAllocations(t *testing.T) {
	s := over(t, connect(t, newSchema(t)))
	r := record("alice")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := testing.AllocsPerRun(100, func() {
		if _, err := s.Find(ctx, r.ID); err != nil {
			t.Error(err)
		}
	})
	if n > 16 {
		t.Errorf("Find allocates %.0f times, want at most 16", n)
	}
}

// A row that is no Record is ErrCorrupt, and numbers of another width are
// numbers.
func TestForeignTable(t *testing.T) {
	t.Parallel()
	pool := connect(t, newSchema(t))
	if _, err := pool.Exec(t.Context(), `CREATE TABLE passport_sessions (id bytea, realm bytea, user_id bytea, factors bytea, stamp bytea,
		auth_time int, created int, last_seen int, idle bigint, absolute numeric, version int, remember bool, address bytea, agent bytea, data bytea)`); err != nil {
		t.Fatal(err)
	}
	s, err := pgxstore.New(pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		query string
		want  error
	}{
		"narrow numbers": {"", nil},
		"no data":        {"UPDATE passport_sessions SET data = NULL", sessions.ErrCorrupt},
		"no deadline":    {"UPDATE passport_sessions SET idle = NULL", sessions.ErrCorrupt},
		"not whole":      {"UPDATE passport_sessions SET absolute = 1.5", sessions.ErrCorrupt},
		"unknown":        {"UPDATE passport_sessions SET remember = NULL", sessions.ErrCorrupt},
	} {
		r := record("alice")
		if _, err := pool.Exec(t.Context(), "DELETE FROM passport_sessions"); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), `INSERT INTO passport_sessions VALUES ($1, '', 'alice', '', '', 1, 2, 3, 4, 5, 1, true, '', '', 'x')`, r.ID[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), tt.query); err != nil {
			t.Fatal(err)
		}
		got, err := s.Find(t.Context(), r.ID)
		if !errors.Is(err, tt.want) || (tt.want == nil && (err != nil || got.User != "alice" || got.Created != 2 || got.Absolute != 5 || !got.Remember)) {
			t.Errorf("%s: got %+v and error %v, want %v", name, got, err, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if s, err := pgxstore.New(nil, nil); s != nil || err == nil {
		t.Errorf("without a pool: got %v and error %v", s, err)
	}
}
