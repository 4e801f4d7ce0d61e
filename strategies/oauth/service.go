package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// A Service is what is the same for everyone who signs people in with an OAuth
// 2 provider: [GitHub] and others return one, whose fields may be changed, for
// an instance of one's own or a test.
type Service struct {
	// Issuer names the provider: see [Provider].
	Issuer string
	// SendsIssuer tells that its answers carry iss: see [IssuerSender].
	SendsIssuer bool
	// Endpoint is where it authorizes and where codes are redeemed. AuthStyle
	// left 0 is AuthStyleInHeader: a code is sent once, so nothing is probed.
	Endpoint oauth2.Endpoint
	// API is the URL below which Profile reads.
	API string
	// Scopes are always asked for: as few as Profile needs to find the subject.
	Scopes []string
	// Profile says who an access token belongs to. Issuer may be left empty.
	// Its errors are those of [Provider.Finish].
	Profile func(ctx context.Context, api *API) (*Identity, error)
}

// Config is what a provider knows of the application.
type Config struct {
	// ClientID and ClientSecret are what the provider gave the application. A
	// public client has no secret.
	ClientID, ClientSecret string
	// RedirectURL is the absolute URL of the callback, as it is registered
	// there, without a query: https, or http on localhost.
	RedirectURL string
	// Scopes to ask for besides the Service's own. Default: none.
	Scopes []string
	// Client asks the provider. Default: Client(nil). Another one should be
	// made by [Client] too, of a Transport: it bounds what answers may do.
	Client *http.Client
	// InsecureHTTP lets the provider and the callback be at http:// addresses
	// that are not on this machine, such as in a network of containers.
	InsecureHTTP bool
}

func (c Config) masked() string { return "[oauth config of " + c.ClientID + "]" }

// Format implements [fmt.Formatter] for every verb. It shows no secret.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.masked()) }

// MarshalJSON implements [json.Marshaler]. It shows no secret.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.masked()) }

// service is the Provider of a Service.
type service struct {
	s      Service
	config func() *oauth2.Config // a function, into which no %+v looks
	start  string                // of the authorization URL, up to the query
	query  url.Values            // the same for everybody
	client *http.Client
}

// NewProvider returns the Provider of a Service, with PKCE. It is an
// [IssuerSender]. An error says what of the Config, or of the Service, cannot
// be.
func NewProvider(s Service, c Config) (Provider, error) {
	if s.Profile == nil {
		panic("oauth: a Service needs a Profile function, such as oauth.UserInfo")
	}
	if c.ClientID == "" {
		return nil, errors.New("oauth: Config.ClientID is empty")
	}
	if s.Issuer == "" || strings.ContainsAny(s.Issuer, " \t\r\n") {
		return nil, errors.New("oauth: Service.Issuer is empty or has a space")
	}
	if err := CheckRedirectURL(c.RedirectURL, c.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("oauth: Config.RedirectURL %w", err)
	}
	for what, address := range map[string]string{
		"Service.Endpoint.AuthURL": s.Endpoint.AuthURL, "Service.Endpoint.TokenURL": s.Endpoint.TokenURL, "Service.API": s.API,
	} {
		if err := CheckURL(address, c.InsecureHTTP); err != nil {
			return nil, fmt.Errorf("oauth: %s %w", what, err)
		}
	}
	if s.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		s.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	if c.Client == nil {
		c.Client = Client(nil)
	}
	config := &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.RedirectURL,
		Endpoint: s.Endpoint, Scopes: union(s.Scopes, c.Scopes),
	}
	start, err := url.Parse(s.Endpoint.AuthURL)
	if err != nil {
		return nil, err // as CheckURL said
	}
	query := start.Query()
	start.RawQuery = ""
	query.Set("response_type", "code")
	query.Set("client_id", c.ClientID)
	query.Set("redirect_uri", c.RedirectURL)
	return &service{s, func() *oauth2.Config { return config }, start.String() + "?", query, c.Client}, nil
}

// CheckURL tells what is wrong with an address that codes, secrets or tokens
// are sent to: it has to be absolute, without user or fragment, and https. One
// on this machine, and with plain any, may be http. It is for a [Provider] of
// one's own.
func CheckURL(address string, plain bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("is no absolute URL: %s", quoted(address))
	case u.Scheme == "https" || u.Scheme == "http" && (plain || isLoopback(u.Hostname())):
		return nil
	}
	return fmt.Errorf("is not https: %s (Config.InsecureHTTP allows http)", quoted(address))
}

// CheckRedirectURL tells what is wrong with the URL of a callback: besides what
// [CheckURL] wants it needs a path, by which a callback is known, and may have
// no query.
func CheckRedirectURL(address string, plain bool) error {
	if err := CheckURL(address, plain); err != nil {
		return err
	}
	if u, err := url.Parse(address); err != nil || u.Path == "" || strings.ContainsAny(address, "?#") {
		return fmt.Errorf("needs a path, such as /auth/callback, and no query: %s", quoted(address))
	}
	return nil
}

func isLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (p *service) Issuer() string                            { return p.s.Issuer }
func (p *service) RedirectURL() string                       { return p.config().RedirectURL }
func (p *service) SendsIssuer(context.Context) (bool, error) { return p.s.SendsIssuer, nil }

func (p *service) Begin(_ context.Context, f *Flow) (string, error) {
	query := maps.Clone(p.query)
	f.AddTo(query)
	if scopes := union(p.config().Scopes, f.Params.Scopes); len(scopes) > 0 {
		query.Set("scope", strings.Join(scopes, " "))
	}
	f.Memo = strings.Join(f.Params.Scopes, " ")
	return p.start + query.Encode(), nil
}

// union has the scopes of both, each once.
func union(scopes, more []string) (all []string) {
	for _, scope := range slices.Concat(scopes, more) {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

func (p *service) Finish(ctx context.Context, f *Flow) (*Identity, error) {
	token, err := Redeem(ctx, p.client, p.config(), f)
	if err != nil {
		return nil, err
	}
	tokens := Issued(token)
	api := &API{p: p, token: token, scopes: tokens.Scopes}
	if api.scopes == nil { // all that were asked for (RFC 6749 section 5.1)
		api.scopes = union(p.config().Scopes, strings.Fields(f.Memo))
	}
	id, err := p.s.Profile(ctx, api)
	if id == nil || err != nil {
		return nil, err
	}
	if id.Issuer == "" {
		id.Issuer = p.s.Issuer
	}
	id.Tokens = tokens
	return id, nil
}
