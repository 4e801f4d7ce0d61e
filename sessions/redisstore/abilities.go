package redisstore

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
)

var (
	_ sessions.Store          = (*Store)(nil)
	_ sessions.Once           = (*Store)(nil)
	_ sessions.Lister         = (*Store)(nil)
	_ sessions.UserDeleter    = (*Store)(nil)
	_ sessions.RealmDeleter   = (*Store)(nil)
	_ sessions.ExpiredDeleter = (*Store)(nil)
	_ sessions.Counter        = (*Store)(nil)
)

// The server does one thing at a time: these bound how long others wait for it.
const (
	batch = 100 // records that one command reads
	step  = 25  // records that one script deletes
)

// Once implements [sessions.Once], in one round trip.
func (s *Store) Once(ctx context.Context, key [32]byte, until time.Time) error {
	// A millisecond more: the key is remembered at least until its time.
	return s.run(ctx, s.scripts.once, []string{s.spent}, key[:], until.UnixMilli()+1)
}

// List implements [sessions.Lister]. The empty user is nobody and has no
// records.
//
// It finds the entries of the index and then their records. Where a record is
// gone it drops the entry and looks again, for the record may have been
// replaced between the two: what it returns was there all at one time.
func (s *Store) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if user == "" {
		return nil, ctx.Err()
	}
	for {
		list, whole, err := s.list(ctx, realm, user)
		if err != nil || whole {
			return list, err
		}
	}
}

// list is one try of List: whole unless a record was missing.
func (s *Store) list(ctx context.Context, realm, user string) (list []sessions.Record, whole bool, err error) {
	entries, err := s.entries(ctx, owner(realm, user), "", 0)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for part := range slices.Chunk(entries, batch) {
		values, err := s.values(ctx, part)
		if err != nil {
			return nil, false, err
		}
		if slices.Contains(values, nil) {
			result, err := s.sweep(ctx, part, never, never)
			if err != nil {
				return nil, false, err
			}
			if result.absent > 0 {
				whole = false
				continue
			} // else it is there, and is no string
		}
		for i, value := range values {
			text, _ := value.(string)
			r, err := decode(text, new(sessions.Origin))
			if err != nil {
				continue // no record: Find ends it
			}
			if r.User == user && r.Origin.Realm == realm {
				r.ID = idOf(part[i])
				list = append(list, r)
			}
		}
	}
	return list, whole, nil
}

// values are the records of the entries, as they are stored; nil where there
// is none.
func (s *Store) values(ctx context.Context, entries []string) (values []any, err error) {
	err = s.do(ctx, "list", func(ctx context.Context) (err error) {
		values, err = s.client.MGet(ctx, s.keysOf(entries)...).Result()
		return err
	})
	return values, err
}

// DeleteUser implements [sessions.UserDeleter]. The empty user is nobody and
// has no records. It deletes in batches of 25, until it finds none, so that a
// record that is replaced meanwhile is deleted under its new id; an error may
// come after some of them, and it can be called again.
func (s *Store) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	if user == "" {
		return 0, ctx.Err()
	}
	return s.deleteAll(ctx, owner(realm, user), func(entry string) bool {
		return keep != sessions.ID{} && idOf(entry) == keep
	})
}

// DeleteRealm implements [sessions.RealmDeleter], in batches as DeleteUser.
func (s *Store) DeleteRealm(ctx context.Context, realm string) (int, error) {
	return s.deleteAll(ctx, string(digest(realm)), func(string) bool { return false })
}

// deleteAll deletes the records whose entries begin so, but for one at most.
func (s *Store) deleteAll(ctx context.Context, prefix string, kept func(entry string) bool) (int, error) {
	for total := 0; ; {
		entries, err := s.entries(ctx, prefix, "", step)
		if err != nil {
			return total, err
		}
		entries = slices.DeleteFunc(entries, kept)
		if len(entries) == 0 {
			return total, nil
		}
		result, err := s.sweep(ctx, entries, always, never)
		total += result.deleted
		if err != nil {
			return total, err
		}
	}
}

// DeleteExpired implements [sessions.ExpiredDeleter], the earliest deadlines
// first. As many spent keys go with them, at most 100, and where more may be
// left it says [sessions.ErrMore]: a busy site spends more keys than it loses
// records, and neither may hold up the other.
func (s *Store) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, ctx.Err()
	}
	last := strconv.FormatInt(now.UnixMilli(), 10)
	total, err := s.deleteExpired(ctx, last, limit)
	if err != nil {
		return total, err
	}
	most := min(limit, batch)
	spent, err := s.forget(ctx, last, most)
	if err == nil && spent == most {
		err = sessions.ErrMore
	}
	return total, err
}

func (s *Store) deleteExpired(ctx context.Context, last string, limit int) (int, error) {
	for total := 0; total < limit; {
		n := min(limit-total, step)
		entries, err := s.ranged(ctx, redis.ZRangeArgs{Key: s.expires, Start: never, Stop: last, ByScore: true, Count: int64(n)})
		if err != nil {
			return total, err
		}
		if len(entries) == 0 {
			return total, nil
		}
		result, err := s.sweep(ctx, entries, last, never)
		total += result.deleted
		if err != nil || len(entries) < n {
			return total, err
		}
	}
	return limit, nil
}

// forget drops spent keys whose time has passed, and counts them.
func (s *Store) forget(ctx context.Context, last string, limit int) (n int, err error) {
	sc := s.scripts.spent
	err = s.do(ctx, sc.name, func(ctx context.Context) (err error) {
		n, err = sc.Run(ctx, s.client, []string{s.spent}, last, limit).Int()
		return err
	})
	return n, err
}

// Count implements [sessions.Counter]. It looks at every record of the realm,
// in batches of 100: those that come and go meanwhile may be counted or not.
func (s *Store) Count(ctx context.Context, realm string, now time.Time) (int, error) {
	after := strconv.FormatInt(now.UnixMilli(), 10)
	prefix, last := string(digest(realm)), ""
	for total := 0; ; {
		entries, err := s.entries(ctx, prefix, last, batch)
		if err != nil || len(entries) == 0 {
			return total, err
		}
		last = entries[len(entries)-1]
		result, err := s.sweep(ctx, entries, never, after)
		if err != nil {
			return 0, err
		}
		total += result.alive
	}
}
