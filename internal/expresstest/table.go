package expresstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// RunTable checks the sentences of [express.Table]. open returns a table that
// is there and empty.
func RunTable(t *testing.T, open func(*testing.T) express.Table) {
	for name, check := range map[string]func(*testing.T, express.Table){
		"rows":      rows,
		"compare":   compare,
		"never":     neverCreate,
		"one wins":  oneWins,
		"cancelled": cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open(t))
		})
	}
}

// in is a time in unix milliseconds, in whole seconds, as some tables keep it.
func in(d time.Duration) int64 { return time.Now().Add(d).Truncate(time.Second).UnixMilli() }

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func want(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// wantRow checks what is stored under the id; times in a table are those of
// its clock, to a second.
func wantRow(t *testing.T, table express.Table, want express.Row) {
	t.Helper()
	got, err := table.Find(t.Context(), want.ID)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	if off := time.Duration(got.Expires-want.Expires) * time.Millisecond; got.ID != want.ID || got.Data != want.Data || off.Abs() > time.Second {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func rows(t *testing.T, table express.Table) {
	row := express.Row{ID: "id-ä", Data: ` {"a": 1.0, "b":"😀\u0000\ud800 '\\ ;"} `, Expires: in(time.Hour)}
	must(t, "Insert", table.Insert(t.Context(), row))
	wantRow(t, table, row)
	if err := table.Insert(t.Context(), express.Row{ID: row.ID, Data: "{}", Expires: in(2 * time.Hour)}); err == nil {
		t.Error("Insert of an id that exists: got no error")
	}
	wantRow(t, table, row)

	next := express.Row{ID: row.ID, Data: `{"b":2}`, Expires: in(2 * time.Hour)}
	must(t, "Update", table.Update(t.Context(), next, row.Data))
	wantRow(t, table, next)
	must(t, "Update to the same", table.Update(t.Context(), next, next.Data))
	must(t, "Touch", table.Touch(t.Context(), row.ID, in(3*time.Hour)))
	next.Expires = in(3 * time.Hour)
	wantRow(t, table, next)
	must(t, "Touch back", table.Touch(t.Context(), row.ID, in(time.Minute)))
	wantRow(t, table, next)

	moved := express.Row{ID: "other", Data: `{}`, Expires: in(time.Hour)}
	must(t, "Replace", table.Replace(t.Context(), row.ID, next.Data, moved))
	wantRow(t, table, moved)
	_, err := table.Find(t.Context(), row.ID)
	want(t, "Find of what was replaced", err, sessions.ErrNotFound)

	must(t, "Delete", table.Delete(t.Context(), moved.ID))
	must(t, "Delete again", table.Delete(t.Context(), moved.ID))
	_, err = table.Find(t.Context(), moved.ID)
	want(t, "Find of what was deleted", err, sessions.ErrNotFound)
}

// compare: no two texts are the same that differ in a byte.
func compare(t *testing.T, table express.Table) {
	const text = `{"a":"e"}`
	row := express.Row{ID: "id", Data: text, Expires: in(time.Hour)}
	must(t, "Insert", table.Insert(t.Context(), row))
	for _, was := range []string{"", `{"a":"E"}`, `{"a":"é"}`, text + " ", text + "\n", ` ` + text, `{"a": "e"}`} {
		next := express.Row{ID: "id", Data: `{"a":2}`, Expires: in(time.Hour)}
		want(t, "Update", table.Update(t.Context(), next, was), sessions.ErrConflict)
		next.ID = "next"
		want(t, "Replace", table.Replace(t.Context(), "id", was, next), sessions.ErrConflict)
		wantRow(t, table, row)
		_, err := table.Find(t.Context(), "next")
		want(t, "Find of what was not put in", err, sessions.ErrNotFound)
	}
}

// B09: what is not there is not made.
func neverCreate(t *testing.T, table express.Table) {
	row := express.Row{ID: "gone", Data: "{}", Expires: in(time.Hour)}
	want(t, "Update", table.Update(t.Context(), row, "{}"), sessions.ErrNotFound)
	want(t, "Replace", table.Replace(t.Context(), "nothing", "{}", row), sessions.ErrNotFound)
	must(t, "Touch", table.Touch(t.Context(), row.ID, row.Expires))
	_, err := table.Find(t.Context(), row.ID)
	want(t, "Find", err, sessions.ErrNotFound)
}

// oneWins: of those who saw one text, one writes. B06, B10
func oneWins(t *testing.T, table express.Table) {
	for name, write := range map[string]func(id, was string, i int) error{
		"update": func(id, was string, _ int) error {
			// All write the same text, as two who take one value do.
			return table.Update(t.Context(), express.Row{ID: id, Data: `{"taken":true}`, Expires: in(time.Hour)}, was)
		},
		"replace": func(id, was string, i int) error {
			return table.Replace(t.Context(), id, was, express.Row{ID: id + "-" + string(rune('a'+i)), Data: "{}", Expires: in(time.Hour)})
		},
	} {
		row := express.Row{ID: name, Data: `{"taken":false}`, Expires: in(time.Hour)}
		must(t, "Insert", table.Insert(t.Context(), row))
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				switch err := write(row.ID, row.Data, i); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, sessions.ErrConflict) && !errors.Is(err, sessions.ErrNotFound):
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Errorf("%s: %d of 16 won, want 1", name, n)
		}
	}
}

// B30: a context that ended is obeyed, and its error wrapped.
func cancelled(t *testing.T, table express.Table) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row := express.Row{ID: "id", Data: "{}", Expires: in(time.Hour)}
	_, err := table.Find(ctx, "id")
	want(t, "Find", err, context.Canceled)
	want(t, "Insert", table.Insert(ctx, row), context.Canceled)
	want(t, "Update", table.Update(ctx, row, "{}"), context.Canceled)
	want(t, "Replace", table.Replace(ctx, "old", "{}", row), context.Canceled)
	want(t, "Touch", table.Touch(ctx, "id", row.Expires), context.Canceled)
	want(t, "Delete", table.Delete(ctx, "id"), context.Canceled)
}

// WantDown checks the errors of a table whose database does not answer: none
// of them says that a session is over. B26
func WantDown(t *testing.T, table express.Table) {
	t.Helper()
	row := express.Row{ID: "id", Data: "{}", Expires: in(time.Hour)}
	_, err := table.Find(t.Context(), "id")
	for what, err := range map[string]error{
		"Find":    err,
		"Insert":  table.Insert(t.Context(), row),
		"Update":  table.Update(t.Context(), row, "{}"),
		"Replace": table.Replace(t.Context(), "old", "{}", row),
		"Touch":   table.Touch(t.Context(), "id", row.Expires),
		"Delete":  table.Delete(t.Context(), "id"),
	} {
		if err == nil || errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrConflict) || errors.Is(err, sessions.ErrGone) {
			t.Errorf("%s: got %v, want the outage", what, err)
		}
	}
}
