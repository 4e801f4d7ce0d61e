package oauth

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// An API reads from the API of a [Service] with the access token of one
// sign-in.
type API struct {
	p      *service
	token  *oauth2.Token
	scopes []string
}

// Granted tells whether the token has one of the scopes.
func (a *API) Granted(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(a.scopes, s) })
}

// Object reads the JSON object at a path, which may have a query.
func (a *API) Object(ctx context.Context, path string) (Claims, error) {
	v, err := a.read(ctx, path)
	object, ok := v.(map[string]any)
	if err == nil && !ok {
		err = fmt.Errorf("%w: it is no JSON object", ErrBadAnswer)
	}
	return object, err
}

// List reads the objects of the JSON list at a path.
func (a *API) List(ctx context.Context, path string) ([]Claims, error) {
	v, err := a.read(ctx, path)
	list, ok := v.([]any)
	if err == nil && !ok {
		err = fmt.Errorf("%w: it is no JSON list", ErrBadAnswer)
	}
	return objects(list), err
}

func (a *API) read(ctx context.Context, path string) (any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.p.s.API, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.token.AccessToken)
	res, err := within(ctx, a.p.client).Do(r)
	if err != nil {
		return nil, fmt.Errorf("oauth: reading the profile: %w", withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError(res.StatusCode, fmt.Errorf("%w: the profile has status %d", ErrBadAnswer, res.StatusCode))
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("oauth: reading the profile: %w", err)
	}
	return ParseJSON(body)
}

// strict is a transport whose answers, where they are JSON and no errors, are
// what [ParseJSON] takes.
type strict struct{ base http.RoundTripper }

func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	base := s.base
	if base == nil {
		base = http.DefaultTransport
	}
	res, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	kind := res.Header.Get("Content-Type")
	isForm := strings.HasPrefix(kind, "application/x-www-form-urlencoded") || strings.HasPrefix(kind, "text/plain")
	if !isForm && res.StatusCode == http.StatusOK {
		if _, err := ParseJSON(body); err != nil {
			return nil, err
		}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// UserInfo is the Profile function of a [Service] with the userinfo endpoint
// of OpenID Connect at a path of its API. It asks for the scope openid.
func UserInfo(path string) func(context.Context, *API) (*Identity, error) {
	return func(ctx context.Context, api *API) (*Identity, error) {
		c, err := api.Object(ctx, path)
		if err != nil {
			return nil, err
		}
		return c.identity(), nil
	}
}

// identity is what standard claims tell (OpenID Connect Core section 5.1).
func (c Claims) identity() *Identity {
	return &Identity{
		Subject: c.String("sub"),
		Email:   c.String("email"), EmailStatus: c.email(),
		Name: c.String("name"), Username: c.String("preferred_username"), Picture: c.String("picture"),
		Claims: c,
	}
}
