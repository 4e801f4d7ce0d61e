package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/redisstore"
)

// redisDatabase is a database in Redis: a hash for each user, and a hash from
// names to ids.
type redisDatabase struct {
	client *redis.Client
	store  *redisstore.Store
}

func openRedis(ctx context.Context, url string) (database, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("-db is no URL of the form redis://user:password@host:port/number") // err has the password
	}
	o.ContextTimeoutEnabled = true
	d := &redisDatabase{client: redis.NewClient(o)}
	if d.store, err = redisstore.New(d.client, nil); err == nil {
		err = d.client.Ping(ctx).Err()
	}
	if err != nil {
		_ = d.client.Close()
		return nil, err
	}
	return d, nil
}

func (d *redisDatabase) sessions() sessions.Store { return d.store }
func (d *redisDatabase) close() error             { return d.client.Close() }

func (d *redisDatabase) byID(ctx context.Context, id string) (*User, error) {
	var row struct {
		Name    string `redis:"name"`
		Hash    string `redis:"hash"`
		Stamp   int64  `redis:"stamp"`
		Created int64  `redis:"created"`
	}
	if err := d.client.HGetAll(ctx, "demo:user:"+id).Scan(&row); err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if row.Name == "" || err != nil {
		return nil, passport.ErrNoUser
	}
	return &User{ID: n, Name: row.Name, Created: time.Unix(row.Created, 0), hash: row.Hash, stamp: row.Stamp}, nil
}

func (d *redisDatabase) byName(ctx context.Context, name string) (*User, error) {
	id, err := d.client.HGet(ctx, "demo:names", name).Result()
	if errors.Is(err, redis.Nil) {
		return nil, passport.ErrNoUser
	}
	if err != nil {
		return nil, err
	}
	return d.byID(ctx, id)
}

// What has to happen in one step is a script.
var (
	addUser = redis.NewScript(`
		if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 or redis.call('HEXISTS', KEYS[3], ARGV[4]) == 1 then return 0 end
		local id = redis.call('INCR', KEYS[2])
		if ARGV[4] ~= '' then
			redis.call('HSET', KEYS[3], ARGV[4], id)
			redis.call('SADD', KEYS[3] .. ':' .. id, ARGV[4])
		end
		redis.call('HSET', 'demo:user:' .. id, 'name', ARGV[1], 'hash', ARGV[2], 'stamp', 1, 'created', ARGV[3])
		redis.call('HSET', KEYS[1], ARGV[1], id)
		return 1`)
	setHash = redis.NewScript(`
		if redis.call('HGET', KEYS[1], 'stamp') ~= ARGV[1] then return 0 end
		redis.call('HSET', KEYS[1], 'hash', ARGV[2])
		redis.call('HINCRBY', KEYS[1], 'stamp', 1)
		return 1`)
)

func (d *redisDatabase) add(ctx context.Context, name, hash, identity string) (bool, error) {
	keys := []string{"demo:names", "demo:ids", redisIdentities}
	return addUser.Run(ctx, d.client, keys, name, hash, time.Now().Unix(), identity).Bool()
}

func (d *redisDatabase) setHash(ctx context.Context, user *User, hash string) (bool, error) {
	return setHash.Run(ctx, d.client, []string{"demo:user:" + user.Key()}, user.stamp, hash).Bool()
}

func (d *redisDatabase) secret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	if err := d.client.SetNX(ctx, "demo:secret", fresh, 0).Err(); err != nil {
		return nil, err
	}
	return d.client.Get(ctx, "demo:secret").Bytes()
}
