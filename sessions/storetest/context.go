package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopassport/passport/sessions"
)

// contextCases are about contexts that are over.
func contextCases() []Case {
	return []Case{{
		Name:  "ContextOver",
		Rule:  "Every method must return the context's error at once when the context is over, and store nothing: the request is gone, and nobody will hear of the result.",
		Check: checkContextOver,
	}}
}

func checkContextOver(ctx context.Context, s, _ sessions.Store) error {
	r := newRecord("alice")
	old := expiredRecord("alice")
	if err := create(ctx, s, r, old); err != nil {
		return err
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	key := [32]byte(newID())
	for _, over := range []context.Context{cancelled, late} {
		for name, call := range contextCalls(s, r, key) {
			start := time.Now()
			if err := wantError(name, over.Err(), call(over)); err != nil {
				return err
			}
			if took := time.Since(start); took > time.Second {
				return fmt.Errorf("%s took %v to return", name, took)
			}
		}
		if err := errors.Join(stored(ctx, s, r), stored(ctx, s, old), absent(ctx, s, contextID)); err != nil {
			return err
		}
	}
	if once, ok := s.(sessions.Once); ok {
		if err := once.Once(ctx, key, time.Now().Add(time.Hour)); err != nil {
			return fmt.Errorf("a key that was spent with a context that was over: %w", err)
		}
	}
	return nil
}

// contextID is of the record that contextCalls would store.
var contextID = sessions.ID{1}

// contextCalls is every method that the store has.
func contextCalls(s sessions.Store, r sessions.Record, key [32]byte) map[string]func(context.Context) error {
	next := newRecord("alice")
	next.ID = contextID
	calls := map[string]func(context.Context) error{
		"Create":  func(ctx context.Context) error { return s.Create(ctx, next) },
		"Find":    func(ctx context.Context) error { return ignore(s.Find(ctx, r.ID)) },
		"Update":  func(ctx context.Context) error { return s.Update(ctx, updated(r), 1) },
		"Replace": func(ctx context.Context) error { return s.Replace(ctx, r.ID, 1, next) },
		"Touch":   func(ctx context.Context) error { return s.Touch(ctx, r.ID, r.LastSeen+1, r.Idle+1) },
		"Delete":  func(ctx context.Context) error { return s.Delete(ctx, r.ID) },
	}
	if a, ok := s.(sessions.Once); ok {
		calls["Once"] = func(ctx context.Context) error { return a.Once(ctx, key, time.Now().Add(time.Hour)) }
	}
	if a, ok := s.(sessions.Lister); ok {
		calls["List"] = func(ctx context.Context) error {
			_, err := a.List(ctx, realm, "alice")
			return err
		}
	}
	if a, ok := s.(sessions.UserDeleter); ok {
		calls["DeleteUser"] = func(ctx context.Context) error {
			_, err := a.DeleteUser(ctx, realm, "alice", sessions.ID{})
			return err
		}
	}
	if a, ok := s.(sessions.RealmDeleter); ok {
		calls["DeleteRealm"] = func(ctx context.Context) error {
			_, err := a.DeleteRealm(ctx, realm)
			return err
		}
	}
	if a, ok := s.(sessions.ExpiredDeleter); ok {
		calls["DeleteExpired"] = func(ctx context.Context) error {
			_, err := a.DeleteExpired(ctx, time.Now(), 100)
			return err
		}
	}
	if a, ok := s.(sessions.Counter); ok {
		calls["Count"] = func(ctx context.Context) error {
			_, err := a.Count(ctx, realm, time.Now())
			return err
		}
	}
	return calls
}
