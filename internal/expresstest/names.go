package expresstest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport/sessions"
)

// names: what req.session has of itself it takes from no row, so a value under
// such a name would be lost at Node's next save. The Go side refuses it.
func names(t *testing.T, s *site) {
	b := newBrowser(t)
	b.login(s.node, "alice")
	var own []string
	if err := json.Unmarshal([]byte(b.must("GET", s.node+"/names", nil)), &own); err != nil || len(own) < 20 {
		t.Fatalf("got the names %q, %v, want those of a Session and of any object", own, err)
	}
	before := s.row(t, b).Data
	for _, name := range own {
		var session sessions.Session
		session.Open(s.keeper, s.record(t, b))
		if err := session.Set(name, 1); err != nil {
			t.Fatal(err)
		}
		if err := session.Save(t.Context(), httptest.NewRecorder()); err == nil || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("a value under %s: got error %v, want one that names it", name, err)
		}
	}
	if got := s.row(t, b).Data; got != before {
		t.Errorf("got the row %s, want %s", got, before)
	}
}
