package sessions

import (
	"context"
	"math"
	"sync"
	"time"
)

var (
	_ Store          = (*MemoryStore)(nil)
	_ Once           = (*MemoryStore)(nil)
	_ Lister         = (*MemoryStore)(nil)
	_ UserDeleter    = (*MemoryStore)(nil)
	_ RealmDeleter   = (*MemoryStore)(nil)
	_ ExpiredDeleter = (*MemoryStore)(nil)
	_ Counter        = (*MemoryStore)(nil)
)

// A memoryOnce is a part of the spent one-time values.
type memoryOnce struct {
	mu       sync.Mutex
	until    map[[32]byte]int64
	max      int
	earliest int64 // no value is past its time before this
}

// Once implements [Once]. Beyond its errors it returns [ErrFull].
func (s *MemoryStore) Once(ctx context.Context, key [32]byte, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &s.once[int(key[0])%memoryShards]
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.until[key]; ok {
		return ErrUsed
	}
	if len(o.until) >= o.max {
		o.sweep(time.Now())
	}
	if len(o.until) >= o.max {
		return ErrFull
	}
	// A millisecond more: the value is remembered at least until its time.
	ms := until.UnixMilli() + 1
	o.until[key] = ms
	o.earliest = min(o.earliest, ms)
	return nil
}

// sweep forgets the values that are past their time.
func (o *memoryOnce) sweep(now time.Time) {
	ms := now.UnixMilli()
	if ms < o.earliest {
		return
	}
	earliest := int64(math.MaxInt64)
	for key, until := range o.until {
		if until <= ms {
			delete(o.until, key)
			continue
		}
		earliest = min(earliest, until)
	}
	o.earliest = earliest
}

// List implements [Lister]. The empty user is nobody and has no records.
func (s *MemoryStore) List(ctx context.Context, realm, user string) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	owner := memoryUser{realm, user}
	ids := s.idsOf(owner, ID{})
	list := make([]Record, 0, len(ids))
	for _, id := range ids {
		sh := &s.shards[memoryShardOf(id)]
		sh.mu.RLock()
		r, ok := sh.records[id]
		if ok = ok && owner.owns(r); ok {
			origin := *r.Origin
			r.Origin = &origin
		}
		sh.mu.RUnlock()
		if ok {
			list = append(list, r)
		}
	}
	return list, nil
}

// DeleteUser implements [UserDeleter]. The empty user is nobody and has no
// records. A record that is replaced meanwhile is deleted under its new id.
func (s *MemoryStore) DeleteUser(ctx context.Context, realm, user string, keep ID) (int, error) {
	owner := memoryUser{realm, user}
	for n := 0; ; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		ids := s.idsOf(owner, keep)
		if len(ids) == 0 {
			return n, nil
		}
		for _, id := range ids {
			sh := &s.shards[memoryShardOf(id)]
			sh.mu.Lock()
			if r, ok := sh.records[id]; ok && owner.owns(r) {
				s.remove(sh, r)
				n++
			}
			sh.mu.Unlock()
		}
	}
}

// idsOf copies a user's ids out of the index, but for one.
func (s *MemoryStore) idsOf(owner memoryUser, except ID) []ID {
	u := s.usersOf(owner)
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := make([]ID, 0, len(u.ids[owner]))
	for id := range u.ids[owner] {
		if id != except {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o memoryUser) owns(r Record) bool {
	return o == memoryUser{r.Origin.Realm, r.User}
}

// DeleteRealm implements [RealmDeleter]. All other calls wait meanwhile, so
// that no record can slip past it in a Replace.
func (s *MemoryStore) DeleteRealm(ctx context.Context, realm string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for i := range s.shards {
		s.shards[i].mu.Lock()
		defer s.shards[i].mu.Unlock()
	}
	n := 0
	for i := range s.shards {
		for _, r := range s.shards[i].records {
			if r.Origin.Realm == realm {
				s.remove(&s.shards[i], r)
				n++
			}
		}
	}
	return n, nil
}

// DeleteExpired implements [ExpiredDeleter], in no order of deadlines.
func (s *MemoryStore) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	n := 0
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		s.once[i].mu.Lock()
		s.once[i].sweep(now)
		s.once[i].mu.Unlock()
		if n >= limit {
			continue
		}
		s.shards[i].mu.Lock()
		n += s.sweep(&s.shards[i], now, limit-n)
		s.shards[i].mu.Unlock()
	}
	return n, nil
}

// Count implements [Counter]. It looks at every record.
func (s *MemoryStore) Count(ctx context.Context, realm string, now time.Time) (int, error) {
	n := 0
	for i := range s.shards {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		sh := &s.shards[i]
		sh.mu.RLock()
		for _, r := range sh.records {
			if r.Origin.Realm == realm && !r.Expired(now) {
				n++
			}
		}
		sh.mu.RUnlock()
	}
	return n, nil
}
