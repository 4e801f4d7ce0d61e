package challenge_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/internal/challenge"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scheme string
		params []string
		want   string // empty: refused
	}{
		{"Basic", nil, "Basic"},
		{"Basic", []string{"realm", "Users"}, `Basic realm="Users"`},
		{"Basic", []string{"realm", "Users", "charset", "UTF-8"}, `Basic realm="Users", charset="UTF-8"`},
		{"Basic", []string{"realm", ""}, `Basic realm=""`},
		{"X", []string{"a", `"\`}, `X a="\"\\"`},
		{"X", []string{"a", `,b="c`}, `X a=",b=\"c"`},
		{"", nil, ""},
		{"Ba sic", nil, ""},
		{"Basic,", nil, ""},
		{"Bäsic", nil, ""},
		{"Basic", []string{"realm"}, ""},
		{"Basic", []string{"", "x"}, ""},
		{"Basic", []string{"a b", "x"}, ""},
		{"Basic", []string{"a=", "x"}, ""},
		{"Basic", []string{"a\n", "x"}, ""},
		// E01, E12
		{"Basic", []string{"realm", "a\nb"}, ""},
		{"Basic", []string{"realm", "a\rb"}, ""},
		{"Basic", []string{"realm", "a\x00b"}, ""},
		{"Basic", []string{"realm", "a\tb"}, ""},
		{"Basic", []string{"realm", "a\x7fb"}, ""},
		{"Basic", []string{"realm", "é"}, ""},
	} {
		got, ok := challenge.Format(test.scheme, test.params...)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%q %q: %q, %v", test.scheme, test.params, got, ok)
		}
	}
}

var errSyntax = errors.New("not a challenge")

// parse reads one challenge as RFC 9110 section 11.6.1 has it, with the
// parameters as auth-params, and every value a quoted-string. It takes no
// other spelling.
func parse(s string) (scheme string, params []string, err error) {
	token := func() string {
		n := strings.IndexFunc(s, func(r rune) bool {
			return r > 0x7e || r <= ' ' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
		})
		if n < 0 {
			n = len(s)
		}
		t := s[:n]
		s = s[n:]
		return t
	}
	eat := func(prefix string) bool {
		rest, ok := strings.CutPrefix(s, prefix)
		s = rest
		return ok
	}
	if scheme = token(); scheme == "" {
		return "", nil, errSyntax
	}
	for first := true; s != ""; first = false {
		if separator := map[bool]string{true: " ", false: ", "}[first]; !eat(separator) {
			return "", nil, errSyntax
		}
		name := token()
		if name == "" || !eat(`="`) {
			return "", nil, errSyntax
		}
		var value strings.Builder
		for {
			if s == "" {
				return "", nil, errSyntax
			}
			c := s[0]
			s = s[1:]
			if c == '"' {
				break
			}
			if c == '\\' {
				if s == "" {
					return "", nil, errSyntax
				}
				c = s[0]
				s = s[1:]
			}
			if c < ' ' || c > '~' {
				return "", nil, errSyntax
			}
			value.WriteByte(c)
		}
		params = append(params, name, value.String())
	}
	return scheme, params, nil
}

// FuzzChallenge: what is written is read back as it was meant. F13
func FuzzChallenge(f *testing.F) {
	f.Add("Basic", "realm", "Users", "charset", "UTF-8")
	f.Add("Bearer", "error", `in"valid\`, "scope", "a b")
	f.Add("X", "a", `", b="c`, "d", "\\")
	f.Add("Basic", "realm", "a\r\nSet-Cookie: x=y", "a", "b")
	f.Add("", "", "", "", "")
	f.Add("B sic", "re alm", "é", "\x00", "\x7f")
	f.Fuzz(func(t *testing.T, scheme, name, value, name2, value2 string) {
		params := []string{name, value, name2, value2}
		s, ok := challenge.Format(scheme, params...)
		if !ok {
			if s != "" {
				t.Errorf("refused, and written: %q", s)
			}
			for _, v := range []string{value, value2} {
				if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
					return
				}
			}
			for _, v := range []string{scheme, name, name2} {
				if !challenge.Token(v) {
					return
				}
			}
			t.Fatalf("%q %q is refused", scheme, params)
		}
		gotScheme, gotParams, err := parse(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if diff := cmp.Diff(append([]string{scheme}, params...), append([]string{gotScheme}, gotParams...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
		if !challenge.Valid(s) {
			t.Errorf("%q cannot stand in a header", s)
		}
	})
}

func TestValid(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		s := "a" + string([]byte{byte(c)}) + "b"
		if got, want := challenge.Valid(s), c >= ' ' && c <= '~'; got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// TestToken holds RFC 9110 section 5.6.2 for every byte.
func TestToken(t *testing.T) {
	t.Parallel()
	tchar := make(map[byte]bool)
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		tchar[c] = true
	}
	if n := len(maps.Clone(tchar)); n != 77 {
		t.Fatalf("%d characters", n)
	}
	for c := range 256 {
		if got := challenge.Token("a" + string([]byte{byte(c)})); got != tchar[byte(c)] {
			t.Errorf("%q: %v", byte(c), got)
		}
	}
	if challenge.Token("") {
		t.Error("the empty string is a token")
	}
}
