package throttle

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gopassport/passport"
)

// MemoryOptions of [NewMemory]. The zero value works.
type MemoryOptions struct {
	// Free is how many failures in a row an account, and a client that is known
	// to it, has before there is a delay. Default: 5, at most 10.
	Free int
	// ClientFree is how many failures a client has, at whatever accounts,
	// before there is a delay. Default: 20.
	ClientFree int
	// Entries bounds what is remembered: so many accounts, so many clients, so
	// many accounts that were signed in to. Of those not seen for longest the
	// one with the fewest failures goes first. Default: 50,000, about 40 MB when
	// full.
	Entries int
}

// A Memory is a [Limiter] that counts failures in this process, by account and
// by client. It is safe for concurrent use.
// Delays rise:
//
//   - For strangers, all together, the delay of an account doubles after Free
//     failures from one second to an hour. From the 40th failure on it is a
//     day, until somebody signs in or a week goes by without a failure.
//   - A client that has signed in to an account before is no stranger to it: it
//     is judged by its own failures there instead, so that an attacker elsewhere
//     cannot keep the owner out. After Free failures its delay doubles from one
//     second. After 10 in a row it is a stranger again, and its failures are
//     strangers'. An account knows its last 5 clients. That makes at most 90
//     failures in a row before there is but one try a day (NIST SP 800-63B-4
//     section 3.2.2 asks for 100 at most, and for ways not to lock the owner
//     out).
//   - Every client is delayed as well by its failures at all accounts, after
//     ClientFree of them from one second to a minute, until a quarter of an hour
//     goes by without one. This spares no account that knows the client, or
//     whoever shares its address could tell which those are. A known client
//     that signs in is forgiven its failures at that account, not those
//     elsewhere, or an attacker with one account would go on for ever.
//
// While an attack on an account lasts, its owner is refused at every new
// device and network, as all strangers are. In the end one attempt a day goes
// on, and an attacker who keeps asking is the likelier to get it. A sign-in
// from a client that the account knows ends that; whoever has none needs
// another way in, such as a link by mail. An attacker behind the owner's own
// address can keep both waiting, a minute for each failure, and can tell
// whether an account that is being attacked knows that address.
//
// An attempt that is refused is counted nowhere, and pushes nothing out. What
// is remembered ends with the process: after a restart nobody is known, and
// attackers begin anew.
type Memory struct {
	stranger, pair, client delays

	mu       sync.Mutex
	accounts recent[*counter] // strangers' failures
	clients  recent[*counter]
	known    recent[*acquaintances] // filled by signing in alone, so no stranger can push others out
}

// Len is how many counters l holds: three times Entries at most, but for
// attempts that are under way.
func (l *Memory) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accounts.entries) + len(l.clients.entries) + len(l.known.entries)
}

// acquaintances are the clients that signed in to one account, the last first.
type acquaintances []*acquaintance

type acquaintance struct {
	client string
	counter
	charged int // of the failures, how many the client's counter has as well
}

// weight is the same for all who are not signing in.
func (a *acquaintances) weight() int {
	for _, friend := range *a {
		if friend.pending > 0 {
			return inUse
		}
	}
	return 0
}

const maxAcquaintances = 5

// NewMemory returns a Memory; o may be nil. It panics on
// negative numbers.
func NewMemory(o *MemoryOptions) *Memory {
	var opts MemoryOptions
	if o != nil {
		opts = *o
	}
	if opts.Free < 0 || opts.Free > 10 || opts.ClientFree < 0 || opts.Entries < 0 {
		panic("throttle: MemoryOptions cannot be negative, nor Free above 10; leave them 0 for the defaults")
	}
	if opts.Free == 0 {
		opts.Free = 5
	}
	if opts.ClientFree == 0 {
		opts.ClientFree = 20
	}
	if opts.Entries == 0 {
		opts.Entries = 50_000
	}
	l := &Memory{
		stranger: delays{free: opts.Free, longest: time.Hour, limit: 40, rest: 24 * time.Hour, forget: 7 * 24 * time.Hour},
		pair:     delays{free: opts.Free, longest: 15 * time.Minute, limit: 10, rest: 15 * time.Minute, forget: 7 * 24 * time.Hour},
		client:   delays{free: opts.ClientFree, longest: time.Minute, forget: 15 * time.Minute},
	}
	l.accounts = newRecent(opts.Entries, func(c *counter) int { return c.weight(l.stranger) })
	l.clients = newRecent(opts.Entries, func(c *counter) int { return c.weight(l.client) })
	l.known = newRecent(opts.Entries, (*acquaintances).weight)
	return l
}

// Attempt implements [Limiter].
func (l *Memory) Attempt(_ context.Context, account, client string) (func(Verdict), error) {
	// The digest bounds what a name costs, and keeps names out of memory dumps.
	a := &attempt{account: sha256.Sum256([]byte(account)), address: sha256.Sum256([]byte(client)), client: client}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	var cause string
	if a.friend = l.acquaintance(a.account, client); a.friend != nil {
		a.at = &a.friend.counter
		wait, cause = a.at.wait(now, l.pair), "throttle: too many failures of the client at the account"
	} else {
		a.at = counterOf(&l.accounts, a.account)
		wait, cause = a.at.wait(now, l.stranger), "throttle: too many failures at the account"
	}
	if client != "" { // all whose address is unknown are not one client
		a.of = counterOf(&l.clients, a.address)
		if longer := a.of.wait(now, l.client); longer > wait {
			wait, cause = longer, "throttle: too many failures of the client"
		}
	}
	if wait > 0 {
		return nil, throttled(wait, cause)
	}
	// Only now: what a refused attempt could insert would push out others.
	a.at.pending++
	if a.friend == nil {
		l.accounts.put(a.account, a.at)
	}
	if a.of != nil {
		a.of.pending++
		l.clients.put(a.address, a.of)
	}
	var once sync.Once
	return func(v Verdict) { once.Do(func() { l.settle(a, v) }) }, nil
}

// counterOf is the counter under key, or a new one that is not kept yet.
func counterOf(r *recent[*counter], key [32]byte) *counter {
	if c, ok := r.find(key); ok {
		return c
	}
	return new(counter)
}

// An attempt is pending at one counter or two.
type attempt struct {
	account, address [32]byte
	client           string
	friend           *acquaintance // nil for a stranger
	at               *counter      // the account's, for strangers or for this friend
	of               *counter      // the client's; nil if it is unknown
}

func (l *Memory) settle(a *attempt, v Verdict) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	a.at.pending--
	if a.of != nil {
		a.of.pending--
	}
	// A charge stands for as long as the client's counter cannot have forgotten.
	if a.friend != nil && now.Sub(a.friend.last) >= l.client.forget {
		a.friend.charged = 0
	}
	switch v {
	case Right:
		if strangers, ok := l.accounts.find(a.account); ok {
			strangers.failures = 0
		}
		if a.friend != nil {
			a.of.failures = max(0, a.of.failures-a.friend.charged)
			a.friend.charged = 0
		}
		l.welcome(a.account, a.client)
	case Undecided:
	default: // Wrong, and whatever else somebody passes
		a.at.fail(now)
		if a.of != nil {
			a.of.fail(now)
		}
		if a.friend != nil {
			a.friend.charged++
			l.disown(a.account, a.client, now)
		}
	}
	l.accounts.tidy(a.account)
	l.clients.tidy(a.address)
}

// acquaintance finds the client among those that the account knows.
func (l *Memory) acquaintance(account [32]byte, client string) *acquaintance {
	if clients, ok := l.known.find(account); ok {
		for _, friend := range *clients {
			if friend.client == client {
				return friend
			}
		}
	}
	return nil
}

// welcome makes the client the account's newest acquaintance, with no
// failures to its name.
func (l *Memory) welcome(account [32]byte, client string) {
	if client == "" {
		return
	}
	friend := l.acquaintance(account, client)
	if friend == nil {
		friend = &acquaintance{client: client}
	}
	friend.failures = 0
	clients, ok := l.known.find(account)
	if !ok {
		clients = new(acquaintances)
		l.known.put(account, clients)
	}
	kept := acquaintances{friend}
	for _, other := range *clients {
		if other != friend && len(kept) < maxAcquaintances {
			kept = append(kept, other)
		}
	}
	*clients = kept
}

// disown makes a stranger of an acquaintance that failed too often. Its
// failures go along, since a name that nobody has would not be given new ones.
func (l *Memory) disown(account [32]byte, client string, now time.Time) {
	friend := l.acquaintance(account, client)
	if friend == nil || friend.failures < l.pair.limit {
		return
	}
	clients, _ := l.known.find(account)
	kept := acquaintances{}
	for _, other := range *clients {
		if other != friend {
			kept = append(kept, other)
		}
	}
	*clients = kept
	if len(kept) == 0 {
		l.known.remove(account)
	}
	strangers := counterOf(&l.accounts, account)
	strangers.forget(now, l.stranger)
	strangers.failures += friend.failures
	strangers.last = now
	l.accounts.put(account, strangers)
}

func throttled(wait time.Duration, cause string) error {
	return &passport.Failure{
		Code: CodeThrottled, Status: http.StatusTooManyRequests, RetryAfter: wait,
		Message: "Too many attempts. Try again later.", Err: errors.New(cause),
	}
}
