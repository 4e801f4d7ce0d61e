// Package gothtest measures every provider of goth, for docs/goth-providers.md.
package gothtest_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

var update = flag.Bool("update", false, "write the table of docs/goth-providers.md")

const (
	page  = "../../docs/goth-providers.md"
	begin = "<!-- measured -->\n"
	end   = "<!-- end -->\n"
)

// A row is what the page says of a provider.
type row struct {
	name    string
	needs   []string // of Config, so that New takes it
	refused error    // by New, whatever is set
	p       *gothprovider.Provider
	m       measured
	state   bool // of goth alone, in the authorization URL
}

// options that New asks for, each with how it is given.
var options = map[string]func(*gothprovider.Config){
	"Issuer":            func(c *gothprovider.Config) { c.Issuer = issuer },
	"Subject":           func(c *gothprovider.Config) { c.Subject = func(u goth.User) string { return "goth's:" + u.UserID } },
	"InsecureNoPKCE":    func(c *gothprovider.Config) { c.InsecureNoPKCE = true },
	"InsecureOwnClient": func(c *gothprovider.Config) { c.InsecureOwnClient = true },
}

// look finds out what New asks for, and measures what the provider does then.
func look(name string, fresh func(string, *http.Client) goth.Provider) row {
	r := row{name: name, state: hasState(fresh)}
	c := gothprovider.Config{RedirectURL: callback}
	for {
		p, err := gothprovider.New(fresh, c)
		if err == nil {
			r.p, r.m = p, measure(c, fresh)
			return r
		}
		names := slices.Sorted(maps.Keys(options))
		i := slices.IndexFunc(names, func(o string) bool {
			return strings.Contains(err.Error(), "Config."+o) && !slices.Contains(r.needs, o)
		})
		if i < 0 {
			r.refused = err
			return r
		}
		options[names[i]](&c)
		r.needs = append(r.needs, names[i])
	}
}

func (r row) needsOption(o string) bool { return slices.Contains(r.needs, o) }

// String is a row of the table.
func (r row) String() string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	cells := []string{"`" + r.name + "`", "yes", yes(r.state), yes(r.m.challenge && r.m.verifier), yes(!r.m.ownClient), "header", "unknown", ""}
	if len(r.needs) > 0 {
		cells[1] = "with `" + strings.Join(r.needs, "`, `") + "`"
	}
	if r.m.form {
		cells[5] = "form"
	}
	if r.m.emailTrue == oauth.EmailVerified {
		cells[6] = "by a flag"
	}
	if r.p != nil && !r.needsOption("Issuer") {
		cells[7] = "`" + r.p.Issuer() + "`"
	}
	if r.m.ownClient {
		cells[5] = "tried in both"
	}
	if r.refused != nil {
		cells = []string{"`" + r.name + "`", "no", yes(r.state), "", "", "", "", ""}
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// TestProviders makes every provider of goth, begins and ends a sign-in with
// it, and holds what New says of it, and docs/goth-providers.md, to what it
// did. C05, C08, C23, C24, C36, C38
func TestProviders(t *testing.T) {
	complete(t)
	issuers := make(map[string]string)
	var table strings.Builder
	table.WriteString("| Provider | Taken | State | PKCE | Our client | Client secret | E-mail | Issuer |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	counts := make(map[string]int)
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		r := look(name, providers[name])
		table.WriteString(r.String())
		counts["providers"]++
		if r.refused != nil {
			counts["refused always"]++
			t.Logf("%s is refused: %v", name, r.refused)
			if r.state && name != "faux" { // which is at an http URL
				t.Errorf("%s is refused, and has a state: %v", name, r.refused)
			}
			continue
		}
		counts[fmt.Sprintf("taken with %v", r.needs)]++
		r.check(t)
		if r.p != nil && !r.needsOption("Issuer") {
			if other := issuers[r.p.Issuer()]; other != "" {
				t.Errorf("%s and %s have the same issuer", name, other)
			}
			issuers[r.p.Issuer()] = name
		}
	}
	t.Logf("%v", counts)
	comparePage(t, table.String())
}

// check compares what New asked for with what happened.
func (r row) check(t *testing.T) {
	t.Helper()
	m := r.m
	switch {
	case !m.state || !r.state:
		t.Errorf("%s: taken without a state in the authorization URL", r.name)
	case m.times != 1:
		t.Errorf("%s: the code was sent %d times", r.name, m.times)
	case m.ownClient != r.needsOption("InsecureOwnClient"):
		t.Errorf("%s: asks by another client: %v, and needs %v", r.name, m.ownClient, r.needs)
	case r.needsOption("InsecureNoPKCE") == m.fits:
		t.Errorf("%s: has a place for the verifier: %v, and needs %v", r.name, m.fits, r.needs)
	case m.challenge != m.fits || m.verifier != m.fits:
		t.Errorf("%s: sends the challenge: %v, and the verifier: %v", r.name, m.challenge, m.verifier)
	case m.identity == nil && r.name != "apple": // whose ID token has to be signed
		t.Errorf("%s: nobody is signed in: %v", r.name, m.err)
	case m.identity != nil && r.needsOption("Subject") != badName(m.identity.Subject):
		t.Errorf("%s: the subject is %q, and it needs %v", r.name, m.identity.Subject, r.needs)
	case m.emailText == oauth.EmailVerified:
		t.Errorf("%s: the string \"true\" makes an address verified", r.name)
	case m.emailTrue == oauth.EmailVerified && m.emailFalse != oauth.EmailUnverified:
		t.Errorf("%s: a flag that is false makes an address %v", r.name, m.emailFalse)
	case m.identity != nil && m.identity.Issuer != r.p.Issuer():
		t.Errorf("%s: the issuer is %s", r.name, m.identity.Issuer)
	}
}

// badName tells an address, and what is left of a user id that goth does not
// set.
func badName(subject string) bool { return strings.Contains(subject, "@") || subject == "goth's:" }

// complete fails where goth has a provider that is not measured.
func complete(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/markbates/goth").Output()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(strings.TrimSpace(string(out)), "providers"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := slices.Sorted(maps.Keys(providers)); !slices.Equal(got, names) {
		t.Errorf("measured are\n%v\ngoth has\n%v", got, names)
	}
}

// comparePage holds the page to the table.
func comparePage(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	old, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %q and %q", page, begin, end)
	}
	if *update {
		err = os.WriteFile(page, []byte(before+begin+table+end+after), 0o644)
	} else if old != table {
		t.Errorf("%s is not what was measured (go test -C internal/gothtest -update): \n%s", page, table)
	}
	if err != nil {
		t.Fatal(err)
	}
}
