package gothprovider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
)

// A roundTripper is a transport that is one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A wire is the traffic of one request: all that its provider asks, one after
// the other.
type wire struct {
	p              *Provider
	code, verifier string // empty where a sign-in begins

	mu     sync.Mutex
	sent   *answer // to the request with the code
	failed error   // the first request that had no answer, or none of use
	last   string  // where the last answer came from, for the log
	status int     // of the last answer
}

// An answer is what came of a request. Its body is read.
type answer struct {
	res  *http.Response
	body []byte
	err  error
}

func (a *answer) result() (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	res := *a.res
	res.Body = io.NopCloser(bytes.NewReader(a.body))
	return &res, nil
}

func (p *Provider) wire(f *oauth.Flow) *wire {
	return &wire{p: p, code: f.Code, verifier: f.Verifier}
}

// client is one for the provider of this request. It asks by base for as long
// as ctx lives, and answers nothing after that.
func (w *wire) client(ctx context.Context, base *http.Client) *http.Client {
	c := *base
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			defer r.Body.Close()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		res, err := w.send(ctx, next, r)
		if err != nil && w.failed == nil {
			w.failed = err
		}
		return res, err
	})
	return &c
}

func (w *wire) send(ctx context.Context, next http.RoundTripper, r *http.Request) (*http.Response, error) {
	if !w.p.mayBe(r.URL) {
		return nil, fmt.Errorf("%w: it is at no https URL", oauth.ErrBadAnswer)
	}
	// The request ends with ctx, and with its own context, which has the
	// client's timeout.
	joined, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	r = r.Clone(joined)
	withCode, err := w.secure(r)
	if err != nil {
		return nil, err
	}
	if withCode && w.sent != nil {
		// A code is sent once. Whoever sends it again, as x/oauth2 does where the
		// first answer is an error, has the first answer again.
		return w.sent.result()
	}
	a := ask(next, r)
	if withCode {
		w.sent = a
	}
	if a.res != nil {
		w.last, w.status = r.URL.Host, a.res.StatusCode
	}
	return a.result()
}

// ask sends a request and reads the answer. Where that is JSON it has to be
// what [oauth.ParseJSON] takes, unless it is an error.
func ask(next http.RoundTripper, r *http.Request) *answer {
	res, err := next.RoundTrip(r)
	if err != nil {
		return &answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); err == nil && res.StatusCode < 300 && len(trimmed) > 0 && strings.IndexByte("{[", trimmed[0]) >= 0 {
		_, err = oauth.ParseJSON(body)
	}
	return &answer{res, body, err}
}

// maxRequest bounds what goth sends, in bytes.
const maxRequest = 64 << 10

// secure puts the verifier into a request with the code, and tells whether it
// is one.
func (w *wire) secure(r *http.Request) (withCode bool, err error) {
	var body []byte
	if r.Body != nil {
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxRequest+1)); err != nil {
			return false, err
		}
		if len(body) > maxRequest {
			return false, errors.New("gothprovider: goth sends too much")
		}
		setBody(r, body)
	}
	if w.code == "" {
		return false, nil
	}
	form, err := url.ParseQuery(string(body))
	isForm := err == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	switch {
	case isForm && r.Method == http.MethodPost && form.Get("grant_type") == "authorization_code" && form.Get("code") == w.code:
		if !w.p.c.InsecureNoPKCE {
			form.Set("code_verifier", w.verifier)
		}
		if id, secret, ok := r.BasicAuth(); ok && w.p.inForm() {
			moveSecret(r, form, id, secret)
		}
		setBody(r, []byte(form.Encode()))
		return true, nil
	case !w.mentionsCode(r.URL.Query(), body):
		return false, nil
	case !w.p.c.InsecureNoPKCE:
		return false, fmt.Errorf("%w: the provider sends the code where no verifier fits (Config.InsecureNoPKCE takes it nevertheless)", oauth.ErrBadAnswer)
	}
	return true, nil
}

// mentionsCode tells whether the code is in a query, or in a body that is no
// form of a token request.
func (w *wire) mentionsCode(query url.Values, body []byte) bool {
	for _, values := range query {
		if slices.Contains(values, w.code) {
			return true
		}
	}
	return bytes.Contains(body, []byte(w.code)) || bytes.Contains(body, []byte(url.QueryEscape(w.code)))
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
}

// moveSecret moves the client's id and secret from the header to the form.
func moveSecret(r *http.Request, form url.Values, id, secret string) {
	r.Header.Del("Authorization")
	for name, value := range map[string]string{"client_id": id, "client_secret": secret} {
		if plain, err := url.QueryUnescape(value); err == nil { // RFC 6749 section 2.3.1
			value = plain
		}
		if value != "" {
			form.Set(name, value)
		}
	}
}

// redeemed tells whether the code was sent by the client, and answered.
func (w *wire) redeemed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent != nil && w.sent.err == nil
}

// explain is the error of what goth returned. What that says is dropped, as it
// may quote answers.
func (w *wire) explain(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("gothprovider: %s: %w", step, ctx.Err())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return fmt.Errorf("gothprovider: %s: %w", step, w.failed)
	}
	if w.status >= http.StatusInternalServerError || w.status == http.StatusTooManyRequests {
		return fmt.Errorf("gothprovider: %s: %s answered with status %d", step, w.last, w.status)
	}
	kind, told := oauth.ErrBadAnswer, "it cannot be used"
	if errors.Is(err, errPanicked) {
		told = err.Error()
	}
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		told = fmt.Sprintf("the token endpoint says %+.100q", e.ErrorCode)
		if slices.Contains([]string{"invalid_grant", "bad_verification_code", "invalid_code"}, e.ErrorCode) {
			kind = oauth.ErrRefused
		}
	}
	if w.last == "" {
		return fmt.Errorf("%w: %s failed before anything was asked: %s", kind, step, told)
	}
	return fmt.Errorf("%w: %s failed after status %d of %s: %s", kind, step, w.status, w.last, told)
}
