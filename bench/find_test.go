package bench_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// BenchmarkFind is what it costs to find a session: by=bare, with the bare
// prepared SELECT of its row (in Redis the bare GET) over the same driver;
// by=store, with Store.Find; by=cookie, with Manager.Load of a request.
func BenchmarkFind(b *testing.B) {
	for _, d := range databases {
		b.Run("db="+d.name, func(b *testing.B) {
			db := d.open(b, source(b, d.engine, "sessions"))
			m := sessions.New(db, nil)
			ctx := b.Context()
			var ids []sessions.ID
			var requests []*http.Request
			for i := range connections {
				r, req := signIn(b, m, userID(i))
				ids, requests = append(ids, r.ID), append(requests, req)
			}
			find := func(by string, find func(i int) error) {
				b.Run("by="+by, func(b *testing.B) {
					start, i := processorTime(), 0
					for b.Loop() {
						if err := find(i % connections); err != nil {
							b.Fatal(err)
						}
						i++
					}
					report(b, processorTime()-start)
				})
			}
			find("bare", func(i int) error { return db.bare(ctx, ids[i]) })
			find("store", func(i int) error {
				_, err := db.Find(ctx, ids[i])
				return err
			})
			find("cookie", func(i int) error {
				_, found, err := m.Load(requests[i])
				if err == nil && !found {
					err = sessions.ErrNotFound
				}
				return err
			})
		})
	}
}

// signIn makes a session of the user, and a request with its cookie.
func signIn(t testing.TB, m *sessions.Manager, user string) (sessions.Record, *http.Request) {
	t.Helper()
	w := httptest.NewRecorder()
	r := record(time.Now())
	r.User, r.ID, r.Version = user, sessions.ID{}, 0
	if err := m.Save(t.Context(), w, &r); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for _, c := range w.Result().Cookies() {
		req.AddCookie(c)
	}
	return r, req
}

// record is a session of the usual size, begun now.
func record(now time.Time) sessions.Record {
	ms := now.UnixMilli()
	return sessions.Record{
		User: "user-1", Data: "\x01\x04cart\x0f[\"tea\",\"bread\"]", Factors: "pwd", Stamp: "c3RhbXAtc3RhbXAt",
		AuthTime: ms, Created: ms, LastSeen: ms, Idle: ms + 24*3600e3, Absolute: ms + 7*24*3600e3, Version: 1,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}
}
