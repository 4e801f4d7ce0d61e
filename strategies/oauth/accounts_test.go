package oauth_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

const trusted = "https://trusted.example"

// An account of the application, with an address and the identities that are
// joined to it.
type account struct {
	email    string
	verified bool
	keys     []string
}

// table is the application's table of accounts.
type table struct {
	rows []*account
	made []*oauth.Identity
}

func (t *table) byIdentity(_ context.Context, id *oauth.Identity) (*account, error) {
	for _, a := range t.rows {
		if slices.Contains(a.keys, id.Key()) {
			return a, nil
		}
	}
	return nil, passport.ErrNoUser
}

func (t *table) byEmail(_ context.Context, email string) (*account, bool, error) {
	for _, a := range t.rows {
		if a.email == email {
			return a, a.verified, nil
		}
	}
	return nil, false, sql.ErrNoRows
}

func (t *table) join(_ context.Context, a *account, id *oauth.Identity) error {
	a.keys = append(a.keys, id.Key())
	return nil
}

func (t *table) create(_ context.Context, id *oauth.Identity) (*account, error) {
	t.made = append(t.made, id)
	a := &account{id.Email, id.EmailStatus == oauth.EmailVerified, []string{id.Key()}}
	t.rows = append(t.rows, a)
	return a, nil
}

func (t *table) accounts(issuers ...string) oauth.Accounts[*account] {
	return oauth.Accounts[*account]{
		ByIdentity: t.byIdentity, ByEmail: t.byEmail, Join: t.join, Create: t.create, TrustedIssuers: issuers,
	}
}

// TestResolve goes through the whole policy: an account is joined only where
// a trusted provider and the application have both verified the address.
// C22, C24, C25
func TestResolve(t *testing.T) {
	t.Parallel()
	const known, joined, created, refused = "known", "joined", "created", "refused"
	statuses := []oauth.EmailStatus{oauth.EmailUnknown, oauth.EmailVerified, oauth.EmailUnverified}
	n := 0
	for _, issuer := range []string{trusted, "https://other.example"} {
		for _, email := range []string{"", "ann@example.com", "new@example.com"} {
			for _, status := range statuses {
				for _, local := range []bool{false, true} {
					for _, before := range []bool{false, true} {
						id := &oauth.Identity{Issuer: issuer, Subject: "1", Email: email, EmailStatus: status}
						ann := &account{email: "ann@example.com", verified: local, keys: []string{"https://elsewhere.example 1"}}
						rows := &table{rows: []*account{ann}}
						if before {
							rows.rows = append(rows.rows, &account{keys: []string{id.Key()}})
						}
						want := created
						switch {
						case before:
							want = known
						case email == ann.email && issuer == trusted && status == oauth.EmailVerified && local:
							want = joined
						case email == ann.email:
							want = refused
						}
						user, err := rows.accounts(trusted).Resolve(t.Context(), id)
						got := created
						switch {
						case errors.Is(err, oauth.ErrLinkRequired) && user == nil:
							got = refused
						case err != nil:
							got = err.Error()
						case user == ann:
							got = joined
						case before && user == rows.rows[1]:
							got = known
						}
						what := fmt.Sprintf("%s, %q %s, verified here %t, known %t", issuer, email, status, local, before)
						if got != want {
							t.Errorf("%s: got %s, want %s", what, got, want)
						}
						if isJoined := len(ann.keys) == 2; isJoined != (want == joined) {
							t.Errorf("%s: has %v", what, ann.keys)
						}
						// What an untrusted provider verified is not verified here either.
						if want == created && rows.made[0].EmailStatus == oauth.EmailVerified && issuer != trusted {
							t.Errorf("%s: created as verified", what)
						}
						if id.EmailStatus != status {
							t.Errorf("%s: the identity was changed", what)
						}
						n++
					}
				}
			}
		}
	}
	t.Logf("%d cases", n)
}

// TestResolveDefaults: without a word, nothing is joined, and nobody signs up.
// C24
func TestResolveDefaults(t *testing.T) {
	t.Parallel()
	id := &oauth.Identity{Issuer: trusted, Subject: "1", Email: "ann@example.com", EmailStatus: oauth.EmailVerified}
	for name, test := range map[string]struct {
		change func(a *oauth.Accounts[*account])
		want   error
	}{
		"trusts nobody":  {func(a *oauth.Accounts[*account]) { a.TrustedIssuers = nil }, oauth.ErrLinkRequired},
		"joins nothing":  {func(a *oauth.Accounts[*account]) { a.Join = nil }, oauth.ErrLinkRequired},
		"no addresses":   {func(a *oauth.Accounts[*account]) { a.ByEmail, a.Create = nil, nil }, passport.ErrNoUser},
		"the zero value": {func(a *oauth.Accounts[*account]) { *a = oauth.Accounts[*account]{ByIdentity: a.ByIdentity} }, passport.ErrNoUser},
	} {
		rows := &table{rows: []*account{{email: "ann@example.com", verified: true}}}
		a := rows.accounts(trusted)
		test.change(&a)
		if user, err := a.Resolve(t.Context(), id); user != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v, want %v", name, user, err, test.want)
		}
	}
	if user, err := (oauth.Accounts[*account]{}).Resolve(t.Context(), id); user != nil || err == nil {
		t.Errorf("nothing at all: got %v, %v", user, err)
	}
}

// TestResolveErrors: an outage is none of the answers.
func TestResolveErrors(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	id := &oauth.Identity{Issuer: trusted, Subject: "1", Email: "ann@example.com", EmailStatus: oauth.EmailVerified}
	detour := &passport.Detour{URL: "/nickname", Key: "pending"}
	for name, test := range map[string]struct {
		change func(a *oauth.Accounts[*account])
		want   error
	}{
		"ByIdentity": {func(a *oauth.Accounts[*account]) {
			a.ByIdentity = func(context.Context, *oauth.Identity) (*account, error) { return nil, down }
		}, down},
		"ByEmail": {func(a *oauth.Accounts[*account]) {
			a.ByEmail = func(context.Context, string) (*account, bool, error) { return nil, true, down }
		}, down},
		"Join": {func(a *oauth.Accounts[*account]) {
			a.Join = func(context.Context, *account, *oauth.Identity) error { return down }
		}, down},
		"Create": {func(a *oauth.Accounts[*account]) {
			a.ByEmail = nil
			a.Create = func(context.Context, *oauth.Identity) (*account, error) { return nil, down }
		}, down},
		"Detour": {func(a *oauth.Accounts[*account]) {
			a.ByEmail = nil
			a.Create = func(context.Context, *oauth.Identity) (*account, error) { return nil, detour }
		}, detour},
	} {
		rows := &table{rows: []*account{{email: "ann@example.com", verified: true}}}
		a := rows.accounts(trusted)
		test.change(&a)
		if user, err := a.Resolve(t.Context(), id); user != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, %v, want %v", name, user, err, test.want)
		}
	}
}

// TestSignUpTwice: of two tabs at a first sign-in both get the account, whether
// it is created or joined.
func TestSignUpTwice(t *testing.T) {
	t.Parallel()
	failed := errors.New("UNIQUE constraint failed") // as the other tab was first
	id := &oauth.Identity{Issuer: trusted, Subject: "1", Email: "ann@example.com", EmailStatus: oauth.EmailVerified}
	for name, there := range map[string][]*account{"Create": nil, "Join": {{email: "ann@example.com", verified: true}}} {
		rows := &table{rows: there}
		a := rows.accounts(trusted)
		a.Create = func(ctx context.Context, id *oauth.Identity) (*account, error) {
			_, err := rows.create(ctx, id)
			return nil, errors.Join(err, failed)
		}
		a.Join = func(ctx context.Context, user *account, id *oauth.Identity) error {
			return errors.Join(rows.join(ctx, user, id), failed)
		}
		user, err := a.Resolve(t.Context(), id)
		if err != nil || user != rows.rows[0] {
			t.Errorf("%s: got %v, %v, want the other tab's", name, user, err)
		}
	}
}

// TestLinkRequired: the browser gets a page with a fixed message.
func TestLinkRequired(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	rows := &table{rows: []*account{{email: "ann@example.com", verified: true}}}
	_, err := rows.accounts().Resolve(t.Context(), &oauth.Identity{Issuer: s.fake.URL, Subject: "1", Email: "ann@example.com"})
	s.fail(err)
	b := s.browser()
	w := b.land(b.back())
	b.refused("link", w, 409, "link-required")
	if !strings.Contains(w.Body.String(), "Sign in to your account first") {
		t.Errorf("got %s", w.Body)
	}
}
