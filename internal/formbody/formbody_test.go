package formbody_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gopassport/passport/internal/formbody"
)

func request(body io.Reader, kind string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/?a=query", body)
	r.Header.Set("Content-Type", kind)
	return r
}

func TestIs(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]bool{
		"application/x-www-form-urlencoded":                 true,
		"APPLICATION/X-WWW-FORM-URLENCODED; charset=UTF-8":  true,
		"application/x-www-form-urlencoded; charset=latin1": false,
		"application/x-www-form-urlencoded; charset":        false,
		"application/json":                                  false,
		"multipart/form-data; boundary=x":                   false,
		"":                                                  false,
	} {
		if got := formbody.Is(request(nil, kind)); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	const kind = "application/x-www-form-urlencoded"
	gone, leave := context.WithCancel(t.Context())
	leave()
	broken := func() io.Reader { return iotest.ErrReader(io.ErrUnexpectedEOF) }
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"fits":      {request(strings.NewReader("a=1&b=2"), kind), nil},
		"too large": {request(strings.NewReader("a=1&b=23"), kind), formbody.ErrTooLarge},
		"endless":   {request(io.MultiReader(strings.NewReader("a=1&b=23")), kind), formbody.ErrTooLarge},
		"malformed": {request(strings.NewReader("a=%zz"), kind), formbody.ErrMalformed},
		"cut":       {request(broken(), kind), formbody.ErrMalformed},
		"gone":      {request(broken(), kind).WithContext(gone), context.Canceled},
	} {
		form, err := formbody.Values(c.r, 7)
		if !errors.Is(err, c.want) || err == nil && (form.Get("a") != "1" || c.want != nil) {
			t.Errorf("%s: %v, %v; want %v", name, form, err, c.want)
		}
	}
	r := request(strings.NewReader("a=1&a=2"), kind)
	for range 2 { // it can be read again
		form, err := formbody.Values(r, 7)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := formbody.Field(form, "a"); !errors.Is(err, formbody.ErrRepeated) || v != "" {
			t.Errorf("repeated: %q, %v", v, err)
		}
		if v, err := formbody.Field(form, "b"); err != nil || v != "" {
			t.Errorf("absent: %q, %v", v, err)
		}
	}
}
