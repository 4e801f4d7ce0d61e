package sqlstore_test

import (
	"testing"

	"github.com/gopassport/passport/sessions"
)

func record(user string) sessions.Record {
	return sessions.Record{
		User: user, Data: `{"cart":["tea"]}`, Factors: "pwd", Stamp: "c3RhbXA",
		AuthTime: 1e12, Created: 1e12, LastSeen: 1e12, Idle: 3e12, Absolute: 4e12, Version: 1,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Mozilla/5.0"},
	}
}

// BenchmarkSQLite has, beside the store's calls, the bare prepared SELECT that
// Find is to stay near: same row, same driver, a context that can end.
func BenchmarkSQLite(b *testing.B) {
	db := sqlite.open(b, sqliteDSN(b))
	s := sqlite.store(b, db, nil)
	ctx := b.Context()
	r := record("alice")
	for i := range 1000 {
		r.ID = sessions.ID{1, byte(i), byte(i >> 8)}
		if err := s.Create(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
	fail := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("BareSelect", func(b *testing.B) {
		st, err := db.Prepare(`SELECT user_id, data, factors, stamp, auth_time, created, last_seen, idle, absolute, version, remember
			FROM passport_sessions WHERE id = ?`)
		fail(err)
		defer func() { fail(st.Close()) }()
		b.ReportAllocs()
		for b.Loop() {
			var got sessions.Record
			fail(st.QueryRowContext(ctx, r.ID[:]).Scan(&got.User, &got.Data, &got.Factors, &got.Stamp, &got.AuthTime, &got.Created,
				&got.LastSeen, &got.Idle, &got.Absolute, &got.Version, &got.Remember))
		}
	})
	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.Find(ctx, r.ID)
			fail(err)
		}
	})
	b.Run("Touch", func(b *testing.B) {
		b.ReportAllocs()
		for seen := r.LastSeen; b.Loop(); seen++ {
			fail(s.Touch(ctx, r.ID, seen, r.Idle))
		}
	})
	b.Run("Update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fail(s.Update(ctx, r, r.Version))
			r.Version++
		}
	})
	b.Run("Replace", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			next := record("alice")
			next.ID = sessions.ID{2, byte(n), byte(n >> 8), byte(n >> 16)}
			fail(s.Replace(ctx, r.ID, r.Version, next))
			r = next
		}
	})
	b.Run("Create", func(b *testing.B) {
		b.ReportAllocs()
		next := record("alice")
		for n := 0; b.Loop(); n++ {
			next.ID = sessions.ID{byte(n * 7), 3, byte(n), byte(n >> 8), byte(n >> 16)}
			fail(s.Create(ctx, next))
		}
	})
}
