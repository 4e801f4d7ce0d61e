package redisstore_test

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
)

// B30: a client that would not obey a context is refused. B24: so is one that
// would hear of a logout late.
func TestNewRefuses(t *testing.T) {
	good := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true})
	long := strings.Repeat("p", 65)
	tests := []struct {
		name   string
		client redis.UniversalClient
		prefix string
		want   string // in the error; empty: none
	}{
		{"client", good, "", ""},
		{"cluster", redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true}), "", ""},
		{"failover", redis.NewFailoverClient(&redis.FailoverOptions{ContextTimeoutEnabled: true}), "", ""},
		{"prefix", good, "My_site.example:8080-1", ""},
		{"nothing", nil, "", "needs a *redis.Client"},
		{"no client", (*redis.Client)(nil), "", "needs a *redis.Client"},
		{"no cluster", (*redis.ClusterClient)(nil), "", "needs a *redis.Client"},
		{"ring", redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), "", "needs a *redis.Client"},
		{"no time-outs", redis.NewClient(&redis.Options{}), "", "ContextTimeoutEnabled"},
		{"cluster without", redis.NewClusterClient(&redis.ClusterOptions{}), "", "ContextTimeoutEnabled"},
		{"failover without", redis.NewFailoverClient(&redis.FailoverOptions{}), "", "ContextTimeoutEnabled"},
		{"replicas", redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), "", "ReadOnly"},
		{"nearest", redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true}), "", "RouteByLatency"},
		{"any", redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true, RouteRandomly: true}), "", "RouteRandomly"},
		{"cache", redis.NewClient(&redis.Options{
			ContextTimeoutEnabled: true, Protocol: 3, ClientSideCacheConfig: &redis.ClientSideCacheConfig{},
		}), "", "ClientSideCache"},
		{"brace", good, "a}b", "Options.Prefix"},
		{"open brace", good, "{a", "Options.Prefix"},
		{"space", good, "a b", "Options.Prefix"},
		{"newline", good, "a\n", "Options.Prefix"},
		{"long", good, long, "Options.Prefix"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := redisstore.New(tt.client, &redisstore.Options{Prefix: tt.prefix})
			if tt.want == "" && (err != nil || s == nil) {
				t.Errorf("got error %v, want none", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || s != nil) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := redisstore.New(good, nil); err != nil {
		t.Errorf("nil options: %v", err)
	}
}

// A tap counts the commands of a client: each is a round trip.
type tap struct{ commands []string }

func (h *tap) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *tap) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.commands = append(h.commands, cmd.Name())
		return next(ctx, cmd)
	}
}

func (h *tap) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.commands = append(h.commands, "pipeline")
		return next(ctx, cmds)
	}
}

// B11: what costs how many round trips.
func TestRoundTrips(t *testing.T) {
	s, client, _ := open(t)
	ctx := t.Context()
	exercise(t, s) // so that the server has all scripts
	h := new(tap)
	client.AddHook(h)
	r, next := record("alice"), record("alice")
	for _, step := range []struct {
		name  string
		trips int
		call  func() error
	}{
		{"Create", 1, func() error { return s.Create(ctx, r) }},
		{"Find", 1, func() error { return second(s.Find(ctx, r.ID)) }},
		{"Touch", 1, func() error { return s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1) }},
		{"Update", 1, func() error { return s.Update(ctx, r, 1) }},
		{"Update in conflict", 1, func() error { return is(s.Update(ctx, r, 1), sessions.ErrConflict) }},
		{"Replace", 1, func() error { return s.Replace(ctx, r.ID, 2, next) }},
		{"Replace of nothing", 1, func() error { return is(s.Replace(ctx, r.ID, 2, record("")), sessions.ErrNotFound) }},
		{"Once", 1, func() error { return s.Once(ctx, r.ID, time.Now()) }},
		{"List", 2, func() error { return second(s.List(ctx, "session", "alice")) }},
		{"Count", 3, func() error { return second(s.Count(ctx, "session", time.Now())) }},
		{"DeleteExpired of none", 2, func() error { return second(s.DeleteExpired(ctx, time.Now(), 500)) }},
		{"DeleteUser", 3, func() error { return second(s.DeleteUser(ctx, "session", "alice", sessions.ID{})) }},
		{"Delete", 1, func() error { return s.Delete(ctx, next.ID) }},
	} {
		h.commands = nil
		if err := step.call(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if len(h.commands) != step.trips {
			t.Errorf("%s took the round trips %q, want %d", step.name, h.commands, step.trips)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func is(got, want error) error {
	if errors.Is(got, want) {
		return nil
	}
	return errors.Join(errors.New("want "+want.Error()), got)
}

// exercise calls everything once. Nothing is left of it.
func exercise(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	r, next := record("exercise"), record("exercise")
	key := record("").ID
	late := time.UnixMilli(1e14)
	for _, err := range []error{
		s.Create(ctx, r), second(s.Find(ctx, r.ID)), s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle), s.Update(ctx, r, 1),
		s.Replace(ctx, r.ID, 2, next), second(s.List(ctx, "session", "exercise")), second(s.Count(ctx, "session", late)),
		s.Delete(ctx, next.ID), s.Create(ctx, r), second(s.DeleteUser(ctx, "session", "exercise", next.ID)),
		s.Create(ctx, r), second(s.DeleteRealm(ctx, "session")), s.Once(ctx, key, time.Now()),
		s.Create(ctx, r), second(s.DeleteExpired(ctx, late, 10)),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// The server forgets its scripts at a restart, a fail-over and SCRIPT FLUSH.
func TestScriptsLost(t *testing.T) {
	client := connect(t, dbtest.Start(t, dbtest.Redis).URL())
	s := over(t, client, "passport")
	for range 2 {
		exercise(t, s)
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if keys, err := client.Keys(t.Context(), "*").Result(); len(keys) > 0 || err != nil {
		t.Errorf("left behind: %q, error %v", keys, err)
	}
}

// A lossy is a connection whose server carries a command out, and whose answer
// does not arrive.
type lossy struct {
	net.Conn
	lose *atomic.Bool
}

func (c lossy) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// go-redis sends a command again when the connection breaks. A write that was
// carried out before succeeds, and is not carried out twice.
func TestAnswersLost(t *testing.T) {
	u := servers.URL(t, dbtest.Redis)
	_, _, prefix := open(t)
	var lose atomic.Bool
	client := redis.NewClient(&redis.Options{Addr: u.Host, ContextTimeoutEnabled: true, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return lossy{conn, &lose}, err
	}})
	t.Cleanup(func() { _ = client.Close() })
	s := over(t, client, prefix)
	ctx := t.Context()
	exercise(t, s)

	r, next, key := record("alice"), record("alice"), record("").ID
	lost := func(what string, call func() error, want error) {
		t.Helper()
		lose.Store(true)
		wantError(t, what, call(), want)
		if lose.Load() {
			t.Fatal("no answer was lost: the test shows nothing")
		}
	}
	version := func(id sessions.ID, want int64) {
		t.Helper()
		if r, _ := s.Find(ctx, id); r.Version != want {
			t.Errorf("got version %d, want %d", r.Version, want)
		}
	}
	lost("Create", func() error { return s.Create(ctx, r) }, nil)
	version(r.ID, 1)
	wantError(t, "another Create", s.Create(ctx, r), sessions.ErrConflict)
	lost("Touch", func() error { return s.Touch(ctx, r.ID, 2e12, 3e12) }, nil)
	lost("Update", func() error { return s.Update(ctx, r, 1) }, nil)
	version(r.ID, 2)
	wantError(t, "another Update", s.Update(ctx, r, 1), sessions.ErrConflict)
	lost("Replace", func() error { return s.Replace(ctx, r.ID, 2, next) }, nil)
	version(r.ID, 0)
	version(next.ID, 1)
	wantError(t, "another Replace", s.Replace(ctx, r.ID, 2, next), sessions.ErrNotFound)
	lost("Once", func() error { return s.Once(ctx, key, time.Now()) }, sessions.ErrUsed)
	lost("Delete", func() error { return s.Delete(ctx, next.ID) }, nil)
	version(next.ID, 0)
}

// B12: a record leaves Redis by itself, two hours after it could last be of
// use, or was written.
func TestTimeToLive(t *testing.T) {
	s, client, prefix := open(t)
	ctx := t.Context()
	now := time.Now().UnixMilli()
	const hour = 60 * 60 * 1000
	leaves := func(id sessions.ID) int64 {
		t.Helper()
		ms, err := client.Do(ctx, "PEXPIRETIME", "{"+prefix+"}:session:"+string(id[:])).Int64()
		if err != nil {
			t.Error(err)
		}
		return ms
	}
	for _, tt := range []struct {
		name                 string
		idle, absolute, want int64
	}{
		{"idle first", now + hour, now + 5*hour, now + 3*hour},
		{"absolute first", now + 5*hour, now + hour, now + 3*hour},
		{"expired", now - 100*hour, now + hour, now + 2*hour},
		{"the beginning of time", math.MinInt64, math.MinInt64, now + 2*hour},
		{"the end of time", math.MaxInt64, math.MaxInt64, 1<<53 + 2*hour},
	} {
		check := func(id sessions.ID, step string) {
			t.Helper()
			if got := leaves(id); got < tt.want || got > tt.want+60_000 {
				t.Errorf("%s: %s: leaves at %d, want %d", tt.name, step, got, tt.want)
			}
		}
		r, old := record("alice"), record("alice")
		r.Idle, r.Absolute = tt.idle, tt.absolute
		err := s.Create(ctx, r)
		check(r.ID, "Create")
		err2 := s.Update(ctx, r, 1)
		check(r.ID, "Update")
		err3 := errors.Join(s.Create(ctx, old), s.Delete(ctx, r.ID), s.Replace(ctx, old.ID, 1, r))
		check(r.ID, "Replace")
		if err := errors.Join(err, err2, err3); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	r := record("alice")
	r.Idle, r.Absolute = now+hour, now+9*hour
	if err := errors.Join(s.Create(ctx, r), s.Touch(ctx, r.ID, now, now+2*hour)); err != nil {
		t.Fatal(err)
	}
	if got := leaves(r.ID); got != now+4*hour {
		t.Errorf("after Touch the record leaves at %d, want %d", got, now+4*hour)
	}
}

// B35: what is no record is ErrCorrupt, which ends a session, and can be
// deleted; the others go on.
func TestCorrupt(t *testing.T) {
	whole := string(redisstore.Encode(record("alice")))
	for name, value := range map[string]any{
		"another type": nil, "text": "hello", "another format": "\x02" + whole[1:], "unknown flags": whole[:1] + "\x80" + whole[2:],
		"head alone": whole[:94], "version 0": whole[:2] + "\x00\x00\x00\x00\x00\x00\x00\x00" + whole[10:],
	} {
		t.Run(name, func(t *testing.T) {
			s, client, prefix := open(t)
			ctx := t.Context()
			r := record("alice")
			key := "{" + prefix + "}:session:" + string(r.ID[:])
			if err := s.Create(ctx, r); err != nil {
				t.Fatal(err)
			}
			if value == nil {
				client.Del(ctx, key)
				client.LPush(ctx, key, "x")
			} else {
				client.Set(ctx, key, value, 0)
			}
			got, err := s.Find(ctx, r.ID)
			wantError(t, "Find", err, sessions.ErrCorrupt)
			if got != (sessions.Record{}) {
				t.Errorf("Find: got %+v with the error", got)
			}
			if list, err := s.List(ctx, "session", "alice"); len(list) > 0 || err != nil {
				t.Errorf("List: got %+v and error %v, want it left out", list, err)
			}
			wantError(t, "Find after List", second(s.Find(ctx, r.ID)), sessions.ErrCorrupt)
			if name == "another type" || name == "text" || name == "another format" {
				wantError(t, "Update", s.Update(ctx, r, 1), sessions.ErrCorrupt)
				wantError(t, "Touch", s.Touch(ctx, r.ID, 1, 1), sessions.ErrCorrupt)
				wantError(t, "Replace", s.Replace(ctx, r.ID, 1, record("alice")), sessions.ErrCorrupt)
				wantError(t, "Create", s.Create(ctx, r), sessions.ErrConflict)
			}
			if err := s.Delete(ctx, r.ID); err != nil {
				t.Errorf("Delete: %v", err)
			}
			wantError(t, "Find after Delete", second(s.Find(ctx, r.ID)), sessions.ErrNotFound)
			if list, err := s.List(ctx, "session", "alice"); len(list) > 0 || err != nil {
				t.Errorf("List after Delete: got %+v and error %v", list, err)
			}
			// As DeleteUser meets it.
			client.Set(ctx, key, "hello", 0)
			client.ZAdd(ctx, "{"+prefix+"}:owners", redis.Z{Member: entry(r)})
			if n, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{}); n != 1 || err != nil {
				t.Errorf("DeleteUser: got %d and error %v, want 1", n, err)
			}
		})
	}
}

// A full memory refuses what is new, halves nothing, and lets go of the old.
func TestFull(t *testing.T) {
	server := dbtest.Start(t, dbtest.Redis, "--maxmemory-policy", "noeviction")
	client := connect(t, server.URL())
	s := over(t, client, "passport")
	ctx := t.Context()
	exercise(t, s) // so that no script has to be loaded
	r, next := record("alice"), record("alice")
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	before := client.Keys(ctx, "*").Val()
	if err := client.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	wantError(t, "Create", s.Create(ctx, next), sessions.ErrFull)
	wantError(t, "Replace", s.Replace(ctx, r.ID, 1, next), sessions.ErrFull)
	wantError(t, "Update", s.Update(ctx, r, 1), sessions.ErrFull)
	wantError(t, "Touch", s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1), sessions.ErrFull)
	wantError(t, "Once", s.Once(ctx, r.ID, time.Now()), sessions.ErrFull)
	wantError(t, "Find of the new", second(s.Find(ctx, next.ID)), sessions.ErrNotFound)
	if after := client.Keys(ctx, "*").Val(); !slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
		t.Errorf("keys: got %q, want %q", after, before)
	}
	if list, err := s.List(ctx, "session", "alice"); len(list) != 1 || err != nil {
		t.Errorf("List: got %+v and error %v, want the old record", list, err)
	}
	if n, err := s.Count(ctx, "session", time.Now()); n != 1 || err != nil {
		t.Errorf("Count: got %d and error %v, want 1", n, err)
	}
	if n, err := s.DeleteExpired(ctx, time.UnixMilli(1e14), 10); n != 1 || err != nil {
		t.Errorf("DeleteExpired: got %d and error %v, want 1", n, err)
	}
	client.ConfigSet(ctx, "maxmemory", "0")
	if err := errors.Join(s.Create(ctx, r), client.ConfigSet(ctx, "maxmemory", "1").Err(), s.Delete(ctx, r.ID)); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

// Beside the bare command Find allocates the key and two variables, and the
// context where it has no deadline.
func TestFindAllocations(t *testing.T) {
	s, client, prefix := open(t)
	r := record("alice")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	request, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key := "{" + prefix + "}:session:" + string(r.ID[:])
	bare := testing.AllocsPerRun(200, func() { client.Get(request, key) })
	if n := testing.AllocsPerRun(200, func() { _, _ = s.Find(request, r.ID) }); n > bare+3 {
		t.Errorf("Find with a deadline allocates %v times, want at most 3 more than the bare %v", n, bare)
	}
	if n := testing.AllocsPerRun(200, func() { _, _ = s.Find(t.Context(), r.ID) }); n > bare+8 {
		t.Errorf("Find allocates %v times, want at most 8 more than the bare %v", n, bare)
	}
}
