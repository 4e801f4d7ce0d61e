package express

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Load finds the session of the request's cookie. See [sessions.Keeper].
//
// A row that cannot be read is left alone and logged: to Node too it is no
// session. One whose absolute end has come is deleted. passport.user of
// another kind than the one given to New is nobody, and logged.
func (k *Keeper) Load(r *http.Request) (sessions.Record, bool, error) {
	var found *stored
	for _, id := range k.ids(r) {
		s, err := k.find(r.Context(), id)
		if errors.Is(err, sessions.ErrNotFound) {
			continue
		}
		if err != nil {
			return sessions.Record{}, false, err
		}
		if found != nil {
			k.log.WarnContext(r.Context(), "express: refused a request with two valid session cookies")
			return sessions.Record{}, false, nil
		}
		found = s
	}
	if found == nil {
		return sessions.Record{}, false, nil
	}
	k.touch(r.Context(), found)
	return found.record, true, nil
}

// find returns a session that is valid now, or ErrNotFound.
func (k *Keeper) find(ctx context.Context, id string) (*stored, error) {
	ctx, cancel := k.bounded(ctx)
	defer cancel()
	row, err := k.table.Find(ctx, id)
	now := time.Now()
	switch {
	case err != nil:
		return nil, err
	case row.ID != id, now.UnixMilli() >= row.Expires: // by the collation of the column another may be meant
		return nil, sessions.ErrNotFound
	}
	s, err := k.read(row)
	switch {
	case errors.Is(err, sessions.ErrTooLarge):
		return nil, err
	case err != nil:
		k.log.ErrorContext(ctx, "express: cannot read a session", "session", k.id(id).Handle(), "error", err)
		if s == nil {
			return nil, sessions.ErrNotFound
		}
	case s.record.Expired(now):
		if err := k.table.Delete(ctx, id); err != nil {
			k.log.WarnContext(ctx, "express: could not delete an expired session", "error", err)
		}
		return nil, sessions.ErrNotFound
	}
	return s, nil
}

// bounded gives ctx the table's deadline when it has none.
func (k *Keeper) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || k.opts.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, k.opts.Timeout)
}

const (
	touchTimeout = 250 * time.Millisecond // a session in use does not wait for longer
	touchPause   = 10 * time.Second       // after a touch that failed
)

// touch moves the end of a session, as express-session does with every
// request, but at most once per refresh interval. A touch that fails costs
// nothing but that, and the next ones are left out for a while: a table that
// can be read may hang when it is written.
func (k *Keeper) touch(ctx context.Context, s *stored) {
	now, refresh := time.Now(), min(k.opts.Refresh, k.life(s)/2)
	if now.UnixMilli()-s.record.LastSeen < refresh.Milliseconds() || now.Sub(k.start) < time.Duration(k.touchAfter.Load()) {
		return
	}
	expires := k.expires(s, now)
	if expires <= s.row.Expires {
		return
	}
	limited, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if err := k.table.Touch(limited, s.row.ID, expires); err != nil {
		if ctx.Err() == nil {
			k.touchAfter.Store(int64(now.Sub(k.start) + touchPause))
		}
		k.log.WarnContext(ctx, "express: could not touch a session", "session", s.record.ID.Handle(), "error", err)
		return
	}
	s.record.LastSeen, s.record.Idle = now.UnixMilli(), expires
}

// expires is when a session ends that is used now.
func (k *Keeper) expires(s *stored, now time.Time) int64 {
	return max(min(s.row.Expires, s.record.Absolute), k.stated(s, now))
}

// stated is when it ends by its age alone, as its cookie says. The row may end
// later: with the disableTTL of connect-redis it has no end.
func (k *Keeper) stated(s *stored, now time.Time) int64 {
	return min(now.Add(k.life(s)).UnixMilli(), s.record.Absolute)
}

// Save stores the record's values. See [sessions.Keeper]. Where the session
// has a maximum age, and w is not nil, it also sends the cookie again, as
// express-session does.
func (k *Keeper) Save(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	if rec.Version == 0 {
		return k.create(ctx, w, nil, rec)
	}
	s, err := k.current(ctx, rec)
	if err != nil {
		return err
	}
	now := time.Now()
	row, stated := Row{ID: s.row.ID, Expires: k.expires(s, now)}, k.stated(s, now)
	if err := write(&s.doc, rec.Data); err != nil {
		return err
	}
	renew(s, stated)
	row.Data = s.doc.String()
	next, err := k.read(row)
	if next == nil {
		return err
	}
	if err := k.swap(ctx, rec, func(ctx context.Context) error { return k.table.Update(ctx, row, s.row.Data) }); err != nil {
		return err
	}
	*rec = next.record
	if w != nil && s.maxAge > 0 {
		k.setCookie(w, row.ID, time.UnixMilli(stated))
	}
	return nil
}

// Replace puts next in and takes old out, in one step. See [sessions.Keeper].
func (k *Keeper) Replace(ctx context.Context, w http.ResponseWriter, old, next *sessions.Record) error {
	return k.create(ctx, w, old, next)
}

// errNoResponse: a cookie has to be set or expired, and there is no response
// to do it on. Nothing was stored.
var errNoResponse = errors.New("express: needs the ResponseWriter, for the cookie")

// create stores next under a new id, in the place of old if that was stored,
// and only then sets the cookie.
func (k *Keeper) create(ctx context.Context, w http.ResponseWriter, old, next *sessions.Record) error {
	if w == nil {
		return errNoResponse
	}
	s, err := k.begin(*next)
	if err != nil {
		return err
	}
	if old == nil || old.Version == 0 {
		ctx, cancel := k.bounded(ctx)
		defer cancel()
		err = k.table.Insert(ctx, s.row)
	} else {
		var was *stored
		if was, err = k.current(ctx, old); err == nil {
			err = k.swap(ctx, old, func(ctx context.Context) error { return k.table.Replace(ctx, was.row.ID, was.row.Data, s.row) })
		}
	}
	if err != nil {
		return err
	}
	*next = s.record
	var expires time.Time
	if s.maxAge > 0 {
		expires = time.UnixMilli(s.row.Expires)
	}
	k.setCookie(w, s.row.ID, expires)
	return nil
}

// begin makes a session of a record that has no id yet.
func (k *Keeper) begin(r sessions.Record) (*stored, error) {
	now := time.Now()
	maxAge := k.opts.MaxAge
	if r.Remember {
		maxAge = k.opts.RememberMaxAge
	}
	if end := now.Add(k.opts.Absolute).UnixMilli(); r.Absolute == 0 || r.Absolute > end {
		r.Absolute = end
	}
	r.Created = now.UnixMilli()
	row := Row{ID: newID()}
	row.Expires = k.expires(&stored{maxAge: maxAge, record: r}, now)
	doc, err := k.fresh(row.ID, r, maxAge, row.Expires)
	if err != nil {
		return nil, err
	}
	row.Data = doc.String()
	return k.read(row)
}

// current is the session that rec was loaded from, if nobody changed it since.
// With ErrConflict rec is what they stored.
func (k *Keeper) current(ctx context.Context, rec *sessions.Record) (*stored, error) {
	id, ok := rowID(rec)
	if !ok {
		return nil, sessions.ErrGone // of another Keeper
	}
	s, err := k.find(ctx, id)
	if errors.Is(err, sessions.ErrNotFound) {
		return nil, sessions.ErrGone
	}
	if err == nil && s.record.Version != rec.Version {
		*rec = s.record
		return nil, sessions.ErrConflict
	}
	return s, err
}

// swap writes, and says what became of rec if somebody else was faster.
func (k *Keeper) swap(ctx context.Context, rec *sessions.Record, write func(context.Context) error) error {
	limited, cancel := k.bounded(ctx)
	defer cancel()
	err := write(limited)
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return sessions.ErrGone
	case errors.Is(err, sessions.ErrConflict):
		now := sessions.Record{Data: rec.Data} // of no version, as nothing that is stored
		if _, err = k.current(ctx, &now); errors.Is(err, sessions.ErrConflict) {
			*rec = now
		}
	}
	return err
}

// End deletes the row and expires its cookie. See [sessions.Keeper].
func (k *Keeper) End(ctx context.Context, w http.ResponseWriter, rec *sessions.Record) error {
	if id, ok := rowID(rec); ok && rec.Version > 0 {
		ctx, cancel := k.bounded(ctx)
		defer cancel()
		if err := k.table.Delete(ctx, id); err != nil {
			return err
		}
	}
	if w != nil {
		k.expireCookie(w)
	}
	return nil
}
