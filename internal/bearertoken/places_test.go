package bearertoken_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/bearertoken"
)

// D33, D34: a token in two places is malformed, however it is written; the
// form counts only where it is one, and not in a GET; the query only where it
// is switched on; the cookie not with what another site sends.
func TestFind(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	all := bearertoken.Places{Form: true, Query: true, Cookie: "token", Cross: http.NewCrossOriginProtection()}
	for _, c := range []struct {
		name                                     string
		places                                   bearertoken.Places
		method, target, kind, body, header, site string
		cookies                                  []string
		want                                     string
		bad                                      bool
	}{
		{name: "nothing", places: all, method: "POST", target: "/"},
		{name: "header", places: all, method: "POST", target: "/", header: "Bearer h", want: "h"},
		{name: "form", places: all, method: "POST", target: "/", kind: form, body: "access_token=f", want: "f"},
		{name: "form in UTF-8", places: all, method: "PUT", target: "/", kind: form + "; charset=UTF-8", body: "access_token=f", want: "f"},
		{name: "query", places: all, method: "GET", target: "/?access_token=q", want: "q"},
		{name: "query, escaped", places: all, method: "GET", target: "/?access%5Ftoken=q", want: "q"},
		{name: "query, malformed elsewhere", places: all, method: "GET", target: "/?x=%zz"},
		{name: "cookie", places: all, method: "GET", target: "/", cookies: []string{"c"}, want: "c"},
		{name: "cookie of a POST", places: all, method: "POST", target: "/", cookies: []string{"c"}, want: "c"},
		{name: "cookie beside another scheme", places: all, method: "GET", target: "/", header: "Basic h", cookies: []string{"c"}, want: "c"},
		{name: "empty cookie", places: all, method: "POST", target: "/", cookies: []string{""}},

		{name: "empty cookie of another site", places: all, method: "POST", target: "/", site: "cross-site", cookies: []string{""}},

		{name: "form switched off", places: bearertoken.Places{Query: true}, method: "POST", target: "/", kind: form, body: "access_token=f"},
		{name: "form of a GET", places: all, method: "GET", target: "/", kind: form, body: "access_token=f"},
		{name: "form of a HEAD", places: all, method: "HEAD", target: "/", kind: form, body: "access_token=f"},
		{name: "multipart", places: all, method: "POST", target: "/", kind: "multipart/form-data; boundary=x", body: "access_token=f"},
		{name: "JSON", places: all, method: "POST", target: "/", kind: "application/json", body: `{"access_token":"f"}`},
		{name: "form in Latin-1", places: all, method: "POST", target: "/", kind: form + "; charset=latin1", body: "access_token=f"},
		{name: "query switched off", places: bearertoken.Places{Form: true}, method: "GET", target: "/?access_token=q"},
		{name: "all switched off", method: "POST", target: "/?access_token=q", kind: form, body: "access_token=f", cookies: []string{"c"}},

		{name: "header and form", places: all, method: "POST", target: "/", header: "Bearer h", kind: form, body: "access_token=h", bad: true},
		{name: "header and query", places: all, method: "GET", target: "/?access_token=h", header: "Bearer h", bad: true},
		{name: "form and query", places: all, method: "POST", target: "/?access_token=q", kind: form, body: "access_token=f", bad: true},
		{name: "all three", places: all, method: "POST", target: "/?access_token=q", header: "Bearer h", kind: form, body: "access_token=f", bad: true},
		{name: "header and an escaped query", places: all, method: "GET", target: "/?access%5Ftoken=h", header: "Bearer h", bad: true},
		{name: "header and a long query", places: all, method: "GET", target: "/?access_token=h&x=" + strings.Repeat("x", 64<<10), header: "Bearer h", bad: true},
		{name: "a long query alone", places: all, method: "GET", target: "/?access_token=q&x=" + strings.Repeat("x", 64<<10), bad: true},
		{name: "query and a malformed one", places: all, method: "GET", target: "/?access_token=q&access_token=%zz", bad: true},
		{name: "header and cookie", places: all, method: "GET", target: "/", header: "Bearer h", cookies: []string{"h"}, bad: true},
		{name: "form and cookie", places: all, method: "POST", target: "/", kind: form, body: "access_token=f", cookies: []string{"f"}, bad: true},
		{name: "two cookies", places: all, method: "GET", target: "/", cookies: []string{"c", "c"}, bad: true},
		{name: "cookie of another site", places: all, method: "POST", target: "/", site: "cross-site", cookies: []string{"c"}, bad: true},
		{name: "another scheme and query", places: all, method: "GET", target: "/?access_token=q", header: "Basic h", bad: true},
		{name: "another scheme and form", places: all, method: "POST", target: "/", header: "Basic h", kind: form, body: "access_token=f", bad: true},
		{name: "form twice", places: all, method: "POST", target: "/", kind: form, body: "access_token=f&access_token=f", bad: true},
		{name: "query twice", places: all, method: "GET", target: "/?access_token=q&access_token=q", bad: true},
		{name: "malformed form", places: all, method: "POST", target: "/", kind: form, body: "access_token=%zz", bad: true},
		{name: "endless form", places: all, method: "POST", target: "/", kind: form, body: "x=" + strings.Repeat("x", 70<<10), bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			r.Header.Set("Sec-Fetch-Site", c.site)
			for _, value := range c.cookies {
				r.AddCookie(&http.Cookie{Name: "token", Value: value})
			}
			got, found, err := c.places.Find(r)
			if (err != nil) != c.bad || err == nil && (got != c.want || found != (c.want != "")) {
				t.Errorf("got %q, %v, %v; want %q, an error: %v", got, found, err, c.want, c.bad)
			}
		})
	}
}

// What Find says is answered by what it is.
func TestMalformed(t *testing.T) {
	t.Parallel()
	places := bearertoken.Places{Form: true, Cookie: "token", Cross: http.NewCrossOriginProtection()}
	answers := bearertoken.NewAnswers("Users", "", "")
	for want, change := range map[string]func(*http.Request){
		"invalid-request 400": func(r *http.Request) { r.Header.Add("Authorization", "Bearer h") },
		"too-large 413":       func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 3) },
		"cross-origin 403": func(r *http.Request) {
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.AddCookie(&http.Cookie{Name: "token", Value: "c"})
		},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token=f"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r)
		_, found, err := places.Find(r)
		f, refused := passport.AsRefusal(answers.Malformed(err))
		if found || !refused || fmt.Sprint(f.Code, " ", f.Status) != want {
			t.Errorf("%v, %v; want %s", found, f, want)
		}
		if (f.Challenge != "") != (f.Code != passport.CodeCrossOrigin) {
			t.Errorf("%s: the challenge %q", want, f.Challenge)
		}
	}
	if late := answers.Malformed(context.DeadlineExceeded); late != context.DeadlineExceeded { //nolint:errorlint // that very error
		t.Errorf("a deadline while the form is read: %v", late)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(gone, http.MethodPost, "/", iotest.ErrReader(io.ErrUnexpectedEOF))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, _, err := places.Find(r)
	if _, refused := passport.AsRefusal(answers.Malformed(err)); refused || !errors.Is(answers.Malformed(err), context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
}

// RFC 6750 section 3.1: a challenge goes with 400 and 403 too, where there is
// one.
func TestFail(t *testing.T) {
	t.Parallel()
	for _, f := range []*passport.Failure{
		{Status: http.StatusForbidden}, {Status: http.StatusForbidden, Challenge: "Bearer"}, {Challenge: "Bearer"}, {Status: http.StatusUnauthorized, Challenge: "Bearer"},
	} {
		res, _ := bearertoken.Fail(passport.Result[*string]{}, f)
		got, there := res.Header()["Www-Authenticate"]
		want := f.Challenge != "" && f.Status == http.StatusForbidden
		if there != want || want && got[0] != f.Challenge {
			t.Errorf("%+v: %q", f, got)
		}
	}
}
