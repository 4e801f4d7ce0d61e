package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// B36: every value is bound, so SQL in it is text.
func TestValuesAreBound(t *testing.T) {
	each(t, testValuesAreBound)
}

func testValuesAreBound(t *testing.T, d database) {
	db := d.open(t, d.dsn(t))
	s := d.store(t, db, nil)
	for i, text := range []string{
		`'; DROP TABLE passport_sessions; --`, `" OR 1=1 --`, `' OR ''='`, `\'; DELETE FROM passport_sessions; --`, `?`, `$1`, `:id`, `@id`, "{table}", "%s%d",
	} {
		r := record(text)
		r.ID = sessions.ID{byte(i + 1)}
		r.Data, r.Factors, r.Stamp = text, text, text
		r.Origin = &sessions.Origin{Realm: text, Address: text, Agent: text}
		err := errors.Join(s.Create(t.Context(), r), s.Update(t.Context(), r, 1))
		list, err2 := s.List(t.Context(), text, text)
		if err = errors.Join(err, err2); err != nil || len(list) != 1 || list[0].Data != text || *list[0].Origin != *r.Origin {
			t.Errorf("%q: got %+v and error %v", text, list, err)
		}
		if n, err := s.DeleteUser(t.Context(), text, text+"'", sessions.ID{}); n != 0 || err != nil {
			t.Errorf("%q: DeleteUser of somebody else deleted %d, error %v", text, n, err)
		}
	}
	if n, err := s.DeleteRealm(t.Context(), `' OR ''='`); n != 1 || err != nil {
		t.Errorf("DeleteRealm: got %d and error %v, want 1", n, err)
	}
}

// B34: fifty writers over two handles, and none is told to come again.
func TestFiftyWriters(t *testing.T) {
	withoutTimeout := sqlite
	withoutTimeout.name, withoutTimeout.dsn = "SQLite without busy_timeout", sqliteBareDSN
	for _, d := range append(slices.Clone(databases), withoutTimeout) {
		t.Run(d.name, func(t *testing.T) {
			dsn := d.dsn(t)
			stores := []*sqlstore.Store{d.store(t, d.open(t, dsn), nil), d.store(t, d.open(t, dsn), nil)}
			ctx := t.Context()
			errs := make([]error, 50)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { errs[i] = life(ctx, stores[i%2], byte(i)) })
			}
			wg.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
		})
	}
}

// life is all that happens to a session.
func life(ctx context.Context, s *sqlstore.Store, n byte) error {
	r, next := record(fmt.Sprint("user", n)), record(fmt.Sprint("user", n))
	r.ID, next.ID = sessions.ID{n, 1}, sessions.ID{n, 2}
	_, err := s.DeleteExpired(ctx, time.Now(), 10)
	return errors.Join(err,
		s.Create(ctx, r),
		s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1),
		s.Update(ctx, r, 1),
		s.Replace(ctx, r.ID, 2, next),
		s.Once(ctx, next.ID, time.Now().Add(time.Hour)),
		s.Delete(ctx, next.ID),
	)
}

// B15: a sweep leaves out what another sweep, or a request, holds just now.
func TestSweepSkipsWhatIsHeld(t *testing.T) {
	for _, d := range []database{mariadb, postgres} { // SQLite has one writer
		t.Run(d.name, func(t *testing.T) {
			db := d.open(t, d.dsn(t))
			s := d.store(t, db, nil)
			for i := range 20 {
				r := record("alice")
				r.ID, r.Idle = sessions.ID{byte(i)}, int64(i)
				if err := s.Create(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec("UPDATE passport_sessions SET last_seen = 2000000000000 WHERE expires = 3"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if n, err := s.DeleteExpired(ctx, time.UnixMilli(9), 500); n != 9 || err != nil {
				t.Errorf("DeleteExpired beside a held row: got %d and error %v, want 9 of 10", n, err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if n, err := s.DeleteExpired(ctx, time.UnixMilli(9), 500); n != 1 || err != nil {
				t.Errorf("DeleteExpired afterwards: got %d and error %v, want the one that was held", n, err)
			}
		})
	}
}

// Sessions survive a restart of the server.
func TestReopen(t *testing.T) {
	each(t, testReopen)
}

func testReopen(t *testing.T, d database) {
	file, ctx := d.dsn(t), t.Context()
	db := d.open(t, file)
	s := d.store(t, db, nil)
	r := record("alice")
	if err := errors.Join(s.Create(ctx, r), s.Once(ctx, r.ID, time.Now().Add(time.Hour)), db.Close()); err != nil {
		t.Fatal(err)
	}
	s = d.store(t, d.open(t, file), nil)
	if got, err := s.Find(ctx, r.ID); err != nil || got.User != "alice" {
		t.Errorf("Find: got %+v and error %v", got, err)
	}
	if err := s.Once(ctx, r.ID, time.Now()); !errors.Is(err, sessions.ErrUsed) {
		t.Errorf("Once: got error %v, want ErrUsed", err)
	}
}

// B30, B31: while another process holds the lock, every writer returns when
// its context ends, or the store's own bound where it has no deadline, those
// in the queue too; readers do not wait. B32: then all is well again.
func TestLockedDatabase(t *testing.T) {
	for name, pragma := range map[string]string{"busy_timeout": "&_pragma=busy_timeout(10000)", "none": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, ctx := sqliteBareDSN(t)+pragma, t.Context()
			s := sqlite.store(t, sqlite.open(t, file), &sqlstore.Options{Timeout: 200 * time.Millisecond})
			r := record("alice")
			if err := s.Create(ctx, r); err != nil {
				t.Fatal(err)
			}
			other, err := sqlite.open(t, file).Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = other.Close() }()
			if _, err := other.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			touch := func(ctx context.Context, atMost time.Duration) {
				start := time.Now()
				if err := s.Touch(ctx, r.ID, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Touch: got error %v, want DeadlineExceeded", err)
				}
				if took := time.Since(start); took > atMost {
					t.Errorf("Touch took %v, want at most %v", took, atMost)
				}
			}
			patient, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
			defer cancel()
			wg.Go(func() { touch(patient, 2*time.Second) }) // holds up the others
			time.Sleep(50 * time.Millisecond)
			for i := range 6 {
				wg.Go(func() {
					ctx := ctx
					if i%2 == 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
						defer cancel()
					}
					touch(ctx, 700*time.Millisecond)
				})
			}
			if _, err := s.Find(ctx, r.ID); err != nil {
				t.Errorf("Find beside a writer: %v", err)
			}
			wg.Wait()
			if _, err := other.ExecContext(ctx, "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			if err := s.Touch(ctx, r.ID, 1, 1); err != nil {
				t.Errorf("Touch after the lock was let go: %v", err)
			}
		})
	}
}

// A database that cannot answer is an outage, never a missing or broken
// session, and nothing of it is remembered.
func TestOutage(t *testing.T) {
	each(t, testOutage)
}

func testOutage(t *testing.T, d database) {
	db, ctx := d.open(t, d.dsn(t)), t.Context()
	s, err := sqlstore.New(db, d.dialect, nil)
	if err != nil {
		t.Fatal(err)
	}
	outage := func(err error) {
		t.Helper()
		if err == nil || errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrCorrupt) {
			t.Errorf("got error %v, want one of the database", err)
		}
	}
	r := record("alice")
	_, err = s.Find(ctx, r.ID)
	outage(err) // there is no table
	outage(s.Update(ctx, r, 1))
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(ctx, r.ID); err != nil {
		t.Errorf("Find after Migrate: %v", err)
	}
	_ = db.Close()
	_, err = s.Find(ctx, r.ID)
	outage(err)
	outage(s.Delete(ctx, r.ID))
}

// A row that is no Record is ErrCorrupt: the Manager ends such a session, and
// it is no outage for ever.
func TestCorruptRows(t *testing.T) {
	good := map[string]string{
		"id": "zeroblob(32)", "realm": "'session'", "user_id": "'alice'", "factors": "'pwd'", "stamp": "''", "auth_time": "1", "created": "1",
		"last_seen": "1", "idle": "1", "absolute": "1", "version": "1", "remember": "0", "address": "''", "agent": "''", "data": "x'01'", "expires": "1",
	}
	tests := []struct {
		column, value string
		find          bool // Find sees it as well as List
	}{
		{"version", "0", true}, {"version", "-1", true}, {"version", "'many'", true}, {"version", "1.5", true}, {"version", "NULL", true},
		{"data", "NULL", true}, {"factors", "NULL", true}, {"stamp", "NULL", true},
		{"idle", "'later'", true}, {"absolute", "x'ff'", true}, {"created", "1e300", true}, {"remember", "7", true}, {"remember", "'maybe'", true},
		{"address", "NULL", false}, {"agent", "NULL", false}, {"id", "zeroblob(31)", false}, {"id", "zeroblob(33)", false}, {"id", "NULL", false},
	}
	for _, tt := range tests {
		t.Run(tt.column+"="+tt.value, func(t *testing.T) {
			db, ctx := sqlite.open(t, sqliteDSN(t)), t.Context()
			// A table of somebody's own, which takes anything.
			var names, values []string
			for name, value := range good {
				if name == tt.column {
					value = tt.value
				}
				names, values = append(names, name), append(values, value)
			}
			for _, query := range []string{
				"CREATE TABLE passport_sessions (" + strings.Join(names, ", ") + ")",
				"INSERT INTO passport_sessions VALUES (" + strings.Join(values, ", ") + ")",
				"CREATE UNIQUE INDEX by_id ON passport_sessions (id)",
			} {
				if _, err := db.Exec(query); err != nil {
					t.Fatal(err)
				}
			}
			s := sqlite.store(t, db, nil)
			if list, err := s.List(ctx, "session", "alice"); err != nil || len(list) > 0 {
				t.Errorf("List: got %+v and error %v, want it left out", list, err)
			}
			if r, err := s.Find(ctx, sessions.ID{}); tt.find && (!errors.Is(err, sessions.ErrCorrupt) || r != sessions.Record{}) {
				t.Errorf("Find: got %+v and error %v, want ErrCorrupt", r, err)
			}
			if n, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{1}); tt.column != "id" && (n != 1 || err != nil) {
				t.Errorf("DeleteUser: got %d and error %v, want 1", n, err)
			}
		})
	}
}
