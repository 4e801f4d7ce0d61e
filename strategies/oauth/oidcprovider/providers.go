package oidcprovider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/gopassport/passport/strategies/oauth"
)

// Google signs in with Google. With a domain, only accounts of that Google
// Workspace do; what proves it is the claim hd, never the address. With the
// scope email the address is verified where email_verified is true.
func Google(c Config, domain string) (*Provider, error) {
	c.Issuer = "https://accounts.google.com"
	if domain != "" {
		c.AuthParams = with(c.AuthParams, "hd", domain)
		c.Check = both(func(_ context.Context, id *oauth.Identity) error {
			if !strings.EqualFold(id.Claims.String("hd"), domain) {
				return fmt.Errorf("%w: the account is of the domain %+.100q", oauth.ErrRefused, id.Claims.String("hd"))
			}
			return nil
		}, c.Check)
	}
	return New(c)
}

// Microsoft signs in with Microsoft Entra: the accounts of a tenant, by its id
// (a GUID), of every tenant ("organizations"), or those and personal accounts
// ("common"). With the latter two the Issuer of an identity is that of its
// tenant: who may come in is up to the application.
//
// The status of the address is unknown, as a tenant may write any address into
// its accounts, unless the optional claim xms_edov says that the tenant owns
// the domain.
func Microsoft(c Config, tenant string) (*Provider, error) {
	c.template = tenant == "common" || tenant == "organizations"
	if !c.template && !tenantID.MatchString(tenant) {
		return nil, fmt.Errorf(`oidcprovider: the tenant is neither a GUID in lower case, nor "common" nor "organizations": %+.100q`, tenant)
	}
	c.Issuer = "https://login.microsoftonline.com/" + tenant + "/v2.0"
	c.Check = both(func(_ context.Context, id *oauth.Identity) error {
		id.EmailStatus = oauth.EmailUnknown
		if owned, _ := id.Claims.Bool("xms_edov"); owned {
			id.EmailStatus = oauth.EmailVerified
		}
		return nil
	}, c.Check)
	return New(c)
}

// Apple signs in with Apple. Config.ClientID is the Services ID; there is no
// ClientSecret, as the key makes one. Name the scopes email and name.
//
// Apple answers by a form: mount the callback for POST as well (see package
// oauth). It tells the person's name once, at the very first sign-in. The
// address is verified where email_verified is true, or the text "true".
func Apple(c Config, key AppleKey) (*Provider, error) {
	if c.ClientSecret != "" {
		return nil, errors.New("oidcprovider: Config.ClientSecret is set, and Apple's is made of the key")
	}
	secret, err := key.secret(c.ClientID)
	if err != nil {
		return nil, err
	}
	c.Issuer, c.secret = appleIssuer, secret
	c.AuthParams = with(c.AuthParams, "response_mode", "form_post")
	c.extras = []string{"user"}
	c.finish = func(id *oauth.Identity, extra map[string]string) {
		if id.Claims.String("email_verified") == "true" {
			id.EmailStatus = oauth.EmailVerified
		}
		if name := appleName(extra["user"]); id.Name == "" {
			id.Name = name
		}
	}
	return New(c)
}

// appleName is the name in Apple's user field. The browser brings it: it is for
// display, and nothing else of it counts.
func appleName(user string) string {
	v, err := oauth.ParseJSON([]byte(user))
	if err != nil {
		return ""
	}
	fields, _ := v.(map[string]any)
	name := oauth.Claims(fields).Object("name")
	return strings.TrimSpace(name.String("firstName") + " " + name.String("lastName"))
}

// with is params with one more.
func with(params map[string]string, name, value string) map[string]string {
	more := maps.Clone(params)
	if more == nil {
		more = make(map[string]string)
	}
	more[name] = value
	return more
}

// both is one check after the other.
func both(first, second func(context.Context, *oauth.Identity) error) func(context.Context, *oauth.Identity) error {
	return func(ctx context.Context, id *oauth.Identity) error {
		if err := first(ctx, id); err != nil || second == nil {
			return err
		}
		return second(ctx, id)
	}
}
