package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

func Example() {
	dir, err := os.MkdirTemp("", "sqlstore")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	// With modernc.org/sqlite; the other drivers have other DSNs.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "demo.db")+"?_pragma=busy_timeout(2000)")
	if err != nil {
		panic(err)
	}
	defer func() { _ = db.Close() }()
	store, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if err := store.Migrate(ctx); err != nil {
		panic(err)
	}

	// An application gives the store to sessions.New and is done. What the
	// Manager then asks of it, in short:
	day := time.Now().Add(24 * time.Hour).UnixMilli()
	session := sessions.Record{
		ID: sessions.ID{1}, User: "alice", Version: 1, Idle: day, Absolute: day,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Firefox"},
	}
	fmt.Println(store.Create(ctx, session))
	list, err := store.List(ctx, "session", "alice")
	fmt.Println(len(list), list[0].Origin.Agent, err)
	fmt.Println(store.DeleteUser(ctx, "session", "alice", sessions.ID{}))
	fmt.Println(store.Update(ctx, session, session.Version)) // too late
	// Output:
	// <nil>
	// 1 Firefox <nil>
	// 1 <nil>
	// sessions: record not found
}
