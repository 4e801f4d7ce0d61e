package house_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dependencies are the modules of others that a package may import, outside
// its tests. A package that is not named here has the standard library alone.
var dependencies = map[string][]string{
	"password":                      {"golang.org/x/crypto", "golang.org/x/text"},
	"sessions/gorilla":              {"github.com/gorilla/sessions"},
	"strategies/local":              {"golang.org/x/time", "golang.org/x/text"},
	"strategies/bearer":             {"github.com/go-json-experiment/json"},
	"strategies/jwt":                {"github.com/golang-jwt/jwt/v5", "github.com/go-json-experiment/json"},
	"strategies/jwt/issuer":         {"github.com/golang-jwt/jwt/v5", "github.com/go-json-experiment/json"},
	"strategies/jwt/jwks":           {"github.com/MicahParks/jwkset", "github.com/go-json-experiment/json"},
	"strategies/oauth":              {"golang.org/x/oauth2", "github.com/go-json-experiment/json"},
	"strategies/oauth/gothprovider": {"golang.org/x/oauth2", "github.com/markbates/goth"},
	"strategies/oauth/oidcprovider": {"golang.org/x/oauth2", "github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4"},
	"strategies/oauth/oauthtest":    {"github.com/go-jose/go-jose/v4"},
	"internal/house":                nil,
}

// drivers are the database drivers that applications choose among.
var drivers = []string{
	"modernc.org/sqlite", "github.com/mattn/go-sqlite3", "github.com/go-sql-driver/mysql",
	"github.com/jackc/pgx", "github.com/lib/pq", "github.com/redis/go-redis", "github.com/gomodule/redigo",
}

// kits are for tests.
var kits = []string{
	"sessions/storetest", "strategytest", "passporttest", "strategies/oauth/oauthtest", "internal/browser", "internal/dbtest", "internal/install", "internal/faulttest", "internal/expresstest", "internal/vaulttest", "internal/familytest",
}

// TestImports holds who may import whom.
func TestImports(t *testing.T) {
	t.Parallel()
	all := list(t)
	for _, p := range all {
		if p.Standard || !ours(p.ImportPath) {
			continue
		}
		name := short(p.ImportPath)
		for _, imp := range p.Imports {
			if why := forbidden(name, imp, all); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
		}
		for _, dep := range p.Deps {
			switch {
			case within(dep, drivers...):
				t.Errorf("%s depends on %s: applications choose the database driver", p.ImportPath, dep)
			case name == "." && !all[dep].Standard && short(dep) != "sessions" && !within(short(dep), "internal"),
				name == "sessions" && !all[dep].Standard:
				t.Errorf("%s depends on %s, if not directly", p.ImportPath, dep)
			case strings.HasPrefix(name, "sessions/") && (dep == module || within(short(dep), "strategies")):
				t.Errorf("%s depends on %s: sessions know nothing of who signs in", p.ImportPath, dep)
			}
		}
	}
}

// TestImportsOfFiles holds what counts in tests and in the other modules too.
func TestImportsOfFiles(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, spec := range s.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case within(imp, "github.com/stretchr/testify"):
				t.Errorf("%s: %s: tests use the standard library and go-cmp", at(spec), imp)
			case within(short(imp), "examples") && !s.within("examples"),
				within(short(imp), "bench") && !s.within("bench"):
				t.Errorf("%s: %s: nothing imports examples or benchmarks", at(spec), imp)
			case ours(imp) && slices.Contains(kits, short(imp)) && !s.test() && !slices.Contains(kits, s.dir()):
				t.Errorf("%s: %s: kits are for tests", at(spec), imp)
			}
		}
	}
}

// forbidden says why the package name may not import imp.
func forbidden(name, imp string, all map[string]pkg) string {
	switch {
	case all[imp].Standard:
		return ""
	case !ours(imp) && !within(imp, dependencies[name]...):
		return "not one of its dependencies in internal/house"
	case !ours(imp) || slices.Contains(kits, name):
		return ""
	}
	var allowed []string
	switch {
	case name == ".":
		allowed = []string{"sessions", "internal"}
	case name == "sessions":
	case within(name, "sessions"):
		allowed = []string{"sessions", "internal"}
	case within(name, "password"):
		allowed = []string{"internal"}
	case within(name, "throttle"):
		allowed = []string{".", "internal"}
	case within(name, "strategies"):
		own := strings.Join(strings.Split(name, "/")[:2], "/") // strategies/oauth, with all below it
		allowed = []string{".", "sessions", "password", "throttle", "internal", own}
	default:
		return ""
	}
	imp = short(imp)
	if slices.Contains(allowed, imp) || slices.ContainsFunc(allowed, func(a string) bool {
		return (a == "internal" || strings.HasPrefix(a, "strategies/")) && within(imp, a)
	}) {
		return ""
	}
	return "not among " + strings.Join(allowed, ", ")
}

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath    string
	Standard      bool
	Imports, Deps []string
}

// list lists the packages of the root module, with all that they depend on.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	all := make(map[string]pkg)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func ours(imp string) bool { return within(imp, module) }

// short is an import path from the module's root, which is ".".
func short(imp string) string {
	if imp == module {
		return "."
	}
	return strings.TrimPrefix(imp, module+"/")
}

// within tells whether imp is one of paths, or lies below it.
func within(imp string, paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return imp == p || strings.HasPrefix(imp, p+"/") })
}
