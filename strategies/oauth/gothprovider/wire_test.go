package gothprovider_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

// A recorder is a server that keeps what it is asked.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request // with their forms parsed
}

func record(t *testing.T, answer http.HandlerFunc) *recorder {
	rec := new(recorder)
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		_ = r.ParseForm()
		rec.mu.Lock()
		rec.seen = append(rec.seen, r)
		rec.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) requests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// TestCodeIsSentOnce: x/oauth2 sends a code a second time where the first
// answer is an error. The provider sees one. C36
func TestCodeIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"an error":     says(400, "application/json", `{"error":"invalid_grant"}`),
		"an outage":    says(500, "text/plain", "down"),
		"not a client": says(401, "application/json", `{"error":"invalid_client"}`),
		"cut":          breaks,
		"too long":     floods("application/json", "{"),
	} {
		rec := record(t, answer)
		p := must[*gothprovider.Provider](t)(gothprovider.New(githubAt(rec.URL), gothprovider.Config{RedirectURL: callback, Issuer: "x"}))
		f := newFlow(t, p)
		id, err := p.Finish(t.Context(), f)
		if n := len(rec.requests()); id != nil || err == nil || n != 1 {
			t.Errorf("%s: got %v, %v and %d requests", name, id, err, n)
		}
		if refused := errors.Is(err, oauth.ErrRefused); refused != (name == "an error") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestVerifier: the token request has the verifier, once, whatever goth sends,
// and the secret where it is wanted. C08
func TestVerifier(t *testing.T) {
	t.Parallel()
	rec := record(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			object(`{"access_token":"at"}`)(w, r)
		} else {
			object(`{"id":42}`)(w, r)
		}
	})
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		p := must[*gothprovider.Provider](t)(gothprovider.New(githubAt(rec.URL), gothprovider.Config{RedirectURL: callback, Issuer: "x", AuthStyle: style}))
		f := newFlow(t, p)
		if id, err := p.Finish(t.Context(), f); err != nil || id.Subject != "42" {
			t.Fatalf("got %v, %v", id, err)
		}
		seen := rec.requests()
		r := seen[len(seen)-2] // before that of the profile
		if got := r.PostForm["code_verifier"]; len(got) != 1 || got[0] != f.Verifier || r.URL.RawQuery != "" {
			t.Errorf("got the verifier %q, and the query %q", got, r.URL.RawQuery)
		}
		_, secret, header := r.BasicAuth()
		inForm := r.PostForm.Get("client_id") == "client" && r.PostForm.Get("client_secret") == "client-secret"
		if want := style != oauth2.AuthStyleInHeader; inForm != want || header == want || header && secret != "client-secret" {
			t.Errorf("%d: in the form: %v, in the header: %v", style, inForm, header)
		}
		if r := seen[len(seen)-1]; r.URL.Path != "/api/user" || strings.Contains(r.URL.RawQuery+r.Form.Encode(), f.Verifier) {
			t.Errorf("the profile was asked for with %s %v", r.URL, r.Form)
		}
	}
}

// TestNoVerifier: where no verifier fits, the code stays here, unless the
// application wants it otherwise. C08
func TestNoVerifier(t *testing.T) {
	t.Parallel()
	rec := record(t, object(`{}`))
	for name, redeem := range map[string]func(s *stranger, code string) (*http.Response, error){
		"query of a GET": func(s *stranger, code string) (*http.Response, error) {
			return s.client.Get(rec.URL + "/?" + url.Values{"code": {code}}.Encode())
		},
		"query of a POST": func(s *stranger, code string) (*http.Response, error) {
			return s.client.Post(rec.URL+"/?grant_type=authorization_code&"+url.Values{"code": {code}}.Encode(), "", nil)
		},
		"JSON": func(s *stranger, code string) (*http.Response, error) {
			return s.client.Post(rec.URL, "application/json", strings.NewReader(`{"grant_type":"authorization_code","code":"`+code+`"}`))
		},
		"another grant": func(s *stranger, code string) (*http.Response, error) {
			return s.client.PostForm(rec.URL, url.Values{"grant_type": {"other"}, "code": {code}})
		},
		"another name": func(s *stranger, code string) (*http.Response, error) {
			return s.client.PostForm(rec.URL, url.Values{"grant_type": {"authorization_code"}, "auth_code": {code}})
		},
		"a form that says it is none": func(s *stranger, code string) (*http.Response, error) {
			return s.client.Post(rec.URL, "text/plain", strings.NewReader("grant_type=authorization_code&code="+url.QueryEscape(code)))
		},
	} {
		template := &stranger{authorize: func(s *stranger, params goth.Params) error {
			res, err := redeem(s, params.Get("code"))
			if err == nil {
				err = res.Body.Close()
			}
			return err
		}}
		before := len(rec.requests())
		p := strange(t, template, gothprovider.Config{})
		f := newFlow(t, p)
		f.Code = "the/code+1"
		if id, err := p.Finish(t.Context(), f); id != nil || err == nil || !strings.Contains(err.Error(), "InsecureNoPKCE") || len(rec.requests()) != before {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
		p = strange(t, template, gothprovider.Config{InsecureNoPKCE: true})
		if location, err := p.Begin(t.Context(), f); err != nil || strings.Contains(location, "code_challenge") {
			t.Errorf("%s: sent to %s, %v", name, location, err)
		}
		if id, err := p.Finish(t.Context(), f); err != nil || id.Subject != "42" || len(rec.requests()) != before+1 {
			t.Errorf("%s: got %v, %v with the option", name, id, err)
		}
	}
}

// TestOtherClient: nobody is signed in by a provider that does not use what it
// was given. C38
func TestOtherClient(t *testing.T) {
	t.Parallel()
	broken := record(t, breaks)
	rec := record(t, object(`{}`))
	for name, authorize := range map[string]func(s *stranger, params goth.Params) error{
		"http.DefaultClient": func(s *stranger, params goth.Params) error { return s.redeem(http.DefaultClient, params) },
		"nothing":            func(*stranger, goth.Params) error { return nil },
		"an answer that never came": func(s *stranger, params goth.Params) error {
			s.server = broken.URL
			_ = s.redeem(s.client, params)
			return nil
		},
		"another code": func(s *stranger, _ goth.Params) error {
			return s.redeem(s.client, url.Values{"code": {"another"}})
		},
	} {
		template := &stranger{server: rec.URL, authorize: authorize}
		p := strange(t, template, gothprovider.Config{})
		f := newFlow(t, p)
		if id, err := p.Finish(t.Context(), f); id != nil || !errors.Is(err, oauth.ErrBadAnswer) || !strings.Contains(err.Error(), "InsecureOwnClient") {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
		p = strange(t, template, gothprovider.Config{InsecureOwnClient: true})
		if id, err := p.Finish(t.Context(), f); err != nil || id.Subject != "42" {
			t.Errorf("%s: got %v, %v with the option", name, id, err)
		}
	}
}

// TestPlainHTTP: neither codes nor tokens travel in the clear. C38
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	asked := false
	client := oauth.Client(&oauth.ClientOptions{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = true
		return nil, errors.New("no network")
	})})
	p := strange(t, &stranger{server: "http://stranger.example/token"}, gothprovider.Config{Client: client})
	f := newFlow(t, p)
	if id, err := p.Finish(t.Context(), f); id != nil || !errors.Is(err, oauth.ErrBadAnswer) || asked {
		t.Errorf("got %v, %v, and asked: %v", id, err, asked)
	}
	p = strange(t, &stranger{server: "http://stranger.example/token"}, gothprovider.Config{Client: client, InsecureHTTP: true})
	if id, err := p.Finish(t.Context(), f); id != nil || err == nil || errors.Is(err, oauth.ErrBadAnswer) || !asked {
		t.Errorf("got %v, %v, and asked: %v", id, err, asked)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLargeRequest(t *testing.T) {
	t.Parallel()
	rec := record(t, object(`{}`))
	p := strange(t, &stranger{authorize: func(s *stranger, _ goth.Params) error {
		_, err := s.client.Post(rec.URL, "text/plain", strings.NewReader(strings.Repeat("a", 65<<10)))
		return err
	}}, gothprovider.Config{})
	if id, err := p.Finish(t.Context(), newFlow(t, p)); id != nil || err == nil || len(rec.requests()) != 0 {
		t.Errorf("got %v, %v", id, err)
	}
}

// TestErrors: what goth says in an error may quote an answer, or the code, and
// is not passed on. C40
func TestErrors(t *testing.T) {
	t.Parallel()
	rec := record(t, object(`{}`))
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"of goth": {fmt.Errorf("cannot fetch token: %s", canary), "cannot be used"},
		"of the token endpoint": {&oauth2.RetrieveError{
			Response: &http.Response{Status: canary}, Body: []byte(canary), ErrorCode: "a_code", ErrorDescription: canary, ErrorURI: canary,
		}, "a_code"},
	} {
		p := strange(t, &stranger{server: rec.URL, authorize: func(s *stranger, params goth.Params) error {
			return errors.Join(s.redeem(s.client, params), test.err)
		}}, gothprovider.Config{})
		id, err := p.Finish(t.Context(), newFlow(t, p))
		if id != nil || !errors.Is(err, oauth.ErrBadAnswer) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
	}
}
