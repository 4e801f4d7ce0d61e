// Package redisstore keeps sessions in Redis, or what speaks its protocol and
// runs its scripts, such as Valkey, over go-redis. It wants version 6.2 or
// later. A [Store] is a [sessions.Store] with all abilities.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, nil)
//	manager := sessions.New(store, nil)
//
// Every call but List, Count and the deletions of many is one round trip.
// Records leave by themselves two hours after their deadline; until then they
// are there, because the Manager judges time, by its own clock. Run
// [sessions.Manager.Sweep] to have their memory earlier.
//
// # Settings of the server
//
// Without an append-only file (appendonly yes) a restart of Redis signs
// everybody out, or brings back what the last snapshot had: sessions that were
// signed out since, too. With one, appendfsync everysec, the default, may lose
// the last second or two in a crash, always loses nothing. Replicas follow
// with a delay, so a failover to one may lose the last moments as well.
//
// Use maxmemory-policy noeviction, the default. When the memory is full, a new
// session is then refused with sessions.ErrFull; those that are there can be
// read and ended, but not changed, and their idle deadlines stand still. The
// volatile policies sign people out instead. The allkeys policies may evict
// the index, and with it the knowledge which sessions a user has: do not use
// them.
//
// # Redis Cluster
//
// A sign-in takes the old record out and puts the new one in, in one step, and
// the ids of both are random. Redis Cluster has such a step for keys of one
// slot alone, so all keys of a Store are in one, that of its prefix: a cluster
// gives it fail-over, but not more room or speed than one node has. That is
// room for millions of sessions, at less than a kilobyte each. Those who need
// more than a node give each realm, or each group of customers, a Store with
// a prefix of its own.
//
// # Tries that go-redis repeats
//
// go-redis sends a command again when the connection breaks, though it may have
// been carried out. Every write therefore has a random number, which the
// record keeps: the second try knows the first, and does not take it for
// somebody else's. A one-time value whose answer was lost is spent, and
// refused.
package redisstore

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options configures a [Store]. The zero value is ready to use.
type Options struct {
	// Prefix begins the name of every key, in braces, so that they share a
	// slot of a cluster: `^[A-Za-z0-9_.:-]{1,64}$`. Stores with different
	// prefixes have nothing in common. Default "passport".
	Prefix string

	// Timeout bounds a command whose context has no deadline, so that a
	// server that hangs does not take ours with it. A negative one sets no
	// bound but the client's own. Default 5 seconds.
	Timeout time.Duration
}

// A Store keeps sessions in Redis. It is safe for concurrent use, in any
// number of processes. It starts no goroutine and needs no closing; the client
// is the application's.
//
// Its errors wrap those of go-redis and of the context. Where the server's
// memory is full they wrap [sessions.ErrFull].
type Store struct {
	client  redis.UniversalClient
	timeout time.Duration
	scripts scripts

	record  string // prefix of the keys of records
	expires string // key of the index of records by deadline
	owners  string // key of the index of records by realm and user
	spent   string // key of the spent one-time values
}

var prefixes = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// New returns a store over client, a *redis.Client or *redis.ClusterClient,
// which it does not talk to yet. The options may be nil.
//
// An error means that the options cannot be, or that the client's cannot: they
// must set ContextTimeoutEnabled, or a request would wait for a server that
// hangs long after its own end; and they must not let a Find be answered by a
// replica or a cache, which have not heard of the latest logout. A *redis.Ring
// is refused, because its keys move to another server and back when one does
// not answer: a session that was signed out meanwhile would be there again.
func New(client redis.UniversalClient, o *Options) (*Store, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Prefix == "" {
		opts.Prefix = "passport"
	}
	if opts.Timeout == 0 {
		opts.Timeout = 5 * time.Second
	}
	if !prefixes.MatchString(opts.Prefix) {
		return nil, fmt.Errorf("redisstore: Options.Prefix %q does not match %s", opts.Prefix, prefixes)
	}
	if err := fits(client); err != nil {
		return nil, err
	}
	tag := "{" + opts.Prefix + "}:"
	return &Store{
		client: client, timeout: opts.Timeout, scripts: newScripts(),
		record: tag + "session:", expires: tag + "expires", owners: tag + "owners", spent: tag + "once",
	}, nil
}

// fits tells what the client lacks for the contracts to hold.
func fits(client redis.UniversalClient) error {
	var timeouts, stale bool
	switch c := client.(type) {
	case *redis.Client:
		if c == nil {
			return errClient
		}
		o := c.Options()
		timeouts = o.ContextTimeoutEnabled
		stale = o.ClientSideCache != nil || o.ClientSideCacheConfig != nil
	case *redis.ClusterClient:
		if c == nil {
			return errClient
		}
		o := c.Options()
		timeouts = o.ContextTimeoutEnabled
		stale = o.ReadOnly || o.RouteByLatency || o.RouteRandomly
	default:
		return errClient
	}
	switch {
	case !timeouts:
		return errors.New("redisstore: set ContextTimeoutEnabled in the client's options, or requests wait for a server that hangs")
	case stale:
		return errors.New("redisstore: the client reads from replicas or a cache, which learn of a logout late: unset ReadOnly, RouteByLatency, RouteRandomly and ClientSideCache in its options")
	}
	return nil
}

var errClient = errors.New("redisstore: New needs a *redis.Client or a *redis.ClusterClient")
