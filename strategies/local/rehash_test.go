package local_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

func TestRehash(t *testing.T) { // A13
	old := "old$" + digest("right")
	fresh := "quick$" + digest("right")
	for _, tt := range []struct {
		name, stored, password string
		hook                   func(u *users) error
		calls                  int
		after                  string
	}{
		{"old hash", old, "right", nil, 1, fresh},
		{"current hash", fresh, "right", nil, 0, fresh},
		{"wrong password", old, "wrong", nil, 0, old},
		{"failing hook", old, "right", func(*users) error { return errors.New("no disk") }, 1, old},
		{"panicking hook", old, "right", func(*users) error { panic("boom") }, 1, old},
		{"changed meanwhile", old, "right", func(u *users) error { u.hash["alice"] = "changed"; return nil }, 1, "changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &users{hash: map[string]string{"alice": tt.stored}}
			calls := 0
			var log bytes.Buffer
			s := local.New(u.find, &local.Options[*user]{
				Hasher: newHasher(&quick{}),
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Rehash: func(_ context.Context, who *user, before, after string) error {
					calls++
					if who.name != "alice" || before != old || after != fresh {
						t.Errorf("%v, %q, %q", who, before, after)
					}
					if tt.hook != nil {
						if err := tt.hook(u); err != nil {
							return err
						}
					}
					if u.hash["alice"] == before { // compare and set
						u.hash["alice"] = after
					}
					return nil
				},
			})
			o, _ := decide(t, s, form("alice", tt.password))
			if (o == passport.Succeeded) != (tt.password == "right") {
				t.Errorf("%v", o)
			}
			if calls != tt.calls {
				t.Errorf("%d calls, want %d", calls, tt.calls)
			}
			if u.hash["alice"] != tt.after {
				t.Errorf("stored %q, want %q", u.hash["alice"], tt.after)
			}
			if failing := strings.Contains(tt.name, "ing hook"); failing != (log.Len() > 0) {
				t.Errorf("logged %q", log.String())
			}
			if strings.Contains(log.String(), digest("right")) {
				t.Errorf("the hash is logged: %q", log.String())
			}
		})
	}
}

// A13: without the hook, or without a place to hash, the sign-in stands.
func TestNoRehash(t *testing.T) {
	u := &users{hash: map[string]string{"alice": "old$" + digest("right")}}
	s := local.New(u.find, &local.Options[*user]{Hasher: newHasher(&quick{})})
	if o, f := decide(t, s, form("alice", "right")); o != passport.Succeeded {
		t.Errorf("%v", f)
	}
}
