// Package problem answers errors: application/problem+json (RFC 9457) to
// programs, plain text to browsers. It also tells the two apart.
package problem

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Details is an RFC 9457 problem details object. All of its texts are fixed:
// nothing in it comes from a cause.
type Details struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
	Location  string `json:"location,omitempty"`
	Error     string `json:"error,omitempty"` // of an endpoint of OAuth 2: RFC 6749 section 5.2
}

// Docs is where the codes are explained.
const Docs = "https://github.com/gopassport/passport/blob/main/docs/errors/"

// Write answers with d; type and title follow from code and status.
func Write(w http.ResponseWriter, r *http.Request, d Details) {
	header := w.Header()
	header.Del("Content-Length")
	d.Type, d.Title = Docs+d.Code+".md", http.StatusText(d.Status)
	if WantsHTML(r) {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(d.Status)
		_, _ = fmt.Fprintf(w, "%s\n\n%s (%d, %s)\n", d.Detail, d.Title, d.Status, d.RequestID)
		return
	}
	header.Set("Content-Type", "application/problem+json; charset=utf-8")
	body, _ := json.Marshal(d)
	w.WriteHeader(d.Status)
	_, _ = w.Write(append(body, '\n'))
}

// Detail is what a person is told for a status.
func Detail(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "The credentials are not valid."
	case http.StatusForbidden:
		return "This is not allowed."
	case http.StatusMethodNotAllowed:
		return "This address does not answer such requests."
	case http.StatusTooManyRequests:
		return "Too many attempts. Try again later."
	case http.StatusServiceUnavailable:
		return "Not available at the moment. Try again later."
	}
	if status >= http.StatusInternalServerError {
		return "Something went wrong."
	}
	return "The request cannot be answered."
}

// WantsHTML tells a browser from a program.
func WantsHTML(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header["Accept"], ","), "text/html")
}

// WantsJSON tells a client that speaks JSON, and would not follow a page.
func WantsJSON(r *http.Request) bool {
	if WantsHTML(r) {
		return false
	}
	return strings.Contains(strings.Join(r.Header["Accept"], ","), "json") ||
		strings.Contains(r.Header.Get("Content-Type"), "json")
}

// IsNavigation tells a person who follows a link from a script: Fetch
// Metadata says so where there is any.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return WantsHTML(r) && (mode == "" || mode == "navigate") && r.Header.Get("X-Requested-With") == ""
}

// IsPlain tells whether browsers will not keep a Secure cookie that answers
// r: it came over plain http, not by a proxy that ends TLS, and not to
// localhost (W3C Secure Contexts, section 3.1).
func IsPlain(r *http.Request) bool {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		return !ip.IsLoopback()
	}
	return host != "localhost" && !strings.HasSuffix(host, ".localhost")
}
