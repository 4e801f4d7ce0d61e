// Package idp is an OpenID provider to sign in with, for tests and examples:
// zitadel/oidc's op with two people in memory, and a page on which a visitor
// says who of them he is. It asks for no password and is for this machine
// alone.
package idp

import (
	"cmp"
	"context"
	"crypto/rand"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// A Person has an account here.
type Person struct {
	Subject, Name, Email string
	EmailVerified        bool
}

// People are those of a [Config] that names none.
func People() []Person {
	return []Person{
		{"248289761001", "Ann Archer", "ann@example.com", true},
		{"248289761002", "Ben Baker", "ben@example.com", false},
	}
}

// A Client is an application that people sign in to.
type Client struct {
	ID, Secret     string
	RedirectURLs   []string // of sign-ins
	LogoutRedirect []string // where it wants people back who signed out here
}

// Config of [New].
type Config struct {
	// Issuer is the URL that the provider is served under, without a path, such
	// as http://localhost:8090.
	Issuer string
	// Clients are the applications that it knows.
	Clients []Client
	// People have accounts. Default: those of [People].
	People []Person
	// Algorithm signs ID tokens: ES256 or RS256. Default ES256.
	Algorithm string
	// Skip signs in whom it names, by subject, without the page.
	Skip func(*http.Request) string
}

// New returns the provider.
func New(c Config) (http.Handler, error) {
	if c.People == nil {
		c.People = People()
	}
	s, err := newStore(c, jose.SignatureAlgorithm(cmp.Or(c.Algorithm, string(jose.ES256))))
	if err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:])
	provider, err := op.NewProvider(&op.Config{
		CryptoKey:                key,
		CryptoKeyId:              "access",
		CodeMethodS256:           true,
		AuthMethodPost:           true,
		GrantTypeRefreshToken:    true,
		DefaultLogoutRedirectURI: "/signed-out",
		SupportedScopes:          []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopeOfflineAccess},
	}, s, op.StaticIssuer(c.Issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, err
	}
	d := desk{store: s, provider: provider, back: op.AuthCallbackURL(provider), skip: c.Skip}
	inIssuer := op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET /login", inIssuer(d.ask))
	mux.HandleFunc("POST /login", inIssuer(d.answer))
	mux.HandleFunc("GET /signed-out", func(w http.ResponseWriter, _ *http.Request) { write(w, signedOutPage, nil) })
	return mux, nil
}

// A desk is where visitors say who they are.
type desk struct {
	store    *store
	provider *op.Provider
	back     func(context.Context, string) string
	skip     func(*http.Request) string
}

func (d desk) ask(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	asked, err := d.store.asked(id)
	if err != nil {
		http.Error(w, "This sign-in is over. Begin again.", http.StatusBadRequest)
		return
	}
	if d.skip != nil {
		if subject := d.skip(r); subject != "" {
			d.pass(w, r, id, subject)
			return
		}
	}
	write(w, loginPage, map[string]any{"ID": id, "Client": asked.GetClientID(), "People": d.store.people, "Hint": asked.req.LoginHint})
}

func (d desk) answer(w http.ResponseWriter, r *http.Request) {
	id, subject := r.PostFormValue("id"), r.PostFormValue("subject")
	if subject != "" {
		d.pass(w, r, id, subject)
		return
	}
	asked, err := d.store.asked(id)
	if err != nil {
		http.Error(w, "This sign-in is over. Begin again.", http.StatusBadRequest)
		return
	}
	op.AuthRequestError(w, r, asked, oidc.ErrAccessDenied().WithDescription("the person declined"), d.provider)
}

// pass lets somebody go on to the client.
func (d desk) pass(w http.ResponseWriter, r *http.Request, id, subject string) {
	if err := d.store.authenticate(id, subject); err != nil {
		http.Error(w, "This sign-in is over. Begin again.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, d.back(r.Context(), id), http.StatusSeeOther)
}

func write(w http.ResponseWriter, page *template.Template, data any) {
	var b strings.Builder
	if err := page.Execute(&b, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = w.Write([]byte(b.String()))
}

const head = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Example ID</title><style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 12vh auto 0; max-width: 22rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } p { margin: .25rem 0 1.5rem; color: color-mix(in srgb, currentColor 70%, transparent) }
form { display: grid; gap: .75rem } button { font: inherit; padding: .75rem 1rem; border-radius: .5rem; border: 1px solid color-mix(in srgb, currentColor 30%, transparent); background: none; text-align: left; cursor: pointer }
button span { display: block; font-size: .875rem; opacity: .7 } button:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
</style>`

var (
	loginPage = template.Must(template.New("login").Parse(head + `<h1>Example ID</h1><p>{{.Client}} asks who you are.</p>
<form method="post" action="/login"><input type="hidden" name="id" value="{{.ID}}">
{{range .People}}<button name="subject" value="{{.Subject}}">{{.Name}}<span>{{.Email}}</span></button>
{{end}}<button name="subject" value="">Cancel</button></form>`))
	signedOutPage = template.Must(template.New("out").Parse(head + `<h1>Example ID</h1><p>You are signed out here.</p>`))
)

// person finds an account by its subject.
func person(people []Person, subject string) (Person, bool) {
	i := slices.IndexFunc(people, func(p Person) bool { return p.Subject == subject })
	if i < 0 {
		return Person{}, false
	}
	return people[i], true
}
