package jwt

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Metadata tells clients where to get tokens for a resource (RFC 9728 section
// 2). Members that are empty are left out.
type Metadata struct {
	// Resource is the URL of the API, without a fragment, as clients ask for it.
	Resource string `json:"resource"`
	// AuthorizationServers are the issuers.
	AuthorizationServers []string `json:"authorization_servers,omitempty"`
	// JWKSURI is where the resource's own keys are, which is not where the
	// issuer's are.
	JWKSURI string `json:"jwks_uri,omitempty"`
	// ScopesSupported are scopes that clients may ask for.
	ScopesSupported []string `json:"scopes_supported,omitempty"`
	// BearerMethodsSupported is how tokens are sent: header, body, query.
	// Default: header.
	BearerMethodsSupported []string `json:"bearer_methods_supported,omitempty"`
	// ResourceName is a name for people.
	ResourceName string `json:"resource_name,omitempty"`
	// ResourceDocumentation is a URL for developers.
	ResourceDocumentation string `json:"resource_documentation,omitempty"`
}

// Handler serves the metadata to everyone, browsers of any origin included.
// Mount it where the resource's URL has it: for https://api.example.com at
// /.well-known/oauth-protected-resource, for https://api.example.com/v1 at
// /.well-known/oauth-protected-resource/v1. It panics when Resource is no URL.
func (m Metadata) Handler() http.Handler {
	if u, err := url.Parse(m.Resource); err != nil || u.Host == "" || u.Fragment != "" {
		panic("jwt: Metadata.Resource is the URL of the API, such as https://api.example.com")
	}
	if m.BearerMethodsSupported == nil {
		m.BearerMethodsSupported = []string{"header"}
	}
	text, _ := json.Marshal(m) // strings alone
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "public, max-age=3600")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(text)
	})
}
