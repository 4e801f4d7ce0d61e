package issuer_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt/issuer"
	"github.com/gopassport/passport/strategies/jwt/refresh"
)

type user struct{ name, stamp string }

// A site is an API with its endpoints. Whoever has the header X-User is signed
// in by the strategy "header".
type site struct {
	http.Handler
	store    *failing
	families *refresh.Families
	issuer   *issuer.Issuer
	log      bytes.Buffer

	mu    sync.Mutex
	users map[string]*user
	err   error // of looking a user up
}

func (s *site) byName(_ context.Context, name string) (*user, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[name]
	switch {
	case s.err != nil:
		return nil, s.err
	case !ok:
		return nil, passport.ErrNoUser
	case u == nil:
		return nil, nil
	}
	copied := *u
	return &copied, nil
}

func (s *site) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// failing is a store that fails where it is told to.
type failing struct {
	*sessions.MemoryStore
	err error
}

func (f *failing) Find(ctx context.Context, id sessions.ID) (sessions.Record, error) {
	if f.err != nil {
		return sessions.Record{}, f.err
	}
	return f.MemoryStore.Find(ctx, id)
}

func (f *failing) Create(ctx context.Context, r sessions.Record) error {
	if f.err != nil {
		return f.err
	}
	return f.MemoryStore.Create(ctx, r)
}

func (f *failing) Delete(ctx context.Context, id sessions.ID) error {
	if f.err != nil {
		return f.err
	}
	return f.MemoryStore.Delete(ctx, id)
}

// grant lets everyone read, and ann write too.
func grant(_ context.Context, u *user, g issuer.Grant) (issuer.Grant, error) {
	if u.stamp == "banned" {
		return g, passport.ErrForbidden
	}
	var may []string
	for scope := range strings.FieldsSeq(g.Scope) {
		switch {
		case scope == "read", scope == "write" && u.name == "ann":
			may = append(may, scope)
		default:
			return g, issuer.ErrInvalidScope
		}
	}
	g.Scope = strings.Join(may, " ")
	return g, nil
}

func newSite(t testing.TB, change func(*issuer.EndpointsConfig[*user])) *site {
	t.Helper()
	s := &site{store: &failing{MemoryStore: sessions.NewMemoryStore(nil)}, users: map[string]*user{"ann": {"ann", "1"}, "bob": {"bob", "1"}}}
	s.issuer = newIssuer(t, privateKey(t, newECDSA(t, elliptic.P256()), nil))
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	var err error
	s.families, err = refresh.New(s.store, [][]byte{[]byte(strings.Repeat("s", 32))}, &refresh.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	serializer := passport.StampBy(passport.SerializeBy(func(u *user) string { return u.name }, s.byName), func(u *user) string {
		if u == nil {
			return "1"
		}
		return u.stamp
	})
	a := passport.New(passport.Config[*user]{Serializer: serializer, Sessions: sessions.New(s.store, &sessions.Options{Logger: log}), Logger: log,
		Secrets: [][]byte{[]byte(strings.Repeat("c", 32))}})
	a.Use("header", passport.Credentials(passport.HeaderCredential("X-User"), s.byName))
	c := issuer.EndpointsConfig[*user]{Auth: a, Serializer: serializer, Issuer: s.issuer, Families: s.families, Grant: grant, Logger: log}
	if change != nil {
		change(&c)
	}
	e := issuer.NewEndpoints(c)
	mux := http.NewServeMux()
	mux.Handle("/login", a.LoginHandler("header", &passport.LoginOptions{Factor: "pwd"}))
	mux.Handle("/tokens", a.Require("session", "header")(e.Mint()))
	mux.Handle("/refresh", e.Refresh())
	mux.Handle("/revoke", e.Revoke())
	mux.Handle("/open", e.Mint()) // where somebody forgot Require
	s.Handler = a.Handler(mux)
	return s
}

// An answer is what an endpoint says.
type answer struct {
	status int
	header http.Header
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	In     int    `json:"expires_in"`
	Token  string `json:"refresh_token"`
	Scope  string `json:"scope"`
	Error  string `json:"error"`
	Code   string `json:"code"`
}

func (s *site) post(t testing.TB, path, form string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://api.example.com"+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.do(t, r)
}

func (s *site) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header()}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%v\n%s", err, w.Body)
		}
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q", r.URL, got)
	}
	return a
}

func (s *site) mint(t testing.TB) string {
	t.Helper()
	a := s.post(t, "/tokens", "scope=read+write", "X-User", "ann")
	if a.status != 200 || a.Token == "" {
		t.Fatalf("%+v", a)
	}
	return a.Token
}

func refreshing(token string, more ...string) string {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode() + strings.Join(append([]string{""}, more...), "&")
}

// wants an error of RFC 6749 section 5.2.
func (a answer) wants(t testing.TB, status int, name string) {
	t.Helper()
	if a.status != status || a.Error != name || a.Access != "" || a.Token != "" {
		t.Errorf("got %d %q, want %d %q", a.status, a.Error, status, name)
	}
}

// RFC 6749 sections 5.1 and 6: a token that the strategy takes, and the next.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	first := s.post(t, "/tokens", "scope=read+write", "X-User", "ann")
	if first.status != 200 || first.Type != "Bearer" || first.In != 600 || first.Scope != "read write" || first.Token == "" ||
		first.header.Get("Content-Type") != "application/json; charset=utf-8" || first.header["Set-Cookie"] != nil {
		t.Fatalf("%+v", first)
	}
	second := s.post(t, "/refresh", refreshing(first.Token, "client_id=self"))
	narrow := s.post(t, "/refresh", refreshing(second.Token, "scope=read"))
	whole := s.post(t, "/refresh", refreshing(narrow.Token))
	for _, c := range []struct {
		answer answer
		scope  string
	}{{first, "read write"}, {second, "read write"}, {narrow, "read"}, {whole, "read write"}} {
		claims, err := verifier(s.issuer).Verify(t.Context(), c.answer.Access)
		if err != nil || claims.Subject != "ann" || claims.ClientID != "self" || strings.Join(claims.Scopes, " ") != c.scope || c.answer.Scope != c.scope {
			t.Errorf("%+v, %v; want scope %s", claims, err, c.scope)
		}
	}
	s.post(t, "/refresh", refreshing(first.Token)).wants(t, 400, "invalid_grant") // used again
	s.post(t, "/refresh", refreshing(whole.Token)).wants(t, 400, "invalid_grant")
	if !strings.Contains(s.log.String(), "used before") || strings.Contains(s.log.String(), first.Token) {
		t.Errorf("log:\n%s", &s.log)
	}

	token := s.mint(t)
	if a := s.post(t, "/revoke", "token="+token+"&token_type_hint=refresh_token"); a.status != 200 {
		t.Errorf("revoke: %+v", a)
	}
	s.post(t, "/refresh", refreshing(token)).wants(t, 400, "invalid_grant")
	if a := s.post(t, "/revoke", "token="+token); a.status != 200 {
		t.Errorf("revoke again: %+v", a)
	}
	s.post(t, "/revoke", "token="+first.Access).wants(t, 400, "unsupported_token_type")
	if a := s.post(t, "/tokens", ""); a.status != 401 {
		t.Errorf("a stranger mints: %+v", a)
	}
	if a := s.post(t, "/open", ""); a.status != 401 {
		t.Errorf("a stranger mints where Require was forgotten: %+v", a)
	}
	if a := s.post(t, "/tokens", "", "X-User", "bob"); a.status != 200 || a.Scope != "" {
		t.Errorf("no scope: %+v", a)
	}
	plain := newSite(t, func(c *issuer.EndpointsConfig[*user]) { c.Grant = nil })
	if a := plain.post(t, "/tokens", "scope=admin", "X-User", "bob"); a.status != 200 || a.Scope != "" || strings.Contains(fmt.Sprint(part(t, a.Access, 1)), "admin") {
		t.Errorf("without a Grant the client gets the scope that it asks for: %+v", a)
	}
}

// What is malformed, or asks for too much, costs no family.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	token := s.mint(t)
	request := func(method, path, kind, body string) *http.Request {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		return r
	}
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		err    string
	}{
		"no grant type":      {request("POST", "/refresh", form, "refresh_token="+token), 400, "invalid_request"},
		"another grant type": {request("POST", "/refresh", form, "grant_type=password&refresh_token="+token), 400, "unsupported_grant_type"},
		"no token":           {request("POST", "/refresh", form, "grant_type=refresh_token"), 400, "invalid_request"},
		"token twice":        {request("POST", "/refresh", form, refreshing(token, "refresh_token="+token)), 400, "invalid_request"},
		"scope twice":        {request("POST", "/refresh", form, refreshing(token, "scope=read&scope=read")), 400, "invalid_request"},
		"in the query":       {request("POST", "/refresh?"+refreshing(token), form, ""), 400, "invalid_request"},
		"JSON":               {request("POST", "/refresh", "application/json", `{"grant_type":"refresh_token","refresh_token":"`+token+`"}`), 400, "invalid_request"},
		"multipart":          {request("POST", "/refresh", "multipart/form-data; boundary=x", refreshing(token)), 400, "invalid_request"},
		"torn":               {request("POST", "/refresh", form, refreshing(token)+"&x=%z"), 400, "invalid_request"},
		"endless":            {request("POST", "/refresh", form, refreshing(token)+"&x="+strings.Repeat("x", 17<<10)), 400, "invalid_request"},
		"nothing":            {request("POST", "/refresh", "", ""), 400, "invalid_request"},
		"more scope":         {request("POST", "/refresh", form, refreshing(token, "scope=read+admin")), 400, "invalid_scope"},
		"malformed scope":    {request("POST", "/refresh", form, refreshing(token, "scope=%22")), 400, "invalid_scope"},
		"another client":     {request("POST", "/refresh", form, refreshing(token, "client_id=other")), 400, "invalid_grant"},
		"made up":            {request("POST", "/refresh", form, refreshing(strings.Repeat("A", 96))), 400, "invalid_grant"},
		"revoke nothing":     {request("POST", "/revoke", form, ""), 400, "invalid_request"},
		"GET refresh":        {request("GET", "/refresh?"+refreshing(token), "", ""), 405, ""},
		"GET revoke":         {request("GET", "/revoke?token="+token, "", ""), 405, ""},
		"HEAD revoke":        {request("HEAD", "/revoke?token="+token, "", ""), 405, ""},
	} {
		a := s.do(t, c.r)
		if a.status != c.status || a.Error != c.err || a.Code == "" || c.err != "" && strings.ReplaceAll(a.Code, "-", "_") != c.err {
			t.Errorf("%s: %d %q %q, want %d %q", name, a.status, a.Error, a.Code, c.status, c.err)
		}
		if c.status == 405 && a.header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", name, a.header.Get("Allow"))
		}
	}
	s.post(t, "/tokens", "scope=write", "X-User", "bob").wants(t, 400, "invalid_scope")
	s.post(t, "/tokens", "scope=admin", "X-User", "ann").wants(t, 400, "invalid_scope")
	if a := s.post(t, "/refresh", refreshing(token)); a.status != 200 {
		t.Errorf("the token after all that: %+v", a)
	}
	// Ann may write, and this family may not.
	reader := s.post(t, "/tokens", "scope=read", "X-User", "ann")
	s.post(t, "/refresh", refreshing(reader.Token, "scope=read+write")).wants(t, 400, "invalid_scope")
	generous := newSite(t, func(c *issuer.EndpointsConfig[*user]) {
		c.Grant = func(_ context.Context, _ *user, g issuer.Grant) (issuer.Grant, error) { return g, nil }
	})
	for _, scope := range []string{"%22", "%5C", "%00", "%C3%A9", strings.Repeat("x", 1025)} {
		generous.post(t, "/tokens", "scope="+scope, "X-User", "ann").wants(t, 400, "invalid_scope")
	}
}

// RFC 6749 section 6: a refresh adds nothing to what was granted, nor to what
// was asked for, whatever the user may by now.
func TestRefreshNeverWidens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ granted, asked, want string }{
		{"read write", "", "read write"},
		{"read write", "read", "read"},
		{"read", "read", "read"},
		{"", "", ""},
	} {
		admin := false
		s := newSite(t, func(e *issuer.EndpointsConfig[*user]) {
			e.Grant = func(_ context.Context, _ *user, g issuer.Grant) (issuer.Grant, error) {
				if admin {
					g.Scope = "read write admin"
				}
				return g, nil
			}
		})
		minted := s.post(t, "/tokens", url.Values{"scope": {c.granted}}.Encode(), "X-User", "ann")
		admin = true
		a := s.post(t, "/refresh", refreshing(minted.Token, "scope="+c.asked))
		claims, err := verifier(s.issuer).Verify(t.Context(), a.Access)
		if err != nil || a.Scope != c.want || strings.Join(claims.Scopes, " ") != c.want {
			t.Errorf("granted %q, asked for %q: %+v, %v", c.granted, c.asked, a, err)
		}
	}
}

// F02: a panic of the application gives nobody a token, and is logged once.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *issuer.EndpointsConfig[*user]) {
		c.Grant = func(_ context.Context, u *user, g issuer.Grant) (issuer.Grant, error) {
			if u.stamp == "1" && g.Scope == "boom" {
				panic("boom")
			}
			return g, nil
		}
	})
	if a := s.post(t, "/tokens", "scope=boom", "X-User", "ann"); a.status != 500 || a.Token != "" {
		t.Errorf("%+v", a)
	}
	if n := strings.Count(s.log.String(), "issuer: panic\""); n != 1 {
		t.Errorf("logged %d times:\n%s", n, &s.log)
	}
}

// A user who is gone, banned, or has another stamp than at the sign-in has no
// family any more; one who cannot be looked up just now keeps it.
func TestUserChanges(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*site){
		"gone":    func(s *site) { delete(s.users, "ann") },
		"stamp":   func(s *site) { s.users["ann"].stamp = "2" },
		"refused": func(s *site) { s.err = passport.ErrNoUser },
		"nil":     func(s *site) { s.users["ann"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			token := s.mint(t)
			s.change(func() { f(s) })
			s.post(t, "/refresh", refreshing(token)).wants(t, 400, "invalid_grant")
			s.change(func() { s.users["ann"], s.err = &user{"ann", "1"}, nil })
			s.post(t, "/refresh", refreshing(token)).wants(t, 400, "invalid_grant")
		})
	}
	t.Run("banned", func(t *testing.T) {
		t.Parallel()
		// The application's own refusal, without a stamp.
		s := newSite(t, func(c *issuer.EndpointsConfig[*user]) {
			c.Serializer = struct{ passport.Serializer[*user] }{c.Serializer}
		})
		token := s.mint(t)
		s.change(func() { s.users["ann"].stamp = "banned" })
		s.post(t, "/refresh", refreshing(token)).wants(t, 400, "invalid_grant")
		if list, err := s.families.List(t.Context(), "ann"); len(list) != 0 || err != nil {
			t.Errorf("families of a user who is banned: %+v, %v", list, err)
		}
	})
	for name, f := range map[string]func(*site, error){
		"users":    func(s *site, err error) { s.change(func() { s.err = err }) },
		"database": func(s *site, err error) { s.store.err = err },
	} {
		t.Run("outage of the "+name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil)
			token := s.mint(t)
			f(s, errors.New("no disk"))
			for path, form := range map[string]string{"/refresh": refreshing(token), "/tokens": "", "/revoke": "token=" + token} {
				if path == "/revoke" && name == "users" {
					continue
				}
				a := s.post(t, path, form, "X-User", "ann")
				if a.status < 500 || a.Token != "" || path != "/tokens" && a.status != 503 {
					t.Errorf("%s: %+v", path, a)
				}
			}
			f(s, nil)
			if a := s.post(t, "/refresh", refreshing(token)); a.status != 200 {
				t.Errorf("after the outage: %+v", a)
			}
		})
	}
}

// setCookie is the cookie that the answer sets, as a Cookie header.
func (a answer) cookie(t testing.TB) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d %s: cookies %v", a.status, a.Error, cookies)
	}
	return cookies[0]
}

// B16, E07 for refresh tokens: in a browser the token is in a cookie that no
// script sees, and no page of another origin gets to use.
func TestCookie(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *issuer.EndpointsConfig[*user]) {
		c.Cookie, c.TrustedOrigins = "refresh", []string{"https://app.example.com"}
	})
	minted := s.post(t, "/tokens", "scope=read", "X-User", "ann")
	c := minted.cookie(t)
	if minted.Token != "" || c.Name != "__Host-refresh" || c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode ||
		time.Until(c.Expires) < 13*24*time.Hour {
		t.Fatalf("%+v\n%v", minted, c)
	}
	pair := c.Name + "=" + c.Value
	const form = "grant_type=refresh_token"
	for name, header := range map[string][]string{
		"another site":                   {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"another origin of the site":     {"Sec-Fetch-Site", "same-site", "Origin", "https://other.example.com"},
		"another site in an old browser": {"Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/refresh", "/revoke", "/tokens"} {
			if a := s.post(t, path, form, append(header, "Cookie", pair, "X-User", "ann")...); a.status != 403 || a.header["Set-Cookie"] != nil {
				t.Errorf("%s, %s: %+v", name, path, a)
			}
		}
	}
	s.post(t, "/refresh", refreshing(c.Value), "Cookie", pair).wants(t, 400, "invalid_request") // in two places
	s.post(t, "/refresh", form, "Cookie", pair+"; "+pair).wants(t, 400, "invalid_request")
	s.post(t, "/refresh", form).wants(t, 400, "invalid_request")

	next := s.post(t, "/refresh", form, "Cookie", pair, "Sec-Fetch-Site", "same-origin").cookie(t)
	next = s.post(t, "/refresh", form, "Cookie", next.Name+"="+next.Value, "Sec-Fetch-Site", "same-site", "Origin", "https://app.example.com").cookie(t)
	if a := s.post(t, "/revoke", "", "Cookie", next.Name+"="+next.Value); a.status != 200 || a.cookie(t).MaxAge >= 0 || a.cookie(t).Value != "" {
		t.Errorf("revoke: %+v", a)
	}
	ended := s.post(t, "/refresh", form, "Cookie", next.Name+"="+next.Value)
	ended.wants(t, 400, "invalid_grant")
	if ended.cookie(t).MaxAge >= 0 {
		t.Error("the cookie of a family that ended stays")
	}
	s.store.err = errors.New("no disk")
	if a := s.post(t, "/refresh", form, "Cookie", pair); a.status != 503 || a.header["Set-Cookie"] != nil {
		t.Errorf("an outage: %+v", a)
	}
	s.store.err = nil
	// Without the option the cookie is nothing.
	newSite(t, nil).post(t, "/refresh", form, "Cookie", pair).wants(t, 400, "invalid_request")
}

// A sign-in that lasts a week does not last longer because it asked for a
// token, and the token says how and when the person signed in.
func TestSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		login := s.post(t, "/login", "", "X-User", "ann")
		session := login.cookie(t)
		start := time.Now()
		time.Sleep(12 * time.Hour)
		a := s.post(t, "/tokens", "scope=read", "Cookie", session.Name+"="+session.Value)
		c, err := verifier(s.issuer).Verify(t.Context(), a.Access)
		if err != nil || c.AuthTime != start.Unix() || !slices.Equal(c.Factors, []string{"pwd"}) {
			t.Fatalf("%+v, %v", c, err)
		}
		for time.Since(start) < 7*24*time.Hour-time.Hour {
			time.Sleep(time.Hour)
			if a = s.post(t, "/refresh", refreshing(a.Token)); a.status != 200 {
				t.Fatalf("after %v: %+v", time.Since(start), a)
			}
		}
		time.Sleep(time.Hour)
		s.post(t, "/refresh", refreshing(a.Token)).wants(t, 400, "invalid_grant")
		if a := s.post(t, "/tokens", "", "Cookie", session.Name+"="+session.Value, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); a.status == 200 {
			t.Error("another site mints with a session")
		}
	})
}

// Who signs in with a body that is no form gets tokens, and asks for no scope.
func TestMintAnyBody(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, kind := range []string{"application/json", "multipart/form-data; boundary=x", ""} {
		a := s.post(t, "/tokens", `{"username":"ann","password":"wonderland","scope":"admin"}`, "X-User", "ann", "Content-Type", kind)
		if a.status != 200 || a.Access == "" || a.Scope != "" {
			t.Errorf("%s: %+v", kind, a)
		}
	}
	s.post(t, "/tokens", "scope=read&scope=read", "X-User", "ann").wants(t, 400, "invalid_request")
}

// A session of which it is not known when somebody signed in makes tokens that
// do not say so, at the first one as at the next.
func TestUndatedSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	session := s.post(t, "/login", "", "X-User", "ann").cookie(t)
	records, err := s.store.List(t.Context(), "session", "ann")
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	records[0].AuthTime = 0
	if err := s.store.Update(t.Context(), records[0], records[0].Version); err != nil {
		t.Fatal(err)
	}
	a := s.post(t, "/tokens", "", "Cookie", session.Name+"="+session.Value)
	for _, access := range []string{a.Access, s.post(t, "/refresh", refreshing(a.Token)).Access} {
		if at, ok := part(t, access, 1)["auth_time"]; ok {
			t.Errorf("auth_time %v", at)
		}
	}
}

// How the user was authenticated without a session is Grant's to say, once:
// the next tokens say it too.
func TestFactorsOfGrant(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *issuer.EndpointsConfig[*user]) {
		auth := c.Auth
		c.Grant = func(ctx context.Context, _ *user, g issuer.Grant) (issuer.Grant, error) {
			if auth.Strategy(ctx) == "header" {
				g.Factors = "hwk"
			}
			return g, nil
		}
	})
	a := s.post(t, "/tokens", "", "X-User", "ann")
	for _, access := range []string{a.Access, s.post(t, "/refresh", refreshing(a.Token)).Access} {
		if got := fmt.Sprint(part(t, access, 1)["amr"]); got != "[hwk]" {
			t.Errorf("amr %s", got)
		}
	}
}

// A client of golang.org/x/oauth2 refreshes by itself.
func TestOAuth2Client(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	server := httptest.NewServer(s)
	defer server.Close()
	config := oauth2.Config{ClientID: "self", Endpoint: oauth2.Endpoint{TokenURL: server.URL + "/refresh", AuthStyle: oauth2.AuthStyleInParams}}
	first := s.mint(t)
	token, err := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: first}).Token()
	if err != nil || token.RefreshToken == first || time.Until(token.Expiry) > 10*time.Minute {
		t.Fatalf("%+v, %v", token, err)
	}
	if _, err := verifier(s.issuer).Verify(t.Context(), token.AccessToken); err != nil {
		t.Error(err)
	}
	if _, err = config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "x"}).Token(); err == nil {
		t.Fatal("no error")
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || e.ErrorCode != "invalid_grant" {
		t.Errorf("%v", err)
	}
}

// F16
func TestEndpointsMistakes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*issuer.EndpointsConfig[*user]){
		"no Auth":       func(c *issuer.EndpointsConfig[*user]) { c.Auth = nil },
		"no Serializer": func(c *issuer.EndpointsConfig[*user]) { c.Serializer = nil },
		"no Issuer":     func(c *issuer.EndpointsConfig[*user]) { c.Issuer = nil },
		"no Families":   func(c *issuer.EndpointsConfig[*user]) { c.Families = nil },
		"cookie":        func(c *issuer.EndpointsConfig[*user]) { c.Cookie = "a b" },
		"prefix":        func(c *issuer.EndpointsConfig[*user]) { c.Cookie = "__Host-refresh" },
		"origin":        func(c *issuer.EndpointsConfig[*user]) { c.TrustedOrigins = []string{"app"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			newSite(t, change)
		})
	}
}
