// Package house_test holds the rules of the house: who may import whom, what
// a file looks like, that documents and code say the same.
package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/gopassport/passport"
	root   = "../.." // of the repository
)

// A source is a Go file of the repository.
type source struct {
	path  string // from the root of the repository, with slashes
	lines int
	*ast.File
}

func (s source) dir() string { return path.Dir(s.path) }
func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s source) within(dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(s.path, dir+"/") })
}

// fset has the positions of all sources.
var fset = token.NewFileSet()

// at is where n stands, from the root of the repository.
func at(n ast.Node) string {
	pos := fset.Position(n.Pos())
	pos.Column = 0
	return strings.TrimPrefix(pos.String(), filepath.ToSlash(root)+"/")
}

// sources are the Go files of all modules.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var parseAll = sync.OnceValues(func() (all []source, err error) {
	paths, err := find(".go")
	for _, p := range paths {
		file, err := parser.ParseFile(fset, filepath.Join(root, p), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		all = append(all, source{p, fset.File(file.FileStart).LineCount(), file})
	}
	return all, err
})

// find finds the files of the repository with the extension ext. What the go
// command ignores is not looked at.
func find(ext string) (paths []string, err error) {
	err = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if path.Ext(p) == ext {
				paths = append(paths, p)
			}
		case name == "testdata", name == "node_modules", p != "." && strings.ContainsAny(name[:1], "._"):
			return fs.SkipDir
		}
		return nil
	})
	return paths, err
}

// packages are the sources by directory.
func packages(t *testing.T) map[string][]source {
	t.Helper()
	all := make(map[string][]source)
	for _, s := range sources(t) {
		all[s.dir()] = append(all[s.dir()], s)
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
