// Package bearertoken finds bearer tokens in requests and refuses them: RFC
// 6750, for the strategies that have such tokens.
package bearertoken

import (
	"errors"
	"net/http"
	"strings"
)

// ErrNoToken: what stands where a token should is none (see [Token68]).
var ErrNoToken = errors.New("the token is malformed")

var (
	errRepeated = errors.New("more than one Authorization header")
	errNothing  = errors.New("an Authorization header with a scheme alone")
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
		return "", false, ErrNoToken
	}
	return credentials, found, err
}

// Token68 tells whether s is one (RFC 9110 section 11.2).
func Token68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") == ""
}
