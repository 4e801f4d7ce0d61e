package redisstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
)

// Two sorted sets are the indexes: one by deadline, and one in the order of
// the bytes. Their entries are the same, and name a record: the digests of its
// realm and its user, 16 bytes each, and its id. The scripts keep them with the
// record, in one step; only a record that expired in Redis, or that somebody
// else deleted, leaves an entry behind, which goes when it is met.

const entrySize = 16 + 16 + 32

// Deadlines that every record has passed, and none.
const (
	always = "+inf"
	never  = "-inf"
)

// owner is what the entries of a user begin with.
func owner(realm, user string) string { return string(digest(realm)) + string(digest(user)) }

// idOf is the id of the record that an entry names.
func idOf(entry string) sessions.ID { return sessions.ID([]byte(entry[entrySize-32:])) }

// keysOf are the keys of the records that the entries name.
func (s *Store) keysOf(entries []string) []string {
	keys := make([]string, len(entries))
	for i, entry := range entries {
		keys[i] = s.record + entry[entrySize-32:]
	}
	return keys
}

// entries are those that begin with prefix and come after another, which may
// be empty: at most limit, where that is not 0.
func (s *Store) entries(ctx context.Context, prefix, after string, limit int64) ([]string, error) {
	start := "[" + prefix
	if after != "" {
		start = "(" + after
	}
	stop := "[" + prefix + strings.Repeat("\xff", entrySize-len(prefix))
	return s.ranged(ctx, redis.ZRangeArgs{Key: s.owners, Start: start, Stop: stop, ByLex: true, Count: limit})
}

// ranged are the entries of a part of an index.
func (s *Store) ranged(ctx context.Context, args redis.ZRangeArgs) (entries []string, err error) {
	err = s.do(ctx, "index", func(ctx context.Context) (err error) {
		entries, err = s.client.ZRangeArgs(ctx, args).Result()
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if len(entry) != entrySize {
			return nil, fmt.Errorf("redisstore: the key %s is not ours: it has an entry of %d bytes", args.Key, len(entry))
		}
	}
	return entries, nil
}

// swept is what a sweep has seen.
type swept struct {
	deleted, alive, absent int
}

// sweep deletes the records of the entries with a deadline at or before last,
// counts those with one after another time, and mends the indexes. Every entry
// that it is given is right afterwards, or gone.
func (s *Store) sweep(ctx context.Context, entries []string, last, after string) (swept, error) {
	args := append(make([]any, 0, 2+len(entries)), last, after)
	for _, entry := range entries {
		args = append(args, entry)
	}
	keys := append([]string{s.expires, s.owners}, s.keysOf(entries)...)
	var n []int64
	err := s.do(ctx, "sweep", func(ctx context.Context) (err error) {
		n, err = s.scripts.sweep.Run(ctx, s.client, keys, args...).Int64Slice()
		return err
	})
	if err == nil && len(n) != 3 {
		err = fmt.Errorf("redisstore: sweep: the script returned %v", n)
	}
	if err != nil {
		return swept{}, err
	}
	return swept{deleted: int(n[0]), alive: int(n[1]), absent: int(n[2])}, nil
}
