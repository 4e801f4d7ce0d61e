package oidcprovider_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

const bye = "https://example.com/bye"

// withLogout mounts the handlers of this file.
func (s *site) withLogout(p *oidcprovider.Provider) {
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.mux.Handle("/logout", oidcprovider.LogoutHandler(s.a, &oidcprovider.LogoutOptions{
		PostLogoutURL: bye, State: func(*http.Request) string { return "s t" }, Logger: log,
	}, p))
	s.mux.Handle("/bare", oidcprovider.LogoutHandler(s.a, nil, p))
	s.mux.Handle("/backchannel", oidcprovider.BackChannelHandler(p, s.manager, func(_ context.Context, t oidcprovider.LogoutToken) (string, error) {
		switch t.Subject {
		case "":
			if t.SID == "known" || t.SID == "" { // a token that names nobody does not come here
				return "ann", nil
			}
			return "", passport.ErrNoUser
		case "gone":
			return "", passport.ErrNoUser
		case "down":
			return "", errors.New("the database is down")
		}
		return t.Subject, nil
	}, log))
	s.mux.Handle("POST /plain", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.a.Login(w, r, &user{"ann"}, nil); err != nil {
			s.a.Refuse(w, r, err)
		}
	}))
}

// TestLogout: the session here ends, and the browser is sent to the provider
// with what is fixed. C43, E07
func TestLogout(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	config := from.config()
	config.KeepIDToken = true
	p := provider(t, config)
	s := newSite(t, from, p, nil)
	s.withLogout(p)
	b := s.browser()
	b.signIn("")
	stolen := &browser{s, maps.Clone(b.cookies)}
	if w := b.send("GET", "/logout"); w.Code != http.StatusMethodNotAllowed || b.me() != "ann" {
		t.Errorf("GET: got %d", w.Code)
	}
	r := httptest.NewRequest("POST", "/logout", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if s.handler.ServeHTTP(w, r); w.Code != http.StatusForbidden || b.me() != "ann" {
		t.Errorf("of another origin: got %d", w.Code)
	}
	w = b.send("POST", "/logout?post_logout_redirect_uri=https://evil.example&state=x")
	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("got %d %v", w.Code, w.Header())
	}
	got := u.Query()
	if hint := got.Get("id_token_hint"); strings.Count(hint, ".") != 2 {
		t.Errorf("got the hint %q", hint)
	}
	got.Del("id_token_hint")
	want := url.Values{"a": {"b"}, "client_id": {clientID}, "post_logout_redirect_uri": {bye}, "state": {"s t"}}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(u.String(), from.URL+"/logout?") {
		t.Errorf("%s (-want +got):\n%s", u, diff)
	}
	if stolen.me() != "" || b.me() != "" {
		t.Error("still signed in")
	}
}

// TestLogoutWithout: whatever the provider does, the session here ends, and
// only who came from it is sent there. C43
func TestLogoutWithout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		begin, path string
		breaks      func(*idp)
		to          string
	}{
		"by another way":       {"/plain", "/logout", nil, bye},
		"by another way, bare": {"/plain", "/bare", nil, "/"},
		"a stranger":           {"", "/logout", nil, bye},
		"bare":                 {"oidc", "/bare", nil, "there"},
		"no endpoint":          {"oidc", "/logout", func(p *idp) { p.doc = func(m map[string]any) { delete(m, "end_session_endpoint") } }, bye},
		"the provider is down": {"oidc", "/logout", func(p *idp) {
			p.pages["/.well-known/openid-configuration"] = says(500, "text/plain", "down")
		}, bye},
	} {
		from := newIDP(t)
		p := provider(t, from.config())
		s := newSite(t, from, p, nil)
		b := s.browser()
		switch test.begin {
		case "oidc":
			b.signIn("")
			if b.me() != "ann" {
				t.Fatalf("%s: not signed in", name)
			}
			// Another instance of the application, which has not asked yet.
			p = provider(t, from.config())
			if test.breaks != nil {
				from.set(func() { test.breaks(from) })
			}
			s.withLogout(p)
		default:
			s.withLogout(p)
			if test.begin != "" {
				b.send("POST", test.begin)
			}
		}
		w := b.send("POST", test.path)
		to := w.Header().Get("Location")
		if test.to == "there" {
			test.to = from.URL + "/logout?a=b&client_id=" + clientID
		}
		if w.Code != http.StatusSeeOther || to != test.to || b.me() != "" {
			t.Errorf("%s: got %d %s, want %s", name, w.Code, to, test.to)
		}
	}
}

// TestSessionValue: the session keeps which one at the provider it belongs to,
// and the ID token only if it was asked for. C43
func TestSessionValue(t *testing.T) {
	t.Parallel()
	issued := time.Now().Unix() - 60
	for _, keep := range []bool{false, true} {
		from := newIDP(t)
		from.idToken = claim("iat", issued)
		config := from.config()
		config.KeepIDToken = keep
		s := newSite(t, from, provider(t, config), nil)
		s.browser().signIn("")
		records, err := s.manager.List(t.Context(), "ann")
		if err != nil || len(records) != 1 {
			t.Fatalf("got %d records, %v", len(records), err)
		}
		var view sessions.Session
		view.Open(nil, records[0])
		got, ok := oidcprovider.SessionKey.Get(&view)
		if hint := got.IDToken != ""; !ok || hint != keep {
			t.Errorf("keep %t: got %t, a hint %t", keep, ok, hint)
		}
		if text := fmt.Sprintf("%v %+v", got, s.identity()); strings.Contains(text, "eyJ") {
			t.Errorf("the token is printed: %s", text)
		}
		got.IDToken = ""
		if diff := cmp.Diff(oidcprovider.Session{Issuer: from.URL, Client: clientID, Subject: "ann", SID: "s1", IssuedAt: issued}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

const event = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims are those of a good logout token.
func (p *idp) logoutClaims(pairs ...any) map[string]any {
	now := time.Now().Unix()
	return edited(map[string]any{
		"iss": p.URL, "aud": clientID, "iat": now, "exp": now + 120, "jti": fmt.Sprint(time.Now().UnixNano(), pairs),
		"sub": "ann", "sid": "s1", "events": map[string]any{event: map[string]any{}},
	}, pairs...)
}

func (s *site) backChannel(token string) *httptest.ResponseRecorder {
	return s.post("POST", "application/x-www-form-urlencoded", url.Values{"logout_token": {token}}.Encode())
}

func (s *site) post(method, kind, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/backchannel", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// as signs in somebody with a session at the provider.
func (s *site) as(subject, sid string) *browser {
	s.t.Helper()
	s.idp.set(func() { s.idp.idToken = claim("sub", subject, "sid", sid) })
	b := s.browser()
	if b.signIn(""); b.me() != subject {
		s.t.Fatalf("%s is not signed in\n%s", subject, s.log)
	}
	return b
}

func lo(claims map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "logout+jwt", claims) }

// TestBackChannel: those sessions end that the token names, and no others. C43
func TestBackChannel(t *testing.T) {
	t.Parallel()
	all := []string{"ann s1", "ann s2", "ann elsewhere", "bob"}
	for name, test := range map[string]struct {
		token func(claims map[string]any) string
		pairs []any
		ended []string
	}{
		"sub and sid":             {lo, nil, []string{"ann s1"}},
		"sub":                     {lo, []any{"sid", nil}, []string{"ann s1", "ann s2"}},
		"sid":                     {lo, []any{"sub", nil, "sid", "known"}, nil},
		"a sid of somebody else":  {lo, []any{"sub", "bob"}, nil},
		"a sid that is not known": {lo, []any{"sid", "s9"}, nil},
		"nobody's":                {lo, []any{"sub", "gone"}, nil},
		"typ JWT":                 {func(c map[string]any) string { return signed(rsaKey(), jose.RS256, "rsa", "JWT", c) }, nil, []string{"ann s1"}},
		"no typ":                  {func(c map[string]any) string { return signed(edKey(), jose.EdDSA, "ed", "", c) }, nil, []string{"ann s1"}},
		"audiences":               {lo, []any{"aud", []string{clientID}}, []string{"ann s1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newIDP(t)
			p := provider(t, from.config())
			s := newSite(t, from, p, nil)
			s.withLogout(p)
			browsers := map[string]*browser{"ann s1": s.as("ann", "s1"), "ann s2": s.as("ann", "s2"), "bob": s.as("bob", "s3"), "ann elsewhere": s.browser()}
			browsers["ann elsewhere"].send("POST", "/plain")
			token := test.token(from.logoutClaims(test.pairs...))
			w := s.backChannel(token)
			if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Cache-Control") != "no-store" || len(w.Result().Cookies()) != 0 {
				t.Errorf("got %d %s %v\n%s", w.Code, w.Body, w.Header(), s.log)
			}
			var ended []string
			for _, who := range all {
				if browsers[who].me() == "" {
					ended = append(ended, who)
				}
			}
			if diff := cmp.Diff(test.ended, ended); diff != "" {
				t.Errorf("ended (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBackChannelRefuses: a token that is not good ends nothing, and is 400.
// C15, C43
func TestBackChannelRefuses(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	p := provider(t, from.config())
	s := newSite(t, from, p, nil)
	s.withLogout(p)
	b := s.as("ann", "s1")
	now := time.Now().Unix()
	good := func(pairs ...any) string { return lo(from.logoutClaims(pairs...)) }
	with := func(typ string, pairs ...any) string {
		return signed(ecKey(), jose.ES256, "ec", typ, from.logoutClaims(pairs...))
	}
	for name, token := range map[string]string{
		"none":                      "",
		"nonsense":                  "x.y.z",
		"alg none":                  unsigned(`{"alg":"none","typ":"logout+jwt"}`, from.logoutClaims()),
		"HS256":                     signed([]byte(strings.Repeat("our-secret", 4)), jose.HS256, "ec", "logout+jwt", from.logoutClaims()),
		"a foreign key":             signed(foreignKey(), jose.ES256, "ec", "logout+jwt", from.logoutClaims()),
		"the type at+jwt":           with("at+jwt"),
		"the type of other events":  with("secevent+jwt"),
		"an ID token":               es(from.claims()),
		"a nonce":                   good("nonce", "x"),
		"an empty nonce":            good("nonce", ""),
		"a nonce of null":           lo2(from, `,"nonce":null}`),
		"no events":                 good("events", nil),
		"events that are a list":    good("events", []string{event}),
		"another event":             good("events", map[string]any{"x": map[string]any{}}),
		"an event that is true":     good("events", map[string]any{event: true}),
		"an event that is null":     good("events", map[string]any{event: nil}),
		"no jti":                    good("jti", nil),
		"a jti that is a number":    good("jti", 1),
		"neither sub nor sid":       good("sub", nil, "sid", nil),
		"both empty":                good("sub", "", "sid", ""),
		"a sub that is a list":      good("sub", []string{"ann"}),
		"a sid that is a number":    good("sid", 1),
		"SID":                       good("SID", "x"),
		"another issuer":            good("iss", "https://other.example"),
		"another audience":          good("aud", "another"),
		"no audience":               good("aud", nil),
		"no exp":                    good("exp", nil),
		"an exp in the past":        good("exp", now-2),
		"no iat":                    good("iat", nil),
		"an iat in an hour":         good("iat", now+3600),
		"an iat an hour ago":        good("iat", now-3600),
		"an unknown sid alone":      good("sub", nil),
		"while the database is off": good("sub", "down"),
	} {
		if w := s.backChannel(token); w.Code != http.StatusBadRequest || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), "invalid_request") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if b.me() != "ann" {
			t.Fatalf("%s: the session has ended", name)
		}
	}
	form := "logout_token=" + good()
	const urlencoded = "application/x-www-form-urlencoded"
	for name, w := range map[string]*httptest.ResponseRecorder{
		"JSON":     s.post("POST", "application/json", `{"logout_token":"`+good()+`"}`),
		"twice":    s.post("POST", urlencoded, form+"&"+form),
		"too long": s.post("POST", urlencoded, form+"&x="+strings.Repeat("x", 70<<10)),
		"broken":   s.post("POST", urlencoded, form+"&%zz"),
		"empty":    s.post("POST", urlencoded, ""),
	} {
		if w.Code != http.StatusBadRequest || b.me() != "ann" {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	if w := s.post("GET", urlencoded, form); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" || b.me() != "ann" {
		t.Errorf("GET: got %d", w.Code)
	}
	if log := s.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "eyJ") {
		t.Errorf("in the log: %s", log)
	}
	if s.backChannel(good()); b.me() != "" {
		t.Errorf("a good one: the session goes on\n%s", s.log)
	}
}

// lo2 is a logout token with an end of one's own.
func lo2(p *idp, end string) string {
	return signed(ecKey(), jose.ES256, "ec", "logout+jwt", []byte(text(p.logoutClaims())+end))
}

// TestBackChannelReplay: a logout token ends no session that is younger, once
// it was used, however many come at the same time. C43
func TestBackChannelReplay(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	p := provider(t, from.config())
	s := newSite(t, from, p, nil)
	s.withLogout(p)
	token := lo(from.logoutClaims("sid", nil, "iat", time.Now().Unix()-1))
	first := s.as("ann", "s1")
	var ok atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if s.backChannel(token).Code == http.StatusOK {
				ok.Add(1)
			}
		})
	}
	group.Wait()
	if n := ok.Load(); n != 1 || first.me() != "" {
		t.Errorf("%d of 20 were taken", n)
	}
	b := s.as("ann", "s2")
	if w := s.backChannel(token); w.Code != http.StatusBadRequest || b.me() != "ann" {
		t.Errorf("again: got %d", w.Code)
	}
	if w := s.backChannel(lo(from.logoutClaims("jti", "other", "sid", nil))); w.Code != http.StatusOK || b.me() != "" {
		t.Errorf("another: got %d", w.Code)
	}
}

// A failing store fails where it is told to.
type failingStore struct {
	*sessions.MemoryStore
	fails atomic.Value // the name of a method
}

func (f *failingStore) broken(method string) error {
	if f.fails.Load() == method {
		return errors.New("the database is down")
	}
	return nil
}

func (f *failingStore) List(ctx context.Context, realm, user string) ([]sessions.Record, error) {
	if err := f.broken("List"); err != nil {
		return nil, err
	}
	return f.MemoryStore.List(ctx, realm, user)
}

func (f *failingStore) Once(ctx context.Context, key [32]byte, until time.Time) error {
	if err := f.broken("Once"); err != nil {
		return err
	}
	return f.MemoryStore.Once(ctx, key, until)
}

func (f *failingStore) Delete(ctx context.Context, id sessions.ID) error {
	if err := f.broken("Delete"); err != nil {
		return err
	}
	return f.MemoryStore.Delete(ctx, id)
}

// TestBackChannelOutage: what could not be ended is no success, and ends when
// the provider tries again. C43
func TestBackChannelOutage(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	p := provider(t, from.config())
	log := slog.New(slog.DiscardHandler)
	for method, left := range map[string]int{"Once": 0, "List": 1, "Delete": 1} { // of the younger ones, where the token is known
		store := &failingStore{MemoryStore: sessions.NewMemoryStore(nil)}
		manager := sessions.New(store, &sessions.Options{Logger: log})
		begun(t, manager, oidcprovider.Session{Issuer: from.URL, Client: clientID, Subject: "ann", SID: "s1"})
		s := &site{handler: oidcprovider.BackChannelHandler(p, manager, bySubject, log)}
		token := lo(from.logoutClaims())
		store.fails.Store(method)
		if w := s.backChannel(token); w.Code != http.StatusBadRequest {
			t.Errorf("%s fails: got %d", method, w.Code)
		}
		store.fails.Store("")
		if records, _ := manager.List(t.Context(), "ann"); len(records) != 1 {
			t.Errorf("%s: %d sessions", method, len(records))
		}
		// She signs in again before the provider tries again.
		later := oidcprovider.Session{Issuer: from.URL, Client: clientID, Subject: "ann", SID: "s1", IssuedAt: time.Now().Unix() + 60}
		begun(t, manager, later)
		if w := s.backChannel(token); w.Code != http.StatusOK {
			t.Errorf("%s, again: got %d", method, w.Code)
		}
		if records, err := manager.List(t.Context(), "ann"); err != nil || len(records) != left {
			t.Errorf("%s, again: %d sessions are left, want %d, %v", method, len(records), left, err)
		}
	}
}

// TestWiredWrong: mistakes panic at start.
func TestWiredWrong(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	p := provider(t, from.config())
	s := newSite(t, from, p, &oauth.Options{})
	nobody := func(context.Context, oidcprovider.LogoutToken) (string, error) { return "", nil }
	for name, f := range map[string]func(){
		"no provider":   func() { oidcprovider.BackChannelHandler(nil, s.manager, nobody, nil) },
		"no manager":    func() { oidcprovider.BackChannelHandler(p, nil, nobody, nil) },
		"no function":   func() { oidcprovider.BackChannelHandler(p, s.manager, nil, nil) },
		"a path":        func() { oidcprovider.LogoutHandler(s.a, &oidcprovider.LogoutOptions{PostLogoutURL: "/bye"}, p) },
		"no provider 2": func() { oidcprovider.LogoutHandler(s.a, nil, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestBackChannelOfOthers: a provider ends no session that was begun with
// another one, or by another subject, whatever its id there is. C43
func TestBackChannelOfOthers(t *testing.T) {
	t.Parallel()
	from := newIDP(t)
	log := slog.New(slog.DiscardHandler)
	manager := sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: log})
	for _, at := range []oidcprovider.Session{
		{Issuer: "https://other.example", Client: clientID, Subject: "ann", SID: "s1"},
		{Issuer: from.URL, Client: clientID, Subject: "another account of hers", SID: "s1"},
		{Issuer: from.URL, Client: clientID, Subject: "ann", SID: "s1"},
	} {
		begun(t, manager, at)
	}
	s := &site{handler: oidcprovider.BackChannelHandler(provider(t, from.config()), manager, bySubject, log)}
	for _, token := range []string{lo(from.logoutClaims()), lo(from.logoutClaims("sid", nil))} {
		if w := s.backChannel(token); w.Code != http.StatusOK {
			t.Errorf("got %d", w.Code)
		}
		if records, err := manager.List(t.Context(), "ann"); err != nil || len(records) != 2 {
			t.Errorf("%d sessions are left, want the two that were begun otherwise, %v", len(records), err)
		}
	}
}
