package express_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// A forgetful connection loses an answer when it is told to, and closes.
type forgetful struct {
	net.Conn
	lose *atomic.Bool
}

func (c forgetful) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		c.Close()
		return 0, io.EOF
	}
	return n, err
}

// A dialer is one of forgetful connections.
type dialer struct{ lose *atomic.Bool }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	return forgetful{c, d.lose}, err
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, _ time.Duration) (net.Conn, error) {
	return d.Dial(network, address)
}

// B04, B09: a driver may send the statement of a sign-in again, because its
// answer was lost. That is a success, and not the end of the session.
func TestReplaceRepeated(t *testing.T) {
	t.Parallel()
	connector, err := pq.NewConnector(servers.URL(t, dbtest.PostgreSQL).String())
	if err != nil {
		t.Fatal(err)
	}
	var lose atomic.Bool
	connector.Dialer(dialer{&lose})
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	table, err := express.PostgreSQL(db, &express.TableOptions{Table: makeTable(t, db, "postgres", `"`)})
	if err != nil {
		t.Fatal(err)
	}
	old, next := row(session(`"a":1`)), row(session(`"passport":{"user":7}`))
	next.ID = "next"
	if err := table.Insert(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	// The statement is prepared.
	wantErr(t, "Replace of another text", table.Replace(t.Context(), old.ID, "{}", next), sessions.ErrConflict)
	lose.Store(true)
	if err := table.Replace(t.Context(), old.ID, old.Data, next); err != nil || lose.Load() {
		t.Errorf("got error %v, and the answer to be lost: %v; want neither", err, lose.Load())
	}
	if got, err := table.Find(t.Context(), next.ID); err != nil || got.Data != next.Data {
		t.Errorf("found %q, %v, want %q", got.Data, err, next.Data)
	}
	if _, err := table.Find(t.Context(), old.ID); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("the old row: got error %v, want ErrNotFound", err)
	}
	third := express.Row{ID: "third", Data: next.Data, Expires: next.Expires}
	wantErr(t, "Replace of what is gone", table.Replace(t.Context(), old.ID, old.Data, third), sessions.ErrNotFound)
}
