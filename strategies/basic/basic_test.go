package basic_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/basic"
)

type user struct{ name, password string }

// check takes every password but "wrong".
func check(_ context.Context, name, password string) (*user, error) {
	switch {
	case password == "wrong":
		return nil, passport.ErrInvalidCredentials
	case name == "outage":
		return nil, errors.New("no database")
	case name == "throttled":
		return nil, &passport.Failure{Code: "throttled", Status: http.StatusTooManyRequests}
	}
	return &user{name, password}, nil
}

func encoded(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

func request(method string, values ...string) *http.Request {
	r := httptest.NewRequest(method, "https://api.example.com/", nil)
	r.Header["Authorization"] = values
	return r
}

// A29, D33, F06: what is and is not a name and a password.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := basic.New(check, nil)
	for _, c := range []struct {
		name   string
		values []string
		want   passport.Outcome
		status int
		user   user
	}{
		{"nothing", nil, passport.Passed, 0, user{}},
		{"another scheme", []string{"Bearer abc"}, passport.Passed, 0, user{}},
		{"a longer scheme", []string{"XBasicY YTpi"}, passport.Passed, 0, user{}},
		{"right", []string{encoded("ann:secret")}, passport.Succeeded, 0, user{"ann", "secret"}},
		{"scheme in lower case", []string{strings.Replace(encoded("ann:secret"), "Basic", "basic", 1)}, passport.Succeeded, 0, user{"ann", "secret"}},
		{"colons in the password", []string{encoded("ann:a:b:c:")}, passport.Succeeded, 0, user{"ann", "a:b:c:"}},
		{"UTF-8", []string{encoded("änn:pässwörd")}, passport.Succeeded, 0, user{"änn", "pässwörd"}},
		{"spaces count", []string{encoded(" ann : secret ")}, passport.Succeeded, 0, user{" ann ", " secret "}},
		{"wrong", []string{encoded("ann:wrong")}, passport.Failed, 401, user{}},
		{"no colon", []string{encoded("ann")}, passport.Failed, 401, user{}},
		{"no name", []string{encoded(":secret")}, passport.Failed, 401, user{}},
		{"no password", []string{encoded("ann:")}, passport.Failed, 401, user{}},
		{"Latin-1", []string{encoded("ann:p\xe4ss")}, passport.Failed, 401, user{}},
		{"a NUL", []string{encoded("ann:a\x00")}, passport.Failed, 401, user{}},
		{"a line feed in the name", []string{encoded("an\nn:a")}, passport.Failed, 401, user{}},
		{"DEL", []string{encoded("ann:a\x7f")}, passport.Failed, 401, user{}},
		{"C1 control", []string{encoded("ann:a\u0085")}, passport.Failed, 401, user{}},
		{"no padding", []string{"Basic YW5uOmE"}, passport.Failed, 401, user{}},
		{"spare bits", []string{"Basic YW5uOmF="}, passport.Failed, 401, user{}},
		{"URL alphabet", []string{"Basic YW5uOmE_"}, passport.Failed, 401, user{}},
		{"nothing behind the scheme", []string{"Basic"}, passport.Failed, 401, user{}},
		{"two words", []string{encoded("ann:secret") + " x"}, passport.Failed, 401, user{}},
		{"two headers", []string{encoded("ann:secret"), encoded("ann:secret")}, passport.Failed, 400, user{}},
		{"two headers of two schemes", []string{"Bearer abc", encoded("ann:secret")}, passport.Failed, 400, user{}},
		{"throttled", []string{encoded("throttled:secret")}, passport.Failed, 429, user{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, err := s.Authenticate(request("GET", c.values...))
			if err != nil || res.Outcome() != c.want {
				t.Fatalf("%v, %v; want %v", res.Outcome(), err, c.want)
			}
			if f := res.Failure(); f != nil && f.Status != c.status && (f.Status != 0 || c.status != 401) {
				t.Errorf("status %d, want %d", f.Status, c.status)
			}
			if u := res.User(); u != nil && *u != c.user {
				t.Errorf("user %+v, want %+v", *u, c.user)
			}
		})
	}
	if res, err := s.Authenticate(request("GET", encoded("outage:secret"))); err == nil {
		t.Errorf("an outage is %v, not an error", res.Outcome())
	}
}

// A29: a 401 asks for UTF-8, and the realm cannot break out of its quotes.
func TestChallenge(t *testing.T) {
	t.Parallel()
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("basic", basic.New(check, &basic.Options{Realm: `the "inner" \ room`}))
	h := a.Require("basic")(http.NotFoundHandler())
	for name, values := range map[string][]string{"nothing": nil, "wrong": {encoded("ann:wrong")}, "malformed": {encoded("ann")}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", values...))
		const want = `Basic realm="the \"inner\" \\ room", charset="UTF-8"`
		if got := w.Header()["Www-Authenticate"]; w.Code != 401 || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %d %q, want 401 %q", name, w.Code, got, want)
		}
	}
}

// A browser keeps the credentials and sends them for other sites too.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := basic.New(check, &basic.Options{TrustedOrigins: []string{"https://app.example.com"}})
	for _, c := range []struct {
		name, method, site, origin string
		want                       passport.Outcome
	}{
		{"a program", "POST", "", "", passport.Succeeded},
		{"the site itself", "POST", "same-origin", "", passport.Succeeded},
		{"another site", "POST", "cross-site", "https://evil.example", passport.Failed},
		{"another site in an old browser", "POST", "", "https://evil.example", passport.Failed},
		{"a trusted one", "POST", "same-site", "https://app.example.com", passport.Succeeded},
		{"a link from another site", "GET", "cross-site", "", passport.Succeeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := request(c.method, encoded("ann:secret"))
			for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			if res, err := s.Authenticate(r); err != nil || res.Outcome() != c.want {
				t.Errorf("%v, %v; want %v", res.Outcome(), err, c.want)
			}
		})
	}
}

// F16
func TestWiringMistakes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"no function": func() { basic.New[*user](nil, nil) },
		"realm":       func() { basic.New(check, &basic.Options{Realm: "a\r\nb"}) },
		"origin":      func() { basic.New(check, &basic.Options{TrustedOrigins: []string{"app.example.com"}}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			f()
		})
	}
}

// F13, A29: what is taken is text, and the two halves around the first colon.
func FuzzCredentials(f *testing.F) {
	s := basic.New(check, nil)
	f.Fuzz(func(t *testing.T, credentials string) {
		res, err := s.Authenticate(request("GET", "Basic "+credentials))
		if err != nil || res.Outcome() != passport.Succeeded {
			return
		}
		name, password := res.User().name, res.User().password
		whole := name + ":" + password
		if base64.StdEncoding.EncodeToString([]byte(whole)) != strings.TrimLeft(credentials, " ") {
			t.Fatalf("%q is another spelling of %q", credentials, whole)
		}
		if name == "" || password == "" || strings.Contains(name, ":") || !utf8.ValidString(whole) || strings.ContainsFunc(whole, unicode.IsControl) {
			t.Fatalf("took %q", whole)
		}
	})
}
