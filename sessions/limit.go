package sessions

import (
	"bytes"
	"cmp"
	"context"
	"slices"
)

// limitTries bounds how often a login waits for others to give way.
const limitTries = 8

func (m *Manager) limited(r *Record) bool { return m.opts.PerUser > 0 && r.User != "" }

// room refuses early, so that the session that next would replace stays.
func (m *Manager) room(ctx context.Context, old, next *Record) error {
	if !m.limited(next) || !m.opts.RefuseMore {
		return nil
	}
	others, err := m.List(ctx, next.User)
	if err != nil {
		return err
	}
	if old != nil {
		others = slices.DeleteFunc(others, func(r Record) bool { return r.ID == old.ID })
	}
	if len(others) >= m.opts.PerUser {
		return ErrLimit
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), touchTimeout)
	defer cancel()
	if err := m.store.Delete(ctx, id); err != nil {
		m.log.WarnContext(ctx, "sessions: could not delete a session that was refused", "session", id.Handle(), "error", err)
	}
}
