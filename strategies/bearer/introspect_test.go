package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/bearer"
)

// A server answers introspection with a text for each token.
type server struct {
	*httptest.Server
	asked  atomic.Int64
	answer func(w http.ResponseWriter, r *http.Request, token string)
}

func newServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, token string)) *server {
	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		id, secret, ok := r.BasicAuth()
		if r.Method != http.MethodPost || !ok || id != "api%3A1" || secret != "s%2Fcret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		s.answer(w, r, r.PostFormValue("token"))
	}))
	t.Cleanup(s.Close)
	return s
}

// text answers every token with the same.
func text(body string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { fmt.Fprint(w, body) }
}

func (s *server) config() bearer.Introspection {
	return bearer.Introspection{
		Endpoint: s.URL, ClientID: "api:1", ClientSecret: "s/cret",
		Issuer: "https://login.example.com", Audience: []string{"api"},
	}
}

func introspector(t *testing.T, c bearer.Introspection) *bearer.Introspector {
	t.Helper()
	in, err := bearer.NewIntrospector(c)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func strategy(in *bearer.Introspector) *bearer.Strategy[*user] {
	return bearer.Introspected(in, func(_ context.Context, token *bearer.Token) (*user, error) { return &user{token.Subject}, nil }, nil)
}

// good has all that is asked for, and more where it says %s.
const good = `{"active":true,"sub":"ann","iss":"https://login.example.com","aud":["other","api"],"token_type":"Bearer","scope":"read write"%s}`

// RFC 7662: what is checked of an answer.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	replaced := func(old, new string) string { return strings.Replace(fmt.Sprintf(good, ""), old, new, 1) }
	for _, c := range []struct {
		name, answer string
		want         int
	}{
		{"good", fmt.Sprintf(good, ""), 200},
		{"expires later", fmt.Sprintf(good, fmt.Sprintf(`,"exp":%d,"iat":%d,"nbf":%d`, now+60, now, now-1)), 200},
		{"one audience", replaced(`["other","api"]`, `"api"`), 200},
		{"type in lower case", replaced(`"Bearer"`, `"bearer"`), 200},
		{"members of the server's own", fmt.Sprintf(good, `,"ext":{"tenant":[1,{}]}`), 200},

		{"not active", `{"active":false}`, 401},
		{"not active, with the rest", replaced(`"active":true`, `"active":false`), 401},
		{"expired", fmt.Sprintf(good, fmt.Sprintf(`,"exp":%d`, now)), 401},
		{"not yet", fmt.Sprintf(good, fmt.Sprintf(`,"nbf":%d`, now+60)), 401},
		{"no issuer", replaced(`"iss":"https://login.example.com",`, ""), 401},
		{"another issuer", replaced(`login.example.com`, "login.example.com/"), 401},
		{"no audience", replaced(`"aud":["other","api"],`, ""), 401},
		{"another audience", replaced(`["other","api"]`, `["other"]`), 401},
		{"empty audience", replaced(`["other","api"]`, `[]`), 401},
		{"no type", replaced(`"token_type":"Bearer",`, ""), 401},
		{"another type", replaced(`"Bearer"`, `"DPoP"`), 401},
		{"a refresh token", fmt.Sprintf(good, `,"token_use":"refresh_token"`), 401},
		{"bound to a key", fmt.Sprintf(good, `,"cnf":{"jkt":"x"}`), 401},
		{"too little scope", replaced("read write", "write reading"), 403},
		{"no scope", replaced(`,"scope":"read write"`, ""), 403},

		{"active in another case", replaced(`"active"`, `"Active"`), 503},
		{"active twice", fmt.Sprintf(good, `,"active":false`), 503},
		{"active as a string", replaced("true", `"true"`), 503},
		{"expiry as a string", fmt.Sprintf(good, fmt.Sprintf(`,"exp":"%d"`, now+60)), 503},
		{"two answers", fmt.Sprintf(good, "") + `{}`, 503},
		{"torn", `{"active":true`, 503},
		{"null", "null", 503},
		{"a list", "[]", 503},
		{"HTML", "<!doctype html>", 503},
		{"nothing", "", 503},
		{"endless", fmt.Sprintf(good, `,"x":"`+strings.Repeat("x", 70<<10)+`"`), 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := newServer(t, text(c.answer)).config()
			config.Scope = []string{"read"}
			w := serve(strategy(introspector(t, config)), with("Bearer x"))
			if w.Code != c.want {
				t.Errorf("%d, want %d\n%s", w.Code, c.want, w.Body)
			}
			want := map[int]string{401: "invalid_token", 403: `insufficient_scope", error_description="The token does not allow this", scope="read"`}[w.Code]
			if got := w.Header().Get("Www-Authenticate"); !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%d %s, want %s", w.Code, got, want)
			}
		})
	}
}

// What is handed to the application.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newServer(t, text(fmt.Sprintf(good, `,"client_id":"web","username":"Ann","jti":"7","exp":4102444800.5,"iat":1,"ext":1`)))
	res, err := strategy(introspector(t, s.config())).Authenticate(with("Bearer x"))
	if err != nil || res.Outcome() != passport.Succeeded {
		t.Fatal(res.Outcome(), res.Failure(), err)
	}
	token, _ := res.Info().(*bearer.Token)
	if token == nil || token.Subject != "ann" || token.ClientID != "web" || token.Username != "Ann" || token.ID != "7" ||
		!token.HasScope("write", "read") || token.HasScope("admin") || (*bearer.Token)(nil).HasScope() ||
		token.Expires.UnixMilli() != 4102444800_500 || token.IssuedAt.Unix() != 1 || !strings.Contains(string(token.Answer), `"ext"`) {
		t.Errorf("%#v", token)
	}
}

// F06: what is no answer is 503, in bounded time; nobody is let in, and
// nothing is sent on.
func TestIntrospectionOutage(t *testing.T) {
	t.Parallel()
	canary := newServer(t, text(fmt.Sprintf(good, "")))
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, string){
		"500": func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.WriteHeader(500)
			fmt.Fprintf(w, good, "")
		},
		"401": func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(401) },
		"201": func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(201); fmt.Fprintf(w, good, "") },
		"redirect": func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, canary.URL, http.StatusTemporaryRedirect)
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() },
		"hangs in the body": func(w http.ResponseWriter, r *http.Request, _ string) {
			fmt.Fprint(w, `{"active":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newServer(t, answer).config()
			c.Timeout = 200 * time.Millisecond
			start := time.Now()
			if w := serve(strategy(introspector(t, c)), with("Bearer x")); w.Code != 503 || time.Since(start) > 5*time.Second {
				t.Errorf("%d after %v", w.Code, time.Since(start))
			}
		})
	}
	t.Cleanup(func() {
		if n := canary.asked.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
	s := newServer(t, text(""))
	c := s.config()
	s.Close()
	if w := serve(strategy(introspector(t, c)), with("Bearer x")); w.Code != 503 {
		t.Errorf("nobody there: %d", w.Code)
	}
	c.ClientSecret = "wrong"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := introspector(t, c).Introspect(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that went away: %v", err)
	}
}

// D41: answers are kept only where that is asked for, each under its own
// token, no longer than the token is good, and a bounded number of them.
func TestCache(t *testing.T) {
	t.Parallel()
	exp := time.Now().Add(1500 * time.Millisecond)
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request, token string) {
		switch {
		case token == "bad":
			fmt.Fprint(w, `{"active":false}`)
		case token == "short":
			fmt.Fprintf(w, good, fmt.Sprintf(`,"exp":%.3f`, float64(exp.UnixMilli())/1000))
		default:
			fmt.Fprint(w, strings.Replace(fmt.Sprintf(good, ""), "ann", token, 1))
		}
	})
	ask := func(in *bearer.Introspector, token string) string {
		t.Helper()
		got, err := in.Introspect(t.Context(), token)
		if err != nil {
			return err.Error()
		}
		return got.Subject
	}
	asked := func(want int64, what string) {
		t.Helper()
		if n := s.asked.Swap(0); n != want {
			t.Errorf("%s: asked %d times, want %d", what, n, want)
		}
	}
	off := introspector(t, s.config())
	ask(off, "a")
	ask(off, "a")
	asked(2, "no cache")

	c := s.config()
	c.CacheFor, c.CacheTokens = time.Hour, 2
	in := introspector(t, c)
	for range 3 {
		if a, b := ask(in, "a"), ask(in, "b"); a != "a" || b != "b" {
			t.Errorf("a is %s, b is %s", a, b)
		}
	}
	asked(2, "two tokens")
	ask(in, "bad")
	ask(in, "bad")
	ask(in, "a")
	ask(in, "b")
	asked(2, "refused tokens, which push nobody out")
	ask(in, "c")
	ask(in, "a")
	ask(in, "b")
	if n := s.asked.Swap(0); n < 2 {
		t.Errorf("three tokens in a cache of two: asked %d times", n)
	}

	in = introspector(t, c)
	ask(in, "short")
	ask(in, "short")
	asked(1, "a token before it expires")
	time.Sleep(time.Until(exp))
	if got := ask(in, "short"); got == "ann" {
		t.Error("a token that has expired is taken from the cache")
	}
}

// A28: the secret does not show.
func TestIntrospectionHidesSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t, text("garbage"))
	c := s.config()
	in := introspector(t, c)
	_, err := in.Introspect(t.Context(), "CANARY")
	if text := fmt.Sprintf("%v %+v %#v %v %+v %#v", err, in, in, c, c, c); strings.Contains(text, "cret") || strings.Contains(text, "CANARY") {
		t.Error(text)
	}
}

// F16
func TestIntrospectionMistakes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bearer.Introspection){
		"no endpoint": func(c *bearer.Introspection) { c.Endpoint = "" },
		"plain http":  func(c *bearer.Introspection) { c.Endpoint = "http://login.example.com/introspect" },
		"a path":      func(c *bearer.Introspection) { c.Endpoint = "/introspect" },
		"a file":      func(c *bearer.Introspection) { c.Endpoint = "file://localhost/etc/passwd" },
		"user info":   func(c *bearer.Introspection) { c.Endpoint = "https://a:b@login.example.com/" },
		"no client":   func(c *bearer.Introspection) { c.ClientID = "" },
		"no secret":   func(c *bearer.Introspection) { c.ClientSecret = "" },
		"no audience": func(c *bearer.Introspection) { c.Audience = nil },
		"negative":    func(c *bearer.Introspection) { c.Timeout = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := bearer.Introspection{Endpoint: "https://login.example.com/introspect", ClientID: "a", ClientSecret: "b", Audience: []string{"api"}}
			if _, err := bearer.NewIntrospector(c); err != nil {
				t.Fatal(err)
			}
			change(&c)
			if _, err := bearer.NewIntrospector(c); err == nil {
				t.Error("no error")
			}
		})
	}
}
