// Package connectredis reads and writes the sessions that an Express app keeps
// in Redis by way of connect-redis, for package
// github.com/gopassport/passport/sessions/express:
//
//	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
//	table, err := connectredis.New(client, nil)
//	keeper, err := express.New(table, express.NumberID, secrets, nil)
package connectredis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
	"github.com/gopassport/passport/sessions/redisstore"
)

// Options configures a [Table]. The zero value, or nil, has the defaults of
// connect-redis.
type Options struct {
	// Prefix stands before the id in a key. Default "sess:".
	Prefix string
}

// A Table is an [express.Table] in Redis 6.2 or later. A key that has no end,
// as connect-redis makes them with disableTTL, has the end [express.Never].
// Every save leaves a mark beside its row for a minute, so that the client can
// send it again: an empty key that begins with a brace, by default "{sess:". A
// user whose keys are limited needs those too. The errors wrap those of the
// client.
type Table struct {
	client  redis.UniversalClient
	prefix  string
	scripts scripts
}

var _ express.Table = (*Table)(nil)

// New returns a table over client, which it does not talk to yet. An error
// means that the client cannot be: it takes those of [redisstore.New], for the
// same reasons.
func New(client redis.UniversalClient, o *Options) (*Table, error) {
	if _, err := redisstore.New(client, nil); err != nil {
		return nil, fmt.Errorf("connectredis: %w", err)
	}
	t := &Table{client: client, prefix: "sess:", scripts: newScripts()}
	if o != nil && o.Prefix != "" {
		t.prefix = o.Prefix
	}
	return t, nil
}

// What the scripts return.
const (
	gone    = 0
	done    = 1
	changed = 2
)

// Each script is one step to the server. KEYS[1] is the row that is there, a
// time an end in unix milliseconds.
type scripts struct{ update, replace, remove, touch *redis.Script }

func newScripts() scripts {
	// The client may send a script again whose answer it did not get: the mark in
	// KEYS[2] is of one call, and says that it was done.
	const again = `if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
`
	const did = `
if KEYS[2] then redis.call('SET', KEYS[2], '', 'PX', 60000) end
return 1`
	const same = `local text = redis.call('GET', KEYS[1])
if not text then return 0 end
if text ~= ARGV[1] then return 2 end
`
	return scripts{
		update: redis.NewScript(again + same + `redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))` + did),
		remove: redis.NewScript(again + same + `redis.call('DEL', KEYS[1])` + did),
		// It needs no mark: nobody else writes under a new id.
		replace: redis.NewScript(`if redis.call('GET', KEYS[2]) == ARGV[2] then return 1 end
` + same + `redis.call('SET', KEYS[2], ARGV[2], unpack(ARGV, 3))
redis.call('DEL', KEYS[1])
return 1`),
		touch: redis.NewScript(`local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`),
	}
}

func (t *Table) key(id string) string { return t.prefix + id }

// marked is a key, and the one of a mark in the same slot of a cluster. It
// hashes what the first pair of braces has in it, if anything, and else the
// whole key: one of those with a closing brace goes without a mark.
func marked(key string) []string {
	_, rest, _ := strings.Cut(key, "{")
	tag, _, paired := strings.Cut(rest, "}")
	if !paired || tag == "" {
		tag = key
	}
	if strings.Contains(tag, "}") {
		return []string{key}
	}
	return []string{key, "{" + tag + "}" + rand.Text()}
}

// left is how long is left until an end; at least what Redis takes.
func left(expires int64) int64 { return max(1, expires-time.Now().UnixMilli()) }

// end are the arguments of SET for an end.
func end(expires int64) []any {
	if expires == express.Never {
		return nil
	}
	return []any{"PX", left(expires)}
}

// run runs a script that compares and writes.
func (t *Table) run(ctx context.Context, what string, script *redis.Script, keys []string, args ...any) error {
	n, err := script.Run(ctx, t.client, keys, args...).Int()
	switch {
	case err != nil:
		return fmt.Errorf("connectredis: %s: %w", what, err)
	case n == gone:
		return sessions.ErrNotFound
	case n == changed:
		return sessions.ErrConflict
	}
	return nil
}

// Find implements [express.Table].
func (t *Table) Find(ctx context.Context, id string) (express.Row, error) {
	var text *redis.StringCmd
	var ttl *redis.DurationCmd
	_, err := t.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		text, ttl = p.Get(ctx, t.key(id)), p.PTTL(ctx, t.key(id))
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return express.Row{}, sessions.ErrNotFound
	}
	if err != nil {
		return express.Row{}, fmt.Errorf("connectredis: find: %w", err)
	}
	row := express.Row{ID: id, Data: text.Val(), Expires: express.Never}
	if left := ttl.Val(); left >= 0 {
		row.Expires = time.Now().Add(left).UnixMilli()
	}
	return row, nil
}

// Insert implements [express.Table].
func (t *Table) Insert(ctx context.Context, r express.Row) error {
	args := redis.SetArgs{Mode: "NX"}
	if r.Expires != express.Never {
		args.TTL = time.Duration(left(r.Expires)) * time.Millisecond
	}
	err := t.client.SetArgs(ctx, t.key(r.ID), r.Data, args).Err()
	if errors.Is(err, redis.Nil) { // the id exists, if only from a try whose answer was lost
		if row, err := t.Find(ctx, r.ID); err == nil && row.Data == r.Data {
			return nil
		}
		return sessions.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("connectredis: insert: %w", err)
	}
	return nil
}

// Update implements [express.Table].
func (t *Table) Update(ctx context.Context, r express.Row, was string) error {
	return t.run(ctx, "update", t.scripts.update, marked(t.key(r.ID)), append([]any{was, r.Data}, end(r.Expires)...)...)
}

// Replace implements [express.Table]. A cluster cannot write two of
// connect-redis's keys in one step: there the old row is taken out first, so
// that what comes between leaves nobody signed in rather than two.
func (t *Table) Replace(ctx context.Context, old, was string, r express.Row) error {
	err := t.run(ctx, "replace", t.scripts.replace, []string{t.key(old), t.key(r.ID)}, append([]any{was, r.Data}, end(r.Expires)...)...)
	if !redis.HasErrorPrefix(err, "CROSSSLOT") {
		return err
	}
	if err := t.run(ctx, "replace", t.scripts.remove, marked(t.key(old)), was); err != nil {
		return err
	}
	return t.Insert(ctx, r)
}

// Touch implements [express.Table].
func (t *Table) Touch(ctx context.Context, id string, expires int64) error {
	return t.run(ctx, "touch", t.scripts.touch, []string{t.key(id)}, left(expires))
}

// Delete implements [express.Table].
func (t *Table) Delete(ctx context.Context, id string) error {
	if err := t.client.Del(ctx, t.key(id)).Err(); err != nil {
		return fmt.Errorf("connectredis: delete: %w", err)
	}
	return nil
}
