package jwt_test

import (
	"strings"
	"testing"

	"github.com/gopassport/passport/strategies/jwt"
)

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
		`{"a":1}{"b":2}`:                        "a=1", // a strict decoder refuses it
		``:                                      "",
		`x{"a":1}`:                              "",
		`[{"a":1}]`:                             "",
		`"a`:                                    "",
		`{"a`:                                   "",
		`{"a":"b`:                               "",
		`{"a":1`:                                "",
		`{"\x":1}`:                              "",
	} {
		var got []string
		err := jwt.Scan(text, func(name, value string) { got = append(got, name+"="+value) })
		all := strings.Join(got, "|")
		if err == nil && all == "" {
			all = "none"
		}
		if (err == nil) != (want != "") || err == nil && all != want {
			t.Errorf("%s: %s, %v, want %s", text, all, err, want)
		}
	}
}
