package problem_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/internal/problem"
)

func request(method string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://example.com/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// TestWrite: a program gets RFC 9457, a browser plain text, both with their
// charset. E04
func TestWrite(t *testing.T) {
	t.Parallel()
	d := problem.Details{Status: 403, Code: "detour", Detail: "This is not allowed.", RequestID: "ID", Location: "/x?a=<b>"}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "3")
	problem.Write(w, request("GET"), d)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "https://github.com/gopassport/passport/blob/main/docs/errors/detour.md", "title": "Forbidden", "status": 403.,
		"detail": "This is not allowed.", "code": "detour", "request_id": "ID", "location": "/x?a=<b>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("body (-want +got):\n", diff)
	}
	if w.Code != 403 || w.Header().Get("Content-Type") != "application/problem+json; charset=utf-8" || w.Header().Get("Content-Length") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if strings.ContainsAny(w.Body.String(), "<>") {
		t.Errorf("markup: %s", w.Body)
	}
	w = httptest.NewRecorder()
	problem.Write(w, request("GET", "Accept", "text/html"), d)
	if got, want := w.Body.String(), "This is not allowed.\n\nForbidden (403, ID)\n"; got != want || w.Code != 403 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %v %q", w.Code, w.Header(), got)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, test := range []struct {
		r                    *http.Request
		html, json, navigate bool
	}{
		{request("GET"), false, false, false},
		{request("GET", "Accept", "*/*"), false, false, false},
		{request("GET", "Accept", html), true, false, true},
		{request("HEAD", "Accept", html), true, false, true},
		{request("POST", "Accept", html), true, false, false},
		{request("POST", "Accept", html, "Content-Type", "application/json"), true, false, false},
		{request("GET", "Accept", "image/png", "Accept", html), true, false, true},
		{request("GET", "Accept", html, "Sec-Fetch-Mode", "navigate"), true, false, true},
		{request("GET", "Accept", html, "Sec-Fetch-Mode", "cors"), true, false, false},
		{request("GET", "Accept", html, "X-Requested-With", "XMLHttpRequest"), true, false, false},
		{request("GET", "Accept", "application/json"), false, true, false},
		{request("GET", "Accept", "application/problem+json"), false, true, false},
		{request("POST", "Content-Type", "application/json"), false, true, false},
		{request("POST", "Content-Type", "application/x-www-form-urlencoded"), false, false, false},
	} {
		got := [3]bool{problem.WantsHTML(test.r), problem.WantsJSON(test.r), problem.IsNavigation(test.r)}
		if want := [3]bool{test.html, test.json, test.navigate}; got != want {
			t.Errorf("%s %v: %v, want %v", test.r.Method, test.r.Header, got, want)
		}
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	for host, plain := range map[string]bool{
		"example.com": true, "example.com:8080": true, "localhost.example.com": true, "192.0.2.1": true, "[2001:db8::1]:80": true, "": true,
		"localhost": false, "localhost:8080": false, "app.localhost": false, "app.localhost:80": false, "127.0.0.1": false, "127.1.2.3:80": false, "[::1]": false, "[::1]:80": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if got := problem.IsPlain(r); got != plain {
			t.Errorf("%q: %v", host, got)
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		if problem.IsPlain(r) {
			t.Errorf("%q behind a proxy is plain", host)
		}
		r.Header.Del("X-Forwarded-Proto")
		r.TLS = new(tls.ConnectionState)
		if problem.IsPlain(r) {
			t.Errorf("%q over TLS is plain", host)
		}
	}
}

// TestDetail: there is a text for every status, and none of them names a
// cause. E05
func TestDetail(t *testing.T) {
	t.Parallel()
	for status := 400; status < 600; status++ {
		if got := problem.Detail(status); len(got) < 10 || !strings.HasSuffix(got, ".") {
			t.Errorf("%d: %q", status, got)
		}
	}
}
