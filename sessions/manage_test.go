package sessions_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
)

// B24: a revocation holds for the very next request, on every instance.
func TestRevocationOnAnotherInstance(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		here, there := manager(store, sessions.Options{}), manager(store, sessions.Options{})
		for name, c := range map[string]struct {
			revoke func(ctx context.Context, phone *sessions.Session) (int, error)
			count  int
			left   map[string]bool
		}{
			"RevokeUser": {func(ctx context.Context, _ *sessions.Session) (int, error) {
				return here.RevokeUser(ctx, "alice")
			}, 2, map[string]bool{"phone": false, "laptop": false, "bob": true, "nobody": true}},
			"RevokeOthers": {func(ctx context.Context, phone *sessions.Session) (int, error) {
				return here.RevokeOthers(ctx, "alice", phone.Record().ID)
			}, 1, map[string]bool{"phone": true, "laptop": false, "bob": true, "nobody": true}},
			"RevokeAll": {func(ctx context.Context, _ *sessions.Session) (int, error) {
				return here.RevokeAll(ctx)
			}, 4, map[string]bool{"phone": false, "laptop": false, "bob": false, "nobody": false}},
			"Revoke": {func(ctx context.Context, phone *sessions.Session) (int, error) {
				return 1, here.Revoke(ctx, "alice", phone.Handle())
			}, 1, map[string]bool{"phone": false, "laptop": true, "bob": true, "nobody": true}},
		} {
			cookies := map[string]string{
				"phone":  signIn(t, here, sessions.Record{User: "alice"}, nil),
				"laptop": signIn(t, there, sessions.Record{User: "alice"}, nil),
				"bob":    signIn(t, here, sessions.Record{User: "bob"}, nil),
				"nobody": stranger(t, here, map[string]any{"a": 1}),
			}
			before := make(map[string]bool)
			for who, cookie := range cookies {
				before[who] = known(t, here, cookie) && known(t, there, cookie)
			}
			if diff := cmp.Diff(map[string]bool{"phone": true, "laptop": true, "bob": true, "nobody": true}, before); diff != "" {
				t.Fatalf("%s: signed in before:\n%s", name, diff)
			}
			n, err := c.revoke(t.Context(), load(t, there, cookies["phone"]))
			if n != c.count || err != nil {
				t.Errorf("%s: %d sessions, want %d, %v", name, n, c.count, err)
			}
			for instance, m := range map[string]*sessions.Manager{"this": here, "the other": there} {
				left := make(map[string]bool)
				for who, cookie := range cookies {
					left[who] = known(t, m, cookie)
				}
				if diff := cmp.Diff(c.left, left); diff != "" {
					t.Errorf("%s: signed in on %s instance:\n%s", name, instance, diff)
				}
			}
			if _, err := here.RevokeAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// An anonymous store counts the sessions in which nobody is signed in as those
// of the user "", as a table with an index on the user does.
type anonymous struct{ store }

func (s anonymous) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if user == "" {
		return []sessions.Record{{Idle: 1 << 60, Absolute: 1 << 60}}, nil
	}
	return s.store.List(ctx, realm, user)
}

func (s anonymous) DeleteUser(ctx context.Context, realm, user string, keep sessions.ID) (int, error) {
	if user == "" {
		return s.DeleteRealm(ctx, realm)
	}
	return s.store.DeleteUser(ctx, realm, user, keep)
}

// B24: the empty user is nobody: a mistake of the application neither lists
// nor ends the sessions of all strangers.
func TestNobodyHasNoSessions(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, store store) {
		for name, store := range map[string]sessions.Store{"the store": store, "one that does not care": anonymous{store}} {
			m := manager(store, sessions.Options{})
			cookie := stranger(t, m, map[string]any{"a": 1})
			handle := load(t, m, cookie).Handle()
			if list, err := m.List(t.Context(), ""); len(list) != 0 || err != nil {
				t.Errorf("%s: List: %v, %v", name, list, err)
			}
			if n, err := m.RevokeUser(t.Context(), ""); n != 0 || err != nil {
				t.Errorf("%s: RevokeUser: %d, %v", name, n, err)
			}
			if n, err := m.RevokeOthers(t.Context(), "", sessions.ID{1}); n != 0 || err != nil {
				t.Errorf("%s: RevokeOthers: %d, %v", name, n, err)
			}
			wantErr(t, name+": Revoke", m.Revoke(t.Context(), "", handle), sessions.ErrNotFound)
			wantErr(t, name+": Revoke of no handle", m.Revoke(t.Context(), "", ""), sessions.ErrNotFound)
			if !known(t, m, cookie) {
				t.Errorf("%s: a stranger's session has ended", name)
			}
		}
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	inTime(t, "memory", func(t *testing.T) {
		m := manager(sessions.NewMemoryStore(nil), sessions.Options{Idle: time.Hour, Refresh: time.Minute})
		device := func(agent string) (handle, cookie string) {
			cookie = signIn(t, m, sessions.Record{User: "alice", Origin: &sessions.Origin{Agent: agent}}, nil)
			return load(t, m, cookie).Handle(), cookie
		}
		device("forgotten")
		time.Sleep(30 * time.Minute)
		phone, cookie := device("phone")
		signIn(t, m, sessions.Record{User: "bob"}, nil)
		time.Sleep(10 * time.Minute)
		laptop, _ := device("laptop")
		time.Sleep(10 * time.Minute)
		tablet, _ := device("tablet")
		check := func(step string, want ...string) {
			t.Helper()
			list, err := m.List(t.Context(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range list {
				got = append(got, r.Origin.Agent+" "+r.ID.Handle())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", step, diff)
			}
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		known(t, m, cookie)
		time.Sleep(time.Millisecond) // the first one's deadline
		check("the one used last first, expired ones left out", "phone "+phone, "tablet "+tablet, "laptop "+laptop)
		if err := m.Revoke(t.Context(), "alice", tablet); err != nil {
			t.Error(err)
		}
		check("after Revoke", "phone "+phone, "laptop "+laptop)
		wantErr(t, "Revoke again", m.Revoke(t.Context(), "alice", tablet), sessions.ErrNotFound)
		wantErr(t, "Revoke of another's", m.Revoke(t.Context(), "bob", phone), sessions.ErrNotFound)
		wantErr(t, "Revoke of no handle", m.Revoke(t.Context(), "alice", ""), sessions.ErrNotFound)
		check("after what was not hers", "phone "+phone, "laptop "+laptop)
		if n, err := m.Count(t.Context()); n != 3 || err != nil {
			t.Errorf("Count: %d, want 3, %v", n, err)
		}
	})
}

// What a store cannot do is said, not passed over.
func TestStoreWithoutAbilities(t *testing.T) {
	t.Parallel()
	m := manager(bare{sessions.NewMemoryStore(nil)}, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	for name, call := range map[string]func(context.Context) error{
		"List":         func(ctx context.Context) error { _, err := m.List(ctx, "alice"); return err },
		"Revoke":       func(ctx context.Context) error { return m.Revoke(ctx, "alice", load(t, m, cookie).Handle()) },
		"RevokeUser":   func(ctx context.Context) error { _, err := m.RevokeUser(ctx, "alice"); return err },
		"RevokeOthers": func(ctx context.Context) error { _, err := m.RevokeOthers(ctx, "alice", sessions.ID{}); return err },
		"RevokeAll":    func(ctx context.Context) error { _, err := m.RevokeAll(ctx); return err },
		"Count":        func(ctx context.Context) error { _, err := m.Count(ctx); return err },
	} {
		wantErr(t, name, call(t.Context()), sessions.ErrUnsupported)
	}
	if err := load(t, m, cookie).End(t.Context(), httptest.NewRecorder()); err != nil {
		t.Errorf("End needs no ability: %v", err)
	}
}

// A store that fails has revoked nothing.
func TestRevocationWhenStoreFails(t *testing.T) {
	t.Parallel()
	store := watch()
	m := manager(store, sessions.Options{})
	cookie := signIn(t, m, sessions.Record{User: "alice"}, nil)
	handle := load(t, m, cookie).Handle()
	for _, down := range []string{"List", "Delete"} {
		store.fail(down)
		wantErr(t, "Revoke without "+down, m.Revoke(t.Context(), "alice", handle), errDown)
	}
	store.fail("DeleteUser")
	_, err := m.RevokeUser(t.Context(), "alice")
	wantErr(t, "RevokeUser", err, errDown)
}
