package house_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestCodes: every code of a Failure has a page, and every page a code.
func TestCodes(t *testing.T) {
	t.Parallel()
	const dir = "docs/errors"
	made := make(map[string]string) // code to where it stands
	for _, s := range sources(t) {
		if !s.test() && !s.within("examples", "bench", "internal") {
			ast.Inspect(s.File, func(n ast.Node) bool {
				for _, code := range codes(n) {
					made[code] = at(n)
				}
				return true
			})
		}
	}
	pages, err := find(".md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if path.Dir(page) != dir || path.Base(page) == "README.md" {
			continue
		}
		code := strings.TrimSuffix(path.Base(page), ".md")
		if made[code] == "" {
			t.Errorf("%s: nothing makes the code %s", page, code)
		}
		delete(made, code)
		want := "# `" + code + "`"
		if title, _, _ := strings.Cut(read(t, page), "\n"); title != want {
			t.Errorf("%s: the first line is %q, not %q", page, title, want)
		}
	}
	for code, where := range made {
		t.Errorf("%s: no page %s/%s.md", where, dir, code)
	}
}

var codeName = regexp.MustCompile(`^[cC]ode[A-Z]`)

// codes are the codes that n makes: a constant Code… or code…, Code: "…" in a
// literal, or .Code = "…".
func codes(n ast.Node) (all []string) {
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if code, err := strconv.Unquote(lit.Value); err == nil {
				all = append(all, code)
			}
		}
	}
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if codeName.MatchString(name.Name) && i < len(n.Values) {
				add(n.Values[i])
			}
		}
	case *ast.KeyValueExpr:
		if dotted(n.Key) == "Code" {
			add(n.Value)
		}
	case *ast.AssignStmt:
		if field, ok := n.Lhs[0].(*ast.SelectorExpr); ok && field.Sel.Name == "Code" {
			add(n.Rhs[0])
		}
	}
	return all
}
