package sessions

import (
	"context"
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"time"
)

// memoryShards is how many locks the records are spread over. Ids are hashes,
// so their first byte spreads them evenly.
const memoryShards = 64

// MemoryOptions configures a [MemoryStore]. The zero value is ready to use.
type MemoryOptions struct {
	// MaxRecords bounds the records, and with them the memory. Default
	// 1,048,576. Each of 64 shards has an equal share, rounded up, so that a
	// small bound is reached a little early or late. When a share is full,
	// expired records go first, then one anonymous record, one with an empty
	// User; with neither, Create and Replace return [ErrFull].
	MaxRecords int

	// MaxOnce bounds the spent one-time values likewise. Default 1,048,576.
	// A value is forgotten only after its time; with none to forget, Once
	// returns [ErrFull] and the value is to be refused.
	MaxOnce int
}

// A MemoryStore is a [Store] within one process, with all abilities. Its
// records end with the process and no other instance sees them: use it for
// tests, for development, and for a single server whose users may sign in
// again after a restart.
//
// It is safe for concurrent use. It starts no goroutine; the [Manager] sweeps
// it as it sweeps any other store.
type MemoryStore struct {
	shards [memoryShards]memoryShard
	users  [memoryShards]memoryUsers
	once   [memoryShards]memoryOnce
	seed   maphash.Seed // spreads the users; random, so that nobody can crowd a shard
}

// A memoryShard is a part of the records. Whoever locks two takes the one with
// the lower index first.
type memoryShard struct {
	mu        sync.RWMutex
	records   map[ID]Record
	max       int
	anonymous int   // how many have no user
	earliest  int64 // no deadline is before this; spares useless sweeps
}

// memoryUsers is a part of the index from users to ids. It is locked within a
// shard's lock, never around one, and changes only under the lock of the
// record it is about.
type memoryUsers struct {
	mu  sync.Mutex
	ids map[memoryUser]map[ID]struct{}
}

type memoryUser struct{ realm, user string }

// NewMemoryStore makes an empty store. The options may be nil.
func NewMemoryStore(o *MemoryOptions) *MemoryStore {
	if o == nil {
		o = &MemoryOptions{}
	}
	s := &MemoryStore{seed: maphash.MakeSeed()}
	for i := range memoryShards {
		s.shards[i].records = make(map[ID]Record)
		s.shards[i].max = memoryShare(o.MaxRecords)
		s.shards[i].earliest = math.MaxInt64
		s.users[i].ids = make(map[memoryUser]map[ID]struct{})
		s.once[i].until = make(map[[32]byte]int64)
		s.once[i].max = memoryShare(o.MaxOnce)
		s.once[i].earliest = math.MaxInt64
	}
	return s
}

func memoryShare(total int) int {
	if total <= 0 {
		total = 1 << 20
	}
	return (total-1)/memoryShards + 1
}

func memoryShardOf(id ID) int { return int(id[0]) % memoryShards }

// Create implements [Store]. Beyond its errors it returns [ErrFull].
func (s *MemoryStore) Create(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := &s.shards[memoryShardOf(r.ID)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.records[r.ID]; ok {
		return ErrConflict
	}
	if !s.makeRoom(sh) {
		return ErrFull
	}
	s.insert(sh, r)
	return nil
}

// Find implements [Store]. It leaves Origin nil and allocates nothing.
func (s *MemoryStore) Find(ctx context.Context, id ID) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	sh := &s.shards[memoryShardOf(id)]
	sh.mu.RLock()
	r, ok := sh.records[id]
	sh.mu.RUnlock()
	if !ok {
		return Record{}, ErrNotFound
	}
	r.Origin = nil // the store's own
	return r, nil
}

// Update implements [Store].
func (s *MemoryStore) Update(ctx context.Context, r Record, version int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := &s.shards[memoryShardOf(r.ID)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old, err := sh.find(r.ID, version)
	if err != nil {
		return err
	}
	r.Version = version + 1
	r.Created, r.Origin = old.Created, old.Origin
	r.LastSeen = max(r.LastSeen, old.LastSeen)
	r.Idle = max(r.Idle, old.Idle)
	if r.User == old.User {
		sh.set(r)
		return nil
	}
	s.remove(sh, old)
	s.put(sh, r)
	return nil
}

// Replace implements [Store]. Beyond its errors it returns [ErrFull], and
// ErrConflict when the id of r exists; the old record stays with either.
func (s *MemoryStore) Replace(ctx context.Context, old ID, version int64, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	i, j := memoryShardOf(old), memoryShardOf(r.ID)
	from, to := &s.shards[i], &s.shards[j]
	s.shards[min(i, j)].mu.Lock()
	defer s.shards[min(i, j)].mu.Unlock()
	if i != j {
		s.shards[max(i, j)].mu.Lock()
		defer s.shards[max(i, j)].mu.Unlock()
	}
	was, err := from.find(old, version)
	if err != nil {
		return err
	}
	if _, ok := to.records[r.ID]; ok {
		return ErrConflict
	}
	// In one shard the old record makes the room.
	if i != j && !s.makeRoom(to) {
		return ErrFull
	}
	// New before old: DeleteUser, which looks at the index alone to know that
	// it is done, must not find a gap between the two.
	s.insert(to, r)
	s.remove(from, was)
	return nil
}

// Touch implements [Store].
func (s *MemoryStore) Touch(ctx context.Context, id ID, lastSeen, idle int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := &s.shards[memoryShardOf(id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r, ok := sh.records[id]; ok {
		r.LastSeen = max(r.LastSeen, lastSeen)
		r.Idle = max(r.Idle, idle)
		sh.records[id] = r // deadlines only move on: earliest still holds
	}
	return nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(ctx context.Context, id ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := &s.shards[memoryShardOf(id)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r, ok := sh.records[id]; ok {
		s.remove(sh, r)
	}
	return nil
}

// find is for writers: the record, if it has the version.
func (sh *memoryShard) find(id ID, version int64) (Record, error) {
	r, ok := sh.records[id]
	switch {
	case !ok:
		return Record{}, ErrNotFound
	case r.Version != version:
		return Record{}, ErrConflict
	}
	return r, nil
}

// set stores r and keeps earliest true.
func (sh *memoryShard) set(r Record) {
	sh.records[r.ID] = r
	sh.earliest = min(sh.earliest, r.Idle, r.Absolute)
}

// insert puts in a record that came from outside. The address and the agent
// may be slices of a whole header: clones do not hold on to it.
func (s *MemoryStore) insert(sh *memoryShard, r Record) {
	var origin Origin
	if r.Origin != nil {
		origin = *r.Origin
		origin.Address = strings.Clone(origin.Address)
		origin.Agent = strings.Clone(origin.Agent)
	}
	r.Origin = &origin
	s.put(sh, r)
}

// put adds a record that is the store's own, and indexes it.
func (s *MemoryStore) put(sh *memoryShard, r Record) {
	sh.set(r)
	if r.User == "" {
		sh.anonymous++
		return
	}
	owner := memoryUser{r.Origin.Realm, r.User}
	u := s.usersOf(owner)
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := u.ids[owner]
	if ids == nil {
		ids = make(map[ID]struct{}, 1)
		u.ids[owner] = ids
	}
	ids[r.ID] = struct{}{}
}

// remove takes a record and its index entry out.
func (s *MemoryStore) remove(sh *memoryShard, r Record) {
	delete(sh.records, r.ID)
	if r.User == "" {
		sh.anonymous--
		return
	}
	owner := memoryUser{r.Origin.Realm, r.User}
	u := s.usersOf(owner)
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ids[owner], r.ID)
	if len(u.ids[owner]) == 0 {
		delete(u.ids, owner)
	}
}

func (s *MemoryStore) usersOf(owner memoryUser) *memoryUsers {
	return &s.users[maphash.Comparable(s.seed, owner)%memoryShards]
}

// makeRoom tells whether the shard can take one more record, and makes it so
// when it may.
func (s *MemoryStore) makeRoom(sh *memoryShard) bool {
	if len(sh.records) < sh.max {
		return true
	}
	if s.sweep(sh, time.Now(), len(sh.records)) > 0 {
		return true
	}
	if sh.anonymous == 0 {
		return false
	}
	for _, r := range sh.records {
		if r.User == "" {
			s.remove(sh, r)
			return true
		}
	}
	return false
}

// sweep drops at most limit expired records of one shard.
func (s *MemoryStore) sweep(sh *memoryShard, now time.Time, limit int) int {
	if now.UnixMilli() < sh.earliest {
		return 0
	}
	n, earliest := 0, int64(math.MaxInt64)
	for _, r := range sh.records {
		if !r.Expired(now) {
			earliest = min(earliest, r.Idle, r.Absolute)
			continue
		}
		if n == limit {
			return n // not all seen, so earliest stays what it was
		}
		s.remove(sh, r)
		n++
	}
	sh.earliest = earliest
	return n
}
