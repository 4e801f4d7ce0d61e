package jwt

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/bearertoken"
	"github.com/gopassport/passport/internal/body"
)

// maxForm bounds a form, in bytes.
const maxForm = 64 << 10

// field is the name of the token in forms and queries (RFC 6750 section 2).
const field = "access_token"

// extract finds the token in one of the places that are looked at. In two at
// once there is no telling which the client meant.
func (v *verifier) extract(r *http.Request) (token string, found bool, err error) {
	token, found, err = bearertoken.Credentials(r.Header["Authorization"], "Bearer")
	if err != nil {
		return "", false, invalidRequest(err.Error())
	}
	if !v.elsewhere {
		return token, found, nil
	}
	places := []func(*http.Request) (string, bool, error){v.fromForm, v.fromQuery, v.fromCookie}
	for _, from := range places {
		t, here, err := from(r)
		switch {
		case err != nil:
			return "", false, err
		case here && found:
			return "", false, invalidRequest("a token in two places")
		case here:
			token, found = t, true
		}
	}
	return token, found, nil
}

// fromForm reads the body of a form, which can be read again afterwards (RFC
// 6750 section 2.2).
func (v *verifier) fromForm(r *http.Request) (token string, found bool, err error) {
	if !v.c.Form || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return "", false, nil
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return "", false, nil
	}
	form := r.PostForm // where somebody read it before us
	if form == nil {
		text, err := body.Peek(r, maxForm)
		if long, ok := errors.AsType[*http.MaxBytesError](err); ok {
			f := invalidRequest(fmt.Sprintf("the form exceeds %d bytes", long.Limit))
			f.Status, f.Message = http.StatusRequestEntityTooLarge, "The form is too large."
			return "", false, f
		}
		if err != nil {
			if ended := r.Context().Err(); ended != nil {
				return "", false, fmt.Errorf("jwt: reading the form: %w", ended)
			}
			return "", false, invalidRequest("the form cannot be read")
		}
		if form, err = url.ParseQuery(string(text)); err != nil {
			return "", false, invalidRequest("the form is malformed")
		}
	}
	return single(form)
}

// fromQuery reads the query (RFC 6750 section 2.3).
func (v *verifier) fromQuery(r *http.Request) (token string, found bool, err error) {
	if !v.c.InsecureQuery || !strings.Contains(r.URL.RawQuery, field) {
		return "", false, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", false, invalidRequest("the query is malformed")
	}
	return single(query)
}

func single(values url.Values) (token string, found bool, err error) {
	switch all := values[field]; {
	case len(all) == 0:
		return "", false, nil
	case len(all) > 1 || all[0] == "":
		return "", false, invalidRequest("an " + field + " that is repeated or empty")
	default:
		return all[0], true, nil
	}
}

// fromCookie reads the cookie. A browser sends it with whatever a page of
// another site makes it send.
func (v *verifier) fromCookie(r *http.Request) (token string, found bool, err error) {
	if v.c.Cookie == "" {
		return "", false, nil
	}
	all := r.CookiesNamed(v.c.Cookie)
	if len(all) == 0 || len(all) == 1 && all[0].Value == "" {
		return "", false, nil
	}
	if len(all) > 1 {
		return "", false, invalidRequest("more than one cookie with a token")
	}
	if err := v.cross.Check(r); err != nil {
		return "", false, &passport.Failure{Code: passport.CodeCrossOrigin, Status: http.StatusForbidden, Err: err}
	}
	return all[0].Value, true, nil
}
