package bearertoken

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gopassport/passport/internal/formbody"
)

const (
	field    = "access_token"
	maxQuery = 64 << 10
	maxForm  = 64 << 10
)

var (
	errTwoPlaces   = errors.New("credentials in two places")
	errQuery       = errors.New("the query is malformed, or too long")
	errCrossOrigin = errors.New("the cookie with the token came from another origin")
)

// Places are where a token may stand besides the Authorization header.
type Places struct {
	// Form: the field access_token of a form body, but not of a GET (RFC 6750
	// section 2.2).
	Form bool
	// Query: the parameter access_token (section 2.3).
	Query bool
	// Cookie is the name of one. A browser sends it with whatever a page of
	// another site makes it send: Cross says of which requests it counts.
	Cookie string
	Cross  *http.CrossOriginProtection
}

// Find returns the token of the request. An error says that the request is
// malformed (see [Answers.Malformed]), a token in two of the places included.
// Whether it is a Token68 is not looked at: it takes as long as a good part of
// the check of a signed one.
func (p Places) Find(r *http.Request) (token string, found bool, err error) {
	token, found, err = Credentials(r.Header["Authorization"], "Bearer")
	if err != nil || !p.Form && !p.Query && p.Cookie == "" {
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
		}
	}
	switch cookie, err := p.cookie(r); {
	case err != nil:
		return "", false, err
	case cookie != "" && found:
		return "", false, errTwoPlaces
	case cookie != "": // beside another scheme: a browser sends both by itself
		return cookie, true, nil
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

// query counts what can be read of a query that is malformed elsewhere.
func (p Places) query(r *http.Request) ([]string, error) {
	if !p.Query {
		return nil, nil
	}
	if len(r.URL.RawQuery) > maxQuery {
		return nil, errQuery
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil && strings.Contains(r.URL.RawQuery, field) {
		return nil, errQuery
	}
	return query[field], nil
}

// cookie is empty where there is none, or an empty one: some servers forget a
// cookie so.
func (p Places) cookie(r *http.Request) (string, error) {
	all := r.CookiesNamed(p.Cookie)
	switch {
	case len(all) > 1:
		return "", errTwoPlaces
	case len(all) == 0 || all[0].Value == "":
		return "", nil
	case p.Cross.Check(r) != nil:
		return "", errCrossOrigin
	}
	return all[0].Value, nil
}
