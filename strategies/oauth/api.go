package oauth

import (
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

// Granted tells whether the token has one of the scopes. One whose scopes the
// provider does not tell has all that were asked for.
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
	r.Header.Set("Authorization", "Bearer "+a.token.AccessToken)
	return Fetch(a.p.client, r)
}

// Fetch sends a request for JSON and parses the answer with [ParseJSON]. It is
// for a [Provider] of one's own: its errors are those of Finish, and say
// nothing of what was answered, nor of an address that may hold a secret. The
// client should be one of [Client].
func Fetch(client *http.Client, r *http.Request) (any, error) {
	r.Header.Set("Accept", "application/json")
	res, err := within(r.Context(), client).Do(r)
	if err != nil {
		return nil, fmt.Errorf("oauth: asking the provider: %w", withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError(res.StatusCode, fmt.Errorf("%w: it has status %d", ErrBadAnswer, res.StatusCode))
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("oauth: asking the provider: %w", err)
	}
	return ParseJSON(body)
}

// UserInfo is the Profile function of a [Service] with the userinfo endpoint
// of OpenID Connect at a path of its API. It asks for the scope openid.
func UserInfo(path string) func(context.Context, *API) (*Identity, error) {
	return func(ctx context.Context, api *API) (*Identity, error) {
		c, err := api.Object(ctx, path)
		if err != nil {
			return nil, err
		}
		return c.Identity(), nil
	}
}
