package sessions_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// OnCall hears of every call with its outcome, and the call stands whatever
// the hook does.
func TestOnCall(t *testing.T) {
	type heard struct {
		Name    string
		Records int
		Err     error
	}
	var got []heard
	s := watch()
	m := sessions.New(s, &sessions.Options{
		Logger: slog.New(slog.DiscardHandler),
		OnCall: func(_ context.Context, c sessions.Call) {
			if c.Duration < 0 {
				t.Errorf("%s took %v", c.Name, c.Duration)
			}
			got = append(got, heard{c.Name, c.Records, c.Err})
			panic("a broken hook")
		},
	})
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	req, err := logIn(ctx, m, "alice")
	check(err)
	rec, _, err := m.Load(req)
	check(err)
	check(m.Save(ctx, nil, &rec))
	check(m.Replace(ctx, httptest.NewRecorder(), &rec, &sessions.Record{User: "alice", AuthTime: 1}))
	_, err = m.List(ctx, "alice")
	check(err)
	_, err = m.Count(ctx)
	check(err)
	check(m.Once(ctx, [32]byte{1}, time.Now().Add(time.Hour)))
	if err := m.Once(ctx, [32]byte{1}, time.Now().Add(time.Hour)); !errors.Is(err, sessions.ErrUsed) {
		t.Error(err)
	}
	_, err = m.RevokeUser(ctx, "alice")
	check(err)
	_, err = m.RevokeAll(ctx)
	check(err)
	s.fail("Delete")
	if err := m.End(ctx, nil, &rec); !errors.Is(err, errDown) {
		t.Error(err)
	}
	want := []heard{
		{"Create", 0, nil}, {"Find", 0, nil}, {"Update", 0, nil}, {"Replace", 0, nil}, {"List", 1, nil}, {"Count", 1, nil},
		{"Once", 0, nil}, {"Once", 0, sessions.ErrUsed}, {"DeleteUser", 1, nil}, {"DeleteRealm", 0, nil}, {"Delete", 0, errDown},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) })); diff != "" {
		t.Error(diff)
	}
}
