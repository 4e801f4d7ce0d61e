package faulttest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport/sessions"
)

// Exhausted uses a store that has no connection left, because hold has taken
// the only one: its requests end in time.
func Exhausted(t *testing.T, store Store, hold func() (release func())) {
	f := emptyFleet(t, Database{}, "")
	f.addStore(store)
	b := f.signedIn(t, 0, "alice")
	release := hold()
	f.mustBeDown(t, b.token(), 0, brief)
	release()
	wantBody(t, b.whoami(0), "alice")
	wantStatus(t, b.login(0, "alice"), http.StatusSeeOther)
}

// Full fills a store: a sign-in is a 503 then, those who are signed in can go
// on and sign out, and when there is room again all is well.
func Full(t *testing.T, store Store) {
	f := emptyFleet(t, Database{}, "")
	f.addStore(store)
	old, leaving := f.signedIn(t, 0, "old"), f.signedIn(t, 0, "leaving")
	wantStatus(t, old.set(0, "n", "1"), http.StatusNoContent)

	large := strings.Repeat("x", 40_000)
	late, name := f.browser(), strings.Repeat("late ", 40)
	var a answer
	for n, refused := 0, 0; refused < 50; n++ { // large ones, and then small ones into what is left
		if n == 5000 {
			t.Fatalf("the store never gets full: %v", a)
		}
		b := f.browser()
		if a = b.login(0, "filler"); a.outage() {
			refused++
			continue
		}
		wantStatus(t, a, http.StatusSeeOther)
		if a = b.set(0, "n", large); !a.outage() {
			wantStatus(t, a, http.StatusNoContent)
		}
	}
	if a = late.login(0, name); !a.outage() || late.token() != "" {
		t.Fatalf("a sign-in into a full store: got %v, want 503 without a cookie", a)
	}
	if a = old.set(0, "big", large); !a.outage() {
		t.Errorf("a large save into a full store: got %v, want 503", a)
	}
	wantBody(t, old.whoami(0), "old")
	wantBody(t, old.get(0, "n"), "1")
	wantBody(t, old.get(0, "big"), "")
	wantBody(t, leaving.whoami(0), "leaving")
	token := leaving.token()
	wantStatus(t, leaving.logout(0), http.StatusSeeOther)
	wantBody(t, f.with(token).whoami(0), nobody)
	wantRows(t, store, name, 0)

	if _, err := store.DeleteUser(t.Context(), realm, "filler", sessions.ID{}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, late.login(0, name), http.StatusSeeOther)
	wantStatus(t, old.set(0, "big", large), http.StatusNoContent)
	wantBody(t, late.whoami(0), name)
	wantBody(t, old.get(0, "n"), "1")
}
