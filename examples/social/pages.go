package main

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"log/slog"
	"net/http"

	"github.com/gopassport/passport"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Parse(text))

type pages struct {
	a        *passport.Authenticator[*Person]
	services []service
}

func (p pages) home(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.a.User(r.Context()); ok {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	messages, err := p.a.Flashes(w, r)
	if err != nil {
		slog.WarnContext(r.Context(), "social: messages", "error", err)
	}
	p.write(w, map[string]any{"Services": p.services, "Messages": messages})
}

func (p pages) account(w http.ResponseWriter, _ *http.Request, who *Person) {
	p.write(w, map[string]any{"Person": who})
}

func (p pages) write(w http.ResponseWriter, data any) {
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = b.WriteTo(w)
}
