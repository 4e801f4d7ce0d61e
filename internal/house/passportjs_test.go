package house_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rules of Passport.js and of its strategies, by how many there are.
var passportRules = []struct {
	letter string
	n      int
	tests  string
}{
	{"P", 63, "passportjs_test.go"},
	{"L", 5, "strategies/local/passportjs_test.go"},
	{"J", 8, "strategies/jwt/passportjs_test.go"},
	{"O", 19, "strategies/oauth/passportjs_test.go"},
	{"H", 4, "strategies/basic/passportjs_test.go"},
	{"B", 3, "strategies/bearer/passportjs_test.go"},
}

var (
	ruleRow  = regexp.MustCompile(`(?m)^\| ([PLJOHB])(\d+) \| [^|]+ \| ([^|]*) \| ([^|]*)\|$`)
	ruleTest = regexp.MustCompile(`(?m)^\t+"((?:[PLJOHB]\d+ )+)[^"]*": +func\(t \*testing\.T\) \{$`)
)

// TestPassportJSPage: the page for people who come from Passport.js has one
// row for each rule, in order, and a test is named after every rule that it
// says holds. What it answers otherwise has a reason.
func TestPassportJSPage(t *testing.T) {
	t.Parallel()
	const page = "docs/from-passport-js.md"
	type row struct{ verdict, why string }
	rows := make(map[string]row)
	var listed, want []string
	for _, m := range ruleRow.FindAllStringSubmatch(read(t, page), -1) {
		rule := m[1] + m[2]
		listed = append(listed, rule)
		rows[rule] = row{m[3], strings.TrimSpace(m[4])}
	}
	verdicts := make(map[string]int)
	for _, all := range passportRules {
		tested := ruleTests(read(t, all.tests))
		for i := range all.n {
			rule := fmt.Sprintf("%s%d", all.letter, i+1)
			if all.n > 9 {
				rule = fmt.Sprintf("%s%02d", all.letter, i+1)
			}
			want = append(want, rule)
			r, hasTest := rows[rule], slices.Contains(tested, rule)
			switch {
			case !slices.Contains([]string{"Same", "Better", "None"}, r.verdict):
				t.Errorf("%s: %s is %q, not Same, Better or None", page, rule, r.verdict)
			case r.verdict == "Same" && !hasTest:
				t.Errorf("%s: %s is Same, and no test of %s is named after it", page, rule, all.tests)
			case r.verdict == "None" && hasTest:
				t.Errorf("%s: %s is None, and has a test in %s", page, rule, all.tests)
			case r.verdict != "Same" && r.why == "":
				t.Errorf("%s: %s is %s, without a reason", page, rule, r.verdict)
			}
			verdicts[r.verdict]++
		}
		for _, rule := range tested {
			if rows[rule] == (row{}) {
				t.Errorf("%s: a test is named after %s, which is not in %s", all.tests, rule, page)
			}
		}
	}
	if !slices.Equal(listed, want) {
		t.Errorf("%s lists %v\nwant %v", page, listed, want)
	}
	t.Logf("of %d rules %d hold, %d are better on purpose, %d have no meaning here", len(want), verdicts["Same"], verdicts["Better"], verdicts["None"])
}

// ruleTests are the rules that tests of a source are named after.
func ruleTests(source string) (rules []string) {
	for _, m := range ruleTest.FindAllStringSubmatch(source, -1) {
		rules = append(rules, strings.Fields(m[1])...)
	}
	return rules
}
