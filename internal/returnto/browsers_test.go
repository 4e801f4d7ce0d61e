package returnto_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/browser"
	"github.com/gopassport/passport/internal/install"
	"github.com/gopassport/passport/internal/returnto"
)

// candidates is how many are made; PASSPORT_CANDIDATES says otherwise.
const candidates = 250_000

// A mill makes strings that some reader takes for an address elsewhere, out of
// the parts of one, each in many spellings. It makes the same ones each time.
type mill struct{ *rand.Rand }

func newMill() mill { return mill{rand.New(rand.NewPCG(1, 2))} }

func (m mill) one(of []string) string { return of[m.IntN(len(of))] }

// maybe is one of them every so often, and mostly nothing.
func (m mill) maybe(odds int, of []string) string {
	if m.IntN(odds) > 0 {
		return ""
	}
	return m.one(of)
}

// run is up to n of them.
func (m mill) run(n int, of []string) (s string) {
	for range m.IntN(n + 1) {
		s += m.one(of)
	}
	return s
}

var (
	schemes = []string{
		"http:", "https:", "HtTpS:", "ftp:", "ws:", "wss:", "file:", "javascript:", "JAVASCRIPT:", "data:", "data:text/html,", "vbscript:", "mailto:",
		"blob:", "blob:https:", "about:", "view-source:", "intent:", "filesystem:", "chrome:", "x:", ":", "http", "https%3a", "java\tscript:", "ht\ntps:",
		"https\r:", "\thttps:", "https:\t", "\u212attps:", "%68ttps:",
	}
	// What browsers take for a slash, and what they may.
	separators = []string{"/", `\`, "/", `\`, "/\t", "\\\n", "\t/", "\r\n/", "/\r"}
	slashes    = []string{
		"/", `\`, "/\x00", "/ ", " /", "/.", "/./", "/..", "/../", "/.//", "/%2e/", "/%2e%2e/", "%2f", "%2F", "%5c", "%5C",
		"%252f", "%255c", "／", "⁄", "∕", "＼", "⧵", "&#47;", "&sol;", "/%09", "/%0a", "/%0d", "/%00", "/;", "/?", "/#", "/@", "/:", "/x/../", "/x/..//", "/.;/",
	}
	hosts = []string{
		"evil.example", "EVIL.example", "evil.example.", "evil。example", "evil．example", "ｅｖｉｌ.example", "xn--evl-7na.example", "ev\u00ady.example",
		"ｅvil%E3%80%82example", "%65vil.example", "evil%2eexample", "127.0.0.1", "2130706433", "0x7f000001", "0177.1", "[::1]", "[::ffff:7f00:1]", "localhost",
		"site.example", "site.example.evil.example", "site.example@evil.example", "user:pass@evil.example", "evil.example:443", "evil.example:80", "site.example:8443",
		"evil.example%00.site.example", "evil.example\\.site.example", "evil.example#@site.example", "evil.example?@site.example", "", ".", "..", "@", "@evil.example",
		":80", "日本.example", "evil\t.example", "evil\n.example", "a/b", "alert(1)", "text/html,<script>alert(1)</script>",
	}
	tails = []string{
		"/path", "?next=//evil.example", "#//evil.example", "?a=b&c=d", "#", "?", "/..", "/%2e%2e/", "\t", " ", "\x00", "\r\nSet-Cookie: a=b", "\\", "//", "/\\evil.example",
		"/a/..//evil.example", "/;x=y", "/@evil.example", "é", "\u202e", "%",
	}
	junk = []string{
		"\t", "\n", "\r", "\r\n", " ", "\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\u0085", "\u00a0", "\u1680", "\u2000", "\u200b", "\u2028",
		"\u2029", "\u202f", "\u3000", "\ufeff", "\xff", "%09", "%0a", "%0d", "%20", "%00", ".", "./", "../", "*", "~", "'", `"`, "<", ">", "|", "^", "`", "{", "}",
	}
)

// candidate is one string.
func (m mill) candidate() string {
	between := slashes
	if m.IntN(4) > 0 {
		between = separators
	}
	s := m.maybe(6, junk[:12]) + m.maybe(3, schemes) + m.run(5, between) + m.maybe(8, junk) + m.one(hosts) + m.maybe(2, tails) + m.maybe(8, junk)
	switch m.IntN(6) {
	case 0: // something anywhere
		i := m.IntN(len(s) + 1)
		s = s[:i] + m.one(junk) + s[i:]
	case 1: // a byte that is encoded, or encoded again
		if len(s) > 0 {
			i := m.IntN(len(s))
			s = s[:i] + fmt.Sprintf(m.one([]string{"%%%02x", "%%%02X", "%%25%02x", "\\u%04x", "&#%d;"}), s[i]) + s[i+1:]
		}
	}
	return s
}

// make makes n strings, all different.
func (m mill) make(n int) []string {
	seen := make(map[string]bool, n)
	all := make([]string, 0, n)
	for len(all) < n {
		s := m.candidate()
		if m.IntN(3) == 0 {
			s = "/" + s
		}
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}

// judge asks node's URL parser, that of the WHATWG URL Standard, where a page
// at https://site.example/login would go: s for this origin, l for another, x
// for nowhere.
func judge(t *testing.T, all []string) []byte {
	t.Helper()
	node, err := install.Node(t.Context())
	if err != nil {
		install.Missing(t, err)
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, s := range all {
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/judge.mjs")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if len(out) != len(all) {
		t.Fatalf("%d verdicts for %d strings", len(out), len(all))
	}
	return out
}

// TestBrowsersStay: of all that is made, nothing that leads elsewhere, or
// breaks a header, is let through. C30, C31
func TestBrowsersStay(t *testing.T) {
	t.Parallel()
	n := candidates
	if more := os.Getenv("PASSPORT_CANDIDATES"); more != "" {
		var err error
		if n, err = strconv.Atoi(more); err != nil {
			t.Fatal(err)
		}
	}
	var made, elsewhere, nowhere, accepted, through int
	for m := newMill(); made < n; {
		all := m.make(min(n-made, candidates))
		made += len(all)
		for i, verdict := range judge(t, all) {
			local := returnto.Local(all[i])
			switch {
			case verdict == 'l':
				elsewhere++
			case verdict == 'x':
				nowhere++
			}
			if !local {
				continue
			}
			accepted++
			if verdict != 's' || strings.ContainsFunc(all[i], func(r rune) bool { return r <= ' ' || r > '~' }) {
				through++
				t.Errorf("%q is let through: %c", all[i], verdict)
			}
		}
	}
	t.Logf("%d candidates: %d leave the origin, %d lead nowhere, %d are accepted; %d let through that should not be", made, elsewhere, nowhere, accepted, through)
	if elsewhere < made/4 || accepted < made/100 {
		t.Errorf("the candidates are no test: %d elsewhere, %d accepted of %d", elsewhere, accepted, made)
	}
}

// TestBrowsersAgree: node too takes what applications have for paths of the
// site, and what the other tests call hostile for something else.
func TestBrowsersAgree(t *testing.T) {
	t.Parallel()
	if len(good) < 50 {
		t.Errorf("only %d good ones", len(good))
	}
	for i, verdict := range judge(t, good) {
		if verdict != 's' {
			t.Errorf("%.60q: %c", good[i], verdict)
		}
	}
}

// TestChromium: where Chromium goes, by a script, by a link and by the
// Location of a redirect, is on the site. The same strings lead off it where
// nothing checks them. C30
func TestChromium(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer elsewhere.Close()
	there, err := url.Parse(elsewhere.URL)
	if err != nil {
		t.Fatal(err)
	}
	host := func(s string) string { return strings.ReplaceAll(s, "evil.example", "localhost:"+there.Port()) }
	var accepted, refused []string
	for _, s := range newMill().make(60_000) {
		switch s = host(s); {
		case returnto.Local(s) && len(accepted) < 2000:
			accepted = append(accepted, s)
		case !returnto.Local(s) && strings.Contains(s, there.Port()) && len(refused) < 2000:
			refused = append(refused, s)
		}
	}
	lists := map[string][]string{"/accepted": accepted, "/refused": refused}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list := lists[r.URL.Path]
		if i, err := strconv.Atoi(r.URL.Query().Get("redirect")); err == nil && i < len(list) {
			w.Header().Set("Location", list[i])
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = json.NewEncoder(w).Encode(list)
	}))
	defer site.Close()
	t.Log(browser.Run(t, "testdata/follow.mjs", site.URL, "http://localhost:"+there.Port()))
}
