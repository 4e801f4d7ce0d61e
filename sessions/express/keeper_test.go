package express_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// B01, B04: every sign-in has an id of its own, of the form that express-session
// gives them, and takes the old row out.
func TestSignIn(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session(`"cart":[1],"planted":1`)))
	k := keeper(t, table, nil)
	w := httptest.NewRecorder()
	next := sessions.Record{User: "7", Factors: "pwd otp", Stamp: "stamp", AuthTime: 5}
	if err := load(t, k, signed).Rotate(t.Context(), w, next, []string{"cart"}, map[string]any{"theme": "dark"}); err != nil {
		t.Fatal(err)
	}
	if known(t, k, signed) {
		t.Error("the old cookie still works")
	}
	if got := table.row(t).ID; !regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString(got) {
		t.Errorf("got the id %q, want 24 bytes of base64url", got)
	}
	want := `{"cookie":{"originalMaxAge":null,"expires":null,"secure":true,"httpOnly":true,"path":"/","sameSite":"lax"},` +
		`"passport":{"user":7},"gopassport":{"about":"…","factors":"pwd otp","stamp":"stamp","authTime":5,"created":0,"absolute":0},` +
		`"cart":[1],"theme":"dark"}`
	got := regexp.MustCompile(`"about":"[^"]*"`).ReplaceAllString(table.text(t), `"about":"…"`)
	got = regexp.MustCompile(`"(created|absolute)":\d+`).ReplaceAllString(got, `"$1":0`)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	r := load(t, k, w.Result().Cookies()[0].Value).Record()
	if got := (sessions.Record{User: r.User, Factors: r.Factors, Stamp: r.Stamp, AuthTime: r.AuthTime}); got != next {
		t.Errorf("loaded %+v, want %+v", got, next)
	}

	for range 1000 {
		signIn(t, k, next)
	}
	if len(table.rows) != 1001 {
		t.Errorf("%d ids for 1001 sessions", len(table.rows))
	}
}

// B03: a signed id that the table does not have is not taken.
func TestNotAdopted(t *testing.T) {
	t.Parallel()
	table := newMemory()
	k := keeper(t, table, nil)
	set(t, k, signed, "a", 1)
	if id := table.row(t).ID; id == nodeID {
		t.Error("a save took the id of the cookie")
	}
	table = newMemory()
	signIn(t, keeper(t, table, nil), sessions.Record{User: "7"}, signed)
	if id := table.row(t).ID; id == nodeID {
		t.Error("a sign-in took the id of the cookie")
	}
}

// change makes another request change the row before the next write.
func change(old, new string) func(*memory) {
	return func(m *memory) {
		r := m.rows[nodeID]
		r.Data = strings.Replace(r.Data, old, new, 1)
		m.rows[nodeID] = r
	}
}

func remove(m *memory) { delete(m.rows, nodeID) }

// B09, B10: what others stored since Load is merged with, or wins.
func TestSaveRaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		race func(*memory)
		err  error
		want string // of the row; "" is none
	}{
		"nobody":                {nil, nil, `"a":1,"b":1,"mine":true`},
		"another key":           {change(`"b":1`, `"b":2`), nil, `"a":1,"b":2,"mine":true`},
		"the cookie":            {change(`"expires":null`, `"expires": null`), nil, `"a":1,"b":1,"mine":true`},
		"the user":              {change(`"b":1`, `"passport":{"user":8}`), nil, `"a":1,"passport":{"user":8},"mine":true`},
		"the same key":          {change(`"b":1`, `"mine":false`), sessions.ErrConflict, `"a":1,"mine":false`},
		"sign-out":              {remove, sessions.ErrGone, ""},
		"what cannot be read":   {change(`"b":1`, `"b"`), sessions.ErrGone, `"a":1,"b"`},
		"what ended by its age": {func(m *memory) { r := m.rows[nodeID]; r.Expires = 1; r.Data += " "; m.rows[nodeID] = r }, sessions.ErrGone, `"a":1,"b":1`},
	} {
		table := newMemory(row(session(`"a":1,"b":1`)))
		k := keeper(t, table, nil)
		s := load(t, k, signed)
		if err := s.Set("mine", true); err != nil {
			t.Fatal(err)
		}
		table.race = c.race
		wantErr(t, name, s.Save(t.Context(), nil), c.err)
		if c.want == "" {
			if len(table.rows) > 0 {
				t.Errorf("%s: brought back %s", name, table.text(t))
			}
			continue
		}
		if got := table.text(t); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// B04, B09: a sign-in races too.
func TestSignInRaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user string
		race func(*memory)
		err  error
	}{
		"a stranger, changed":     {"", change(`"a":1`, `"a":2`), nil},
		"a stranger, ended":       {"", remove, nil}, // a double click
		"somebody, changed":       {`,"passport":{"user":8}`, change(`"a":1`, `"a":2`), nil},
		"somebody, signed out":    {`,"passport":{"user":8}`, remove, sessions.ErrGone},
		"somebody, could not say": {`,"passport":{"user":8}`, change(`{`, `[`), sessions.ErrGone},
	} {
		table := newMemory(row(session(`"a":1` + c.user)))
		k := keeper(t, table, nil)
		s := load(t, k, signed)
		table.race = c.race
		w := httptest.NewRecorder()
		wantErr(t, name, s.Rotate(t.Context(), w, sessions.Record{User: "7"}, []string{"a"}, nil), c.err)
		if c.err != nil {
			noCookie(t, name, w)
			continue
		}
		if _, ok := table.rows[nodeID]; ok || !strings.Contains(table.text(t), `"user":7`) {
			t.Errorf("%s: got the rows %v", name, table.rows)
		}
		if name == "a stranger, changed" && !strings.Contains(table.text(t), `"a":2`) {
			t.Errorf("%s: carried over what was loaded, not what is stored: %s", name, table.text(t))
		}
	}
}

// B43: of two requests that take a value one gets it.
func TestTake(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session(`"code":"once"`)))
	k := keeper(t, table, nil)
	one, two := load(t, k, signed), load(t, k, signed)
	var code string
	if ok, err := one.Take(t.Context(), "code", &code); !ok || err != nil || code != "once" {
		t.Errorf("first: got %q, %v, %v", code, ok, err)
	}
	if ok, err := two.Take(t.Context(), "code", &code); ok || err != nil {
		t.Errorf("second: got %v, %v, want nothing", ok, err)
	}
	if got, want := table.text(t), session(""); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// B26, B27, B28, B29: a table that fails is an error, never a stranger, and
// touches no cookie.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Find", "Update", "Insert", "Replace", "Delete"} {
		table := newMemory(row(session(`"a":1`)))
		k := keeper(t, table, nil)
		s, stranger := load(t, k, signed), load(t, k)
		if err := s.Set("a", 2); err != nil {
			t.Fatal(err)
		}
		before := table.row(t)
		table.fail = call
		w := httptest.NewRecorder()
		var err error
		switch call {
		case "Find":
			_, ok, loadErr := k.Load(request(t, signed))
			if ok || loadErr == nil {
				t.Errorf("Load: got %v, %v, want the outage", ok, loadErr)
			}
			err = s.Save(t.Context(), w)
		case "Update":
			err = s.Save(t.Context(), w)
		case "Insert":
			err = stranger.Rotate(t.Context(), w, sessions.Record{User: "7"}, nil, nil)
		case "Replace":
			err = s.Rotate(t.Context(), w, sessions.Record{User: "7"}, nil, nil)
		case "Delete":
			err = s.End(t.Context(), w)
		}
		wantErr(t, call, err, errDown)
		noCookie(t, call, w)
		if got := table.row(t); got != before {
			t.Errorf("%s: got the row %v, want %v", call, got, before)
		}
	}
}

// B31: a table that hangs is left after Options.Timeout, unless the context
// says something else.
func TestTimeout(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session("")))
	table.fail, table.err = "Find", nil
	_, _, err := keeper(t, table, &express.Options{Timeout: 1}).Load(request(t, signed))
	wantErr(t, "Load", err, context.DeadlineExceeded)
}

// What needs a cookie needs a response, and nothing is stored without.
func TestNoResponse(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session("")))
	k := keeper(t, table, nil)
	if err := k.Save(t.Context(), nil, &sessions.Record{User: "7"}); err == nil {
		t.Error("Save of a new record: got no error")
	}
	old := load(t, k, signed).Record()
	if err := k.Replace(t.Context(), nil, &old, &sessions.Record{User: "7"}); err == nil {
		t.Error("Replace: got no error")
	}
	if table.row(t).ID != nodeID {
		t.Error("something was stored")
	}
	if err := k.End(t.Context(), nil, &old); err != nil || len(table.rows) > 0 {
		t.Errorf("End: got %v and %d rows, want none", err, len(table.rows))
	}
}

// A record of another Keeper is of no row here.
func TestRecordOfAnother(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session("")))
	k := keeper(t, table, nil)
	w := httptest.NewRecorder()
	other := sessions.Record{ID: sessions.ID{1}, Version: 3, User: "7"}
	wantErr(t, "Save", k.Save(t.Context(), w, &other), sessions.ErrGone)
	wantErr(t, "Replace", k.Replace(t.Context(), w, &other, &sessions.Record{User: "7"}), sessions.ErrGone)
	noCookie(t, "of another", w)
	if err := k.End(t.Context(), w, &other); err != nil {
		t.Error(err)
	}
	if table.row(t).ID != nodeID {
		t.Error("a row was changed")
	}
}

// The note is about one session and user; in the row of another it says
// nothing, also where the id stayed, as before Passport.js 0.6.
func TestNote(t *testing.T) {
	t.Parallel()
	table := newMemory()
	k := keeper(t, table, nil)
	cookie := signIn(t, k, sessions.Record{User: "7", Factors: "pwd otp", Stamp: "stamp", AuthTime: 5, Remember: true}).Value
	mine := table.row(t)
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(mine.Data), &all); err != nil {
		t.Fatal(err)
	}
	note := string(all["gopassport"])
	known := sessions.Record{User: "7", Factors: "pwd otp", Stamp: "stamp", AuthTime: 5, Remember: true}
	for name, c := range map[string]struct {
		id, user, note string
		want           sessions.Record
	}{
		"as it was":         {mine.ID, `"passport":{"user":7},`, note, known},
		"written by Node":   {mine.ID, `"passport":{"x":1,"user":7},`, " " + strings.ReplaceAll(note, ":", " : "), known},
		"another user":      {mine.ID, `"passport":{"user":8},`, note, sessions.Record{User: "8"}},
		"nobody":            {mine.ID, `"passport":{},`, note, sessions.Record{}},
		"no passport":       {mine.ID, ``, note, sessions.Record{}},
		"another id":        {nodeID, `"passport":{"user":7},`, note, sessions.Record{User: "7"}},
		"of another kind":   {mine.ID, `"passport":{"user":7},`, `"x"`, sessions.Record{User: "7"}},
		"with another kind": {mine.ID, `"passport":{"user":"7"},`, note, sessions.Record{}},
	} {
		text := session(c.user + `"gopassport":` + c.note)
		table.rows = map[string]express.Row{c.id: {ID: c.id, Data: text, Expires: mine.Expires}}
		value := cookie
		if c.id == nodeID {
			value = signed
		}
		r := load(t, k, value).Record()
		if r.Version == 0 {
			t.Errorf("%s: no session", name)
		}
		got := sessions.Record{User: r.User, Factors: r.Factors, Stamp: r.Stamp, AuthTime: r.AuthTime, Remember: r.Remember}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A stamp that Node's login left counts for sessions that it signed in.
func TestStampKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ members, want string }{
		{`"passport":{"user":7},"stamp":"3"`, "TgdAhWK-24tgzgXB"}, // base64url of the SHA-256 of 3, as passport keeps it
		{`"passport":{"user":7},"stamp":3`, "TgdAhWK-24tgzgXB"},
		{`"passport":{"user":7},"stamp":null`, ""},
		{`"passport":{"user":7},"stamp":true`, ""},
		{`"passport":{"user":7},"stamp":[3]`, ""},
		{`"passport":{"user":7}`, ""},
		{`"stamp":3`, ""},
	} {
		table := newMemory(row(session(c.members)))
		got := load(t, keeper(t, table, &express.Options{StampKey: "stamp"}), signed).Record().Stamp
		if got != c.want {
			t.Errorf("%s: got the stamp %q, want %q", c.members, got, c.want)
		}
		if got := load(t, keeper(t, table, nil), signed).Record().Stamp; got != "" {
			t.Errorf("%s: got the stamp %q without a StampKey", c.members, got)
		}
	}
}

// What cannot be is refused when the Keeper is made.
func TestNew(t *testing.T) {
	t.Parallel()
	table := newMemory()
	good := []string{strings.Repeat(secret, 3)}
	for name, err := range map[string]error{
		"no table":           second(express.New(nil, express.NumberID, good, nil)),
		"no kind":            second(express.New(table, 0, good, nil)),
		"no such kind":       second(express.New(table, 3, good, nil)),
		"no secrets":         second(express.New(table, express.NumberID, nil, nil)),
		"an empty secret":    second(express.New(table, express.NumberID, []string{secret, ""}, nil)),
		"a short secret":     second(express.New(table, express.NumberID, append(good, secret), nil)), // B21
		"a name with spaces": second(express.New(table, express.NumberID, good, &express.Options{Name: "a b"})),
		"a path with ;":      second(express.New(table, express.NumberID, good, &express.Options{Path: "/;"})),
		"no domain":          second(express.New(table, express.NumberID, good, &express.Options{Domain: "a b"})),
		"__Host- and domain": second(express.New(table, express.NumberID, good, &express.Options{Name: "__Host-a", Domain: "example.com"})), // B17
		"__Host- and path":   second(express.New(table, express.NumberID, good, &express.Options{Name: "__Host-a", Path: "/a"})),
		"__Host- over http":  second(express.New(table, express.NumberID, good, &express.Options{Name: "__Host-a", InsecureHTTP: true})),
		"__Secure-, http":    second(express.New(table, express.NumberID, good, &express.Options{Name: "__Secure-a", InsecureHTTP: true})),
		"negative":           second(express.New(table, express.NumberID, good, &express.Options{Refresh: -1})),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has the secret", name)
		}
	}
	if _, err := express.New(table, express.StringID, good, &express.Options{Name: "__Host-sid"}); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// B11: a request that changes nothing writes nothing.
func TestQuiet(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session(`"a":1`)))
	k := keeper(t, table, nil)
	for range 100 {
		if err := load(t, k, signed).Save(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if i := slices.IndexFunc(table.calls, func(c string) bool { return c != "Find" }); i >= 0 {
		t.Errorf("%s was called", table.calls[i])
	}
}
