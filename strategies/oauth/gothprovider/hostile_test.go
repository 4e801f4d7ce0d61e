package gothprovider_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

// canary stands in answers of the hostile provider, and in our secrets.
const canary = "c4nary-secret"

const goodToken = `{"access_token":"t0ken-` + canary + `","token_type":"bearer"}`

func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func object(body string) http.HandlerFunc { return says(200, "application/json", body) }

// floods begins a body, and goes on until the client has enough.
func floods(kind, beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, err := io.WriteString(w, beginning)
		for chunk := make([]byte, 1<<16); err == nil; {
			_, err = w.Write(chunk)
		}
	}
}

// drips writes a byte now and then, for as long as the client listens.
func drips(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func breaks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"access_token":"x"`)
	panic(http.ErrAbortHandler)
}

// redirects sends on to where it would be fine.
func redirects(status int, host string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if host == "" {
			host = "http://" + r.Host
		}
		http.Redirect(w, r, host+"/good"+r.URL.Path, status)
	}
}

type misbehaviour struct {
	answer http.HandlerFunc
	status int
}

var hostileTokens = map[string]misbehaviour{
	"500 with a secret":            {says(500, "text/html", "dsn="+canary), 503},
	"429":                          {says(429, "application/json", `{"error":"slow_down"}`), 503},
	"400 invalid_grant":            {says(400, "application/json", `{"error":"invalid_grant","error_description":"`+canary+`"}`), 401},
	"401 invalid_client":           {says(401, "application/json", `{"error":"invalid_client","error_description":"`+canary+`"}`), 502},
	"400 with HTML":                {says(400, "text/html", "<html>"+canary), 502},
	"200 with an error":            {object(`{"error":"bad_verification_code","error_uri":"` + canary + `"}`), 401},
	"404":                          {says(404, "application/json", goodToken), 502},
	"204":                          {says(204, "application/json", ""), 502},
	"HTML":                         {says(200, "text/html", "<html>"+canary), 502},
	"nothing":                      {object(""), 502},
	"null":                         {object("null"), 502},
	"a list":                       {object(`[` + goodToken + `]`), 502},
	"no token":                     {object(`{"token_type":"bearer"}`), 502},
	"a token that is a number":     {object(`{"access_token":1}`), 502},
	"a token that is a list":       {object(`{"access_token":["` + canary + `"]}`), 502},
	"a token with a line feed":     {object(`{"access_token":"` + canary + `\r\nX-Evil: 1"}`), 503},
	"two tokens":                   {object(`{"access_token":"a","access_token":"` + canary + `"}`), 502},
	"deep JSON":                    {object(`{"access_token":"a","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`), 502},
	"something behind the JSON":    {object(goodToken + goodToken), 502},
	"not UTF-8":                    {object("{\"access_token\":\"a\xff\"}"), 502},
	"a body without an end":        {floods("application/json", `{"access_token":"`), 502},
	"a form without an end":        {floods("application/x-www-form-urlencoded", "access_token="), 502},
	"a form without a token":       {says(200, "text/plain", "a="+canary), 502},
	"a slow drip":                  {drips, 503},
	"no answer":                    {hangs, 503},
	"an answer that is cut":        {breaks, 503},
	"a redirect":                   {redirects(302, ""), 502},
	"a redirect that keeps POST":   {redirects(307, ""), 502},
	"a redirect to another host":   {redirects(307, "http://localhost:1"), 502},
	"a redirect to another scheme": {redirects(308, "https://127.0.0.1:1"), 502},
}

var hostileProfiles = map[string]misbehaviour{
	"500 with a secret":           {says(500, "text/html", canary), 503},
	"401":                         {says(401, "application/json", `{"error":"`+canary+`"}`), 502},
	"HTML":                        {says(200, "text/html", "<html>"+canary), 502},
	"a list":                      {object(`[{"id":42}]`), 502},
	"null":                        {object("null"), 502},
	"no id":                       {object(`{"login":"ann"}`), 502},
	"an id that is zero":          {object(`{"id":0}`), 502},
	"an id that is a string":      {object(`{"id":"42"}`), 502},
	"an id that is a list":        {object(`{"id":[42]}`), 502},
	"an id that is a fraction":    {object(`{"id":4.2}`), 502},
	"an id that is too large":     {object(`{"id":1e30}`), 502},
	"an id that is null":          {object(`{"id":null}`), 502},
	"two ids":                     {object(`{"id":42,"id":43}`), 502},
	"deep JSON":                   {object(`{"id":42,"a":` + strings.Repeat(`{"a":`, 50_000) + "1" + strings.Repeat("}", 50_000) + `}`), 502},
	"something behind the JSON":   {object(`{"id":42}x`), 502},
	"a body without an end":       {floods("application/json", `{"id":42,"a":"`), 502},
	"a slow drip":                 {drips, 503},
	"no answer":                   {hangs, 503},
	"an answer that is cut":       {breaks, 503},
	"a redirect with the token":   {redirects(302, ""), 502},
	"a redirect to another host":  {redirects(302, "http://localhost:1"), 502},
	"an address without a length": {object(`{"email":7}`), 502},
}

// TestHostile: whatever a provider answers, goth signs nobody in by it, the
// deadline holds, the code is sent once, no goroutine stays, and nothing of
// the answer comes through, also not by way of goth's errors. C22, C36, C38,
// C40
func TestHostile(t *testing.T) { // alone: it counts goroutines
	before := runtime.NumGoroutine()
	outcomes := make(map[int]int)
	t.Run("group", func(t *testing.T) {
		for name, m := range hostileTokens {
			outcomes[m.status]++
			t.Run("token/"+name, func(t *testing.T) { hostile(t, m.answer, object(`{"id":42}`), m.status) })
		}
		for name, m := range hostileProfiles {
			outcomes[m.status]++
			t.Run("profile/"+name, func(t *testing.T) { hostile(t, object(goodToken), m.answer, m.status) })
		}
	})
	t.Logf("%d misbehaviours, by status: %v", len(hostileTokens)+len(hostileProfiles), outcomes)
	settled(t, before)
}

// settled fails where there are more goroutines than before, and stay.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

func hostile(t *testing.T, token, profile http.HandlerFunc, want int) {
	var asked, followed atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("redirect_uri")+"?code=code-"+canary+"&state="+q.Get("state"), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { asked.Add(1); token(w, r) })
	mux.HandleFunc("/api/user", profile)
	mux.HandleFunc("/good/", func(w http.ResponseWriter, _ *http.Request) { followed.Add(1); _, _ = io.WriteString(w, goodToken) })
	server := httptest.NewServer(mux)
	server.Config.ErrorLog = nil
	defer server.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()

	s := newSite(t, func(redirectURL string) oauth.Provider {
		return must[*gothprovider.Provider](t)(gothprovider.New(githubAt(server.URL), gothprovider.Config{
			RedirectURL: redirectURL, Issuer: "https://hostile.example", Client: oauth.Client(&oauth.ClientOptions{Transport: transport}),
		}))
	}, patience(want == http.StatusServiceUnavailable))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	allocated := memory.TotalAlloc
	start := time.Now()
	status, text := s.signIn(t, nil)
	if took := time.Since(start); want == http.StatusServiceUnavailable && took > deadline+2*time.Second {
		t.Errorf("took %v", took)
	}
	runtime.ReadMemStats(&memory)
	if grown := memory.TotalAlloc - allocated; grown > 32<<20 {
		t.Errorf("allocated %d MiB", grown>>20)
	}
	if status != want || len(s.identities()) != 0 {
		t.Errorf("got %d, want %d\n%s\n%s", status, want, text, s.log)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
	for where, all := range map[string]string{"answer": text, "log": s.log.String()} {
		if strings.Contains(all, canary) {
			t.Errorf("a secret is in the %s: %s", where, all)
		}
	}
	if strings.Contains(s.log.String(), "level=ERROR msg=\"passport: panic") {
		t.Errorf("panicked: %s", s.log)
	}
}

// TestPanics: what goth's providers do where a profile is not what they
// expect. C40
func TestPanics(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]func(){
		"a nil map":       func() { map[string]map[string]int{}[canary][canary] = 1 },
		"a wrong type":    func() { var v any = canary; _ = v.(int) },
		"out of range":    func() { _ = strings.Split(canary, ",")[len(canary)] },
		"a nil pointer":   func() { var u *goth.User; _ = u.Email },
		"a secret":        func() { panic("token " + canary) },
		"an error":        func() { panic(fmt.Errorf("token %s", canary)) },
		"nil":             func() { panic(nil) },
		"the end of it":   func() { runtime.Goexit() },
		"an aborted page": func() { panic(http.ErrAbortHandler) },
	} {
		p := strange(t, &stranger{authorize: func(*stranger, goth.Params) error { does(); return nil }}, gothprovider.Config{})
		f := newFlow(t, p)
		id, err := p.Finish(t.Context(), f)
		if id != nil || !errors.Is(err, oauth.ErrBadAnswer) || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
		p = strange(t, &stranger{
			authorize: func(*stranger, goth.Params) error { return nil },
			user:      func(*stranger) (goth.User, error) { does(); return goth.User{UserID: "1"}, nil },
		}, gothprovider.Config{InsecureOwnClient: true})
		if id, err := p.Finish(t.Context(), f); id != nil || !errors.Is(err, oauth.ErrBadAnswer) || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
	}
}
