package house_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

// TestLinks: what a page links to is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages, err := find(".md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestMarkdown compiles every Go block in the Markdown files. A block that
// begins with a package clause is a file. Any other is read after
// testdata/preamble.go, whose names and imports it may use: as declarations
// where a line begins with func or import, as the body of a function
// otherwise. Variables may stay unused. A file that the fence names, as in
// "```go users.go", is compiled together with the files that the page named
// before it, the last of each name.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	pages, err := find(".md")
	if err != nil {
		t.Fatal(err)
	}
	var all []snippet
	for _, page := range pages {
		all = append(all, snippets(page, read(t, page))...)
	}
	t.Logf("%d blocks", len(all))

	const preamble = "testdata/preamble.go"
	code, err := os.ReadFile(preamble)
	if err != nil {
		t.Fatal(err)
	}
	// The preamble is checked by itself first.
	units := [][]*ast.File{{parse(t, snippet{page: preamble, line: 1, code: string(code)})}}
	for i, s := range all {
		if s.file != "" {
			units = append(units, program(t, all[:i+1]))
		} else if file := parse(t, s.complete(units[0][0])); file != nil && s.isFile() {
			units = append(units, []*ast.File{file})
		} else if file != nil {
			units = append(units, []*ast.File{file, without(parse(t, snippet{page: preamble, line: 1, code: string(code)}), names(file))})
		}
	}
	imports := exportData(t, units)
	for _, unit := range units {
		conf := types.Config{Importer: imports, Error: func(err error) {
			// An unused variable or import is a soft error.
			if err, ok := errors.AsType[types.Error](err); !ok || !err.Soft {
				t.Error(err)
			}
		}}
		_, _ = conf.Check("docs", fset, unit, nil) // errors have been reported
	}
}

// A snippet is a block of Go in a page, from the line after its fence.
type snippet struct {
	page string
	line int
	code string
	file string // that the fence names
}

// program is the last snippet, with the files that its page named before it.
func program(t *testing.T, all []snippet) (files []*ast.File) {
	t.Helper()
	seen := make(map[string]bool)
	for _, s := range slices.Backward(all) {
		if s.page != all[len(all)-1].page || s.file == "" || seen[s.file] {
			continue
		}
		seen[s.file] = true
		if file := parse(t, s); file != nil {
			files = append(files, file)
		}
	}
	return files
}

func snippets(page, text string) (all []snippet) {
	var code []string
	var indent, file string
	in := false
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case !in && strings.HasPrefix(trimmed, "```go"):
			in, indent, code = true, line[:len(line)-len(trimmed)], nil
			file = strings.TrimSpace(strings.TrimPrefix(trimmed, "```go"))
		case in && strings.HasPrefix(trimmed, "```"):
			in = false
			all = append(all, snippet{page, i - len(code) + 1, strings.Join(code, "\n") + "\n", file})
		case in:
			code = append(code, strings.TrimPrefix(line, indent))
		}
	}
	return all
}

var (
	packageClause = regexp.MustCompile(`(?m)^package \w`)
	declaration   = regexp.MustCompile(`(?m)^(func|import) `)
	importClause  = regexp.MustCompile(`(?m)^import `)
)

func (s snippet) isFile() bool { return packageClause.MatchString(s.code) }

// complete makes a file of s, with the imports of the preamble. Positions
// stay those in the page.
func (s snippet) complete(preamble *ast.File) snippet {
	if s.isFile() {
		return s
	}
	var b strings.Builder
	b.WriteString("package docs\n")
	if !importClause.MatchString(s.code) {
		for _, imp := range preamble.Imports {
			fmt.Fprintf(&b, "import %s\n", imp.Path.Value)
		}
	}
	before, after := "", ""
	if !declaration.MatchString(s.code) {
		before, after = "func _() (_ error) {\n", "return\n}\n"
	}
	fmt.Fprintf(&b, "%s//line %s:%d\n%s%s", before, s.page, s.line, s.code, after)
	return snippet{page: s.page, line: 1, code: b.String()}
}

func parse(t *testing.T, s snippet) *ast.File {
	t.Helper()
	if s.line > 1 {
		s.code = fmt.Sprintf("//line %s:%d\n%s", s.page, s.line, s.code)
	}
	file, err := parser.ParseFile(fset, s.page, s.code, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return nil
	}
	return file
}

// names are what the declarations of a file declare, but for methods.
func names(file *ast.File) (all []string) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				all = append(all, decl.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					all = append(all, spec.Name.Name)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						all = append(all, name.Name)
					}
				}
			}
		}
	}
	return all
}

// without is the preamble without the declarations that a snippet has itself,
// and without the methods of those types.
func without(preamble *ast.File, own []string) *ast.File {
	preamble.Decls = slices.DeleteFunc(preamble.Decls, func(decl ast.Decl) bool {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
			return slices.Contains(own, receiver(f))
		}
		return slices.ContainsFunc(names(&ast.File{Decls: []ast.Decl{decl}}), func(name string) bool {
			return name != "_" && slices.Contains(own, name)
		})
	})
	return preamble
}

// exportData imports what units import. They see what the examples see, which
// is more than the root module does.
func exportData(t *testing.T, units [][]*ast.File) types.Importer {
	t.Helper()
	args := []string{"list", "-deps", "-export", "-json=ImportPath,Export", "--"}
	for _, unit := range units {
		for _, file := range unit {
			for _, imp := range file.Imports {
				if p, err := strconv.Unquote(imp.Path.Value); err == nil && !slices.Contains(args, p) {
					args = append(args, p)
				}
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join(root, "examples")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	exports := make(map[string]string)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(p string) (io.ReadCloser, error) {
		if exports[p] == "" {
			return nil, fmt.Errorf("no package %s", p)
		}
		return os.Open(exports[p])
	})
}
