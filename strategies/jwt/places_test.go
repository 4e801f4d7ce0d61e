package jwt_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/jwt"
)

const (
	asks    = `Bearer realm="Users"`
	invalid = `Bearer realm="Users", error="invalid_token", error_description="The token is not valid"`
	expired = `Bearer realm="Users", error="invalid_token", error_description="The token has expired"`
	broken  = `Bearer realm="Users", error="invalid_request", error_description="The request has no token in one place, in the right form"`
)

// TestAuthorization: where the token is, and what is answered. (D33, D35, D36)
func TestAuthorization(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	token := s.token()
	_, api := site(strategy(s.key))
	long := strings.Repeat("A", 20<<10)
	for name, tt := range map[string]struct {
		headers   []string
		status    int
		challenge string
	}{
		"none":                   {nil, 401, asks},
		"right":                  {[]string{"Bearer " + token}, 200, ""},
		"lower case":             {[]string{"bearer " + token}, 200, ""},
		"upper case":             {[]string{"BEARER " + token}, 200, ""},
		"spaces":                 {[]string{"Bearer    " + token}, 200, ""},
		"another scheme":         {[]string{"Basic dXNlcjpwYXNz"}, 401, asks},
		"a longer scheme":        {[]string{"BearerX " + token}, 401, asks},
		"no scheme":              {[]string{token}, 401, asks},
		"empty":                  {[]string{""}, 401, asks},
		"no token":               {[]string{"Bearer"}, 400, broken},
		"no token, spaces":       {[]string{"Bearer   "}, 400, broken},
		"two words":              {[]string{"Bearer " + token + " " + token}, 400, broken},
		"two tokens":             {[]string{"Bearer " + token + "," + token}, 400, broken},
		"parameters":             {[]string{`Bearer token="` + token + `"`}, 400, broken},
		"a tab":                  {[]string{"Bearer \t" + token}, 400, broken},
		"not ASCII":              {[]string{"Bearer tök.en.x"}, 400, broken},
		"equals signs":           {[]string{"Bearer =="}, 400, broken},
		"two headers":            {[]string{"Bearer " + token, "Bearer " + token}, 400, broken},
		"two headers, one Basic": {[]string{"Basic dXNlcjpwYXNz", "Bearer " + token}, 400, broken},
		"token68, but no token":  {[]string{"Bearer abc~+/=="}, 401, invalid},
		"too long":               {[]string{"Bearer " + long}, 401, invalid},
		"tampered":               {[]string{"Bearer " + token[:len(token)-2] + "AA"}, 401, invalid},
		"expired":                {[]string{"Bearer " + s.sign(header(jwt.HS256, nil), claims(with{"exp": "1"}))}, 401, expired},
		"canary":                 {[]string{"Bearer " + s.sign(header(jwt.HS256, with{"kid": `"canary"`}), claims(with{"canary": `"canary\"\r\n"`}))}, 401, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/api?access_token="+token, nil)
			r.Header["Authorization"] = tt.headers
			w := do(api, r)
			if w.Code != tt.status || w.Header().Get("WWW-Authenticate") != tt.challenge || len(w.Header().Values("WWW-Authenticate")) > 1 {
				t.Errorf("status %d, %q, want %d, %q", w.Code, w.Header().Values("WWW-Authenticate"), tt.status, tt.challenge)
			}
			if body := w.Body.String(); strings.Contains(body, "canary") || tt.status != 200 && strings.Contains(body, "jwt:") {
				t.Errorf("the answer tells %q", body)
			}
		})
	}
}

// TestPlaces: form, query and cookie are looked at where Config says so, and
// two places at once are an error. (D33, D34)
func TestPlaces(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	token := s.token()
	const kind = "application/x-www-form-urlencoded"
	form := "a=1&access_token=" + url.QueryEscape(token)
	all := func(c *jwt.Config) { c.Form, c.InsecureQuery, c.Cookie = true, true, "token" }
	type request struct {
		method, query, kind, body, header, cookie, cookie2, site string
	}
	for name, tt := range map[string]struct {
		config func(*jwt.Config)
		request
		status int
	}{
		"query is off":                 {nil, request{query: "access_token=" + token}, 401},
		"form is off":                  {nil, request{method: "POST", kind: kind, body: form}, 401},
		"cookie is off":                {nil, request{cookie: token}, 401},
		"query":                        {all, request{query: "access_token=" + token}, 200},
		"query, twice":                 {all, request{query: "access_token=" + token + "&access_token=" + token}, 400},
		"query, empty":                 {all, request{query: "access_token="}, 400},
		"query, malformed":             {all, request{query: "access_token=%zz"}, 400},
		"another query":                {all, request{query: "x=%zz"}, 401},
		"form":                         {all, request{method: "POST", kind: kind, body: form}, 200},
		"form, charset":                {all, request{method: "PUT", kind: kind + "; charset=UTF-8", body: form}, 200},
		"form, GET":                    {all, request{method: "GET", kind: kind, body: form}, 401},
		"form, HEAD":                   {all, request{method: "HEAD", kind: kind, body: form}, 401},
		"form, multipart":              {all, request{method: "POST", kind: "multipart/form-data; boundary=x", body: form}, 401},
		"form, JSON":                   {all, request{method: "POST", kind: "application/json", body: `{"access_token":"` + token + `"}`}, 401},
		"form, no type":                {all, request{method: "POST", body: form}, 401},
		"form, twice":                  {all, request{method: "POST", kind: kind, body: form + "&" + form}, 400},
		"form, malformed":              {all, request{method: "POST", kind: kind, body: "access_token=%zz"}, 400},
		"form, no token":               {all, request{method: "POST", kind: kind, body: "a=1"}, 401},
		"form, too large":              {all, request{method: "POST", kind: kind, body: form + "&b=" + strings.Repeat("x", 64<<10)}, 413},
		"cookie":                       {all, request{cookie: token}, 200},
		"cookie, empty":                {all, request{cookie: "token"}, 401},
		"cookie, POST of this site":    {all, request{method: "POST", cookie: token, site: "same-origin"}, 200},
		"cookie, POST of another site": {all, request{method: "POST", cookie: token, site: "cross-site"}, 403},
		"cookie, POST of a subdomain":  {all, request{method: "POST", cookie: token, site: "same-site"}, 403},
		"cookie, GET of another site":  {all, request{cookie: token, site: "cross-site"}, 200},
		"two cookies":                  {all, request{cookie: token, cookie2: token}, 400},
		"header, POST of another site": {all, request{method: "POST", header: token, site: "cross-site"}, 200},
		"header and query":             {all, request{header: token, query: "access_token=" + token}, 400},
		"header and form":              {all, request{method: "POST", kind: kind, body: form, header: token}, 400},
		"header and cookie":            {all, request{header: token, cookie: token}, 400},
		"query and form":               {all, request{method: "POST", kind: kind, body: form, query: "access_token=" + token}, 400},
		"all of them":                  {all, request{method: "POST", kind: kind, body: form, header: token, query: "access_token=" + token, cookie: token}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(s.key)
			if tt.config != nil {
				tt.config(&c)
			}
			var body string
			a := passport.New(passport.Config[*User]{Logger: quiet})
			a.Use("jwt", jwt.New(c, fromClaims))
			api := a.Require("jwt")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				body = string(b)
			}))
			r := httptest.NewRequest(orGet(tt.method), "/api?"+tt.query, strings.NewReader(tt.body))
			set := func(name, value string) {
				if value != "" {
					r.Header.Add(name, value)
				}
			}
			set("Content-Type", tt.kind)
			set("Sec-Fetch-Site", tt.site)
			if tt.header != "" {
				set("Authorization", "Bearer "+tt.header)
			}
			for _, cookie := range []string{tt.cookie, tt.cookie2} {
				if cookie == "token" {
					cookie = ""
				} else if cookie == "" {
					continue
				}
				r.AddCookie(&http.Cookie{Name: "token", Value: cookie})
			}
			w := do(api, r)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if want := (tt.status == 401); (w.Header().Get("WWW-Authenticate") == asks) != want {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
			if tt.status == 200 && body != tt.body {
				t.Errorf("the handler reads %q", body)
			}
		})
	}
}

func orGet(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return method
}

// TestTrustedOrigin: another origin of the same house may use the cookie (D34).
func TestTrustedOrigin(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Cookie, c.TrustedOrigins = "token", []string{"https://app.example.com"}
	_, api := site(jwt.New(c, fromClaims))
	for origin, want := range map[string]int{"https://app.example.com": 200, "http://app.example.com": 403, "https://evil.example.com": 403} {
		r := httptest.NewRequest(http.MethodPost, "https://api.example.com/api", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "same-site")
		r.AddCookie(&http.Cookie{Name: "token", Value: s.token()})
		if w := do(api, r); w.Code != want {
			t.Errorf("%s: status %d, want %d", origin, w.Code, want)
		}
	}
}

// TestParsedForm: a form that somebody read before is used as it stands.
func TestParsedForm(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Form = true
	_, api := site(jwt.New(c, fromClaims))
	r := httptest.NewRequest(http.MethodPost, "/api", strings.NewReader("access_token="+s.token()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	if w := do(api, r); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

// TestChallenges: realm, scope and metadata are in them, escaped, and what
// could break the header is a mistake of wiring (D35, D36, D37).
func TestChallenges(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	c := config(s.key)
	c.Realm, c.Scope = `my "API"`, "notes:read notes:write"
	c.ResourceMetadata = "https://api.example.com/.well-known/oauth-protected-resource"
	a, api := site(jwt.New(c, fromClaims))
	const all = `Bearer realm="my \"API\"", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"`
	for token, want := range map[string]string{
		"":          all + `, scope="notes:read notes:write"`,
		"a.b.c":     all + `, error="invalid_token", error_description="The token is not valid"`,
		"a b":       all + `, error="invalid_request", error_description="The request has no token in one place, in the right form"`,
		s.token():   "",
		"\x7f\x01x": all + `, error="invalid_request", error_description="The request has no token in one place, in the right form"`,
	} {
		if got := get(api, token).Header().Get("WWW-Authenticate"); got != want {
			t.Errorf("%q: %s\nwant %s", token, got, want)
		}
	}
	write := a.Require("jwt")(jwt.RequireScope(a, "notes:delete", "notes:write")(http.NotFoundHandler()))
	w := get(write, s.token())
	if got, want := w.Header().Get("WWW-Authenticate"), all+`, error="insufficient_scope", error_description="The token does not allow this", scope="notes:delete notes:write"`; got != want || w.Code != 403 {
		t.Errorf("status %d, %s\nwant %s", w.Code, got, want)
	}
	for name, change := range map[string]func(*jwt.Config){
		"realm":    func(c *jwt.Config) { c.Realm = "a\r\nb" },
		"scope":    func(c *jwt.Config) { c.Scope = "a\x00" },
		"metadata": func(c *jwt.Config) { c.ResourceMetadata = "https://api.example.com/\u00e9" },
	} {
		c := config(s.key)
		change(&c)
		if !panics(func() { jwt.New(c, fromClaims) }) {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestRequireScope (D35)
func TestRequireScope(t *testing.T) {
	t.Parallel()
	s := signers()[jwt.HS256]
	a := passport.New(passport.Config[*User]{Logger: quiet})
	a.Use("jwt", strategy(s.key))
	a.Use("key", passport.Credentials(passport.HeaderCredential("X-Key"), func(_ context.Context, key string) (*User, error) { return &User{Key: key}, nil }))
	a.Use("own", passport.StrategyFunc[*User](func(*http.Request) (res passport.Result[*User], err error) {
		return res.WithInfo(&jwt.Token{Scopes: []string{"b"}}).Success(&User{Key: "own"})
	}))
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	api := func(scopes ...string) http.Handler {
		return a.Require("jwt", "key")(jwt.RequireScope(a, scopes...)(ok))
	}
	for _, tt := range []struct {
		scope  string // of the token
		needs  []string
		status int
	}{
		{`"a b"`, []string{"a"}, 200},
		{`"a b"`, []string{"b", "a"}, 200},
		{`["a","b"]`, []string{"b"}, 200},
		{`"a b"`, []string{"c"}, 403},
		{`"a b"`, []string{"a", "c"}, 403},
		{`"a b"`, []string{"a b"}, 403},
		{`"ab"`, []string{"a"}, 403},
		{`"A"`, []string{"a"}, 403},
		{`""`, []string{"a"}, 403},
		{``, []string{"a"}, 403},
	} {
		w := get(api(tt.needs...), s.sign(header(jwt.HS256, nil), claims(with{"scope": tt.scope})))
		if w.Code != tt.status {
			t.Errorf("%s, needs %q: status %d", tt.scope, tt.needs, w.Code)
		}
		var problem struct{ Code string }
		if _ = json.Unmarshal(w.Body.Bytes(), &problem); tt.status == 403 && problem.Code != jwt.CodeInsufficientScope {
			t.Errorf("code %q", problem.Code)
		}
	}
	// Who has no scopes at all, and who has no credentials.
	r := httptest.NewRequest(http.MethodGet, "/api", nil)
	r.Header.Set("X-Key", "k")
	if w := do(api("a"), r); w.Code != 403 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer error="insufficient_scope"`) {
		t.Errorf("without scopes: status %d, %q", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// A Token that no strategy of this package has verified.
	for scope, status := range map[string]int{"a": 403, "b": 200} {
		if w := do(a.Require("own")(jwt.RequireScope(a, scope)(ok)), httptest.NewRequest(http.MethodGet, "/api", nil)); w.Code != status {
			t.Errorf("a Token of another make, needs %s: status %d", scope, w.Code)
		}
	}
	if w := do(jwt.RequireScope(a, "a")(ok), httptest.NewRequest(http.MethodGet, "/api", nil)); w.Code != 401 {
		t.Errorf("without Require: status %d", w.Code)
	}
	if !panics(func() { jwt.RequireScope(a) }) || !panics(func() { jwt.RequireScope(a, "a\n") }) {
		t.Error("no scope, or one that is none, is taken")
	}
	if (*jwt.Token)(nil).HasScope() || (*jwt.Token)(nil).HasScope("a") {
		t.Error("no token has a scope")
	}
}

// TestMetadata (D37)
func TestMetadata(t *testing.T) {
	t.Parallel()
	h := jwt.Metadata{
		Resource: "https://api.example.com/v1", AuthorizationServers: []string{issuer}, ScopesSupported: []string{"notes:read"},
	}.Handler()
	w := do(h, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource/v1", nil))
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"resource": "https://api.example.com/v1", "authorization_servers": []any{issuer},
		"scopes_supported": []any{"notes:read"}, "bearer_methods_supported": []any{"header"},
	}
	if diff := cmp.Diff(want, got); diff != "" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", diff, w.Header())
	}
	for name, want := range map[string]string{
		"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := do(h, httptest.NewRequest(http.MethodHead, "/", nil)); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := do(h, httptest.NewRequest(http.MethodPost, "/", nil)); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	form := jwt.Metadata{Resource: "https://api.example.com", BearerMethodsSupported: []string{"body"}}.Handler()
	if w := do(form, httptest.NewRequest(http.MethodGet, "/", nil)); !strings.Contains(w.Body.String(), `"bearer_methods_supported":["body"]`) {
		t.Errorf("methods of one's own: %s", w.Body)
	}
	for _, resource := range []string{"", "api", "https://api.example.com/#x", "https://", "https://api.example.com/%zz"} {
		if !panics(func() { jwt.Metadata{Resource: resource}.Handler() }) {
			t.Errorf("resource %q is taken", resource)
		}
	}
}

// TestWiring: mistakes panic before the first request.
func TestWiring(t *testing.T) {
	t.Parallel()
	key := signers()[jwt.HS256].key
	for name, change := range map[string]func(*jwt.Config){
		"no issuers":      func(c *jwt.Config) { c.Issuers = nil },
		"no name":         func(c *jwt.Config) { c.Issuers[0].Name = "" },
		"a space":         func(c *jwt.Config) { c.Issuers[0].Name = "a b" },
		"no audience":     func(c *jwt.Config) { c.Issuers[0].Audience = nil },
		"empty audience":  func(c *jwt.Config) { c.Issuers[0].Audience = []string{""} },
		"empty client":    func(c *jwt.Config) { c.Issuers[0].Clients = []string{""} },
		"no keys":         func(c *jwt.Config) { c.Issuers[0].Keys = nil },
		"nil keys":        func(c *jwt.Config) { c.Issuers[0].Keys = (*jwt.Key)(nil) },
		"two of one name": func(c *jwt.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) },
		"another type":    func(c *jwt.Config) { c.Issuers[0].Type = "ID" },
		"scopes in sub":   func(c *jwt.Config) { c.Issuers[0].ScopeClaim = "sub" },
		"leeway":          func(c *jwt.Config) { c.Leeway = 5*60e9 + 1 },
		"token limit":     func(c *jwt.Config) { c.MaxToken = 16<<10 + 1 },
		"no limit":        func(c *jwt.Config) { c.MaxToken = -1 },
		"cookie":          func(c *jwt.Config) { c.Cookie = "a;b" },
		"origin":          func(c *jwt.Config) { c.TrustedOrigins = []string{"app.example.com"} },
		"metadata":        func(c *jwt.Config) { c.ResourceMetadata = "/.well-known" },
		"metadata's form": func(c *jwt.Config) { c.ResourceMetadata = "https://api.example.com/%zz" },
	} {
		c := config(key)
		change(&c)
		if !panics(func() { jwt.New(c, fromClaims) }) {
			t.Errorf("%s: is taken", name)
		}
	}
	if !panics(func() { jwt.New[*User, Claims](config(key), nil) }) {
		t.Error("no function is taken")
	}
	type pointer struct{ *jwt.Token }
	if !panics(func() { jwt.New(config(key), func(context.Context, *pointer) (*User, error) { return nil, nil }) }) {
		t.Error("an embedded *Token is taken")
	}
}

// panics tells whether f panics with a text, as wiring mistakes do.
func panics(f func()) (panicked bool) {
	defer func() { _, panicked = recover().(string) }()
	f()
	return false
}
