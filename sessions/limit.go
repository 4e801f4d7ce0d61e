package sessions

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// limitTries bounds how often a login waits for others to give way.
const limitTries = 8

// mustLimit refuses options that would limit nothing, or fail every sign-in.
func mustLimit(store Store, o Options) {
	if o.PerUser < 0 {
		panic("sessions: Options.PerUser is negative")
	}
	if o.PerUser == 0 {
		if o.RefuseMore {
			panic("sessions: Options.RefuseMore needs PerUser")
		}
		return
	}
	lister, ok := store.(Lister)
	if ok { // nobody's list needs no look at the database
		_, err := lister.List(context.Background(), o.Name, "")
		ok = !errors.Is(err, ErrUnsupported)
	}
	if !ok {
		panic("sessions: Options.PerUser needs a store that can list a user's records")
	}
}

func (m *Manager) limited(r *Record) bool { return m.opts.PerUser > 0 && r.User != "" }

// room looks at the user's sessions before next is stored. Where more are
// refused it is early, so that the session that next would replace stays.
// Otherwise next becomes the newest, whatever the clocks of other servers say.
func (m *Manager) room(ctx context.Context, old, next *Record) error {
	if !m.limited(next) {
		return nil
	}
	others, err := m.List(ctx, next.User)
	if err != nil {
		return err
	}
	if old != nil {
		others = slices.DeleteFunc(others, func(r Record) bool { return r.ID == old.ID })
	}
	if m.opts.RefuseMore && len(others) >= m.opts.PerUser {
		return ErrLimit
	}
	for _, r := range others {
		next.Created = max(next.Created, r.Created+1)
	}
	return nil
}

// limit holds the user of r, which is stored but whose cookie is not set yet,
// to PerUser sessions. Every login looks after its own record is in, so that
// the last of those at once sees them all: never more than PerUser get a
// cookie, in any number of processes, without a lock. With an error r has to
// go.
func (m *Manager) limit(ctx context.Context, r *Record) error {
	if !m.limited(r) {
		return nil
	}
	for try := 0; ; try++ {
		records, err := m.List(ctx, r.User)
		excess := len(records) - m.opts.PerUser
		if err != nil || excess <= 0 {
			return err
		}
		slices.SortFunc(records, func(a, b Record) int {
			return cmp.Or(cmp.Compare(a.Created, b.Created), bytes.Compare(a.ID[:], b.ID[:]))
		})
		place := slices.IndexFunc(records, func(other Record) bool { return other.ID == r.ID })
		switch {
		case m.opts.RefuseMore && (place >= m.opts.PerUser || try == limitTries):
			return ErrLimit
		case m.opts.RefuseMore: // those beyond the limit take themselves out
			if err := pause(ctx, try); err != nil {
				return err
			}
		case place < excess: // so many newer ones were stored at once
			return ErrLimit
		default:
			return m.drop(ctx, records[:excess])
		}
	}
}

// withdrawTimeout bounds taking out a record whose request may be over.
const withdrawTimeout = 5 * time.Second

// drop ends the sessions that a newer one takes the place of.
func (m *Manager) drop(ctx context.Context, records []Record) error {
	for _, r := range records {
		if err := m.store.Delete(ctx, r.ID); err != nil {
			return err
		}
		m.log.InfoContext(ctx, "sessions: ended the oldest session of a user who has signed in once more", "session", r.ID.Handle())
	}
	return nil
}

// withdraw takes out a record whose cookie never left. The request may be over.
func (m *Manager) withdraw(ctx context.Context, id ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	if err := m.store.Delete(ctx, id); err != nil {
		m.log.WarnContext(ctx, "sessions: could not delete a session that was refused", "session", id.Handle(), "error", err)
	}
}
