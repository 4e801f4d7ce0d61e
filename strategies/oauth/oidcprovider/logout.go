package oidcprovider

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// LogoutOptions of [LogoutHandler]. The zero value, or nil, works.
type LogoutOptions struct {
	// PostLogoutURL is where the provider sends the browser afterwards: the
	// absolute post_logout_redirect_uri that is registered there. Whoever was
	// not signed in by a provider is sent there at once. Default: the provider
	// decides; others are sent to "/".
	PostLogoutURL string
	// State is handed through to PostLogoutURL as the parameter state. Nil:
	// none.
	State func(*http.Request) string
	// Logger hears of a provider that could not be asked. Default:
	// slog.Default().
	Logger *slog.Logger
}

// LogoutHandler signs out here, and at the provider that the session was begun
// with, if it is one of providers (OpenID Connect RP-Initiated Logout 1.0). It
// answers POST alone, refuses requests of another origin, and has to be below
// the Authenticator's Handler, as a.LogoutHandler does. The session here ends
// first, and whatever the provider does. Then the browser is sent to its
// end_session_endpoint with 303, with client_id and, if
// [Config.KeepIDToken] is set, id_token_hint. A provider that has no such
// endpoint, or is down, is left out. It panics on wiring mistakes.
func LogoutHandler[U any](a *passport.Authenticator[U], o *LogoutOptions, providers ...*Provider) http.Handler {
	if len(providers) == 0 || slices.Contains(providers, nil) {
		panic("oidcprovider: LogoutHandler needs a provider; without one, a.LogoutHandler signs out")
	}
	var opts LogoutOptions
	if o != nil {
		opts = *o
	}
	if opts.PostLogoutURL != "" {
		if err := oauth.CheckURL(opts.PostLogoutURL, true); err != nil {
			panic("oidcprovider: LogoutOptions.PostLogoutURL " + err.Error())
		}
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	local := a.LogoutHandler(&passport.LogoutOptions{Redirect: opts.PostLogoutURL})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		was, _ := SessionKey.Get(a.Session(r.Context()))
		p := providerOf(was, providers)
		if p == nil || r.Method != http.MethodPost {
			local.ServeHTTP(w, r)
			return
		}
		if err := a.Logout(w, r); err != nil {
			a.Refuse(w, r, err)
			return
		}
		to, err := p.endSession(r.Context(), was, &opts, r)
		if err != nil {
			opts.Logger.WarnContext(r.Context(), "oidcprovider: signed out here, and not at the provider", "issuer", p.Issuer(), "error", err)
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Location", cmp.Or(to, opts.PostLogoutURL, "/"))
		w.WriteHeader(http.StatusSeeOther)
	})
}

// providerOf is the one of providers that a session was begun with; nil if none
// was.
func providerOf(s Session, providers []*Provider) *Provider {
	i := slices.IndexFunc(providers, func(p *Provider) bool {
		c := p.config()
		return s.Client == c.ClientID && (s.Issuer == c.Issuer || c.template)
	})
	if i < 0 {
		return nil
	}
	return providers[i]
}

// endSession is where the session at the provider ends; empty if nowhere.
func (p *Provider) endSession(ctx context.Context, s Session, o *LogoutOptions, r *http.Request) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	m, err := p.meta.get(ctx, fresh)
	if err != nil || m.endSession == "" {
		return "", err
	}
	u, err := url.Parse(m.endSession)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("client_id", p.config().ClientID)
	params := map[string]string{"id_token_hint": s.IDToken, "post_logout_redirect_uri": o.PostLogoutURL}
	if o.State != nil {
		params["state"] = o.State(r)
	}
	for name, value := range params {
		if value != "" {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
