// Package formbody reads the form that a request carries, within a limit, and
// leaves the body to be read again.
package formbody

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gopassport/passport/internal/body"
)

var (
	// ErrTooLarge: the body exceeds the limit.
	ErrTooLarge = errors.New("the body is too large")
	// ErrMalformed: the body is no form, or ends too early.
	ErrMalformed = errors.New("the form is malformed")
	// ErrRepeated: a field is there twice. Which one counts is where programs
	// differ, and attackers get in.
	ErrRepeated = errors.New("a field of the form is repeated")
)

// Is tells whether the body is a plain form: not a multipart one, whose parser
// buffers on disk, and in UTF-8.
func Is(r *http.Request) bool {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, declared := params["charset"]
	return err == nil && kind == "application/x-www-form-urlencoded" && (!declared || strings.EqualFold(charset, "utf-8"))
}

// Values are the fields of the body of at most limit bytes, and none of the
// query. Any other error than the three above is the context's.
func Values(r *http.Request, limit int64) (url.Values, error) {
	if r.PostForm != nil { // somebody read it before us
		return r.PostForm, nil
	}
	text, err := body.Peek(r, limit)
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, ErrTooLarge
	}
	if err != nil {
		if ended := r.Context().Err(); ended != nil {
			return nil, fmt.Errorf("reading the body: %w", ended)
		}
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, ErrMalformed
	}
	return form, nil
}

// Field is the one value of a field; empty if it is absent.
func Field(form url.Values, name string) (string, error) {
	if len(form[name]) > 1 {
		return "", fmt.Errorf("%w: %s", ErrRepeated, name)
	}
	return form.Get(name), nil
}
