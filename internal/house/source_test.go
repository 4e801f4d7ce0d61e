package house_test

import (
	"go/ast"
	"go/doc"
	"go/token"
	"iter"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile = 400  // lines of a file, tests apart
	maxCore = 2750 // lines of the root package, tests apart: see docs/adr/0009
)

// TestSize keeps a file to one idea, and the root package small.
func TestSize(t *testing.T) {
	t.Parallel()
	core := 0
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if s.lines > maxFile {
			t.Errorf("%s: %d lines, more than %d", s.path, s.lines, maxFile)
		}
		if s.dir() == "." {
			core += s.lines
		}
	}
	t.Logf("root package: %d lines of %d", core, maxCore)
	if core > maxCore {
		t.Errorf("root package: %d lines, more than %d", core, maxCore)
	}
}

// TestNoInit: importing a package does nothing.
func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, decl := range s.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init function", at(f))
			}
		}
	}
}

// constant are the calls whose results nobody changes.
var constant = []string{
	"errors.New", "fmt.Errorf", "regexp.MustCompile", "template.Must", "base64.RawURLEncoding.Strict",
}

// TestNoMutableVariables: what two authenticators in one process could share
// is constant: errors, compiled expressions, embedded files. Programs and
// kits are not shared.
func TestNoMutableVariables(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() || s.Name.Name == "main" || slices.Contains(kits, s.dir()) {
			continue
		}
		for _, decl := range s.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				spec := spec.(*ast.ValueSpec)
				if embeds(gen.Doc) || embeds(spec.Doc) || isConstant(spec) {
					continue
				}
				t.Errorf("%s: variable %s of the package", at(spec), spec.Names[0])
			}
		}
	}
}

func isConstant(spec *ast.ValueSpec) bool {
	if !slices.ContainsFunc(spec.Names, func(n *ast.Ident) bool { return n.Name != "_" }) {
		return true
	}
	return len(spec.Values) > 0 && !slices.ContainsFunc(spec.Values, func(v ast.Expr) bool {
		call, ok := v.(*ast.CallExpr)
		return !ok || !slices.Contains(constant, dotted(call.Fun))
	})
}

func embeds(c *ast.CommentGroup) bool {
	return c != nil && slices.ContainsFunc(c.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// dotted is a selector as it is written.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	}
	return ""
}

// TestDocumented: every package and every exported name has a comment.
func TestDocumented(t *testing.T) {
	t.Parallel()
	for dir, files := range packages(t) {
		files = slices.DeleteFunc(slices.Clone(files), source.test)
		if len(files) == 0 {
			continue
		}
		if !slices.ContainsFunc(files, func(s source) bool { return s.Doc.Text() != "" }) {
			t.Errorf("%s: package %s has no comment", dir, files[0].Name)
		}
		if files[0].Name.Name == "main" {
			continue
		}
		for _, s := range files {
			for _, decl := range s.Decls {
				for name, documented := range exported(decl) {
					if !documented {
						t.Errorf("%s: %s has no comment", at(name), name)
					}
				}
			}
		}
	}
}

// exported are the exported names of decl, and whether they have a comment.
// Names in one block share the block's.
func exported(decl ast.Decl) iter.Seq2[*ast.Ident, bool] {
	return func(yield func(*ast.Ident, bool) bool) {
		visit := func(name *ast.Ident, comments ...*ast.CommentGroup) bool {
			text := func(c *ast.CommentGroup) bool { return c.Text() != "" }
			return !name.IsExported() || yield(name, slices.ContainsFunc(comments, text))
		}
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil || ast.IsExported(receiver(decl)) {
				visit(decl.Name, decl.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if !visit(spec.Name, decl.Doc, spec.Doc, spec.Comment) {
						return
					}
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						if !visit(name, decl.Doc, spec.Doc, spec.Comment) {
							return
						}
					}
				}
			}
		}
	}
}

// receiver is the name of the type that f is a method of.
func receiver(f *ast.FuncDecl) string {
	e := f.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// TestExamples: every package that applications import has an example that
// runs. Kits need a test to run in: theirs only have to compile.
func TestExamples(t *testing.T) {
	t.Parallel()
	for dir, files := range packages(t) {
		if within(dir, "internal", "examples", "bench", "tools") || !exports(files) {
			continue
		}
		var tests []*ast.File
		for _, s := range files {
			if s.test() {
				tests = append(tests, s.File)
			}
		}
		examples := doc.Examples(tests...)
		if len(examples) == 0 {
			t.Errorf("%s: no example", dir)
			continue
		}
		runs := slices.ContainsFunc(examples, func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput })
		if !runs && !slices.Contains(kits, dir) {
			t.Errorf("%s: no example has an output", dir)
		}
	}
}

// exports tells whether a program can use anything of a package.
func exports(files []source) bool {
	for _, s := range files {
		if s.test() || s.Name.Name == "main" {
			continue
		}
		for _, decl := range s.Decls {
			for range exported(decl) {
				return true
			}
		}
	}
	return false
}
