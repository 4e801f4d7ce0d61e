package oidcprovider_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// A busyStore does something once, when its sessions were listed or before one
// is deleted.
type busyStore struct {
	*sessions.MemoryStore
	listed, deletes func()
}

func once(f *func()) {
	if do := *f; do != nil {
		*f = nil
		do()
	}
}

func (b *busyStore) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	records, err := b.MemoryStore.List(ctx, realm, user)
	once(&b.listed)
	return records, err
}

func (b *busyStore) Delete(ctx context.Context, id sessions.ID) error {
	once(&b.deletes)
	return b.MemoryStore.Delete(ctx, id)
}

// TestBackChannelMeanwhile: a session that signs in once more while it is
// ended, and has another handle then, ends all the same. C43
func TestBackChannelMeanwhile(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	p := provider(t, from.config())
	log := slog.New(slog.DiscardHandler)
	for name, when := range map[string]func(*busyStore) *func(){
		"when they are listed": func(b *busyStore) *func() { return &b.listed },
		"before it is deleted": func(b *busyStore) *func() { return &b.deletes },
	} {
		store := &busyStore{MemoryStore: sessions.NewMemoryStore(nil)}
		manager := sessions.New(store, &sessions.Options{Logger: log})
		session := begun(t, manager, oidcprovider.Session{Issuer: from.URL, Client: clientID, Subject: "ann", SID: "s1"})
		steps := 0
		*when(store) = func() {
			err := session.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "ann"}, []string{string(oidcprovider.SessionKey)}, nil)
			if err != nil {
				t.Error(err)
			}
			steps++
		}
		s := &site{handler: oidcprovider.BackChannelHandler(p, manager, bySubject, log)}
		if w := s.backChannel(lo(from.logoutClaims())); w.Code != http.StatusOK || steps != 1 {
			t.Errorf("%s: got %d, after %d other sign-ins", name, w.Code, steps)
		}
		if records, err := manager.List(t.Context(), "ann"); err != nil || len(records) != 0 {
			t.Errorf("%s: %d sessions are left, %v", name, len(records), err)
		}
	}
}

func bySubject(_ context.Context, t oidcprovider.LogoutToken) (string, error) { return t.Subject, nil }

// begun is a session of ann's that was begun at a provider.
func begun(t *testing.T, m *sessions.Manager, at oidcprovider.Session) *sessions.Session {
	t.Helper()
	session := new(sessions.Session)
	session.Open(m, sessions.Record{})
	err := session.Rotate(t.Context(), httptest.NewRecorder(), sessions.Record{User: "ann"}, nil, map[string]any{string(oidcprovider.SessionKey): at})
	if err != nil {
		t.Fatal(err)
	}
	return session
}
