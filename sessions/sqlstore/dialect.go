package sqlstore

import (
	_ "embed" // the schema
	"fmt"
	"strings"
)

// A Dialect is the kind of the database. The zero Dialect is none.
type Dialect int

// The dialects.
const (
	// SQLite is SQLite 3.37 and later, with any driver.
	SQLite Dialect = iota + 1
)

//go:embed schema/sqlite.sql
var sqliteSchema string

// A spec is all that the dialects differ in. Statements are written once, with
// ? for arguments, double quotes for names, and these words in braces.
type spec struct {
	name   string
	schema string

	words map[string]string // word: text

	// oneWriter: the database lets one connection write at a time and has no
	// queue, so the store keeps its writers in one.
	oneWriter bool
	// busy tells an error that trying again mends.
	busy func(error) bool
	// wal: Migrate asks for a write-ahead log.
	wal bool
}

func (d Dialect) spec() (*spec, error) {
	switch d {
	case SQLite:
		return &spec{
			name:   "SQLite",
			schema: sqliteSchema,
			words: map[string]string{
				"greatest": "max",
				"ignore":   `ON CONFLICT ("id") DO NOTHING`,
			},
			oneWriter: true,
			busy:      sqliteBusy,
			wal:       true,
		}, nil
	}
	return nil, fmt.Errorf("sqlstore: unknown dialect %d", int(d))
}

// sqliteBusy goes by SQLite's own words, which every driver passes on.
func sqliteBusy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "database is locked") ||
		strings.Contains(text, "database table is locked") ||
		strings.Contains(text, "database schema is locked")
}
