package main

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gopassport/passport"
)

//go:embed templates static
var files embed.FS

// pages are the templates by name, each with the layout around it.
var pages = parsePages()

func parsePages() map[string]*template.Template {
	functions := template.FuncMap{"ago": ago, "date": date, "stamp": timestamp}
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html"))
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	parsed := make(map[string]*template.Template)
	for _, name := range names {
		page := template.Must(template.Must(layout.Clone()).ParseFS(files, name))
		parsed[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return parsed
}

// A page is what every template gets.
type page struct {
	Name, Title string
	User        *User    // nil for a stranger
	Notices     []string // what went well
	Error       string   // what did not
	Explain     bool     // whether there is a page that says more
	Data        any
}

// render writes a page. Messages that were left for it are good news, unless
// the page brings an error of its own.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.User, _ = s.auth.User(r.Context())
	p.Explain = s.explain != nil
	if p.Error == "" {
		p.Notices = append(p.Notices, s.messages(w, r)...)
	}
	// Into memory first: an error must not end in half a page.
	var body bytes.Buffer
	if err := pages[p.Name].ExecuteTemplate(&body, "layout.html", p); err != nil {
		slog.ErrorContext(r.Context(), "render", "page", p.Name, "error", err)
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

// messages are shown once. Those that cannot be had now come later.
func (s *site) messages(w http.ResponseWriter, r *http.Request) []string {
	messages, err := s.auth.Flashes(w, r)
	if err != nil {
		slog.WarnContext(r.Context(), "messages", "error", err)
	}
	return messages
}

// form shows the sign-in or the registration page. What is left for these two
// is why the last try was refused.
func (s *site) form(name, title string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.auth.User(r.Context()); ok {
			http.Redirect(w, r, "/account", http.StatusSeeOther)
			return
		}
		why := strings.Join(s.messages(w, r), " ")
		s.render(w, r, http.StatusOK, page{Name: name, Title: title, Error: why})
	}
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, page{Name: "home", Title: "Home"})
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusNotFound, page{Name: "error", Title: "Not found", Data: "There is no page at this address."})
}

// refused answers refusals and outages: a page for people, problem details
// (RFC 9457) for programs.
func (s *site) refused(w http.ResponseWriter, r *http.Request, f *passport.Failure) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		passport.WriteProblem(w, r, f)
		return
	}
	p := page{Name: "error", Title: http.StatusText(f.Status), Data: f.Message}
	switch f.Code {
	case passport.CodeNoCredentials:
		p.Title = "You are signed out"
	case passport.CodeUnavailable: // nobody knows who is signed in
		p.Name, p.Title = "outage", "Back in a moment"
	}
	s.render(w, r, f.Status, p)
}

// staticFiles serves what is the same for everyone.
func staticFiles() http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no lists of files
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		serve.ServeHTTP(w, r)
	})
}

// guard sets what every answer tells the browser: load nothing from
// elsewhere, run no scripts, be shown in nobody's frame. A form may lead to the
// provider, where the browser signs in.
func guard(issuer string, next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' " + issuer + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// ago says how long ago t was, as a person would.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return plural(int(d/time.Hour), "hour")
	case d < 30*24*time.Hour:
		return plural(int(d/(24*time.Hour)), "day")
	}
	return "on " + date(t)
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, unit)
}

func date(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// timestamp is for the datetime attribute of <time>.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
