package explain

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html style.css
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"clock":    func(t time.Time) string { return t.Format("15:04:05") },
	"stamp":    func(t time.Time) string { return t.Format(time.RFC3339) },
	"duration": duration,
}).ParseFS(files, "page.html"))

// duration rounds to what a person reads at a glance.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// ServeHTTP shows the last attempts, the newest first: a page for people, and
// {"attempts": [Entry, …]} for programs that accept JSON and no HTML. It
// answers GET and HEAD.
//
// A request is refused with 403 unless it comes from this machine, and not by
// a proxy: the address and the Host header have to be loopback, or a page of
// somewhere else could have its name point here (DNS rebinding), and there
// must be no Forwarded, X-Forwarded-… or Via header.
func (e *Explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	switch {
	case !fromHere(r):
		http.Error(w, "This page is for the machine that it is on.", http.StatusForbidden)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "This page answers GET.", http.StatusMethodNotAllowed)
		return
	}
	header.Set("Vary", "Accept")
	accept := strings.Join(r.Header["Accept"], ",")
	if strings.Contains(accept, "json") && !strings.Contains(accept, "html") {
		header.Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string][]Entry{"attempts": e.Entries()})
		return
	}
	style, err := files.ReadFile("style.css")
	var body bytes.Buffer
	if err == nil {
		err = page.Execute(&body, struct {
			Style   template.CSS
			Entries []Entry
		}{template.CSS(style), e.Entries()})
	}
	if err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(style)
	header.Set("Content-Security-Policy", header.Get("Content-Security-Policy")+
		"; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = body.WriteTo(w)
}

// fromHere tells whether a request is from this machine, by no proxy.
func fromHere(r *http.Request) bool {
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
