package oauth_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

// linkable is a site where people sign in by X-User and join an account of
// the fake.
type linkable struct {
	*site
	mu     sync.Mutex
	joined []string
}

func newLinkable(t *testing.T) *linkable {
	t.Helper()
	s := &linkable{site: newSite(t, setup{})}
	s.build(setup{provider: s.provider, routes: func(a *passport.Authenticator[*user], mux *http.ServeMux) {
		identity := func(_ context.Context, id *oauth.Identity) (*oauth.Identity, error) { return id, nil }
		connect := passport.Link(a, oauth.New(s.fake.Provider("https://example.com/link/callback"), identity, nil), s.join, nil)
		mux.Handle("/link", connect)
		mux.Handle("/link/callback", connect)
		mux.HandleFunc("POST /as/{user}", func(w http.ResponseWriter, r *http.Request) {
			a.Complete(w, r, &user{r.PathValue("user")}, nil)
		})
		mux.Handle("POST /logout", a.LogoutHandler(nil))
	}})
	return s
}

func (s *linkable) join(_ context.Context, u *user, id *oauth.Identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined = append(s.joined, u.ID+" "+id.Subject)
	return nil
}

// TestLink: an account is joined to the one who began, if it is the same
// person who comes back, in the same browser. C26, C28
func TestLink(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(b *browser)
		status  int
		joined  []string
	}{
		"straight":           {func(*browser) {}, 303, []string{"bob ann"}},
		"signed in again":    {func(b *browser) { b.send("POST", "/as/bob", "") }, 303, []string{"bob ann"}},
		"another user now":   {func(b *browser) { b.send("POST", "/as/eve", "") }, 403, nil},
		"signed out":         {func(b *browser) { b.send("POST", "/logout", "") }, 303, nil}, // to the login page
		"another's browser":  {func(b *browser) { b.cookies = b.site.browser().cookies; b.send("POST", "/as/bob", "") }, 403, nil},
		"eve's browser":      {func(b *browser) { b.cookies = b.site.browser().cookies; b.send("POST", "/as/eve", "") }, 403, nil},
		"denied there":       {func(b *browser) { b.site.fake.Break(oauthtest.Denied) }, 303, []string{"bob ann"}}, // too late
		"the code is no use": {func(b *browser) { b.site.fake.Break(oauthtest.BadCode) }, 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLinkable(t)
			b := s.browser()
			b.send("POST", "/as/bob", "")
			w := b.send("POST", "/link", "")
			if w.Code != http.StatusSeeOther {
				t.Fatalf("begin: got %d %s", w.Code, w.Body)
			}
			back := s.fake.Visit(t, w.Header().Get("Location"))
			test.between(b)
			if w := b.land(back); w.Code != test.status {
				t.Errorf("got %d %s, want %d\n%s", w.Code, w.Body, test.status, s.log)
			}
			if !slices.Equal(s.joined, test.joined) {
				t.Errorf("joined %q, want %q", s.joined, test.joined)
			}
			if n := s.fake.Redeemed(); n > 0 && test.joined == nil && name != "the code is no use" {
				t.Errorf("%d requests for a token", n)
			}
		})
	}
}

// TestLinkForgetsTheWay: a link ends where it was wired to, so that its cookie
// has no room for where the browser was on its way to.
func TestLinkForgetsTheWay(t *testing.T) {
	t.Parallel()
	s := newLinkable(t)
	lost := s.browser()
	lost.get("/page?" + strings.Repeat("a", 1000))
	b := s.browser()
	b.send("POST", "/as/bob", "")
	maps.Copy(b.cookies, lost.cookies)
	b.send("POST", "/link", "")
	if size := len(b.cookies[b.open()[0]]); len(lost.cookies) == 0 || size > 500 {
		t.Errorf("the cookie has %d bytes; the way took %d cookies", size, len(lost.cookies))
	}
}

// TestLinkAndLogin: what began as the one does not end as the other, though
// both are of one provider. C04, C26
func TestLinkAndLogin(t *testing.T) {
	t.Parallel()
	s := newLinkable(t)
	b := s.browser()
	b.send("POST", "/as/bob", "")
	login := b.back()
	link := s.fake.Visit(t, b.send("POST", "/link", "").Header().Get("Location"))
	swapped := *login
	swapped.Path = link.Path
	if w := b.land(&swapped); w.Code != http.StatusForbidden {
		t.Errorf("a login ends as a link: got %d", w.Code)
	}
	swapped = *link
	swapped.Path = login.Path
	if w := b.land(&swapped); w.Code != http.StatusForbidden {
		t.Errorf("a link ends as a login: got %d", w.Code)
	}
	if len(s.joined) != 0 || len(s.verified()) != 0 || b.me() != "bob" {
		t.Errorf("joined %q, signed in %q", s.joined, b.me())
	}
	if b.land(link); !slices.Equal(s.joined, []string{"bob ann"}) || b.me() != "bob" {
		t.Errorf("joined %q, %q is signed in", s.joined, b.me())
	}
}

// TestLinkBegins: by POST alone, from the site itself, by somebody. C26, C28
func TestLinkBegins(t *testing.T) {
	t.Parallel()
	s := newLinkable(t)
	b := s.browser()
	if w := b.send("POST", "/link", ""); w.Code != http.StatusUnauthorized || len(b.open()) != 0 {
		t.Errorf("nobody: got %d", w.Code)
	}
	b.send("POST", "/as/bob", "")
	for name, w := range map[string]int{
		"by GET":           b.get("/link").Code,
		"of another site":  b.send("POST", "/link", "", "Sec-Fetch-Site", "cross-site").Code,
		"of a sibling":     b.send("POST", "/link", "", "Sec-Fetch-Site", "same-site").Code,
		"of another's GET": b.get("/link", "Sec-Fetch-Site", "cross-site").Code,
	} {
		if w == http.StatusSeeOther {
			t.Errorf("%s: it begins", name)
		}
	}
	if open := b.open(); len(open) != 0 {
		t.Errorf("attempts are open: %s", strings.Join(open, " "))
	}
}
