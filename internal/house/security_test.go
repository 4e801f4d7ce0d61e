package house_test

import (
	"fmt"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	requirement = regexp.MustCompile(`\b[A-F][0-9]{2}\b`)
	row         = regexp.MustCompile(`^\| ([A-F][0-9]{2}) \| [^|]+ \| ([^|]+) \|$`)
	witness     = regexp.MustCompile("`([^`]+_test\\.go)` `([^`]+)`")
	testName    = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)`)
)

// TestSecurity holds docs/security.md and the tests together: every row names
// tests that have its id in a comment, and every id in a test has a row.
func TestSecurity(t *testing.T) {
	t.Parallel()
	const page = "docs/security.md"
	shown := make(map[string][]string) // id to "`file` `Test`"
	for _, s := range sources(t) {
		if s.test() && s.dir() != "internal/house" {
			requirementsIn(s, shown)
		}
	}

	rows := make(map[string]bool)
	lines := strings.Split(read(t, page), "\n")
	start := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| ---") })
	if start < 0 {
		t.Fatalf("%s: no table", page)
	}
	for i, line := range lines {
		if i <= start || !strings.HasPrefix(line, "|") {
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%s:%d: not of the form | A00 | what holds | `file_test.go` `TestName` |", page, i+1)
			continue
		}
		id, tests := m[1], witness.FindAllString(m[2], -1)
		if rows[id] {
			t.Errorf("%s:%d: a second row for %s", page, i+1, id)
		}
		rows[id] = true
		if len(tests) == 0 {
			t.Errorf("%s:%d: %s names no test", page, i+1, id)
		}
		for _, test := range tests {
			if !slices.Contains(shown[id], test) {
				t.Errorf("%s:%d: %s: there is no such test with %s in a comment", page, i+1, test, id)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		if !rows[id] {
			t.Errorf("%s: no row for %s, which is shown by %s", page, id, strings.Join(shown[id], ", "))
		}
	}
	t.Logf("%d requirements", len(rows))
}

// requirementsIn adds the ids in the comments of the tests in s. One outside
// of a test is shown by nothing.
func requirementsIn(s source, shown map[string][]string) {
	for _, c := range s.Comments {
		for _, id := range requirement.FindAllString(c.Text(), -1) {
			test := fmt.Sprintf("a comment outside of tests (%s)", at(c))
			for _, decl := range s.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if ok && testName.MatchString(f.Name.Name) && (f.Doc == c || f.Pos() <= c.Pos() && c.Pos() < f.End()) {
					test = fmt.Sprintf("`%s` `%s`", s.path, f.Name)
				}
			}
			if !slices.Contains(shown[id], test) {
				shown[id] = append(shown[id], test)
			}
		}
	}
}
