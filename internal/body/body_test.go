package body_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/body"
)

func TestPeek(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body   io.Reader
		outer  int64 // of an http.MaxBytesReader
		want   string
		tooBig int64 // the limit of the error
	}{
		"none":           {},
		"short":          {body: strings.NewReader("abc"), want: "abc"},
		"just fits":      {body: strings.NewReader("abcd"), want: "abcd"},
		"too long":       {body: strings.NewReader("abcde"), tooBig: 4},
		"unknown length": {body: io.MultiReader(strings.NewReader("abcde")), tooBig: 4},
		"outer limit":    {body: io.MultiReader(strings.NewReader("abc")), outer: 2, tooBig: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", tt.body)
			if tt.body == nil {
				r.Body = nil
			}
			if tt.outer > 0 {
				r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, tt.outer)
			}
			got, err := body.Peek(r, 4)
			if big, ok := errors.AsType[*http.MaxBytesError](err); ok != (tt.tooBig > 0) || ok && big.Limit != tt.tooBig || !ok && err != nil {
				t.Fatalf("error %v, want one about %d bytes", err, tt.tooBig)
			}
			if string(got) != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
			if tt.body != nil && err == nil {
				again, err := io.ReadAll(r.Body)
				if err != nil || string(again) != tt.want {
					t.Errorf("behind it: %q, %v", again, err)
				}
			}
		})
	}
}
