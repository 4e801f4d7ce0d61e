package oidcprovider_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth"
)

// canary stands in answers of the hostile provider, and nowhere else.
const canary = "c4nary-secret"

func es(payload any) string { return signed(ecKey(), jose.ES256, "ec", "JWT", payload) }

// text is the JSON of claims, without the brace at the end.
func text(claims map[string]any) string {
	s := string(must(json.Marshal(claims)))
	return s[:len(s)-1]
}

// hostileTokens are ID tokens that count for nothing.
var hostileTokens = map[string]func(good map[string]any) string{
	"none":                        func(map[string]any) string { return "" },
	"no token at all":             func(map[string]any) string { return canary },
	"alg none":                    func(c map[string]any) string { return unsigned(`{"alg":"none"}`, c) },
	"alg None":                    func(c map[string]any) string { return unsigned(`{"alg":"None","kid":"ec"}`, c) },
	"no alg":                      func(c map[string]any) string { return unsigned(`{"kid":"ec"}`, c) },
	"alg ES256, and no signature": func(c map[string]any) string { return unsigned(`{"alg":"ES256","kid":"ec"}`, c) },
	"HS256 with the public key": func(c map[string]any) string {
		public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKey().Public()))})
		return signed(public, jose.HS256, "rsa", "JWT", c)
	},
	"HS256 with the client secret": func(c map[string]any) string {
		return signed([]byte(strings.Repeat("our-secret", 4)), jose.HS256, "ec", "JWT", c)
	},
	"RS512, which is not allowed": func(c map[string]any) string { return signed(rsaKey(), jose.RS512, "rsa", "JWT", c) },
	"a foreign key":               func(c map[string]any) string { return signed(foreignKey(), jose.ES256, "ec", "JWT", c) },
	"a foreign key, without kid":  func(c map[string]any) string { return signed(foreignKey(), jose.ES256, "", "JWT", c) },
	"a kid that is not published": func(c map[string]any) string { return signed(ecKey(), jose.ES256, "other", "JWT", c) },
	"the kid of another key":      func(c map[string]any) string { return signed(ecKey(), jose.ES256, "ed", "JWT", c) },
	"its own key in the header": func(c map[string]any) string {
		return signedWith(foreignKey(), jose.ES256, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: foreignKey().Public()}, "kid": "ec"}, c)
	},
	"a changed payload": func(c map[string]any) string {
		parts := strings.Split(es(c), ".")
		parts[1] = strings.Split(es(edited(c, "sub", "eve")), ".")[1]
		return strings.Join(parts, ".")
	},
	"a critical header": func(c map[string]any) string {
		return signedWith(ecKey(), jose.ES256, map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1, "kid": "ec"}, c)
	},
	"a critical header that is known": func(c map[string]any) string {
		return signedWith(ecKey(), jose.ES256, map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true, "kid": "ec"}, c)
	},
	"critical headers that are none": func(c map[string]any) string {
		return signedWith(ecKey(), jose.ES256, map[jose.HeaderKey]any{"crit": []string{}, "kid": "ec"}, c)
	},
	"the type of an access token": func(c map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "at+jwt", c) },
	"the type of a logout token":  func(c map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "logout+jwt", c) },
	"a type that is a number": func(c map[string]any) string {
		return signedWith(ecKey(), jose.ES256, map[jose.HeaderKey]any{"typ": 1, "kid": "ec"}, c)
	},
	"flattened JSON": func(c map[string]any) string {
		parts := strings.Split(es(c), ".")
		return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2])
	},
	"general JSON": func(c map[string]any) string {
		parts := strings.Split(es(c), ".")
		return fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2])
	},
	"five parts": func(c map[string]any) string { return es(c) + ".a.b" },

	"another nonce":             claim("nonce", "another"),
	"no nonce":                  claim("nonce", nil),
	"an empty nonce":            claim("nonce", ""),
	"a list of nonces":          func(c map[string]any) string { return es(edited(c, "nonce", []any{c["nonce"]})) },
	"another audience":          claim("aud", "another"),
	"no audience":               claim("aud", nil),
	"an audience in a list":     claim("aud", []string{"another"}),
	"audiences, and no azp":     claim("aud", []string{clientID, "another"}),
	"an audience twice":         claim("aud", []string{clientID, clientID}),
	"an audience of an object":  claim("aud", []any{clientID, map[string]any{}}, "azp", clientID),
	"audiences by space":        claim("aud", clientID+" another"),
	"another azp":               claim("azp", "another"),
	"an empty azp":              claim("azp", ""),
	"an azp that is a list":     claim("azp", []string{clientID}),
	"audiences and another azp": claim("aud", []string{clientID, "another"}, "azp", "another"),
	"another issuer":            claim("iss", "https://other.example"),
	"an issuer with a slash":    func(c map[string]any) string { return es(edited(c, "iss", c["iss"].(string)+"/")) },
	"no issuer":                 claim("iss", nil),
	"a list of issuers":         func(c map[string]any) string { return es(edited(c, "iss", []any{c["iss"]})) },
	"no exp":                    claim("exp", nil),
	"an exp that is text":       func(c map[string]any) string { return es(edited(c, "exp", fmt.Sprint(c["exp"]))) },
	"an exp that is null":       func(c map[string]any) string { return es([]byte(text(edited(c, "exp", nil)) + `,"exp":null}`)) },
	"an exp without an end":     func(c map[string]any) string { return es([]byte(text(edited(c, "exp", nil)) + `,"exp":1e400}`)) },
	"an exp of ages":            claim("exp", 1e300),
	"an exp in the past":        claim("exp", time.Now().Add(-2*time.Second).Unix()),
	"no iat":                    claim("iat", nil),
	"an iat that is text":       func(c map[string]any) string { return es(edited(c, "iat", fmt.Sprint(c["iat"]))) },
	"an iat in an hour":         claim("iat", time.Now().Add(time.Hour).Unix()),
	"an iat an hour ago":        claim("iat", time.Now().Add(-time.Hour).Unix()),
	"an nbf in an hour":         claim("nbf", time.Now().Add(time.Hour).Unix()),
	"an nbf in four minutes":    claim("nbf", time.Now().Add(4*time.Minute).Unix()),
	"an nbf of ages":            claim("nbf", 1e300),
	"an nbf that is text":       claim("nbf", "1"),
	"another at_hash":           claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
	"an empty at_hash":          claim("at_hash", ""),
	"an at_hash that is a list": claim("at_hash", []string{"a"}),
	"the events of a logout":    claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}),
	"no sub":                    claim("sub", nil),
	"an empty sub":              claim("sub", ""),
	"a sub that is a number":    claim("sub", 1),
	"a sub that is a list":      claim("sub", []string{"ann"}),
	"a sub that is null":        func(c map[string]any) string { return es([]byte(text(edited(c, "sub", nil)) + `,"sub":null}`)) },
	"a sub of 300 bytes":        claim("sub", strings.Repeat("s", 300)),
	"a sub with a NUL":          claim("sub", "a\x00"),
	"two subs":                  func(c map[string]any) string { return es([]byte(text(c) + `,"sub":"eve"}`)) },
	"two subs, one escaped":     func(c map[string]any) string { return es([]byte(text(c) + `,"\u0073ub":"eve"}`)) },
	"SUB":                       claim("SUB", "eve"),
	"SUB alone":                 claim("sub", nil, "SUB", "eve"),
	"\u017fub, which folds":     claim("\u017fub", "eve"),
	"Nonce":                     func(c map[string]any) string { return es(edited(c, "Nonce", c["nonce"])) },
	"Email_Verified":            claim("Email_Verified", true),
	"two of something inside":   func(c map[string]any) string { return es([]byte(text(c) + `,"x":[{"a":1,"a":2}]}`)) },
	"deep JSON": func(c map[string]any) string {
		return es([]byte(text(c) + `,"x":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}"))
	},
	"a payload that is a list":     func(c map[string]any) string { return es([]byte("[" + text(c) + "}]")) },
	"a payload that is null":       func(map[string]any) string { return es([]byte("null")) },
	"a payload that is no JSON":    func(map[string]any) string { return es([]byte(canary)) },
	"something behind the payload": func(c map[string]any) string { return es([]byte(text(c) + "} {}")) },
	"a payload that is not UTF-8":  func(c map[string]any) string { return es([]byte(text(c) + ",\"x\":\"\xff\"}")) },
}

// claim signs the good claims with pairs of them changed.
func claim(pairs ...any) func(map[string]any) string {
	return func(good map[string]any) string { return es(edited(good, pairs...)) }
}

// TestHostileTokens: none of them signs anybody in. C15, C16, C17, C18, C19,
// C22, C40
func TestHostileTokens(t *testing.T) {
	t.Parallel()
	for name, token := range hostileTokens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newIDP(t)
			from.idToken = token
			s := newSite(t, from, provider(t, from.config()), nil)
			b := s.browser()
			b.refused(name, b.signIn(""), http.StatusBadGateway, "provider-answer")
			if s.identity() != nil {
				t.Error("somebody was verified")
			}
			if log := s.log.String(); strings.Contains(log, "panic") {
				t.Errorf("panicked: %s", log)
			}
		})
	}
	t.Logf("%d ID tokens", len(hostileTokens))
}

// TestGoodTokens: it is the misbehaviour that is refused. C15, C16, C17, C19
func TestGoodTokens(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(30 * time.Second).Unix()
	for name, token := range map[string]func(map[string]any) string{
		"ES256":                  claim(),
		"RS256":                  func(c map[string]any) string { return signed(rsaKey(), jose.RS256, "rsa", "JWT", c) },
		"EdDSA":                  func(c map[string]any) string { return signed(edKey(), jose.EdDSA, "ed", "JWT", c) },
		"without kid":            func(c map[string]any) string { return signed(ecKey(), jose.ES256, "", "JWT", c) },
		"without typ":            func(c map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "", c) },
		"typ in another case":    func(c map[string]any) string { return signed(ecKey(), jose.ES256, "ec", "jwt", c) },
		"an audience in a list":  claim("aud", []string{clientID}),
		"audiences with azp":     claim("aud", []string{"another", clientID}, "azp", clientID),
		"azp":                    claim("azp", clientID),
		"clocks that differ":     claim("iat", soon, "nbf", soon),
		"an iat ten minutes ago": claim("iat", time.Now().Add(-10*time.Minute).Unix()),
		"parts of seconds":       claim("exp", float64(soon)+0.5),
		"at_hash":                claim("at_hash", atHash(sha256.New())),
		"at_hash of EdDSA": func(c map[string]any) string {
			return signed(edKey(), jose.EdDSA, "ed", "JWT", edited(c, "at_hash", atHash(sha512.New())))
		},
		"what nobody knows":    claim("groups", []string{"a", "b"}, "Groups", 1, "x", map[string]any{"sub": "eve"}),
		"a subject of 255":     claim("sub", strings.Repeat("s", 255)),
		"a subject of Unicode": claim("sub", "ä €"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from := newIDP(t)
			from.idToken = token
			s := newSite(t, from, provider(t, from.config()), nil)
			b := s.browser()
			if w := b.signIn(""); w.Code != http.StatusSeeOther || b.me() == "" {
				t.Errorf("got %d %s\n%s", w.Code, w.Body, s.log)
			}
		})
	}
}

// atHash is the left half of a hash of the access token.
func atHash(h hash.Hash) string {
	h.Write([]byte(access))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:h.Size()/2])
}

// flood writes n bytes behind a beginning, or until the client has enough.
func flood(beginning string, n int) http.HandlerFunc {
	chunk := []byte(strings.Repeat("x", 1<<16))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, beginning)
		for sent := 0; err == nil && sent < n; sent += len(chunk) {
			_, err = w.Write(chunk)
		}
	}
}

func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

// elsewhere redirects to the same page under another name of the host.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	_, port, _ := strings.Cut(r.Host, ":")
	http.Redirect(w, r, "http://localhost:"+port+"/good"+r.URL.Path, http.StatusFound)
}

// hostilePages are answers of three of the provider's pages, with the status
// that answers them.
var hostilePages = map[string]struct {
	answer http.HandlerFunc
	status int
}{
	"500 with a secret":          {says(500, "text/html", canary), 503},
	"429":                        {says(429, "application/json", canary), 503},
	"404 with a secret":          {says(404, "text/html", canary), 502},
	"204":                        {says(204, "application/json", ""), 502},
	"HTML":                       {says(200, "text/html", "<!doctype html>"+canary), 502},
	"nothing":                    {says(200, "application/json", ""), 502},
	"null":                       {says(200, "application/json", "null"), 502},
	"a list":                     {says(200, "application/json", "[]"), 502},
	"an empty object":            {says(200, "application/json", "{}"), 502},
	"deep JSON":                  {says(200, "application/json", strings.Repeat(`{"a":`, 50_000)+"1"+strings.Repeat("}", 50_000)), 502},
	"200 MiB":                    {flood(`{"issuer":"`, 200<<20), 502},
	"a body without an end":      {flood(" ", 1<<50), 502},
	"a slow drip":                {drip, 503},
	"no answer":                  {hang, 503},
	"a redirect to another host": {elsewhere, 502},
	"a redirect to itself":       {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, 502},
	"a redirect to a file": {func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	}, 502},
	"a connection that is cut": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
	"a JWT, signed":            {says(200, "application/jwt", es(map[string]any{"sub": "ann"})), 502},
	"a broken encoding": {func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "x")
	}, 503},
	"something behind the answer": {says(200, "application/json", "{}{}"), 502},
}

// hostileKeySets are key sets, hostileInfo what userinfo says, and hostileDocs
// changes of the metadata, that are 502 all.
var (
	hostileKeySets = map[string]any{
		"no keys":              map[string]any{"keys": []any{}},
		"keys that are text":   map[string]any{"keys": "ec"},
		"a symmetric key":      map[string]any{"keys": []any{map[string]any{"kty": "oct", "kid": "ec", "k": "AAAA"}}},
		"a key for encryption": map[string]any{"keys": []any{jose.JSONWebKey{Key: ecKey().Public(), KeyID: "ec", Use: "enc"}}},
		"a key for another algorithm": map[string]any{"keys": []any{
			jose.JSONWebKey{Key: ecKey().Public(), KeyID: "ec", Algorithm: "ES384"}}},
		"a point off the curve": map[string]any{"keys": []any{
			map[string]any{"kty": "EC", "crv": "P-256", "kid": "ec", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}},
		"keys twice": json.RawMessage(`{"keys":[],"keys":` + string(must(json.Marshal(jwks().Keys))) + `}`),
		"keys of another issuer": map[string]any{"keys": []any{
			map[string]any{"issuer": "https://other.example", "kty": "OKP"}}},
		"600 KiB": map[string]any{"keys": jwks().Keys, "x": strings.Repeat("x", 600<<10)},
	}
	hostileInfo = map[string]any{
		"of somebody else":        map[string]any{"sub": "eve", "email": "eve@example.com", "email_verified": true},
		"of nobody":               map[string]any{"email": "eve@example.com", "email_verified": true},
		"of a list":               map[string]any{"sub": []string{"ann"}},
		"of another case":         map[string]any{"SUB": "ann", "email": "eve@example.com"},
		"of two people":           json.RawMessage(`{"sub":"eve","sub":"ann"}`),
		"of somebody with a NUL":  map[string]any{"sub": "ann\x00"},
		"of somebody like others": map[string]any{"sub": "Ann"},
	}
	hostileDocs = map[string]func(map[string]any){
		"another issuer":                   func(m map[string]any) { m["issuer"] = "https://other.example" },
		"the issuer with a slash":          func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" },
		"no issuer":                        func(m map[string]any) { delete(m, "issuer") },
		"a list of issuers":                func(m map[string]any) { m["issuer"] = []any{m["issuer"]} },
		"the issuer of any tenant":         func(m map[string]any) { m["issuer"] = "https://other.example/{tenantid}" },
		"no token endpoint":                func(m map[string]any) { delete(m, "token_endpoint") },
		"no keys":                          func(m map[string]any) { delete(m, "jwks_uri") },
		"no authorization endpoint":        func(m map[string]any) { delete(m, "authorization_endpoint") },
		"an http token endpoint":           func(m map[string]any) { m["token_endpoint"] = "http://other.example/token" },
		"an http authorization endpoint":   func(m map[string]any) { m["authorization_endpoint"] = "http://other.example/" },
		"http keys":                        func(m map[string]any) { m["jwks_uri"] = "http://other.example/" },
		"an http userinfo endpoint":        func(m map[string]any) { m["userinfo_endpoint"] = "http://other.example/" },
		"an http end of sessions":          func(m map[string]any) { m["end_session_endpoint"] = "http://other.example/" },
		"javascript to authorize":          func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"keys in a file":                   func(m map[string]any) { m["jwks_uri"] = "file:///etc/passwd" },
		"a user in the token endpoint":     func(m map[string]any) { m["token_endpoint"] = "https://a:b@other.example/" },
		"a relative token endpoint":        func(m map[string]any) { m["token_endpoint"] = "/token" },
		"a token endpoint that is an list": func(m map[string]any) { m["token_endpoint"] = []string{"https://other.example"} },
	}
)

// TestHostilePages: whatever the provider's pages say, nobody is signed in by
// it, the deadline holds, no goroutine is left, and nothing of it comes
// through. C14, C15, C21, C35, C38, C40
func TestHostilePages(t *testing.T) { // alone: it counts goroutines
	_ = []any{rsaKey(), ecKey(), edKey()}
	before := runtime.NumGoroutine()
	n := 0
	for _, path := range []string{"/.well-known/openid-configuration", "/jwks", "/userinfo"} {
		for name, page := range hostilePages {
			t.Run(path+"/"+name, func(t *testing.T) { hostile(t, path, page.answer, page.status) })
			n++
		}
	}
	for name, set := range hostileKeySets {
		t.Run("keys/"+name, func(t *testing.T) {
			hostile(t, "/jwks", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, set) }, 502)
		})
	}
	for name, info := range hostileInfo {
		t.Run("userinfo/"+name, func(t *testing.T) {
			hostile(t, "/userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, info) }, 502)
		})
	}
	for name, change := range hostileDocs {
		t.Run("metadata/"+name, func(t *testing.T) { hostileMetadata(t, change) })
	}
	t.Logf("%d misbehaviours", n+len(hostileKeySets)+len(hostileInfo)+len(hostileDocs))
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

const deadline = time.Second

// hostile signs in where a page answers otherwise. Metadata is read at the
// beginning, and again at the end by a program that has just been started.
func hostile(t *testing.T, path string, answer http.HandlerFunc, status int) {
	from := newIDP(t)
	defer from.Close()
	config := from.config()
	config.ClientSecret, config.UserInfo = "our-"+canary, true
	options := &oauth.Options{Timeout: deadline}
	s := newSite(t, from, provider(t, config), options)
	b := s.browser()
	target := "/auth/callback?code=code-" + canary + "&state=" + b.begin().Get("state")
	if strings.HasPrefix(path, "/.well") {
		again := newSite(t, from, provider(t, config), options)
		s.handler, s.log = again.handler, again.log
	}
	stolen := func(w http.ResponseWriter, r *http.Request) { t.Error("a redirect was followed") }
	from.set(func() { from.pages[path], from.pages["/good"+path] = answer, stolen })

	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	allocated, start := memory.TotalAlloc, time.Now()
	w := b.send("GET", target)
	if took := time.Since(start); took > deadline+2*time.Second {
		t.Errorf("took %v", took)
	}
	runtime.ReadMemStats(&memory)
	if grown := memory.TotalAlloc - allocated; grown > 32<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
	code := map[int]string{502: "provider-answer", 503: "provider-unavailable"}[status]
	b.refused("hostile", w, status, code)
	if s.identity() != nil {
		t.Error("somebody was verified")
	}
	if n := from.count("/token"); n > 1 {
		t.Errorf("the code was sent %d times", n)
	}
	for what, text := range map[string]string{"answer": fmt.Sprint(w.Header(), w.Body), "log": s.log.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("a secret is in the %s: %s", what, text)
		}
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Errorf("panicked: %s", s.log)
	}
}

func hostileMetadata(t *testing.T, change func(map[string]any)) {
	from := newIDP(t)
	defer from.Close()
	from.doc = change
	s := newSite(t, from, provider(t, from.config()), nil)
	b := s.browser()
	b.refused("begin", b.send("POST", "/begin"), http.StatusBadGateway, "provider-answer")
}
