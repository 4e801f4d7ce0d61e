package passport_test

import (
	"os"
	"regexp"
	"testing"
)

// TestAdvisories: every advisory that docs/security.md has in view belongs to a
// row of its table, which names the tests. F15
func TestAdvisories(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-F]\d\d) \|.*`+"`Test.*$").FindAllSubmatch(page, -1) {
		rows[string(m[1])] = true
	}
	list := regexp.MustCompile(`(?m)^- ([A-F]\d\d): (?:(?:CVE|GHSA|GO)-[-0-9a-z]+(?:, |$))+`).FindAllSubmatch(page, -1)
	for _, m := range list {
		if !rows[string(m[1])] {
			t.Errorf("%s has no row with a test", m[0])
		}
	}
	if items := regexp.MustCompile(`(?m)^- `).FindAll(page, -1); len(items) == 0 || len(items) != len(list) {
		t.Errorf("%d of %d items of the list are a row with advisories", len(list), len(items))
	}
}
