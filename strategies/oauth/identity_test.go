package oauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/strategies/oauth"
)

// TestIdentityIsChecked: whoever wrote the provider, an identity that names
// nobody is refused, and an address that is none is dropped. C22, C27
func TestIdentityIsChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id    *oauth.Identity
		ok    bool
		email string
	}{
		"nil":                   {nil, false, ""},
		"no subject":            {&oauth.Identity{}, false, ""},
		"255 bytes":             {&oauth.Identity{Subject: strings.Repeat("1", 255)}, true, ""},
		"256 bytes":             {&oauth.Identity{Subject: strings.Repeat("1", 256)}, false, ""},
		"not UTF-8":             {&oauth.Identity{Subject: "\xff"}, false, ""},
		"a control character":   {&oauth.Identity{Subject: "1\t"}, false, ""},
		"an issuer with spaces": {&oauth.Identity{Issuer: "https://a b", Subject: "1"}, false, ""},
		"an issuer of its own":  {&oauth.Identity{Issuer: "https://tenant.example", Subject: "1"}, true, ""},
		"an address":            {&oauth.Identity{Subject: "1", Email: "ann@example.com"}, true, "ann@example.com"},
		"two @":                 {&oauth.Identity{Subject: "1", Email: "ann@example.com@evil.example"}, true, ""},
		"a list":                {&oauth.Identity{Subject: "1", Email: "a@example.com,b@evil.example"}, true, ""},
		"quotes":                {&oauth.Identity{Subject: "1", Email: `"ann"@example.com`}, true, ""},
		"angle brackets":        {&oauth.Identity{Subject: "1", Email: "Ann <ann@example.com>"}, true, ""},
		"a line feed":           {&oauth.Identity{Subject: "1", Email: "ann@example.com\nx"}, true, ""},
		"no domain":             {&oauth.Identity{Subject: "1", Email: "ann@"}, true, ""},
		"no name":               {&oauth.Identity{Subject: "1", Email: "@example.com"}, true, ""},
	} {
		if test.id != nil {
			test.id.EmailStatus = oauth.EmailVerified
		}
		p := &stub{finish: func(context.Context, *oauth.Flow) (*oauth.Identity, error) { return test.id, nil }}
		s := newSite(t, setup{provider: p})
		b := s.browser()
		u, err := url.Parse(b.begin())
		if err != nil {
			t.Fatal(err)
		}
		w := b.get(callbackPath + "?code=c&state=" + u.Query().Get("state"))
		if got := b.me() != ""; got != test.ok || !test.ok && w.Code != http.StatusBadGateway {
			t.Errorf("%s: got %d, signed in %t, want %t", name, w.Code, got, test.ok)
		}
		if !test.ok {
			continue
		}
		id := s.verified()[0]
		if id.Email != test.email || (id.EmailStatus == oauth.EmailVerified) != (test.email != "") || id.Issuer == "" {
			t.Errorf("%s: got %+v", name, id)
		}
	}
}

// TestVerifiedDomain: the part after the only @, of an address that counts.
// C27
func TestVerifiedDomain(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"ann@Example.com": "example.com", "ann@example.com@evil.example": "", "ann@evil.example,x@example.com": "", "example.com": "", "": "",
		"ann@example.com ": "", "\"ann@evil.example\"@example.com": "",
	} {
		id := &oauth.Identity{Email: email, EmailStatus: oauth.EmailVerified}
		if got := id.VerifiedDomain(); got != want {
			t.Errorf("%q: got %q, want %q", email, got, want)
		}
		for _, status := range []oauth.EmailStatus{oauth.EmailUnknown, oauth.EmailUnverified} {
			if id.EmailStatus = status; id.VerifiedDomain() != "" {
				t.Errorf("%q, %s: got %q", email, status, id.VerifiedDomain())
			}
		}
	}
}

// TestMasked: no token and no client secret shows where values are printed.
// C41, A28
func TestMasked(t *testing.T) {
	t.Parallel()
	tokens := &oauth.Tokens{Access: canary, Refresh: canary, Expiry: time.Now()}
	id := &oauth.Identity{Issuer: "https://a.example", Subject: "1", Tokens: tokens}
	config := oauth.Config{ClientID: "c", ClientSecret: canary, RedirectURL: callback}
	p, err := oauth.NewProvider(oauth.GitHub(), config)
	if err != nil {
		t.Fatal(err)
	}
	strategy := oauth.New(p, func(context.Context, *oauth.Identity) (*user, error) { return nil, nil }, nil)
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	text := slog.New(slog.NewTextHandler(&b, nil))
	for _, v := range []any{tokens, *tokens, id, *id, config, &config, p, strategy, []any{tokens, id, config, p}, struct{ C oauth.Config }{config}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		log.Info("x", "v", v)
		text.Info("x", "v", v)
	}
	body, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(body)
	for _, secret := range []string{canary, fmt.Sprintf("%x", canary)} {
		for line := range strings.SplitSeq(b.String(), "\n") {
			if strings.Contains(line, secret) {
				t.Errorf("shown in %s", line)
			}
		}
	}
}

// FuzzParseJSON: what is taken means the same to encoding/json.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"sub":"1","a":[1,2.5,true,null,{"b":{}}]}`, `{"a":1,"a":2}`, `[[[[]]]]`, `{"a":1}x`, `"\ud800"`, `1e400`, ``, `{`, `{"a"}`, strings.Repeat("[", 40),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := oauth.ParseJSON(body)
		if err != nil {
			if !errors.Is(err, oauth.ErrBadAnswer) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
			return
		}
		var want any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	})
}

// TestClient: answers are bounded, and redirects are followed only where they
// carry no secret away. C38
func TestClient(t *testing.T) {
	t.Parallel()
	var hops int
	mux := http.NewServeMux()
	mux.HandleFunc("/body/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.PathValue("n"), &n)
		_, _ = w.Write(make([]byte, n))
	})
	mux.HandleFunc("/hop", func(w http.ResponseWriter, r *http.Request) {
		if hops--; hops >= 0 {
			http.Redirect(w, r, "/hop", http.StatusFound)
		}
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:"+port(r.Host)+"/hop", http.StatusFound)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()

	client := oauth.Client(&oauth.ClientOptions{MaxBody: 1000, Timeout: 200 * time.Millisecond})
	for n, ok := range map[int]bool{0: true, 999: true, 1000: true, 1001: false, 1 << 20: false} {
		res, err := client.Get(fmt.Sprintf("%s/body/%d", server.URL, n))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if (err == nil) != ok || len(body) > 1000 || !ok && !errors.Is(err, oauth.ErrBadAnswer) {
			t.Errorf("%d bytes: read %d, %v", n, len(body), err)
		}
	}
	for name, test := range map[string]struct {
		method, path, authorization string
		hops                        int
		ok                          bool
	}{
		"none":                 {"GET", "/hop", "", 0, true},
		"three":                {"GET", "/hop", "", 3, true},
		"four":                 {"GET", "/hop", "", 4, false},
		"of a POST":            {"POST", "/hop", "", 1, false},
		"with a token":         {"GET", "/hop", "Bearer x", 1, false},
		"to another host":      {"GET", "/away", "", 0, false},
		"an answer that hangs": {"GET", "/hang", "", 0, false},
	} {
		hops = test.hops
		r, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", test.authorization)
		res, err := client.Do(r)
		if err == nil {
			res.Body.Close()
		}
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := oauth.Client(nil); c == http.DefaultClient || c.Timeout != 10*time.Second || c.Jar != nil {
		t.Errorf("the default: %+v", c)
	}
}
