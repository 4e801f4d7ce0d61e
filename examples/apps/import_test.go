package apps_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
)

// newImported signs in people whose hashes came from elsewhere. Each is made
// anew when its owner signs in, in one step that nobody's new password is
// lost to.
func newImported(people *People) http.Handler {
	a := passport.New(config(people))
	a.Use("local", local.New(people.ByName, &local.Options[*Person]{
		Hasher: password.New(&password.Options{Scheme: password.Bcrypt(10)}),
		Rehash: people.rehash,
	}))
	return home(a)
}

// rehash is UPDATE people SET hash = new WHERE id = ? AND hash = old.
func (t *People) rehash(_ context.Context, p *Person, old, new string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.rows {
		if t.rows[i].ID == p.ID && t.rows[i].Hash == old {
			t.rows[i].Hash = new
		}
	}
	return nil
}

func TestImported(t *testing.T) {
	t.Parallel()
	people := &People{}
	people.Add(Person{Name: "node", Hash: "$2b$08$cuZBhFGRaswVnhZMtXmb0e6FYdvMg29FLebh1XTSF6LiUyV2FvI0u"})
	people.Add(Person{Name: "django", Hash: "pbkdf2_sha256$1000$seasalt$4s9iOJXDVcC0MjVHLb9DvufQRy2oaea1Xl/APKSCsN4="})
	v := visit(t, handler(newImported(people)))
	for _, name := range []string{"node", "django"} {
		v.sees("POST /login username="+name+"&password=wrong", "/login Sign in")
		v.sees("POST /login username="+name+"&password=wonderland-wonderland", "/ Hello "+name)
		_, hash, err := people.ByName(t.Context(), name)
		if err != nil || !strings.HasPrefix(hash, "$2a$10$") {
			t.Errorf("%s: %s, %v", name, hash, err)
		}
		v.sees("POST /login username="+name+"&password=wonderland-wonderland", "/ Hello "+name)
	}
}
