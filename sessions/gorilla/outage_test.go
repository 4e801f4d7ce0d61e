package gorilla_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	gsessions "github.com/gorilla/sessions"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/gorilla"
)

// A blinkingStore is down for a while, from when it is asked for a session for
// the nth time.
type blinkingStore struct {
	*table
	n, while int
}

func (s *blinkingStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	session, err := s.table.New(r, name)
	if len(r.Cookies()) == 0 {
		return session, err
	}
	if s.n--; s.n <= 0 && s.n > -s.while {
		return session, errDown
	}
	return session, err
}

// A changing error never reads the same, and is one that is known.
type changing struct{ n int }

func (e *changing) Error() string { e.n++; return fmt.Sprintf("request %d: no such session", e.n) }
func (*changing) Unwrap() error   { return sql.ErrNoRows }

// B26: whatever fails while NewKeeper tries the store, a later outage is an
// outage, and not a stranger.
func TestOutageAtStart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*table){
		"table":           func(*table) {},
		"hides errors":    func(s *table) { s.neverNew = true },
		"says it its way": func(s *table) { s.unknown = errors.New("no such session") },
		"changes words":   func(s *table) { s.unknown = new(changing) },
	} {
		accepted := 0
		for while := range 4 {
			for n, over := 1, false; !over; n++ {
				store := &blinkingStore{newTable(), n, while}
				change(store.table)
				k, err := gorilla.NewKeeper(t.Context(), store, &gorilla.Options{Options: sessions.Options{Logger: quiet}})
				if over = store.n > 0; err != nil {
					continue
				}
				accepted++
				store.while = 0
				b := newBrowser(k)
				b.signIn(t, "alice")
				store.setDown(true)
				_, _, err = k.Load(b.request())
				wantError(t, name, errDown, err)
			}
		}
		if accepted == 0 {
			t.Errorf("%s: it is never accepted", name)
		}
	}
}

// A hangingStore hangs once in one of its methods, until the request is over.
type hangingStore struct {
	*table
	in string
}

func (s *hangingStore) hang(method string, r *http.Request) {
	if s.in == method {
		s.in = ""
		<-r.Context().Done()
	}
}

func (s *hangingStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	s.hang("New", r)
	return s.table.New(r, name)
}

func (s *hangingStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	s.hang("Save", r)
	if session.Options.MaxAge < 0 {
		s.hang("delete", r)
	}
	return s.table.Save(r, w, session)
}

// B31: a store that hangs is left after Options.Timeout, unless the context
// says something else. What a sign-in stored by then is taken out again.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		timeout, own, want time.Duration
	}{
		{0, 0, 5 * time.Second},
		{time.Second, 0, time.Second},
		{time.Second, time.Minute, time.Minute},
		{-1, time.Minute, time.Minute},
	} {
		for in, calls := range map[string][]string{
			"New": {"Load", "Save", "Rotate", "End"}, "Save": {"Save", "Rotate", "End"}, "delete": {"Rotate", "End"},
		} {
			for _, call := range calls {
				synctest.Test(t, func(t *testing.T) {
					store := &hangingStore{table: newTable()}
					store.contexts = true
					b := newBrowser(newKeeper(t, store, gorilla.Options{Timeout: c.timeout}))
					b.signIn(t, "alice")
					s := b.load(t)
					must(t, s.Set("a", 1))
					ctx := t.Context()
					if c.own > 0 {
						var cancel func()
						ctx, cancel = context.WithTimeout(ctx, c.own)
						defer cancel()
					}
					w := httptest.NewRecorder()
					store.in = in
					began, err := time.Now(), error(nil)
					switch call {
					case "Load":
						_, _, err = b.keeper.Load(b.request().WithContext(ctx))
					case "Save":
						err = s.Save(ctx, w)
					case "Rotate":
						err = s.Rotate(ctx, w, sessions.Record{User: "alice"}, nil, nil)
					case "End":
						err = s.End(ctx, w)
					}
					wantError(t, call+" while "+in+" hangs", context.DeadlineExceeded, err)
					if got := time.Since(began); got != c.want {
						t.Errorf("%s while %s hangs: gave up after %v, want %v", call, in, got, c.want)
					}
					if got := b.user(t); got != "alice" || len(w.Header()) != 0 || store.len() != 1 {
						t.Errorf("%s while %s hangs: got user %q, headers %v and %d rows, want alice, none and 1", call, in, got, w.Header(), store.len())
					}
				})
			}
		}
	}
}
