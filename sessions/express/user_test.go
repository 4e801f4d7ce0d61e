package express_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// What the row has is the user only if it is of the kind that was said.
func TestUsers(t *testing.T) {
	t.Parallel()
	const nobody, wrong = "", "wrong"
	for _, c := range []struct{ raw, number, text string }{
		{`7`, "7", wrong},
		{`0`, "0", wrong}, // Passport.js: 0 is an id
		{`-7`, "-7", wrong},
		{`9007199254740991`, "9007199254740991", wrong},
		{`9007199254740992`, wrong, wrong}, // JavaScript does not tell it from its neighbour
		{`-9007199254740992`, wrong, wrong},
		{`99999999999999999999`, wrong, wrong},
		{`7.0`, wrong, wrong},
		{`7e0`, wrong, wrong},
		{`-0`, wrong, wrong},
		{`0.5`, wrong, wrong},
		{`"7"`, wrong, "7"},
		{`"ä\u00e4\/"`, wrong, "ää/"},
		{`"\u0000"`, wrong, "\x00"},
		{`"\ud800"`, wrong, wrong}, // Go has no such string
		{`"\ufffd"`, wrong, wrong}, // nor tells this one from it
		{`""`, nobody, nobody},
		{`null`, nobody, nobody},
		{`false`, nobody, nobody},
		{`true`, wrong, wrong},
		{`{"id":7}`, wrong, wrong},
		{`[7]`, wrong, wrong},
	} {
		for kind, want := range map[express.IDKind]string{express.NumberID: c.number, express.StringID: c.text} {
			var log bytes.Buffer
			text := session(`"passport":{"user": ` + c.raw + `}`)
			table := newMemory(row(text))
			k, err := express.New(table, kind, []string{strings.Repeat("x", 20), secret}, &express.Options{InsecureShortSecrets: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			log.Reset()
			s := load(t, k, signed)
			if s.Record().Version == 0 {
				t.Errorf("%s: no session", c.raw)
				continue
			}
			logged := strings.Contains(log.String(), "passport.user")
			if got := s.Record().User; got != strings.TrimPrefix(want, wrong) || logged != (want == wrong) {
				t.Errorf("%s, kind %d: got user %q, logged %v, want %q", c.raw, kind, got, logged, want)
			}
			if err := s.Set("a", 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Save(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if got := table.text(t); !strings.HasPrefix(got, strings.TrimSuffix(text, "}")) {
				t.Errorf("%s, kind %d: a save made it %s", c.raw, kind, got)
			}
		}
	}
}

// What Go writes is what Node would, or nothing.
func TestWriteUser(t *testing.T) {
	t.Parallel()
	const none = ""
	for _, c := range []struct{ id, number, text string }{
		{"7", `7`, `"7"`},
		{"0", `0`, `"0"`},
		{"-7", `-7`, `"-7"`},
		{"9007199254740992", none, `"9007199254740992"`},
		{"007", none, `"007"`},
		{"7 ", none, `"7 "`},
		{"+7", none, `"+7"`},
		{"-0", none, `"-0"`},
		{`7}`, none, `"7}"`},
		{`a"b`, none, `"a\"b"`},
		{"\xff", none, none},
		{"\ufffd", none, none},
	} {
		for kind, want := range map[express.IDKind]string{express.NumberID: c.number, express.StringID: c.text} {
			table := newMemory()
			k, err := express.New(table, kind, []string{secret}, short)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			record := sessions.Record{User: c.id}
			err = k.Save(t.Context(), w, &record)
			if want == none {
				if err == nil || len(table.rows) > 0 {
					t.Errorf("%q, kind %d: got error %v and %d rows, want an error and none", c.id, kind, err, len(table.rows))
				}
				noCookie(t, c.id, w)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := table.text(t); !strings.Contains(got, `"passport":{"user":`+want+`}`) {
				t.Errorf("%q, kind %d: got %s, want %s", c.id, kind, got, want)
			}
			if record.User != c.id {
				t.Errorf("the record's user became %q, want %q", record.User, c.id)
			}
		}
	}
}

// Of two members of a name JavaScript has the last.
func TestLastUser(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session(`"passport":{"user":8},"passport":{"user":6,"user":7}`)))
	if got := load(t, keeper(t, table, nil), signed).Record().User; got != "7" {
		t.Errorf("got user %q, want 7", got)
	}
}
