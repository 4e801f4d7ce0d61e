package passport

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/internal/nearest"
	"github.com/gopassport/passport/internal/seal"
	"github.com/gopassport/passport/sessions"
)

// Config configures an [Authenticator]. The zero value authenticates each
// request by itself and keeps no login: an API.
type Config[U any] struct {
	// Serializer says what a session keeps of a user. Nil: no login sessions.
	Serializer Serializer[U]
	// Sessions keeps the sessions. Nil: a [sessions.Manager] in memory, which
	// holds a million of them, and signs everyone out with a restart.
	// Authenticators never share one, nor two of one Name over one store: user
	// 1 of the one would be user 1 of the other.
	Sessions sessions.Keeper
	// Secrets seal the short-lived cookies: return-to, messages, the state of
	// a social login. The newest comes first and seals; all open. Each has at
	// least 32 bytes, and all instances of a site share them. Nil: a random
	// one, with a warning in the log unless Sessions is nil too.
	Secrets [][]byte
	// Once spends one-time values. Nil: Sessions, if it is a [sessions.Once];
	// otherwise this process's memory.
	Once sessions.Once
	// LoginPage is where a browser that is refused with 401 is sent, by 303.
	// Empty: it gets the 401.
	LoginPage string
	// Realm stands in the challenge of a 401 for which no strategy made one; it
	// is not the realm of the sessions. Default "Users".
	Realm string
	// TrustedOrigins ("https://app.example.com") may send unsafe requests
	// with our cookie, other than sign-in and sign-out.
	TrustedOrigins []string
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	// None: the client's address is that of the connection.
	TrustedProxies []netip.Prefix
	// Skip says which requests need no user, such as static files: Handler
	// does nothing for them. A route that requires a user answers 500 there.
	Skip func(*http.Request) bool
	// OnAttempt gets every decision, before the response. It delays the
	// request, and cannot change the result.
	OnAttempt func(context.Context, Attempt)
	// Logger gets refusals, outages and sign-ins. Default slog.Default().
	Logger *slog.Logger
	// Error answers refusals and outages. Headers, such as WWW-Authenticate
	// and Retry-After, are set already; f has all its defaults filled in, and
	// wraps the cause. Nil: application/problem+json (RFC 9457),
	// or plain text for a browser.
	Error func(w http.ResponseWriter, r *http.Request, f *Failure)
}

// core is what an Authenticator has that does not depend on its user type.
type core struct {
	keeper    sessions.Keeper
	once      sessions.Once
	here      sessions.Once // in this process, for what strangers spend
	sealer    *seal.Sealer
	cross     *http.CrossOriginProtection // for requests with our cookie
	strict    *http.CrossOriginProtection // for sign-in and sign-out
	proxies   []netip.Prefix
	loginPage string
	realm     string
	scope     string // of what strategies seal and spend: their names follow
	log       *slog.Logger
	skip      func(*http.Request) bool
	onAttempt func(context.Context, Attempt)
	onError   func(http.ResponseWriter, *http.Request, *Failure)
	served    atomic.Bool // no more Use
	hint      sync.Once   // about Secure cookies on plain http
}

// An Authenticator dispatches requests to strategies and keeps the user they
// find in a session. It is safe for concurrent use; several live side by side
// in one process and around one handler.
type Authenticator[U any] struct {
	core
	serializer Serializer[U]
	stamper    Stamper[U]
	wiring     sync.RWMutex // of strategies
	strategies map[string]Strategy[U]
	isNil      func(U) bool
}

// New returns an Authenticator. It panics when a part of the Config cannot
// be: a secret under 32 bytes, an origin that is none.
func New[U any](c Config[U]) *Authenticator[U] {
	a := &Authenticator[U]{
		core: core{
			keeper:    c.Sessions,
			once:      c.Once,
			here:      sessions.NewMemoryStore(&sessions.MemoryOptions{MaxOnce: 1 << 16}),
			cross:     protection(c.TrustedOrigins),
			strict:    protection(nil),
			proxies:   slices.Clone(c.TrustedProxies),
			loginPage: c.LoginPage,
			realm:     c.Realm,
			log:       c.Logger,
			skip:      c.Skip,
			onAttempt: c.OnAttempt,
			onError:   c.Error,
		},
		serializer: c.Serializer,
		strategies: make(map[string]Strategy[U]),
		isNil:      absent.User[U](),
	}
	if a.realm == "" {
		a.realm = "Users"
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	Challenge("Session", "realm", a.realm)
	if absent.Nil(c.Sessions) && c.Sessions != nil {
		panic("passport: Config.Sessions is a nil pointer")
	}
	if absent.Nil(c.Once) && c.Once != nil {
		panic("passport: Config.Once is a nil pointer")
	}
	if absent.Nil(c.Serializer) && c.Serializer != nil {
		panic("passport: Config.Serializer is a nil pointer")
	}
	if c.Serializer == nil && c.Sessions != nil {
		panic("passport: Config.Sessions needs a Config.Serializer, such as passport.SerializeBy")
	}
	a.keepSessions(c)
	a.scope = "strategy\x00" + a.cookie("").Name + "\x00" + a.realm + "\x00"
	a.sealer = a.newSealer(c)
	return a
}

// keepSessions wires the parts that hold a login.
func (a *Authenticator[U]) keepSessions(c Config[U]) {
	if c.Serializer != nil {
		a.stamper, _ = c.Serializer.(Stamper[U])
		a.strategies[sessionName] = sessionStrategy[U]{a}
		if a.keeper == nil {
			a.keeper = sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: c.Logger})
		}
	}
	if a.once == nil {
		a.once, _ = a.keeper.(sessions.Once)
	}
	if a.once == nil {
		a.once = sessions.NewMemoryStore(nil)
		if c.Sessions != nil {
			a.log.Warn("passport: Config.Once is nil: one-time values are spent in this process's memory only")
		}
	}
}

func (a *Authenticator[U]) newSealer(c Config[U]) *seal.Sealer {
	secrets := c.Secrets
	if len(secrets) == 0 {
		secret := make([]byte, seal.MinSecret)
		rand.Read(secret)
		secrets = [][]byte{secret}
		if c.Sessions != nil {
			a.log.Warn("passport: Config.Secrets is empty: a restart, and every other instance, forgets the short-lived cookies")
		}
	}
	sealer, err := seal.New(secrets...)
	if err != nil {
		panic("passport: Config.Secrets: " + err.Error() + "; make one with openssl rand 32")
	}
	return sealer
}

func protection(origins []string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			panic("passport: Config.TrustedOrigins: " + err.Error())
		}
	}
	return p
}

// Use registers a strategy under a name. It panics when the strategy is nil
// or the name is taken, and once the first request has been served.
func (a *Authenticator[U]) Use(name string, s Strategy[U]) {
	if name == "" {
		panic("passport: a strategy needs a name")
	}
	mustStrategy(fmt.Sprintf("Use(%q)", name), s)
	a.wiring.Lock()
	defer a.wiring.Unlock()
	if a.served.Load() {
		panic(fmt.Sprintf("passport: Use(%q) comes after the first request; register strategies before serving", name))
	}
	if _, taken := a.strategies[name]; taken {
		panic(fmt.Sprintf("passport: the name %q is taken", name))
	}
	a.strategies[name] = s
}

// UseFunc registers a function as a strategy: see [Authenticator.Use].
func (a *Authenticator[U]) UseFunc(name string, f func(*http.Request) (Result[U], error)) {
	a.Use(name, StrategyFunc[U](f))
}

// A link is one strategy of a route, resolved when the route is wired.
type link[U any] struct {
	name     string
	strategy Strategy[U]
	what     string // in a log, should it panic
}

// chain resolves names; none at all means the session.
func (a *Authenticator[U]) chain(names []string) ([]link[U], error) {
	if len(names) == 0 {
		names = []string{sessionName}
	}
	a.wiring.RLock()
	defer a.wiring.RUnlock()
	links := make([]link[U], len(names))
	for i, name := range names {
		s, ok := a.strategies[name]
		if !ok {
			return nil, a.unknown(name)
		}
		links[i] = link[U]{name, s, "strategy " + name}
	}
	return links, nil
}

func (a *Authenticator[U]) mustChain(names []string) []link[U] {
	links, err := a.chain(names)
	if err != nil {
		panic(err.Error())
	}
	return links
}

// unknown says what the wiring probably meant.
func (a *Authenticator[U]) unknown(name string) error {
	if name == sessionName {
		return fmt.Errorf(`passport: "session" needs Config.Serializer`)
	}
	if near := nearest.Name(name, a.strategies); near != "" {
		return fmt.Errorf("passport: no strategy is registered as %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("passport: no strategy is registered as %q; call Use first", name)
}

func mustStrategy[U any](where string, s Strategy[U]) {
	if absent.Nil(s) {
		panic("passport: " + where + ": the strategy is nil")
	}
}
