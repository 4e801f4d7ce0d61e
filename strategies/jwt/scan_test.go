package jwt_test

import (
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

// TestPlain: what is passed over by the decoder is JSON for certain (D19, D23).
func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"a":"b"`: true, `"a":""`: true, `"a":"~ !"`: true, `"a":1`: true, `"a":1234567890`: true, `"":"b"`: true,
		`"a": "b"`: false, ` "a":"b"`: false, `"a" :"b"`: false, `"a":"b" `: false, "\t\"a\":1": false,
		`"a""a":"b"`: false, `"a":"b""c"`: false, `"a":"b"c`: false, `"a":"b"c"`: false, `"a":"b":"c"`: false, `"a"::"b"`: false,
		`"\u0061":"b"`: false, `"a":"\u0062"`: false, `"a":"\x"`: false, "\"a\":\"\x1f\"": false, "\"a\":\"\x7f\"": false, "\"a\":\"\xff\"": false, `"a":"é"`: false,
		`"a":0`: false, `"a":01`: false, `"a":-1`: false, `"a":1.5`: false, `"a":1e5`: false, `"a":1x`: false, `"a":`: false, `"a":null`: false,
		`"a":{"b":1}`: false, `"a":["b"]`: false, `"a":b"`: false,
	} {
		n, got := 0, false
		if err := jwt.Scan("{"+text+"}", func(m jwt.Member) { n, got = n+1, m.Plain() }); err != nil && want || n > 1 {
			t.Errorf("%s: %d members, %v", text, n, err)
		}
		if got != want {
			t.Errorf("%s: plain: %t", text, got)
		}
	}
}

// TestScan: the members of the object itself, each with its raw value.
func TestScan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // "": an error
		`{}`:                                    "none",
		" {\t}\n":                               "none",
		`{"a":1}`:                               "a=1",
		` { "a" : 1 ,"b": "x" } `:               `a=1|b="x"`,
		`{"a":{"b":1,"c":[2]},"d":[{"e":3},4]}`: `a={"b":1,"c":[2]}|d=[{"e":3},4]`,
		`{"a":"}:,{","b":"\\"}`:                 `a="}:,{"|b="\\"`,
		`{"\\":"\"\\\"","b":1}`:                 `\="\"\\\""|b=1`,
		`{"\u0061":null}`:                       "a=null",
		`{"a": ,"b":1}`:                         "a=|b=1",
		`{"a":1 "b":2}`:                         `a=1 "b":2`, // a strict decoder refuses it
		`{"a":1}{"b":2}`:                        "",
		`{"a":1} }`:                             "",
		`{"a":1]`:                               "",
		`{"a":1,}`:                              "",
		`{,"a":1}`:                              "",
		`{"a":1,,"b":2}`:                        "",
		`{"a":1,"b"}`:                           "",
		`{"a"}`:                                 "",
		`{ x }`:                                 "",
		`{,}`:                                   "",
		``:                                      "",
		`x{"a":1}`:                              "",
		`x"a":1}`:                               "",
		`["a":1}`:                               "",
		`[{"a":1}]`:                             "",
		`"a`:                                    "",
		`{"a`:                                   "",
		`{"a":"b`:                               "",
		`{"a":1`:                                "",
		`{"\x":1}`:                              "",
	} {
		var got []string
		err := jwt.Scan(text, func(m jwt.Member) { got = append(got, m.Name()+"="+m.Value()) })
		all := strings.Join(got, "|")
		if err == nil && all == "" {
			all = "none"
		}
		if (err == nil) != (want != "") || err == nil && all != want {
			t.Errorf("%s: %s, %v, want %s", text, all, err, want)
		}
	}
}
