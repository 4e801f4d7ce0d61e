package sqlstore_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
)

// swallow is a way to address on which the next answer gets lost, together
// with the connection, when cut says so.
func swallow(t *testing.T, address string, cut *atomic.Bool) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				defer client.Close()
				defer server.Close()
				for b := make([]byte, 1<<16); ; {
					n, err := server.Read(b)
					if err != nil || cut.CompareAndSwap(true, false) {
						time.Sleep(20 * time.Millisecond) // the server has committed
						return
					}
					if _, err := client.Write(b[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// A sign-in that was stored, but whose answer was lost, is one or an error;
// never a session that has ended, which would be made a second time.
func TestReplaceWhoseAnswerIsLost(t *testing.T) {
	for d, engine := range map[*database]dbtest.Engine{&mariadb: dbtest.MariaDB, &postgres: dbtest.PostgreSQL, &postgresPQ: dbtest.PostgreSQL} {
		t.Run(d.name, func(t *testing.T) {
			var cut atomic.Bool
			direct := d.dsn(t)
			host := servers.URL(t, engine).Host
			db := d.open(t, strings.Replace(direct, host, swallow(t, host, &cut), 1))
			db.SetMaxOpenConns(1)
			s := d.store(t, db, nil)
			r, next := record("alice"), record("alice")
			r.ID, next.ID = sessions.ID{1}, sessions.ID{2}
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			cut.Store(true)
			err := s.Replace(t.Context(), r.ID, 1, next)
			if cut.Load() {
				t.Fatal("no answer was lost: the test shows nothing")
			}
			if err != nil {
				wantOutage(t, err)
			}
			if _, err := s.Find(t.Context(), next.ID); err != nil {
				t.Errorf("Find of the new record: %v", err)
			}
			if err := want(s.Replace(t.Context(), r.ID, 1, record("alice")), sessions.ErrNotFound); err != nil {
				t.Errorf("Replace of what is gone, by somebody else: %v", err)
			}
		})
	}
}

func wantOutage(t *testing.T, err error) {
	t.Helper()
	for _, verdict := range []error{sessions.ErrNotFound, sessions.ErrConflict, sessions.ErrCorrupt} {
		if want(err, verdict) == nil {
			t.Errorf("got error %v, want none or one of the database", err)
		}
	}
}
