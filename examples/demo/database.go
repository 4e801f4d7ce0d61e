package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"

	_ "modernc.org/sqlite"
)

// schema holds what the demo keeps beside its sessions.
//
// AUTOINCREMENT, so that the id of a deleted user is never given to another
// one, who would inherit the sessions. The stamp is raised with the password.
const schema = `
CREATE TABLE IF NOT EXISTS users (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT    NOT NULL UNIQUE,
	hash    TEXT    NOT NULL,
	stamp   INTEGER NOT NULL DEFAULT 1,
	created INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS secrets (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
);`

func openDB(ctx context.Context, file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(file))
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// dsn makes readers go on while somebody writes, and writers wait for their
// turn instead of failing.
func dsn(file string) string {
	path := url.URL{Path: file}
	return "file:" + path.EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"
}

// secretOf is the secret of the sealed cookies. It lies in the database, so
// that it outlives a restart and is shared by every instance.
func secretOf(ctx context.Context, db *sql.DB) (secret []byte, err error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	if _, err := db.ExecContext(ctx, `INSERT INTO secrets (name, value) VALUES ('cookies', ?) ON CONFLICT DO NOTHING`, fresh); err != nil {
		return nil, err
	}
	err = db.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = 'cookies'`).Scan(&secret)
	return secret, err
}
