package oauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
)

// canary stands in answers of the hostile provider, and nowhere else.
const canary = "c4nary-secret"

const (
	goodToken   = `{"access_token":"t0ken-` + canary + `","token_type":"bearer"}`
	goodProfile = `{"sub":"1","email":"ann@example.com","email_verified":true}`
)

// says answers with JSON, or whatever it is.
func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func jsonSays(body string) http.HandlerFunc { return says(200, "application/json", body) }

// flood writes n bytes behind a beginning, or until the client has enough.
func flood(kind, beginning string, n int) http.HandlerFunc {
	chunk := []byte(strings.Repeat("x", 1<<16))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, err := io.WriteString(w, beginning)
		for sent := 0; err == nil && sent < n; sent += len(chunk) {
			_, err = w.Write(chunk)
		}
	}
}

// drip writes a byte now and then, for as long as the client listens.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"access_token":"x"`)
	panic(http.ErrAbortHandler)
}

// redirects sends on to a page that would do: here, under another name, or
// under another scheme.
func redirects(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		target := map[string]string{
			"here": "/good" + r.URL.Path, "host": "http://localhost:" + port(r.Host) + "/good" + r.URL.Path,
			"scheme": "https://" + r.Host + "/good" + r.URL.Path, "file": "file:///etc/passwd", "loop": r.URL.Path,
		}[to]
		http.Redirect(w, r, target, status)
	}
}

func port(host string) string { return host[strings.LastIndexByte(host, ':')+1:] }

func headers(w http.ResponseWriter, _ *http.Request) {
	for i := range 2000 {
		w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
	}
	_, _ = io.WriteString(w, goodToken)
}

func gzipped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = io.WriteString(w, "no gzip at all")
}

// misbehaviours of a token endpoint, and of a profile, with the status that
// answers them.
var (
	hostileTokens = map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"500 with a secret":              {says(500, "text/html", "<h1>panic</h1> dsn="+canary), 503},
		"429":                            {says(429, "application/json", `{"error":"slow_down"}`), 503},
		"400 invalid_grant":              {says(400, "application/json", `{"error":"invalid_grant","error_description":"`+canary+`"}`), 401},
		"400 invalid_grant, no UTF-8":    {says(400, "application/json", "{\"error\":\"invalid_grant\",\"error_description\":\"\xe9\"}"), 401},
		"400 invalid_grant, repeated":    {says(400, "application/json", `{"error":"invalid_grant","x":1,"x":2}`), 401},
		"400 invalid_grant in a form":    {says(400, "text/plain", "error=invalid_grant&x=1&x=2"), 401},
		"400 and an error in an object":  {says(400, "application/json", `{"error":{"code":"`+canary+`"}}`), 502},
		"401 invalid_client":             {says(401, "application/json", `{"error":"invalid_client","error_description":"`+canary+`"}`), 502},
		"400 with HTML":                  {says(400, "text/html", "<html>"+canary), 502},
		"200 with an error":              {jsonSays(`{"error":"bad_verification_code","error_uri":"` + canary + `"}`), 401},
		"200 with an error and a token":  {jsonSays(`{"error":"x","access_token":"` + canary + `"}`), 502},
		"404":                            {says(404, "application/json", goodToken), 502},
		"204":                            {says(204, "application/json", ""), 502},
		"HTML with 200":                  {says(200, "text/html", "<html>"+canary), 502},
		"HTML called JSON":               {jsonSays("<html>" + canary), 502},
		"nothing":                        {jsonSays(""), 502},
		"null":                           {jsonSays("null"), 502},
		"a list":                         {jsonSays(`[` + goodToken + `]`), 502},
		"a string":                       {jsonSays(`"` + canary + `"`), 502},
		"no token":                       {jsonSays(`{"token_type":"bearer"}`), 502},
		"an empty token":                 {jsonSays(`{"access_token":""}`), 502},
		"a token that is a number":       {jsonSays(`{"access_token":1}`), 502},
		"a token that is a list":         {jsonSays(`{"access_token":["` + canary + `"]}`), 502},
		"a token with a line feed":       {jsonSays(`{"access_token":"a\r\nX-Evil: 1"}`), 502},
		"a token of 100 KiB":             {jsonSays(`{"access_token":"` + strings.Repeat("a", 100<<10) + `"}`), 502},
		"a type that is not known":       {jsonSays(`{"access_token":"` + canary + `","token_type":"mac"}`), 502},
		"an expiry that is a list":       {jsonSays(`{"access_token":"` + canary + `","expires_in":[]}`), 502},
		"an expiry that is text":         {jsonSays(`{"access_token":"a","expires_in":"` + canary + `"}`), 502},
		"an expiry with a fraction":      {jsonSays(`{"access_token":"a","expires_in":1.5}`), 502},
		"a type that is a number":        {jsonSays(`{"access_token":"a","token_type":1}`), 502},
		"a refresh token in an object":   {jsonSays(`{"access_token":"a","refresh_token":{"a":"` + canary + `"}}`), 502},
		"an error that is an object":     {jsonSays(`{"access_token":"a","error":{"code":"` + canary + `"}}`), 502},
		"a token's name in capitals":     {jsonSays(`{"ACCESS_TOKEN":"` + canary + `"}`), 502},
		"two tokens in a form":           {says(200, "text/plain", "access_token=a&access_token="+canary), 502},
		"two tokens":                     {jsonSays(`{"access_token":"a","access_token":"` + canary + `"}`), 502},
		"two tokens with 201":            {says(201, "application/json", `{"access_token":"a","access_token":"`+canary+`"}`), 502},
		"two tokens, almost a form":      {says(200, "text/plainly", `{"access_token":"a","access_token":"`+canary+`"}`), 502},
		"deep JSON":                      {jsonSays(`{"access_token":"a","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), 502},
		"something behind the JSON":      {jsonSays(goodToken + goodToken), 502},
		"JSON that is cut":               {jsonSays(goodToken[:20]), 502},
		"not UTF-8":                      {jsonSays("{\"access_token\":\"a\xff\"}"), 502},
		"200 MiB":                        {flood("application/json", `{"access_token":"`, 200<<20), 502},
		"200 MiB of a form":              {flood("application/x-www-form-urlencoded", "access_token=", 200<<20), 502},
		"a body without an end":          {flood("application/json", " ", 1<<50), 502},
		"a form without a token":         {says(200, "text/plain", "a=b"), 502},
		"a malformed form":               {says(200, "text/plain", "access_token=%zz"), 502},
		"a form that is malformed later": {says(200, "text/plain", "access_token=a&x=%zz"), 502},
		"a slow drip":                    {drip, 503},
		"no answer":                      {hang, 503},
		"an answer that is cut":          {cut, 503},
		"a redirect":                     {redirects(302, "here"), 502},
		"a redirect that keeps POST":     {redirects(307, "here"), 502},
		"a redirect to another host":     {redirects(307, "host"), 502},
		"a redirect to another scheme":   {redirects(308, "scheme"), 502},
		"a redirect to a file":           {redirects(303, "file"), 502},
		"headers without an end":         {headers, 503},
		"a broken encoding":              {gzipped, 503},
	}
	hostileProfiles = map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"500 with a secret":            {says(500, "text/html", canary), 503},
		"401":                          {says(401, "application/json", `{"error":"`+canary+`"}`), 502},
		"201":                          {says(201, "application/json", goodProfile), 502},
		"HTML":                         {says(200, "text/html", "<html>"+canary), 502},
		"a list":                       {jsonSays("[" + goodProfile + "]"), 502},
		"null":                         {jsonSays("null"), 502},
		"no subject":                   {jsonSays(`{"email":"ann@example.com"}`), 502},
		"an empty subject":             {jsonSays(`{"sub":""}`), 502},
		"a subject that is a number":   {jsonSays(`{"sub":1}`), 502},
		"a subject that is a list":     {jsonSays(`{"sub":["1"]}`), 502},
		"a subject that is an object":  {jsonSays(`{"sub":{"a":"1"}}`), 502},
		"a subject that is null":       {jsonSays(`{"sub":null}`), 502},
		"a subject of 256 bytes":       {jsonSays(`{"sub":"` + strings.Repeat("1", 256) + `"}`), 502},
		"a subject with a NUL":         {jsonSays(`{"sub":"1\u0000"}`), 502},
		"a subject with a line feed":   {jsonSays(`{"sub":"1\n"}`), 502},
		"a subject in another case":    {jsonSays(`{"SUB":"1","Sub":"1"}`), 502},
		"two subjects":                 {jsonSays(`{"sub":"1","sub":"2"}`), 502},
		"two of something inside":      {jsonSays(`{"sub":"1","a":[{"b":1,"b":2}]}`), 502},
		"deep JSON":                    {jsonSays(`{"sub":"1","a":` + strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000) + `}`), 502},
		"something behind the JSON":    {jsonSays(goodProfile + "x"), 502},
		"200 MiB":                      {flood("application/json", `{"sub":"`, 200<<20), 502},
		"a slow drip":                  {drip, 503},
		"no answer":                    {hang, 503},
		"an answer that is cut":        {cut, 503},
		"a redirect":                   {redirects(302, "here"), 502},
		"a redirect to another host":   {redirects(302, "host"), 502},
		"a redirect to another scheme": {redirects(302, "scheme"), 502},
	}
)

// TestHostile: whatever a provider answers, nobody is signed in by it, the
// deadline holds, the code is sent once, and nothing that it says comes
// through. C22, C35, C36, C37, C38, C40
func TestHostile(t *testing.T) { // alone: it counts goroutines
	before := runtime.NumGoroutine()
	outcomes := make(map[string]int)
	t.Run("group", func(t *testing.T) {
		for name, test := range hostileTokens {
			t.Run("token/"+name, func(t *testing.T) { hostile(t, test.answer, jsonSays(goodProfile), test.status) })
			outcomes[fmt.Sprint(test.status)]++
		}
		for name, test := range hostileProfiles {
			t.Run("profile/"+name, func(t *testing.T) { hostile(t, jsonSays(goodToken), test.answer, test.status) })
			outcomes[fmt.Sprint(test.status)]++
		}
	})
	t.Logf("%d misbehaviours, by status: %v", len(hostileTokens)+len(hostileProfiles), outcomes)
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

func hostile(t *testing.T, token, profile http.HandlerFunc, status int) {
	var asked, stolen atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { asked.Add(1); token(w, r) })
	mux.HandleFunc("/me", profile)
	mux.HandleFunc("/good/token", func(w http.ResponseWriter, _ *http.Request) { stolen.Add(1); _, _ = io.WriteString(w, goodToken) })
	mux.HandleFunc("/good/me", func(w http.ResponseWriter, _ *http.Request) { stolen.Add(1); _, _ = io.WriteString(w, goodProfile) })
	server := httptest.NewServer(mux)
	server.Config.ErrorLog = nil
	defer server.Close()

	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	transport.MaxResponseHeaderBytes = 64 << 10
	p, err := oauth.NewProvider(oauth.Service{
		Issuer: "https://hostile.example", API: server.URL, Profile: oauth.UserInfo("/me"),
		Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/authorize", TokenURL: server.URL + "/token"},
	}, oauth.Config{ClientID: "c", ClientSecret: "our-" + canary, RedirectURL: callback, Client: oauth.Client(&oauth.ClientOptions{Transport: transport})})
	if err != nil {
		t.Fatal(err)
	}
	const deadline = 300 * time.Millisecond
	s := newSite(t, setup{provider: p, options: &oauth.Options{Timeout: deadline}})
	b := s.browser()
	u, err := url.Parse(b.begin())
	if err != nil {
		t.Fatal(err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	allocated := memory.TotalAlloc
	start := time.Now()
	w := b.get(callbackPath + "?code=code-" + canary + "&state=" + u.Query().Get("state"))
	if took := time.Since(start); took > deadline+2*time.Second {
		t.Errorf("took %v", took)
	}
	runtime.ReadMemStats(&memory)
	if grown := memory.TotalAlloc - allocated; grown > 32<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
	if status == http.StatusUnauthorized { // a browser is sent to the login page
		status = http.StatusSeeOther
	}
	if to := w.Header().Get("Location"); w.Code != status || status == http.StatusSeeOther && to != "/login" {
		t.Errorf("got %d %s, want %d\n%s", w.Code, to, status, s.log)
	}
	if who := b.me(); who != "" || len(s.verified()) != 0 {
		t.Errorf("%q is signed in", who)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if stolen.Load() != 0 {
		t.Error("a redirect was followed")
	}
	for what, text := range map[string]string{"answer": fmt.Sprint(w.Header(), w.Body), "log": s.log.String(), "page": b.get("/login").Body.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("a secret is in the %s: %s", what, text)
		}
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Errorf("panicked: %s", s.log)
	}
}

// TestHostileControl: with answers as they should be somebody is signed in, so
// that it is the misbehaviour that is refused.
func TestHostileControl(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			jsonSays(goodToken)(w, r)
		case "/form":
			says(200, "application/x-www-form-urlencoded", "access_token=a&token_type=bearer&scope=x")(w, r)
		case "/me":
			jsonSays(goodProfile)(w, r)
		}
	}))
	defer server.Close()
	for _, path := range []string{"/token", "/form"} {
		p, err := oauth.NewProvider(oauth.Service{
			Issuer: "https://hostile.example", API: server.URL, Profile: oauth.UserInfo("/me"),
			Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/authorize", TokenURL: server.URL + path},
		}, oauth.Config{ClientID: "c", RedirectURL: callback})
		if err != nil {
			t.Fatal(err)
		}
		s := newSite(t, setup{provider: p})
		b := s.browser()
		u, _ := url.Parse(b.begin())
		if b.get(callbackPath + "?code=c&state=" + u.Query().Get("state")); b.me() != "https://hostile.example 1" {
			t.Errorf("%s: nobody is signed in\n%s", path, s.log)
		}
	}
}
