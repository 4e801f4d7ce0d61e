package returnto_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/returnto"
)

// good are paths that applications have.
var good = []string{
	"/", "/a", "/a/", "/a/b/c", "/a?b=c", "/a?b=c&d=e", "/a#b", "/a?b#c", "/?a", "/#", "/#/route/7", "/a/../b", "/./a", "/a//b", "/a/", "/index.html",
	"/~alice", "/@alice", "/users/alice@example.com", "/a:b", "/a;b=c", "/a,b", "/a+b", "/a=b", "/a&b", "/a!b", "/a$b", "/a'b", "/a(b)", "/a*b",
	"/a|b", "/a^b", "/a`b", "/a{b}", "/a[b]", `/a"b`, "/a<b>", "/%20", "/%C3%A9", "/%2F%2Fevil.example", "/%5Cevil.example", "/%0D%0A", "/%00", "/a%2fb",
	"/?next=https://example.com/", "/?q=//evil.example", "/search?q=a+b%26c", "/.well-known/x", "/...", "/a?b=c\\"[:6], "/javascript:alert(1)", "/http://x",
	"/-", "/_", "/0", "/" + strings.Repeat("a", returnto.Max-1),
}

// TestGood are accepted. C30
func TestGood(t *testing.T) {
	t.Parallel()
	for _, s := range good {
		if !returnto.Local(s) {
			t.Errorf("%.60q is refused", s)
		}
	}
}

// hostile are strings that lead off the origin in some browser, or break
// a header, in all the spellings of their parts.
func hostile() (all []string) {
	add := func(format string, parts ...[]string) {
		n := 1
		for _, p := range parts {
			n *= len(p)
		}
		for i := range n {
			args := make([]any, len(parts))
			for j, p := range parts {
				args[j], i = p[i%len(p)], i/len(p)
			}
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	hosts := []string{"evil.example", "evil.example/path", "example.com@evil.example", "2130706433", "[::1]", "evil。example", "xn--evl-7na.example", ":80", ""}
	spaces := []string{"\t", "\n", "\r", "\r\n", " ", "\x00", "\x0b", "\x0c", "\x1f", "\x7f", "\u00a0", "\u2028", "\ufeff", "\u200b"}
	slashes := []string{"//", "///", "////", `/\`, `\/`, `\\`, `\`, `/\/`, `//\`}
	schemes := []string{"http:", "https:", "HtTpS:", "ftp:", "javascript:", "JavaScript:", "data:", "vbscript:", "file:", "mailto:", "tel:", "blob:", "view-source:", "x:", ":"}
	add("%s%s", slashes, hosts)
	add("%s%s%s", schemes, []string{"", "/", "//", `\\`, "///"}, []string{"evil.example", "alert(1)"})
	add("%s%s%s", spaces, []string{"//", "/", `/\`, "http://"}, []string{"evil.example"})
	add("/%s%s%s", spaces, []string{"/", `\`, ""}, []string{"evil.example"})
	add("/a%sb", append(spaces, `\`, "é", "\xff", "\xc0\xaf", "。", "／", "＼"))
	add("/a%s", append(spaces, `\`, "\r\nSet-Cookie: a=b", "\r\n\r\n<script>"))
	add("%s", []string{
		"", "a", "a/b", "evil.example", "www.evil.example/a", "@evil.example", "user@evil.example", "?a", "#a", ".", "..", "../a", "./a", "*",
		"／／evil.example", "⁄⁄evil.example", "%2f%2fevil.example", "%2Fa", "&#47;a", "\u202e/a", "/" + strings.Repeat("a", returnto.Max), strings.Repeat("/", 4000),
		"/\u00e9", "/日本", "/\xed\xa0\x80",
	})
	return all
}

// TestHostile are refused, all of them. C30, C31
func TestHostile(t *testing.T) {
	t.Parallel()
	all := hostile()
	if len(all) < 300 {
		t.Fatalf("only %d", len(all))
	}
	for _, s := range all {
		if returnto.Local(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

// leaves tells whether a browser that follows s leaves the origin, in the
// words of the WHATWG URL Standard for a special scheme: white space is
// trimmed, tabs and line feeds are dropped, a backslash is a slash, two
// slashes begin an authority, and so does a scheme.
func leaves(s string) bool {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(s)
	return !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//")
}

// FuzzReturnTo: no path that is taken leads to another origin. F13
func FuzzReturnTo(f *testing.F) {
	for _, s := range good {
		f.Add(s)
	}
	for _, s := range hostile() {
		f.Add(s)
	}
	base, err := url.Parse("https://example.com/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !returnto.Local(s) {
			return
		}
		if leaves(s) || len(s) > returnto.Max {
			t.Errorf("%q leaves the origin", s)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q breaks a header", s)
		}
		if u, err := base.Parse(s); err == nil && (u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil) {
			t.Errorf("%q is on %s", s, u)
		}
	})
}
