// Package express shares login sessions with Express servers while a site
// moves over from them, route by route: the same connect.sid cookie, the same
// rows, and Node goes on serving beside. A [Keeper] takes the place of a
// [sessions.Manager]:
//
//	table, err := express.MySQL(db, nil)
//	keeper, err := express.New(table, express.NumberID, secrets, nil)
//	a := passport.New(passport.Config[*User]{Sessions: keeper, Serializer: passport.SerializeBy((*User).Key, users.ByID)})
//
// It speaks what express-session with Passport.js writes by way of
// express-mysql-session, connect-pg-simple and connect-redis (package
// redisstore/connectredis). The values of a [sessions.Session] are the keys of
// req.session, but for cookie, passport, and gopassport, where the Keeper
// leaves what Express has no place for: factors, stamp, the absolute end. Nor
// are there values under the names that req.session has of itself, such as id,
// save and toString: Node would drop them, so saving one is an error. What no
// handler changed stays in the row byte for byte.
//
// # What it keeps
//
// No id is adopted that the table does not have. Every sign-in has a new id,
// which takes the place of the old one in one step. A write counts only where
// the row still has the text that was loaded, and never makes a row that was
// deleted. Idle and absolute ends count on the server.
//
// # What the format cannot
//
//   - The table has the ids in clear. With a secret that can be guessed, a copy
//     of it is a bag of cookies: use long ones.
//   - Node's own saves are upserts of the whole session. A Node request that
//     is still running when its user signs out, on whichever side, can bring
//     the session back, and can undo what the Go side changed meanwhile.
//   - Node knows nothing of the absolute end, nor of a [passport.Stamper]: it
//     goes on serving such a session until the Go side meets it, and ends it.
//   - A session that Node signed in has no stamp, so a Stamper ends it at once,
//     unless Options.StampKey says where Node's login leaves it.
//   - A user's sessions cannot be listed or revoked: the user stands inside the
//     JSON, where no index helps. [sessions.Once] is not here either; set
//     passport.Config.Once.
//   - A browser's cookie is sent again when a session with a maximum age is
//     saved, not when it is only read: express-session's rolling option is
//     Node's alone.
//   - A session of more than 64 KiB ([sessions.MaxData]) is an error, 503.
//
// [passport.Stamper]: https://pkg.go.dev/github.com/gopassport/passport#Stamper
package express

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Options configures a [Keeper]: mostly what the options of express-session
// say in the Node app. The zero value, or nil, is right for an app that names
// none, but for Secure and SameSite.
type Options struct {
	// Name is the cookie's: express-session's name. Default "connect.sid".
	Name string
	// Path is the cookie's: cookie.path. Default "/".
	Path string
	// Domain is the cookie's: cookie.domain. Default none.
	Domain string
	// SameSite is the cookie's: cookie.sameSite. Default
	// http.SameSiteLaxMode; http.SameSiteDefaultMode sends none, as
	// express-session does by default.
	SameSite http.SameSite
	// InsecureHTTP leaves the cookie without its Secure attribute, for
	// development, and for apps without cookie.secure. Anybody on the network
	// path can then take over a session.
	InsecureHTTP bool

	// InsecureShortSecrets takes secrets of less than 32 bytes, while browsers
	// have cookies that are signed with one. Who guesses it can sign cookies;
	// they are worth something together with an id from the table.
	InsecureShortSecrets bool

	// MaxAge is cookie.maxAge: how long a session lasts from its last use, in
	// the browser too. Default 0: the cookie ends with the browser, and the
	// session after Idle. It is for new sessions; each one carries its own.
	MaxAge time.Duration
	// RememberMaxAge is MaxAge for remembered sessions. Default 14 days.
	RememberMaxAge time.Duration
	// Idle ends a session without a maximum age that was not used for so long:
	// expiration of express-mysql-session, ttl of the others. Default 24
	// hours, as theirs.
	Idle time.Duration
	// Absolute ends a session so long after the Go side signed it in, used or
	// not. Default 30 days, the longest that NIST SP 800-63B-4 recommends.
	// Sessions that Node signed in have no such end.
	Absolute time.Duration
	// Refresh is how often a session that is only read is written, to move
	// its end. Default 1 minute; half the time a session has left, if that is
	// shorter.
	Refresh time.Duration

	// StampKey names the value of req.session in which Node's login leaves the
	// user's stamp, a string or a number. It counts for sessions that Node
	// signed in. Default none: they have no stamp.
	StampKey string

	// Timeout bounds a call of the table whose context has no deadline. A
	// negative one sets no bound. Default 5 seconds.
	Timeout time.Duration
	// Logger gets what the Keeper cannot read or do. Default slog.Default().
	Logger *slog.Logger
}

// A Keeper is the [sessions.Keeper] over the table of an Express app. It is
// safe for concurrent use, in any number of processes, and starts no
// goroutine. Expired rows are left to the sweeper of the Node store.
type Keeper struct {
	table   Table
	kind    IDKind
	secrets [][]byte
	opts    Options
	log     *slog.Logger

	start      time.Time
	touchAfter atomic.Int64 // since start: a clock that is set does not move it
}

var _ sessions.Keeper = (*Keeper)(nil)

// New returns a Keeper over table. The kind of id is what serializeUser hands
// to done. The secrets are those of express-session: the first signs, all
// verify. The options may be nil. An error means that one of these cannot be.
func New(table Table, kind IDKind, secrets []string, o *Options) (*Keeper, error) {
	if table == nil {
		return nil, errors.New("express: New needs a table, such as one from express.MySQL")
	}
	if kind != StringID && kind != NumberID {
		return nil, errors.New("express: say whether serializeUser makes strings (express.StringID) or numbers (express.NumberID)")
	}
	k := &Keeper{table: table, kind: kind, start: time.Now()}
	if o != nil {
		k.opts = *o
	}
	if err := k.opts.complete(); err != nil {
		return nil, err
	}
	k.log = k.opts.Logger
	if len(secrets) == 0 {
		return nil, errors.New("express: New needs the secrets of express-session")
	}
	for _, secret := range secrets {
		if secret == "" {
			return nil, errors.New("express: a secret is empty")
		}
		if len(secret) < minSecret && !k.opts.InsecureShortSecrets {
			return nil, errors.New("express: a secret has less than 32 bytes: put a longer one before it, on both sides, and set InsecureShortSecrets until the short one can go")
		}
		k.secrets = append(k.secrets, []byte(secret))
	}
	if k.opts.InsecureShortSecrets {
		k.log.Warn("express: InsecureShortSecrets is set: cookies signed with a short secret count", "name", k.opts.Name)
	}
	if k.opts.InsecureHTTP {
		k.log.Warn("express: InsecureHTTP is set: session cookies travel in the clear", "name", k.opts.Name)
	}
	return k, nil
}

const minSecret = 32 // bytes

// complete fills in the defaults, and refuses what no browser would keep.
func (o *Options) complete() error {
	if o.Name == "" {
		o.Name = "connect.sid"
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if o.SameSite == 0 {
		o.SameSite = http.SameSiteLaxMode
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	for _, d := range []struct {
		set      *time.Duration
		standard time.Duration
	}{
		{&o.MaxAge, 0},
		{&o.RememberMaxAge, 14 * 24 * time.Hour},
		{&o.Idle, 24 * time.Hour},
		{&o.Absolute, 30 * 24 * time.Hour},
		{&o.Refresh, time.Minute},
	} {
		if *d.set < 0 {
			return errors.New("express: a duration in the options is negative")
		}
		if *d.set == 0 {
			*d.set = d.standard
		}
	}
	host := strings.HasPrefix(o.Name, "__Host-")
	switch c := o.cookie(); {
	case c.Valid() != nil:
		return fmt.Errorf("express: the cookie cannot be: %w", c.Valid())
	case host && (o.Domain != "" || o.Path != "/"):
		return errors.New(`express: a cookie named __Host- has no Domain, and the Path "/"`)
	case o.InsecureHTTP && (host || strings.HasPrefix(o.Name, "__Secure-")):
		return errors.New("express: InsecureHTTP needs a Name without __Host- and __Secure-")
	}
	return nil
}

// Never is the end of what does not end, in unix milliseconds.
const Never int64 = math.MaxInt64
