package sessions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Options configures a [Manager]. The zero value, or nil, is what a site over
// HTTPS wants.
type Options struct {
	// Name is the realm: it names the cookie and keeps the records of several
	// Managers over one store apart, so that customers and administrators do
	// not meet, also when a cookie is renamed. Letters, digits, '-' and '_',
	// at most 64. Default "session".
	Name string

	// Idle ends a session that was not used for so long. Default 24 hours.
	Idle time.Duration
	// Absolute ends a session so long after sign-in, used or not. Default 7
	// days.
	Absolute time.Duration
	// RememberIdle is Idle for remembered sessions. Default 14 days.
	RememberIdle time.Duration
	// RememberAbsolute is Absolute for remembered sessions. Default 30 days,
	// the longest that NIST SP 800-63B-4 recommends without signing in again.
	RememberAbsolute time.Duration

	// Refresh is how often a session that is only read is written, to move
	// its idle deadline. Default 1 minute, at most half of Idle.
	Refresh time.Duration

	// PerUser is how many sessions a user may have at once (ASVS 5.0 7.1.2):
	// one more sign-in ends the oldest one. Of sign-ins at the same moment,
	// those beyond it are refused with [ErrLimit]. One whose place the store
	// cannot tell, or make, fails, and the session that it was to replace has
	// ended. The store must be a Lister. Default 0: any number.
	PerUser int
	// RefuseMore refuses the sign-in beyond PerUser instead, with [ErrLimit]. A
	// browser that has lost its cookie counts until the Idle end of its
	// session, and its user cannot reach the list to end it: offer another way.
	// A sign-in that is sent twice may be refused the second time, and of
	// sign-ins at the same moment one that is refused ends the session that it
	// was to replace.
	RefuseMore bool

	// InsecureHTTP makes the cookie work over plain http, for development, on
	// hosts other than localhost, and in Safari on localhost too: no Secure
	// attribute, no __Host- prefix. Anybody on the network path can then take over a
	// session.
	InsecureHTTP bool

	// OnCall hears of every call to the store, for metrics, when it is over and
	// before the request goes on. It must be safe for concurrent use. A panic
	// of it is logged.
	OnCall func(context.Context, Call)

	// Logger gets what the Manager mends or cannot do. Default slog.Default().
	Logger *slog.Logger
}

// A Manager is the [Keeper] over any [Store]. It owns the session cookie, the
// lifetimes, both of which count on the server, and the lists of a user's
// sessions. It is safe for concurrent use, and starts no goroutine: call
// [Manager.Sweep] for one.
type Manager struct {
	store  calls
	realm  string
	cookie string
	opts   Options
	log    *slog.Logger

	start      time.Time
	touchAfter atomic.Int64 // nanoseconds from start: clocks may jump
}

var _ Keeper = (*Manager)(nil)

// New returns a Manager over store. It panics when store is nil or an option
// cannot be.
func New(store Store, o *Options) *Manager {
	if store == nil {
		panic("sessions: New needs a store, such as sessions.NewMemoryStore(nil)")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Name == "" {
		opts.Name = "session"
	}
	mustName(opts.Name)
	lifetime(&opts.Idle, 24*time.Hour)
	lifetime(&opts.Absolute, 7*24*time.Hour)
	lifetime(&opts.RememberIdle, 14*24*time.Hour)
	lifetime(&opts.RememberAbsolute, 30*24*time.Hour)
	lifetime(&opts.Refresh, min(time.Minute, opts.Idle/2, opts.RememberIdle/2))
	if opts.Refresh > min(opts.Idle, opts.RememberIdle)/2 {
		panic("sessions: Options.Refresh must be at most half of Idle, or sessions in use would end")
	}
	mustLimit(store, opts)
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	m := &Manager{realm: opts.Name, cookie: "__Host-" + opts.Name, opts: opts, log: opts.Logger, start: time.Now()}
	m.store = calls{to: store, hook: opts.OnCall, log: opts.Logger, writes: newWrites()}
	if once, ok := store.(Once); ok {
		m.store.once = once
	} else {
		m.store.once = NewMemoryStore(nil)
		m.log.Warn("sessions: the store is no Once: one-time values are spent in this process's memory only", "name", opts.Name)
	}
	if opts.InsecureHTTP {
		m.cookie = opts.Name // browsers keep the prefix for https
		m.log.Warn("sessions: InsecureHTTP is set: session cookies travel in the clear", "name", opts.Name)
	}
	return m
}

// lifetime checks a duration and fills in its default.
func lifetime(d *time.Duration, otherwise time.Duration) {
	if *d < 0 {
		panic("sessions: a lifetime is negative")
	}
	if *d == 0 {
		*d = otherwise
	}
}

// Load finds the record of the request's cookie. See [Keeper].
//
// A record that cannot be read is ended and logged. One whose deadline has
// come is deleted at once, so that a clock that is set back cannot revive it.
func (m *Manager) Load(r *http.Request) (Record, bool, error) {
	var tokens [maxTokens]token
	n := m.tokens(r, &tokens)
	var found Record
	for i := range n {
		record, err := m.find(r.Context(), tokens[i].id(m.realm))
		if err != nil {
			return Record{}, false, err
		}
		if record.Version == 0 {
			continue
		}
		if found.Version != 0 && found.ID != record.ID {
			m.log.WarnContext(r.Context(), "sessions: refused a request with two valid session cookies")
			return Record{}, false, nil
		}
		found = record
	}
	if found.Version == 0 {
		return Record{}, false, nil
	}
	m.touch(r.Context(), &found)
	return found, true, nil
}

// find returns a record that is valid now, or the zero Record.
func (m *Manager) find(ctx context.Context, id ID) (Record, error) {
	record, err := m.store.Find(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Record{}, nil
	case errors.Is(err, ErrCorrupt), err == nil && !validData(record.Data):
		m.log.ErrorContext(ctx, "sessions: ended a session that cannot be decoded", "session", id.Handle(), "error", err)
		return Record{}, m.store.Delete(ctx, id)
	case err != nil:
		return Record{}, err
	case record.Expired(time.Now()):
		if err := m.store.Delete(ctx, id); err != nil {
			m.log.WarnContext(ctx, "sessions: could not delete an expired session", "error", err)
		}
		return Record{}, nil
	}
	return record, nil
}

const (
	touchTimeout = 250 * time.Millisecond // a session in use does not wait for longer
	touchPause   = 10 * time.Second       // after a touch that failed
)

// touch moves the idle deadline, at most once per refresh interval. A touch
// that fails costs nothing but that, and the next ones are left out for a
// while: a store that can be read may hang when it is written.
func (m *Manager) touch(ctx context.Context, r *Record) {
	now := time.Now()
	if now.UnixMilli()-r.LastSeen < m.opts.Refresh.Milliseconds() || now.Sub(m.start) < time.Duration(m.touchAfter.Load()) {
		return
	}
	seen, idle := m.deadlines(now, *r)
	limited, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if err := m.store.Touch(limited, r.ID, seen, idle); err != nil {
		if ctx.Err() == nil {
			m.touchAfter.Store(int64(now.Sub(m.start) + touchPause))
		}
		m.log.WarnContext(ctx, "sessions: could not touch a session", "session", r.ID.Handle(), "error", err)
		return
	}
	r.LastSeen, r.Idle = max(r.LastSeen, seen), max(r.Idle, idle)
}

// deadlines are the last-seen time and idle deadline of a record in use now.
func (m *Manager) deadlines(now time.Time, r Record) (seen, idle int64) {
	d := m.opts.Idle
	if r.Remember {
		d = m.opts.RememberIdle
	}
	return now.UnixMilli(), min(now.Add(d).UnixMilli(), r.Absolute)
}

// Save stores the record's values. See [Keeper].
func (m *Manager) Save(ctx context.Context, w http.ResponseWriter, rec *Record) error {
	if rec.Version == 0 {
		return m.create(ctx, w, nil, rec)
	}
	if err := m.late(ctx, rec); err != nil {
		return err
	}
	next := *rec
	next.LastSeen, next.Idle = m.deadlines(time.Now(), next)
	next.Version++
	err := m.store.Update(ctx, next, rec.Version)
	switch {
	case err == nil:
		*rec = next
		return nil
	case errors.Is(err, ErrNotFound):
		return ErrGone
	case errors.Is(err, ErrConflict):
		return m.conflict(ctx, rec)
	}
	return err
}

// Replace puts next in and takes old out, in one step. See [Keeper].
func (m *Manager) Replace(ctx context.Context, w http.ResponseWriter, old, next *Record) error {
	if old != nil && old.Version > 0 {
		if err := m.late(ctx, old); err != nil {
			return err
		}
	}
	return m.create(ctx, w, old, next)
}

// late is ErrGone where a deadline has come since rec was loaded, so that a
// request that goes on for long cannot revive its session. Another request may
// have moved the idle one meanwhile: only then it looks again.
func (m *Manager) late(ctx context.Context, rec *Record) error {
	if !rec.Expired(time.Now()) {
		return nil
	}
	stored, err := m.find(ctx, rec.ID)
	if err == nil && stored.Version == 0 {
		return ErrGone
	}
	return err
}

// errNoResponse: a cookie has to be set or expired, and there is no response
// to do it on. Nothing was stored.
var errNoResponse = errors.New("sessions: needs the ResponseWriter, for the cookie")

// create stores next under a new id, in the place of old if that was stored,
// and only then sets the cookie.
func (m *Manager) create(ctx context.Context, w http.ResponseWriter, old, next *Record) error {
	if w == nil {
		return errNoResponse
	}
	token := newToken()
	record := *next
	record.ID, record.Version = token.id(m.realm), 1
	m.begin(&record)

	if m.limited(&record) {
		held, done, err := m.store.hold(ctx, "Create", record.ID)
		if err != nil {
			return err
		}
		defer done()
		ctx = held
	}
	err := m.room(ctx, old, &record)
	switch {
	case err != nil:
		return err
	case old == nil || old.Version == 0:
		err = m.store.Create(ctx, record)
	default:
		err = m.store.Replace(ctx, old.ID, old.Version, record)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return ErrGone
	case errors.Is(err, ErrConflict) && old != nil:
		return m.conflict(ctx, old)
	case err != nil:
		return err
	}
	if err := m.limit(ctx, &record); err != nil {
		m.withdraw(ctx, record.ID)
		return err
	}
	*next = record
	m.setCookie(w, token, record)
	return nil
}

// begin fills in the times of a new record, and what its owner's list shows.
func (m *Manager) begin(r *Record) {
	now := time.Now()
	life := m.opts.Absolute
	if r.Remember {
		life = m.opts.RememberAbsolute
	}
	end := now.Add(life).UnixMilli()
	if r.Absolute == 0 || r.Absolute > end {
		r.Absolute = end
	}
	r.Created = now.UnixMilli()
	r.LastSeen, r.Idle = m.deadlines(now, *r)

	origin := Origin{Realm: m.realm}
	if r.Origin != nil {
		origin.Address, origin.Agent = clip(r.Origin.Address, 45), clip(r.Origin.Agent, 256)
	}
	r.Origin = &origin
}

// conflict makes rec what is stored now.
func (m *Manager) conflict(ctx context.Context, rec *Record) error {
	stored, err := m.find(ctx, rec.ID)
	if err != nil {
		return err
	}
	if stored.Version == 0 {
		return ErrGone
	}
	*rec = stored
	return ErrConflict
}

// End deletes the record and expires its cookie. See [Keeper].
func (m *Manager) End(ctx context.Context, w http.ResponseWriter, rec *Record) error {
	if rec.Version > 0 {
		if err := m.store.Delete(ctx, rec.ID); err != nil {
			return err
		}
	}
	if w != nil {
		m.expireCookie(w)
	}
	return nil
}

// Once spends a one-time value: in the store if it is a [Once], and in this
// process's memory otherwise.
func (m *Manager) Once(ctx context.Context, key [32]byte, until time.Time) error {
	return m.store.Once(ctx, key, until)
}
