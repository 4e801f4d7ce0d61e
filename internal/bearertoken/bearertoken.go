// Package bearertoken finds bearer tokens in requests and refuses them: RFC
// 6750, for the strategies that have such tokens.
package bearertoken

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gopassport/passport/internal/formbody"
)

var (
	errRepeated  = errors.New("more than one Authorization header")
	errNothing   = errors.New("an Authorization header with a scheme alone")
	errMalformed = errors.New("the Authorization header is malformed")
	errTwoPlaces = errors.New("credentials in two places")
)

// Credentials returns what follows the scheme in the values of the
// Authorization header (RFC 9110 section 11.4), whatever that is. None, or of
// another scheme: not found. An error means that the request is malformed.
func Credentials(values []string, scheme string) (credentials string, found bool, err error) {
	if len(values) == 0 {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", false, errRepeated
	}
	name, rest, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(name, scheme) {
		return "", false, nil
	}
	if rest = strings.TrimLeft(rest, " "); rest == "" {
		return "", false, errNothing
	}
	return rest, true, nil
}

// Authorization is Credentials that have to be a token68.
func Authorization(r *http.Request, scheme string) (credentials string, found bool, err error) {
	credentials, found, err = Credentials(r.Header["Authorization"], scheme)
	if found && !Token68(credentials) {
		return "", false, errMalformed
	}
	return credentials, found, err
}

// Token68 tells whether s is one (RFC 9110 section 11.2).
func Token68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") == ""
}

// Places are where a token may stand besides the Authorization header.
type Places struct {
	// Form: the field access_token of a form body, but not of a GET (RFC 6750
	// section 2.2).
	Form bool
	// Query: the parameter access_token (section 2.3).
	Query bool
}

const (
	field    = "access_token"
	maxQuery = 64 << 10
	maxForm  = 64 << 10
)

// Find returns the token of the request. An error says that the request is
// malformed (see [Answers.Malformed]), a token in two of the places included.
func (p Places) Find(r *http.Request) (token string, found bool, err error) {
	token, found, err = Authorization(r, "Bearer")
	if err != nil || !p.Form && !p.Query {
		return token, found, err
	}
	places := len(r.Header["Authorization"]) // credentials of another scheme count too
	for _, read := range []func(*http.Request) ([]string, error){p.form, p.query} {
		values, err := read(r)
		if err != nil {
			return "", false, err
		}
		if places += len(values); places > 1 {
			return "", false, errTwoPlaces
		}
		if len(values) == 1 {
			token, found = values[0], true
			if !Token68(token) {
				return "", false, errors.New("the token is malformed")
			}
		}
	}
	return token, found, nil
}

func (p Places) form(r *http.Request) ([]string, error) {
	if !p.Form || r.Method == http.MethodGet || r.Method == http.MethodHead || !formbody.Is(r) {
		return nil, nil
	}
	form, err := formbody.Values(r, maxForm)
	return form[field], err
}

func (p Places) query(r *http.Request) ([]string, error) {
	if !p.Query || !strings.Contains(r.URL.RawQuery, field) || len(r.URL.RawQuery) > maxQuery {
		return nil, nil
	}
	return r.URL.Query()[field], nil
}
