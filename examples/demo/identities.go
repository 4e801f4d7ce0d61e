package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport"
)

func (s *sqlDatabase) byIdentity(ctx context.Context, identity string) (*User, error) {
	return s.find(ctx, `id = (SELECT user_id FROM identities WHERE identity = ?)`, identity)
}

func (s *sqlDatabase) identities(ctx context.Context, user *User) (all []string, err error) {
	rows, err := s.db.QueryContext(ctx, s.query(`SELECT identity FROM identities WHERE user_id = ? ORDER BY identity`), user.ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var identity string
		if err := rows.Scan(&identity); err != nil {
			return nil, err
		}
		all = append(all, identity)
	}
	return all, rows.Err()
}

func (s *sqlDatabase) join(ctx context.Context, user *User, identity string) (bool, error) {
	_, err := s.changes(ctx, s.db, s.insert+` INTO identities (identity, user_id) VALUES (?, ?) `+s.ignore, identity, user.ID)
	if err != nil {
		return false, err
	}
	owner, err := s.byIdentity(ctx, identity)
	return err == nil && owner.ID == user.ID, err
}

// leave locks the user first: of two at once, one must not take away what the
// other has left.
func (s *sqlDatabase) leave(ctx context.Context, user *User, identity string) (left bool, err error) {
	err = s.transaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.query(`UPDATE users SET stamp = stamp WHERE id = ?`), user.ID); err != nil {
			return err
		}
		var others, passwords int
		err := tx.QueryRowContext(ctx, s.query(`SELECT (SELECT count(*) FROM identities WHERE user_id = ? AND identity <> ?),
			(SELECT count(*) FROM users WHERE id = ? AND hash <> '')`), user.ID, identity, user.ID).Scan(&others, &passwords)
		if err != nil || others+passwords == 0 {
			return err
		}
		left = true
		_, err = tx.ExecContext(ctx, s.query(`DELETE FROM identities WHERE identity = ? AND user_id = ?`), identity, user.ID)
		return err
	})
	return left, err
}

// In Redis: a hash from identities to users, and a set of each user's.
const redisIdentities = "demo:identities"

func (d *redisDatabase) identitiesOf(user *User) string { return "demo:identities:" + user.Key() }

func (d *redisDatabase) byIdentity(ctx context.Context, identity string) (*User, error) {
	id, err := d.client.HGet(ctx, redisIdentities, identity).Result()
	if errors.Is(err, redis.Nil) {
		return nil, passport.ErrNoUser
	}
	if err != nil {
		return nil, err
	}
	return d.byID(ctx, id)
}

func (d *redisDatabase) identities(ctx context.Context, user *User) ([]string, error) {
	return d.client.SMembers(ctx, d.identitiesOf(user)).Result()
}

var (
	joinIdentity = redis.NewScript(`
		if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
		redis.call('SADD', KEYS[2], ARGV[1])
		return 1`)
	leaveIdentity = redis.NewScript(`
		local mine = redis.call('SISMEMBER', KEYS[2], ARGV[1])
		if redis.call('SCARD', KEYS[2]) - mine == 0 and (redis.call('HGET', KEYS[3], 'hash') or '') == '' then return 0 end
		if mine == 1 then
			redis.call('SREM', KEYS[2], ARGV[1])
			redis.call('HDEL', KEYS[1], ARGV[1])
		end
		return 1`)
)

func (d *redisDatabase) join(ctx context.Context, user *User, identity string) (bool, error) {
	return joinIdentity.Run(ctx, d.client, []string{redisIdentities, d.identitiesOf(user)}, identity, user.Key()).Bool()
}

func (d *redisDatabase) leave(ctx context.Context, user *User, identity string) (bool, error) {
	keys := []string{redisIdentities, d.identitiesOf(user), "demo:user:" + user.Key()}
	return leaveIdentity.Run(ctx, d.client, keys, identity).Bool()
}
