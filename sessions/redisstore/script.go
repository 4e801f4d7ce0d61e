package redisstore

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions"
)

var (
	//go:embed lua/record.lua
	shared string
	//go:embed lua/create.lua
	createLua string
	//go:embed lua/update.lua
	updateLua string
	//go:embed lua/replace.lua
	replaceLua string
	//go:embed lua/touch.lua
	touchLua string
	//go:embed lua/delete.lua
	deleteLua string
	//go:embed lua/sweep.lua
	sweepLua string
	//go:embed lua/once.lua
	onceLua string
	//go:embed lua/spent.lua
	spentLua string
)

// A script is one atomic step. The server knows it by its hash, and gets its
// text when it has lost it.
type script struct {
	name string
	*redis.Script
}

type scripts struct {
	create, update, replace, touch, delete, sweep, once, spent script
}

func newScripts() scripts {
	load := func(name, text string) script { return script{name, redis.NewScript(shared + text)} }
	return scripts{
		create: load("create", createLua), update: load("update", updateLua), replace: load("replace", replaceLua),
		touch: load("touch", touchLua), delete: load("delete", deleteLua),
		sweep: load("sweep", sweepLua), once: load("once", onceLua), spent: load("spent", spentLua),
	}
}

// run runs a script, and returns the error that its verdict stands for.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...any) error {
	var verdict string
	err := s.do(ctx, sc.name, func(ctx context.Context) (err error) {
		verdict, err = sc.Run(ctx, s.client, keys, args...).Text()
		return err
	})
	if err != nil {
		return err
	}
	switch verdict {
	case "ok":
		return nil
	case "absent":
		return sessions.ErrNotFound
	case "conflict":
		return sessions.ErrConflict
	case "used":
		return sessions.ErrUsed
	}
	return fmt.Errorf("redisstore: %s: %w", sc.name, sessions.ErrCorrupt)
}

// do calls f once, with the store's deadline when ctx has none.
func (s *Store) do(ctx context.Context, name string, f func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok && s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	if err := f(ctx); err != nil {
		return failed(ctx, name, err)
	}
	return nil
}

// failed wraps an error of the server or the client. The end of a context
// reaches go-redis as a time-out of the connection, sometimes before the
// context knows of it; callers ask for the context's.
func failed(ctx context.Context, name string, err error) error {
	over := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && over == nil && !time.Now().Before(deadline) {
		over = context.DeadlineExceeded
	}
	switch {
	case over != nil && !errors.Is(err, over):
		return fmt.Errorf("redisstore: %s: %w: %w", name, over, err)
	case redis.HasErrorPrefix(err, "OOM"), strings.Contains(err.Error(), ": -OOM "): // from a script, before version 7
		return fmt.Errorf("redisstore: %s: %w: %w", name, sessions.ErrFull, err)
	}
	return fmt.Errorf("redisstore: %s: %w", name, err)
}
