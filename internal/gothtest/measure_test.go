package gothtest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

const callback = "https://example.com/callback"

// A stub answers requests for one sign-in as the provider would, and keeps
// what came by the client that the provider was given, and by any other.
type stub struct {
	mu         sync.Mutex
	answer     func(*http.Request) string
	own, other []*http.Request
	bodies     map[*http.Request]string
}

func (s *stub) keep(list *[]*http.Request, r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, r)
	s.bodies[r] = string(body)
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader([]byte(s.answer(r)))),
	}, nil
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// others has the requests that came by http.DefaultTransport, for the stub of
// the sign-in that is under way.
var others defaultTransport

type defaultTransport struct {
	mu   sync.Mutex
	stub *stub
}

func (d *defaultTransport) use(s *stub) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stub = s
}

func (d *defaultTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stub == nil {
		return nil, fmt.Errorf("%s was asked where nothing should be", r.URL.Host)
	}
	return d.stub.keep(&d.stub.other, r)
}

func TestMain(m *testing.M) {
	http.DefaultTransport = &others
	os.Exit(m.Run())
}

// measured is what a provider does.
type measured struct {
	state, challenge      bool // in the authorization URL
	times                 int  // that the code was sent
	fits, verifier, form  bool // where a verifier fits; with one; with the secret in the form
	ownClient             bool // not all came by the client
	identity              *oauth.Identity
	err                   error
	emailTrue, emailFalse oauth.EmailStatus
	emailText             oauth.EmailStatus // where the flag is the string "true"
}

// measure signs in once for each shape of answers, until one is what the
// provider expects.
func measure(c gothprovider.Config, fresh func(string, *http.Client) goth.Provider) (m measured) {
	for _, shape := range shapes {
		if m = try(c, fresh, shape, true); m.identity != nil {
			break
		}
	}
	if m.identity == nil {
		return m
	}
	m.emailTrue = m.identity.EmailStatus
	for flag, status := range map[any]*oauth.EmailStatus{false: &m.emailFalse, "true": &m.emailText} {
		for _, shape := range shapes {
			if again := try(c, fresh, shape, flag); again.identity != nil {
				*status = again.identity.EmailStatus
				break
			}
		}
	}
	return m
}

func try(c gothprovider.Config, fresh func(string, *http.Client) goth.Provider, shape shape, flag any) (m measured) {
	flow := &oauth.Flow{
		State: strings.Repeat("s", 43), Verifier: strings.Repeat("v", 43), Nonce: strings.Repeat("n", 43), Code: "the-code",
		Extra: map[string]string{"host": "h", "shop": "shop.example.com", "timestamp": "1", "hmac": shopifyMAC("the-code", strings.Repeat("s", 43))},
	}
	s := &stub{bodies: make(map[*http.Request]string), answer: func(r *http.Request) string { return answer(r, flow, shape, flag) }}
	others.use(s)
	defer others.use(nil)
	c.Client = oauth.Client(&oauth.ClientOptions{Transport: transport(func(r *http.Request) (*http.Response, error) { return s.keep(&s.own, r) })})
	p, err := gothprovider.New(fresh, c)
	if err != nil {
		m.err = err
		return m
	}
	location, err := p.Begin(context.Background(), flow)
	if err != nil {
		m.err = err
		return m
	}
	u, _ := url.Parse(location)
	m.state = u.Query().Get("state") == flow.State
	m.challenge = u.Query().Get("code_challenge") == flow.Challenge() && u.Query().Get("code_challenge_method") == "S256"
	m.identity, m.err = p.Finish(context.Background(), flow)
	m.ownClient = len(s.other) > 0
	for _, r := range slices.Concat(s.own, s.other) {
		body := s.bodies[r]
		if !strings.Contains(r.URL.RawQuery+body, flow.Code) {
			continue
		}
		m.times++
		form, _ := url.ParseQuery(body)
		m.fits = slices.Contains(s.own, r) && r.Method == "POST" && form.Get("code") == flow.Code || form.Has("code_verifier")
		m.verifier = form.Get("code_verifier") == flow.Verifier
		m.form = r.Header.Get("Authorization") == ""
	}
	return m
}

// answer is one to every question: a token, a profile, whatever.
func answer(r *http.Request, flow *oauth.Flow, shape shape, flag any) string {
	object := map[string]any{
		"access_token": "at", "token_type": "bearer", "expires_in": 3600, "expires": 3600, "refresh_token": "rt",
		"email": "ann@example.com", "email_verified": flag, "verified": flag, "verified_email": flag,
		"name": "Ann", "login": "ann@example.com", "username": "ann", "userPrincipalName": "ann@example.com", "ok": true, "team_id": "T1",
		"sub": "42", "uuid": "42", "open_id": "42", "openid": "42", "account_id": "42", "UserId": "42", "user_id": "42", "id": "42",
		"id_token": idToken(flow),
	}
	shape(r.URL, object)
	body, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// hasState tells whether goth puts the state into the authorization URL. Those
// of OAuth 1 ask for a token before.
func hasState(fresh func(string, *http.Client) goth.Provider) bool {
	const state = "the-state-of-this-sign-in"
	s := &stub{bodies: make(map[*http.Request]string), answer: func(*http.Request) string {
		return "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"
	}}
	others.use(s)
	defer others.use(nil)
	session, err := fresh(callback, http.DefaultClient).BeginAuth(state)
	if err != nil {
		panic(err)
	}
	location, err := session.GetAuthURL()
	if err != nil {
		panic(err)
	}
	u, err := url.Parse(location)
	return err == nil && u.Query().Get("state") == state
}

// A shape changes the answer to what some of the providers expect.
type shape func(*url.URL, map[string]any)

var shapes = []shape{
	func(*url.URL, map[string]any) {},
	func(_ *url.URL, o map[string]any) { delete(o, "id_token") },
	func(_ *url.URL, o map[string]any) {
		delete(o, "id_token")
		o["id"], o["user_id"], o["UserId"] = 42, 42, 42
	},
	func(_ *url.URL, o map[string]any) { o["email_verified"] = "true" }, // cognito
	func(_ *url.URL, o map[string]any) { // one object deeper
		inner := map[string]any{
			"id": "42", "uuid": "42", "user_id": "42", "open_id": "42", "email": "ann@example.com", "email_verified": o["email_verified"],
			"access_token": "at", "display_name": "Ann", "name": "Ann",
		}
		o["data"], o["account"], o["user"], o["response"] = inner, inner, inner, inner
		o["app_access_token"], o["ocs"] = "aat", map[string]any{"data": inner}
		o["elements"] = []any{map[string]any{"handle~": map[string]any{"emailAddress": "ann@example.com"}}}
		o["stripe_user_id"], o["CharacterID"] = "42", 42
	},
	func(_ *url.URL, o map[string]any) { // other types
		inner := map[string]any{"id": 42, "name": "Ann"}
		mail := []any{map[string]any{"email": "ann@example.com", "is_primary": true, "is_confirmed": true, "is_verified": true}}
		o["shop"], o["account"], o["response"], o["emails"], o["values"] = inner, inner, []any{inner}, mail, mail
		o["data"], o["id"] = []any{map[string]any{"id": "42"}}, "https://login.salesforce.com/id/42"
		delete(o, "name")
	},
	func(u *url.URL, o map[string]any) { // yammer
		o["id"] = 42
		if strings.HasSuffix(u.Path, "/access_token") {
			clear(o)
			o["access_token"] = map[string]any{"token": "at"}
		}
	},
}

func idToken(flow *oauth.Flow) string {
	claims, _ := json.Marshal(map[string]any{
		"iss": issuer, "aud": "id", "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "nonce": flow.Nonce,
		"email": "ann@example.com", "user_id": "42",
	})
	return "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2ln"
}

// shopifyMAC signs a callback as shopify does, with the secret of an
// environment variable that is not set.
func shopifyMAC(code, state string) string {
	mac := hmac.New(sha256.New, nil)
	fmt.Fprintf(mac, "code=%s&host=h&shop=shop.example.com&state=%s&timestamp=1", code, state)
	return hex.EncodeToString(mac.Sum(nil))
}
