package gorilla

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/gopassport/passport/internal/overwrite"
	"github.com/gopassport/passport/sessions"
)

// Options configures a [Keeper]. The zero value, or nil, is what a site over
// HTTPS wants.
type Options struct {
	// Options are those of a [sessions.Manager]: the cookie's name, the
	// lifetimes and the logger, with their defaults. A store that forgets
	// sessions sooner than RememberAbsolute, 30 days, ends them sooner. PerUser
	// panics: there is no list of a user's sessions.
	sessions.Options

	// Timeout bounds a call of the store whose context has no deadline, and
	// its wait for a turn. A negative one sets no bound. Default 5 seconds.
	//
	// A call of a store that does not obey the request's context is not cut:
	// it holds up the others for its session, which give up after Timeout.
	Timeout time.Duration

	// NotFound tells which errors of the store mean that there is no such
	// session: some have one of their own for a session that has expired.
	// All others are outages. Known without it: a cookie that does not
	// decode, [fs.ErrNotExist], [sql.ErrNoRows], and an error that reads like
	// the one for the session that NewKeeper has thrown away.
	NotFound func(error) bool

	// InsecureNoLogout accepts a store in which a session cannot be ended:
	// one that keeps it in the cookie, such as a CookieStore. Signing out
	// then only clears the cookie of that browser, and whoever has a copy
	// of it stays signed in until its deadline. An old cookie brings old
	// values back.
	InsecureNoLogout bool
}

// A Keeper is a [sessions.Keeper] over a gorilla Store. It is safe for
// concurrent use if the store is. Have one for each store in a process: two
// do not take turns with each other.
//
// A browser has two cookies of it: the session's, and beside it, under the
// same name and "-store", the one by which the store finds the record. Either
// is worth nothing without the other. The Origin of a record that the Keeper
// hands out is its own, and never shown to anybody: records come back with it.
type Keeper struct {
	manager  *sessions.Manager
	inCookie bool // the store's cookie is the session
}

var (
	_ sessions.Keeper = (*Keeper)(nil)
	_ sessions.Once   = (*Keeper)(nil)
)

// NewKeeper returns a Keeper over store. It tries the store with a session
// that it makes and deletes, and logs in one line which guarantees are lost.
// The error is the store's, or says why the store will not do. It panics when
// store is nil or an option cannot be.
func NewKeeper(ctx context.Context, store gorilla.Store, o *Options) (*Keeper, error) {
	if store == nil {
		panic("gorilla: NewKeeper needs a store")
	}
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	b := &backend{store: store, notFound: opts.NotFound}
	k := &Keeper{manager: sessions.New(&records{overwrite.New(b, opts.Timeout), sessions.NewMemoryStore(nil)}, &opts.Options)}
	b.name = k.manager.Cookie(suffix).Name

	found, err := b.try(ctx)
	if err != nil {
		return nil, fmt.Errorf("gorilla: %T: %w", store, err)
	}
	if !found.ends && !opts.InsecureNoLogout {
		return nil, fmt.Errorf("gorilla: %T finds a session again that was deleted, so nobody can be signed out: "+
			"choose a store that keeps sessions on the server, or set Options.InsecureNoLogout", store)
	}
	k.inCookie = found.inCookie
	opts.Logger.WarnContext(ctx, "gorilla: guarantees that are lost over this store",
		"store", fmt.Sprintf("%T", store), "lost", found.lost())
	return k, nil
}

const (
	suffix     = "store" // of the name of the store's cookie
	maxCookies = 4       // of that name, which are looked at
)

// records are what the Manager stores.
type records struct {
	*overwrite.Store
	once sessions.Once
}

// Once is in this process: a stranger would get a session for each value.
func (s *records) Once(ctx context.Context, key [32]byte, until time.Time) error {
	return s.once.Once(ctx, key, until)
}

// Load finds the record of the request's cookies. See [sessions.Keeper].
func (k *Keeper) Load(r *http.Request) (sessions.Record, bool, error) {
	v := &visit{}
	for _, c := range r.CookiesNamed(k.manager.Cookie(suffix).Name) {
		if len(v.cookies) < maxCookies {
			v.cookies = append(v.cookies, c.Value)
		}
	}
	rec, ok, err := k.manager.Load(r.WithContext(v.in(r.Context())))
	if ok {
		v.mark(&rec)
	}
	return rec, ok, err
}

// errNoResponse: a cookie has to be set, and there is no response to do it
// on. Nothing was stored.
var errNoResponse = errors.New("gorilla: needs the ResponseWriter, for the cookie")

// Save stores the record's values. See [sessions.Keeper]. Over a store that
// keeps sessions in the cookie, w is always needed.
func (k *Keeper) Save(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	if k.inCookie && w == nil {
		return errNoResponse
	}
	v := visitOf(rec)
	if rec.Version == 0 {
		rec.Origin = nil // there is no list to show it
	}
	err := k.manager.Save(v.in(ctx), w, rec)
	if err == nil && (v.created || k.inCookie) {
		k.setCookie(w, v.made, rec)
	}
	if err == nil || errors.Is(err, sessions.ErrConflict) {
		v.mark(rec)
	}
	return err
}

// Replace puts next in and takes old out. See [sessions.Keeper].
func (k *Keeper) Replace(ctx context.Context, w http.ResponseWriter, old, next *sessions.Record) error {
	v := visitOf(old)
	record := *next
	record.Origin = nil
	err := k.manager.Replace(v.in(ctx), w, old, &record)
	switch {
	case err == nil:
		k.setCookie(w, v.made, &record)
		v.mark(&record)
		*next = record
	case errors.Is(err, sessions.ErrConflict):
		v.mark(old)
	}
	return err
}

// End deletes the record and expires its cookies. See [sessions.Keeper].
func (k *Keeper) End(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	if err := k.manager.End(visitOf(rec).in(ctx), w, rec); err != nil {
		return err
	}
	if w != nil {
		c := k.manager.Cookie(suffix)
		c.MaxAge = -1
		sessions.SetCookie(w, c)
	}
	return nil
}

// Once spends a one-time value in this process's memory.
func (k *Keeper) Once(ctx context.Context, key [32]byte, until time.Time) error {
	return k.manager.Once(ctx, key, until)
}

// Cookie is a cookie with the attributes of the session cookie, for what
// belongs beside it. Its name ends in the suffix, which is not "store".
func (k *Keeper) Cookie(suffix string) *http.Cookie { return k.manager.Cookie(suffix) }

func (k *Keeper) setCookie(w http.ResponseWriter, value string, rec *sessions.Record) {
	c := k.manager.Cookie(suffix)
	c.Value = value
	if rec.Remember {
		c.MaxAge = int(time.Until(time.UnixMilli(rec.Absolute)).Seconds())
	}
	sessions.SetCookie(w, c)
}
