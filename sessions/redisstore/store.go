package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
)

// key is where the record is.
func (s *Store) key(id sessions.ID) string { return s.record + string(id[:]) }

// keys are those that a script touches: the indexes, and records.
func (s *Store) keys(ids ...sessions.ID) []string {
	keys := append(make([]string, 0, 2+len(ids)), s.expires, s.owners)
	for _, id := range ids {
		keys = append(keys, s.key(id))
	}
	return keys
}

// Create implements [sessions.Store], in one round trip.
func (s *Store) Create(ctx context.Context, r sessions.Record) error {
	return s.run(ctx, s.scripts.create, s.keys(r.ID), encode(r))
}

// Find implements [sessions.Store], in one round trip. It leaves Origin nil.
func (s *Store) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	var value string
	err := s.do(ctx, "find", func(ctx context.Context) (err error) {
		value, err = s.client.Get(ctx, s.key(id)).Result()
		return err
	})
	switch {
	case errors.Is(err, redis.Nil):
		return sessions.Record{}, sessions.ErrNotFound
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return sessions.Record{}, corrupt("find", err)
	case err != nil:
		return sessions.Record{}, err
	}
	r, err := decode(value, nil)
	if err != nil {
		return sessions.Record{}, corrupt("find", err)
	}
	r.ID = id
	return r, nil
}

// corrupt wraps the reason why what the server has is no record. It is only
// for answers that came: an outage must end no session.
func corrupt(name string, err error) error {
	return fmt.Errorf("redisstore: %s: %w: %w", name, sessions.ErrCorrupt, err)
}

// Update implements [sessions.Store], in one round trip.
func (s *Store) Update(ctx context.Context, r sessions.Record, version int64) error {
	r.Origin, r.Version = nil, version+1
	return s.run(ctx, s.scripts.update, s.keys(r.ID), number(nil, version), encode(r))
}

// Replace implements [sessions.Store], in one round trip. Where a record has
// the id of r already it is ErrConflict, and nothing is changed.
func (s *Store) Replace(ctx context.Context, old sessions.ID, version int64, r sessions.Record) error {
	return s.run(ctx, s.scripts.replace, s.keys(old, r.ID), number(nil, version), encode(r))
}

// Touch implements [sessions.Store], in one round trip.
func (s *Store) Touch(ctx context.Context, id sessions.ID, lastSeen, idle int64) error {
	return s.run(ctx, s.scripts.touch, s.keys(id), number(nil, lastSeen), number(nil, idle))
}

// Delete implements [sessions.Store], in one round trip.
func (s *Store) Delete(ctx context.Context, id sessions.ID) error {
	return s.run(ctx, s.scripts.delete, s.keys(id))
}
