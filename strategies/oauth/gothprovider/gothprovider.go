// Package gothprovider signs people in through any provider of
// github.com/markbates/goth, unmodified, by the flow of package oauth. Goth's
// own flow, gothic, has no part in it.
//
//	twitch, err := gothprovider.New(func(callback string, client *http.Client) goth.Provider {
//		p := twitch.New(id, secret, callback)
//		p.HTTPClient = client
//		return p
//	}, gothprovider.Config{RedirectURL: "https://example.com/auth/twitch/callback"})
//	a.Use("twitch", oauth.New(twitch, accounts.Resolve, nil))
//
// The function makes a fresh provider for each request. The client that it is
// given is that request's: it ends with it, bounds answers, sends the code
// once and the code verifier with it.
//
// Where oauth.NewProvider or package oidcprovider have the service, prefer
// them. Some of what they promise cannot be promised here:
//
//   - Goth verifies no signature of an ID token. Its nonce is compared here, if
//     goth hands the token out; its issuer and audience are up to goth.
//   - Goth reads profiles loosely: a member in another case counts, and one that
//     is missing is a zero. Ids that a zero would make, such as "0", are
//     refused. Numbers in the Claims are float64: Claims.Integer has none.
//   - An address counts as verified only where goth hands out a flag for it,
//     which few of its providers do: docs/goth-providers.md has them.
//   - The scopes are those that the provider was made with, and some of goth's
//     providers add their own.
//   - What goth says in its errors may quote answers, with secrets in them. It
//     is dropped; the log has the step that failed, the host, the status and
//     the error code of the token endpoint.
//
// Some providers of goth cannot be made safe, and New refuses them:
//
//   - Those without a state: OAuth 1 (twitter, twitterv2, tumblr, xero), OpenID
//     2 (steam) and lastfm. A callback without a state is refused always, so
//     that there is no option for them.
//   - Those that name nobody (bitly), or by an address that may become somebody
//     else's (azuread), unless [Config.Subject] finds a name.
//   - Those that send the code where no verifier fits, such as tiktok and
//     wecom, unless [Config.InsecureNoPKCE] is set.
//   - Those that use http.DefaultClient whatever they are given, such as
//     discord, auth0 and apple, unless [Config.InsecureOwnClient] is set, and
//     mostly the other too.
//
// A provider that this package does not know is found out at the latest when
// it ends a sign-in: nobody is signed in where the code did not pass through
// the client, with its verifier.
package gothprovider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport/internal/absent"
	"github.com/gopassport/passport/strategies/oauth"
)

// Config of [New]. Most providers need a RedirectURL alone.
type Config struct {
	// RedirectURL is the absolute URL of the callback, as it is registered at
	// the provider, without a query: https, or http on localhost.
	RedirectURL string
	// Issuer names the provider, the same for ever: it is half of the key of its
	// accounts. Where the provider sends iss (RFC 9207), it has to be that.
	// Default: "goth:" and the name of goth's package, such as "goth:twitch", for
	// those that are the same for everybody. A provider with tenants, servers of
	// one's own, or not of goth needs one.
	Issuer string
	// Client asks the provider. Default: oauth.Client(nil). Another one should be
	// made by oauth.Client too: it bounds what answers may do.
	Client *http.Client
	// AuthStyle is where the client secret goes: x/oauth2 would try both places,
	// and send the code twice. oauth2.AuthStyleInParams moves it to the form; any
	// other leaves it where goth puts it at first, mostly the header. Default:
	// what is known to work for the provider, the header otherwise.
	AuthStyle oauth2.AuthStyle
	// CallbackParams are parameters of the callback that the provider reads
	// besides code and state. Default: none, or what a provider of goth is known
	// to need.
	CallbackParams []string
	// Subject names the account: 1 to 255 bytes, never reused. Default: goth's
	// UserID; for slack, workspace and user; for onedrive, its id.
	Subject func(goth.User) string
	// EmailStatus tells what a user's address is worth. Default:
	// oauth.EmailUnknown, but for a few providers that are known to hand out a
	// flag.
	EmailStatus func(goth.User) oauth.EmailStatus
	// InsecureHTTP lets the provider and the callback be at http:// addresses
	// that are not on this machine.
	InsecureHTTP bool
	// InsecureNoPKCE signs in without PKCE, for providers that send the code
	// where no verifier fits: a stolen code is worth something then.
	InsecureNoPKCE bool
	// InsecureOwnClient takes providers that ask by another client than the one
	// they are given: nothing bounds the answers or the time of their requests,
	// which may outlive the sign-in, and the code may be sent twice.
	InsecureOwnClient bool
}

// A Provider is one of goth, for [oauth.New]. It is safe for concurrent use.
type Provider struct {
	fresh  func(callback string, client *http.Client) goth.Provider
	c      Config
	issuer string
	traits traits
	openID bool // its ID tokens have to have the nonce
}

var (
	_ oauth.Provider         = (*Provider)(nil)
	_ oauth.ExtraReader      = (*Provider)(nil)
	_ oauth.ChallengeOmitter = (*Provider)(nil)
)

// maxMemo bounds what goth keeps between begin and end, in bytes.
const maxMemo = 1 << 10

// New returns the [oauth.Provider] of one of goth. fresh makes that: it is
// called for each request, by many at once, and has to put the callback and
// the client into the provider, mostly by its field HTTPClient. It must not
// ask the network. An error says what cannot be: see the package comment. New
// asks nothing of the network, unless a provider that it does not know does
// so where it begins, by another client.
func New(fresh func(callback string, client *http.Client) goth.Provider, c Config) (*Provider, error) {
	if fresh == nil {
		panic("gothprovider: New needs a function that makes a provider of goth")
	}
	p := &Provider{fresh: fresh, c: c, issuer: c.Issuer}
	if err := oauth.CheckRedirectURL(c.RedirectURL, c.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("gothprovider: Config.RedirectURL %w", err)
	}
	if i := slices.IndexFunc(c.CallbackParams, ofFlow); i >= 0 {
		return nil, fmt.Errorf("gothprovider: Config.CallbackParams has %q, which belongs to the flow", c.CallbackParams[i])
	}
	if p.c.Client == nil {
		p.c.Client = oauth.Client(nil)
	}
	offline := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("gothprovider: New asks nothing of the network")
	})}
	made, err := p.make(offline)
	if err != nil {
		return nil, err
	}
	name, ours := kind(made)
	if ours {
		p.traits = known(name)
	}
	if err := p.accept(made, offline); err != nil {
		return nil, fmt.Errorf("gothprovider: %s: %w", name, err)
	}
	location, memo, err := begin(made, strings.Repeat("s", 43))
	if err != nil {
		return nil, fmt.Errorf("gothprovider: %s cannot begin: %w", name, err)
	}
	u, err := p.check(location, strings.Repeat("s", 43))
	if err != nil {
		return nil, fmt.Errorf("gothprovider: %s: %w", name, err)
	}
	if len(memo) > maxMemo {
		return nil, fmt.Errorf("gothprovider: %s: its session has %d bytes, more than %d: ask for fewer scopes", name, len(memo), maxMemo)
	}
	p.openID = asksOpenID(u.Query())
	if p.issuer == "" && ours && u.Host == p.traits.host {
		p.issuer = "goth:" + name
	}
	if p.issuer == "" || strings.ContainsFunc(p.issuer, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("gothprovider: %s: Config.Issuer has to name this one, such as https://%s: others are made the same way", name, u.Host)
	}
	return p, nil
}

// accept tells why a provider is not taken.
func (p *Provider) accept(made goth.Provider, client *http.Client) error {
	holder, holds := made.(interface{ Client() *http.Client })
	switch t := p.traits; {
	case t.noState:
		return errors.New("it has no state, which protects a sign-in from others: it cannot be used")
	case t.unnamed && p.c.Subject == nil:
		return errors.New("it names nobody, or by an address that may become somebody else's: Config.Subject has to name them")
	case t.noPKCE && !p.c.InsecureNoPKCE:
		return errors.New("it sends no code verifier (Config.InsecureNoPKCE takes it nevertheless)")
	case t.ownClient && !p.c.InsecureOwnClient:
		return errors.New("it asks by http.DefaultClient, which nothing bounds (Config.InsecureOwnClient takes it nevertheless)")
	case holds && holder.Client() != client && !p.c.InsecureOwnClient:
		return errors.New("it does not have the client: set its HTTPClient where it is made")
	}
	return nil
}

// ofFlow are parameters that no provider gets from a callback.
func ofFlow(name string) bool {
	return slices.Contains([]string{
		"access_token", "client_id", "client_secret", "code", "code_verifier", "error", "id_token", "iss", "redirect_uri", "state", "token",
	}, strings.ToLower(name))
}

// Issuer implements [oauth.Provider].
func (p *Provider) Issuer() string { return p.issuer }

// RedirectURL implements [oauth.Provider].
func (p *Provider) RedirectURL() string { return p.c.RedirectURL }

// ExtraParams implements [oauth.ExtraReader].
func (p *Provider) ExtraParams() []string {
	if p.c.CallbackParams != nil {
		return slices.Clone(p.c.CallbackParams)
	}
	return p.traits.callbackParams
}

// OmitsChallenge implements [oauth.ChallengeOmitter].
func (p *Provider) OmitsChallenge() bool { return p.c.InsecureNoPKCE }

// make makes a provider for one request.
func (p *Provider) make(client *http.Client) (made goth.Provider, err error) {
	err = guard("making the provider", func() error {
		made = p.fresh(p.c.RedirectURL, client)
		return nil
	})
	if err == nil && absent.Nil(made) {
		err = errors.New("gothprovider: the function returned no provider")
	}
	return made, err
}
