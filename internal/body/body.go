// Package body reads the body of a request for those who only want a look.
package body

import (
	"bytes"
	"io"
	"net/http"
)

// Peek reads the whole body, of limit bytes at most, and puts it back for the
// handlers behind. A longer one, for it or for an http.MaxBytesReader around
// the request, is an *[http.MaxBytesError]; any other error is one of reading.
func Peek(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if r.Body == nil {
		return nil, nil
	}
	all, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(all)) > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if err != nil {
		return nil, err
	}
	r.Body = restored{bytes.NewReader(all), r.Body}
	return all, nil
}

type restored struct {
	io.Reader
	io.Closer
}
