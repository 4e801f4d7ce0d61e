package redisstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/storetest"
)

// startCluster starts three nodes with a third of the slots each.
func startCluster(t *testing.T) (addresses []string) {
	t.Helper()
	const slots = 16384
	nodes := make([]*redis.Client, 3)
	buses := make([]string, len(nodes))
	for i := range nodes {
		buses[i] = freePort(t)
		u := dbtest.Start(t, dbtest.Redis, "--cluster-enabled", "yes", "--cluster-port", buses[i]).URL()
		addresses = append(addresses, u.Host)
		nodes[i] = connect(t, u)
		if err := nodes[i].ClusterAddSlotsRange(t.Context(), i*slots/3, (i+1)*slots/3-1).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, address := range addresses[1:] {
		host, port, _ := strings.Cut(address, ":")
		if err := nodes[0].Do(t.Context(), "CLUSTER", "MEET", host, port, buses[i+1]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, node := range nodes {
		for !strings.Contains(node.ClusterInfo(ctx).Val(), "cluster_state:ok") || !strings.Contains(node.ClusterInfo(ctx).Val(), "cluster_known_nodes:3") {
			if ctx.Err() != nil {
				t.Fatalf("the cluster does not come up: %s", node.ClusterInfo(t.Context()).Val())
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return addresses
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The whole kit on a cluster of three nodes. Each case has a prefix of its
// own, and so another slot; a script whose keys are in several is refused.
func TestCluster(t *testing.T) {
	addresses := startCluster(t)
	connect := func(t *testing.T) *redis.ClusterClient {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	var prefix string
	storetest.RunOptions(t, func(t *testing.T) sessions.Store {
		prefix = "test-" + rand.Text()
		return over(t, connect(t), prefix)
	}, &storetest.Options{Instance: func(t *testing.T, _ sessions.Store) sessions.Store {
		return over(t, connect(t), prefix)
	}})

	client := connect(t)
	exercise(t, over(t, client, "passport"))
	var used atomic.Int64
	err := client.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		n, err := node.DBSize(ctx).Result()
		if n > 0 {
			used.Add(1)
		}
		return err
	})
	if err != nil || used.Load() < 2 {
		t.Errorf("%d nodes have records, error %v: the test shows little", used.Load(), err)
	}
	r := record("alice")
	s := over(t, client, "passport")
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	slots := make(map[int64]bool)
	node, err := client.MasterForKey(t.Context(), "{passport}")
	if err != nil {
		t.Fatal(err)
	}
	keys := node.Keys(t.Context(), "{passport}:*").Val()
	for _, key := range keys {
		slots[client.ClusterKeySlot(t.Context(), key).Val()] = true
	}
	if len(slots) != 1 || len(keys) != 3 {
		t.Errorf("the keys %q of a store are in %d slots, want 3 in 1", keys, len(slots))
	}
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// Every key that a script touches is one that it was given, as clusters want,
// and proxies and access lists too. The server's own log of commands says so.
func TestScriptsDeclareKeys(t *testing.T) {
	s, client, prefix := open(t)
	conn, err := net.Dial("tcp", client.Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("MONITOR: got %q and error %v", line, err)
	}
	old := float64(time.Now().Add(-3 * time.Hour).UnixMilli())
	for range 3 { // something to clean up, for those who do
		client.ZAdd(t.Context(), "{"+prefix+"}:expires", redis.Z{Member: entry(record("alice")), Score: old})
		client.ZAdd(t.Context(), "{"+prefix+"}:once", redis.Z{Member: rand.Text(), Score: old})
	}
	exercise(t, s)
	end := rand.Text()
	if err := client.Echo(t.Context(), end).Err(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var declared []string
	scripts := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, end) {
			break
		}
		words := quoted.FindAllString(line, -1)
		for i, word := range words {
			if words[i], err = strconv.Unquote(word); err != nil {
				t.Fatalf("%s: %v", word, err)
			}
		}
		switch name := strings.ToLower(words[0]); {
		case name == "eval" || name == "evalsha":
			n, err := strconv.Atoi(words[2])
			if err != nil {
				t.Fatal(err)
			}
			declared = words[3 : 3+n]
			scripts++
		case strings.Contains(line, " lua]") && name != "time" && !slices.Contains(declared, words[1]):
			t.Errorf("the script touches %s, which is not among its keys %q", words[:2], declared)
		}
	}
	if scripts < 10 {
		t.Errorf("the log has %d scripts: the test shows little", scripts)
	}
}

// The promise of UserDeleter, told with sign-ins on every side.
func TestDeleteUserAgainstRotations(t *testing.T) {
	s, _, _ := open(t)
	ctx := t.Context()
	rotate := func() error {
		r := record("alice")
		if err := s.Create(ctx, r); err != nil {
			return err
		}
		for {
			next := record("alice")
			err := s.Replace(ctx, r.ID, 1, next)
			if errors.Is(err, sessions.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			r = next
		}
	}
	done := make(chan error)
	const thieves = 8
	for range thieves {
		go func() { done <- rotate() }()
	}
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	for ended := 0; ended < thieves; {
		if _, err := s.DeleteUser(ctx, "session", "alice", sessions.ID{}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			ended++
		case <-time.After(5 * time.Second):
			t.Fatal(fmt.Errorf("%d sessions escape", thieves-ended))
		}
	}
	t.Logf("all were ended after %v", time.Since(start))
}
