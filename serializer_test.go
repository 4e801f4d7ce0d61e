package passport_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

// stampUsers makes an application's serializer one that stamps.
func stampUsers(c *config) {
	c.Serializer = passport.StampBy(c.Serializer, func(u *user) string { return u.Stamp })
}

// TestStamp: a changed stamp ends every session of the user at once, at the
// next request of each, and nobody else's. B24
func TestStamp(t *testing.T) {
	t.Parallel()
	a := newApp(t, stampUsers).routes()
	laptop, phone, other := a.as("alice"), a.as("alice"), a.as("bob")
	a.users.set(user{ID: "alice", Stamp: "2"})
	for name, b := range map[string]*browser{"laptop": laptop, "phone": phone} {
		w := b.send("GET", "/who")
		if w.Body.String() != "nobody" {
			t.Errorf("%s is %s, %v", name, w.Body, w.Header())
		}
	}
	if other.who() != "bob" || len(a.store.of("alice")) != 0 {
		t.Errorf("%s, %d rows of alice", other.who(), len(a.store.of("alice")))
	}
	if got := a.as("alice").who(); got != "alice" {
		t.Errorf("after a new sign-in: %s", got)
	}
	// Back to what it was: the rows are gone, not just asleep.
	a.users.set(user{ID: "alice", Stamp: "1"})
	if laptop.who() != "nobody" {
		t.Error("an ended session is back")
	}
}

// TestStampDuringLogin: the stamp is that of the user whom the strategy
// verified. A password that changes while the sign-in is under way ends what
// comes out of it. B24
func TestStampDuringLogin(t *testing.T) {
	t.Parallel()
	a := newApp(t, stampUsers)
	a.UseFunc("slow", func(r *http.Request) (result, error) {
		verified, err := a.users.byID(r.Context(), "alice")
		a.users.set(user{ID: "alice", Stamp: "2"}) // by another request
		if err != nil {
			return result{}, err
		}
		return result{}.Success(verified)
	})
	a.mux.Handle("/slow", a.LoginHandler("slow", nil))
	a.routes()
	b := a.browser()
	if w := b.send("POST", "/slow"); w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	if got := b.who(); got != "nobody" {
		t.Errorf("signed in with the old password: %s", got)
	}
}

// TestStampKept: what a session has that is not exactly the user's stamp ends
// it. A27, B24
func TestStampKept(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(string) string{
		"none":           func(string) string { return "" },
		"cut":            func(s string) string { return s[:len(s)-1] },
		"longer":         func(s string) string { return s + "A" },
		"first differs":  func(s string) string { return "-" + s[1:] },
		"last differs":   func(s string) string { return s[:len(s)-1] + "-" },
		"the plain text": func(string) string { return "1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, stampUsers).routes()
			b := a.as("alice")
			r := a.store.of("alice")[0]
			r.Stamp = forge(r.Stamp)
			if err := a.store.MemoryStore.Update(t.Context(), r, r.Version); err != nil {
				t.Fatal(err)
			}
			if got := b.who(); got != "nobody" {
				t.Errorf("it is %s", got)
			}
		})
	}
}

// TestStampIsHashed: the store cannot tell the stamp.
func TestStampIsHashed(t *testing.T) {
	t.Parallel()
	a := newApp(t, stampUsers).routes()
	a.users.set(user{ID: "alice", Stamp: "canary"})
	a.as("alice")
	if r := a.store.of("alice")[0]; r.Stamp == "" || strings.Contains(r.Stamp, "canary") {
		t.Errorf("%+v", r)
	}
}

// TestConstantTime: how long a comparison of a stamp takes tells nothing about
// it. Timing cannot show that reliably, the source can. A27
func TestConstantTime(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "serializer.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	compares := false
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "stampFits" {
			return true
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				compares = compares || n.Sel.Name == "ConstantTimeCompare"
			case *ast.BinaryExpr:
				if lit, ok := n.Y.(*ast.BasicLit); n.Op == token.EQL && (!ok || lit.Value != "1") {
					t.Error("stampFits compares with ==")
				}
			}
			return true
		})
		return false
	})
	if !compares {
		t.Error("stampFits does not compare in constant time")
	}
}

// prefixed serializes the users whose ids it knows by their first letter.
type prefixed struct {
	prefix string
	users  *directory
}

func (p prefixed) Serialize(_ context.Context, u *user) (string, error) {
	if !strings.HasPrefix(u.ID, p.prefix) {
		return "", passport.ErrPass
	}
	return p.prefix + ":" + u.ID, nil
}

func (p prefixed) Deserialize(ctx context.Context, id string) (*user, error) {
	prefix, id, ok := strings.Cut(id, ":")
	if !ok || prefix != p.prefix {
		return nil, fmt.Errorf("%s: %w", p.prefix, passport.ErrPass)
	}
	return p.users.byID(ctx, id)
}

type stampingPrefixed struct{ prefixed }

func (p stampingPrefixed) Stamp(u *user) string {
	if !strings.HasPrefix(u.ID, p.prefix) {
		return ""
	}
	return u.Stamp
}

// TestSerializers: a link that does not know the user leaves it to the next.
func TestSerializers(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	chain := passport.Serializers[*user](prefixed{prefix: "a", users: a.users}, prefixed{prefix: "b", users: a.users})
	if _, ok := chain.(passport.Stamper[*user]); ok {
		t.Error("a chain of links that do not stamp is a Stamper")
	}
	for _, id := range []string{"alice", "bob"} {
		got, err := chain.Serialize(t.Context(), &user{ID: id})
		if err != nil || got != id[:1]+":"+id {
			t.Errorf("%s: %s, %v", id, got, err)
		}
		u, err := chain.Deserialize(t.Context(), got)
		if err != nil || u.ID != id {
			t.Errorf("%s: %v, %v", got, u, err)
		}
	}
	if _, err := chain.Serialize(t.Context(), &user{ID: "root"}); err == nil || errors.Is(err, passport.ErrPass) {
		t.Errorf("root: %v", err)
	}
	if u, err := chain.Deserialize(t.Context(), "c:carol"); err == nil || u != nil {
		t.Errorf("carol: %v, %v", u, err)
	}
	if _, err := chain.Deserialize(t.Context(), "b:nobody"); !errors.Is(err, passport.ErrNoUser) {
		t.Errorf("a link's own answer: %v", err)
	}
	a.users.fail(errDown)
	if _, err := chain.Deserialize(t.Context(), "a:alice"); !errors.Is(err, errDown) {
		t.Errorf("an outage falls through: %v", err)
	}
}

// TestStampingChain: the chain stamps if one of its links does. B24
func TestStampingChain(t *testing.T) {
	t.Parallel()
	users := newDirectory("alice", "bob")
	a := newApp(t, func(c *config) {
		c.Serializer = passport.Serializers[*user](prefixed{prefix: "a", users: users}, stampingPrefixed{prefixed{prefix: "b", users: users}})
	}).routes()
	alice, bob := a.as("alice"), a.as("bob")
	users.set(user{ID: "alice", Stamp: "2"})
	users.set(user{ID: "bob", Stamp: "2"})
	if alice.who() != "alice" || bob.who() != "nobody" {
		t.Errorf("%s, %s", alice.who(), bob.who())
	}
}

// TestSerialize: an id that cannot be kept is a mistake: 500, nobody is signed
// in. A refusal is one.
func TestSerialize(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id     string
		err    error
		status int
	}{
		"255 bytes":   {strings.Repeat("x", 255), nil, 303},
		"256 bytes":   {strings.Repeat("x", 256), nil, 500},
		"empty":       {"", nil, 500},
		"broken":      {"x", errDown, 500},
		"refused":     {"x", passport.ErrForbidden, 403},
		"not its own": {"x", passport.ErrPass, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *config) { c.Serializer = fixed{test.id, test.err} }).routes()
			b := a.browser()
			if w := b.send("POST", "/login/key", "X-Key", "alice"); w.Code != test.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if n := a.store.rows(); (n == 1) != (test.status == 303) {
				t.Errorf("%d rows", n)
			}
		})
	}
}

type fixed struct {
	id  string
	err error
}

func (f fixed) Serialize(context.Context, *user) (string, error)   { return f.id, f.err }
func (f fixed) Deserialize(context.Context, string) (*user, error) { return alice, nil }
