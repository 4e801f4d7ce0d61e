package connectredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// A forgetful connection loses the answer that brings left to 0, and closes.
type forgetful struct {
	net.Conn
	left *atomic.Int32
}

func (c forgetful) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.left.Add(-1) == 0 {
		c.Close()
		return 0, errors.New("the answer is lost")
	}
	return n, err
}

func connectForgetful(t *testing.T, u *url.URL, left *atomic.Int32) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: u.Host, ContextTimeoutEnabled: true,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return forgetful{c, left}, err
		},
	})
	t.Cleanup(func() { client.Close() })
	return client
}

// B10: the client sends again what was done when the answer is lost. That is
// no conflict, and no end of a session, whatever the ids are, also on a
// cluster, where a save's two keys have to be in one slot.
func TestRepeated(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *url.URL{
		"one server": func(t *testing.T) *url.URL { t.Helper(); return servers.URL(t, dbtest.Redis) },
		"cluster":    startCluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := start(t)
			for _, prefix := range []string{"", "{tag}"} {
				for _, id := range []string{"id", "{id", "i{d}", "{i}d"} {
					for lost := range int32(4) { // a call has at most so many answers
						repeat(t, u, prefix+t.Name()+":", fmt.Sprint(id, lost), lost+1)
					}
				}
			}
		})
	}
}

func repeat(t *testing.T, u *url.URL, prefix, id string, lost int32) {
	t.Helper()
	var left atomic.Int32
	client := connectForgetful(t, u, &left)
	table := open(t, client, prefix)
	end := time.Now().Add(time.Hour).UnixMilli()
	row, next := express.Row{ID: id, Data: "{}", Expires: end}, express.Row{ID: id + "next", Data: `{"a":2}`, Expires: end}
	const text = `{"a":1}`
	for _, c := range []struct {
		what string
		call func() error
		id   string
		want string // is stored then
	}{
		{"Insert", func() error { return table.Insert(t.Context(), row) }, id, row.Data},
		{"Update", func() error {
			return table.Update(t.Context(), express.Row{ID: id, Data: text, Expires: end}, row.Data)
		}, id, text},
		{"Replace", func() error { return table.Replace(t.Context(), id, text, next) }, next.ID, next.Data},
	} {
		if err := client.Ping(t.Context()).Err(); err != nil { // a connection is open
			t.Fatal(err)
		}
		left.Store(lost)
		err := c.call()
		if n := left.Swap(0); err != nil || lost == 1 && n > 0 {
			t.Errorf("%s of %q, answer %d lost (%d to go): got error %v, want none", c.what, prefix+id, lost, n, err)
		}
		if got, err := table.Find(t.Context(), c.id); err != nil || got.Data != c.want {
			t.Errorf("%s of %q, answer %d lost: found %q, %v, want %q", c.what, prefix+id, lost, got.Data, err, c.want)
		}
	}
	if _, err := table.Find(t.Context(), id); !errors.Is(err, sessions.ErrNotFound) {
		t.Errorf("%q after Replace: got error %v, want ErrNotFound", prefix+id, err)
	}
}

// A cluster takes a save of any id, with a mark beside it or without.
func TestIDsOnCluster(t *testing.T) {
	t.Parallel()
	client := connect(t, startCluster(t))
	for _, prefix := range []string{"", "{tag}", "{", "}", "{}"} {
		table := open(t, client, prefix+t.Name()+":")
		for _, id := range []string{"id", "{", "}", "{}", "i}d", "{}{id}", "{i}{d}", "{i{d}", "}{", "{i\x00\xff}"} {
			row := express.Row{ID: id, Data: "{}", Expires: time.Now().Add(time.Hour).UnixMilli()}
			if err := table.Insert(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			if err := table.Update(t.Context(), row, row.Data); err != nil {
				t.Errorf("id %q after %q: Update: %v", id, prefix, err)
			}
		}
	}
}

// A mark is none of the keys that connect-redis lists, and does not stay.
func TestMark(t *testing.T) {
	t.Parallel()
	client := connect(t, servers.URL(t, dbtest.Redis))
	table := open(t, client, t.Name()+":")
	row := express.Row{ID: "id", Data: "{}", Expires: express.Never}
	if err := table.Insert(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if err := table.Update(t.Context(), row, row.Data); err != nil {
		t.Fatal(err)
	}
	if got := client.Keys(t.Context(), t.Name()+":*").Val(); len(got) != 1 {
		t.Errorf("got the keys %q, want the row's", got)
	}
	marks := client.Keys(t.Context(), "{"+t.Name()+":id}*").Val()
	if len(marks) != 1 {
		t.Fatalf("got the marks %q, want one", marks)
	}
	if left := client.PTTL(t.Context(), marks[0]).Val(); left <= 0 || left > time.Minute {
		t.Errorf("the mark ends in %v, want a minute", left)
	}
}
