package express

import "context"

// A Row is one session as the Node store keeps it.
type Row struct {
	ID      string
	Data    string // JSON, as it stands in the table
	Expires int64  // unix milliseconds; [Never]: it does not
}

// A Table is where the Node store keeps its sessions: [MySQL], [PostgreSQL],
// and package redisstore/connectredis. Implementations are safe for
// concurrent use and obey the context. They never upsert, and compare texts
// byte by byte.
type Table interface {
	// Find returns the row of the id, an expired one too. Its Row.ID is the
	// stored one. No such row: sessions.ErrNotFound.
	Find(ctx context.Context, id string) (Row, error)

	// Insert adds a row. The id exists: an error, and nothing changed.
	Insert(ctx context.Context, r Row) error

	// Update writes Data and Expires where the stored text is was. Another
	// text: sessions.ErrConflict. No such row: sessions.ErrNotFound, and
	// nothing is inserted.
	Update(ctx context.Context, r Row, was string) error

	// Replace puts r in the place of the row of old, in one step, where the
	// stored text is was. Its errors are those of Update.
	Replace(ctx context.Context, old, was string, r Row) error

	// Touch moves Expires forward, never back. It never changes the text, and
	// never creates. No such row: nil.
	Touch(ctx context.Context, id string, expires int64) error

	// Delete removes the row. No such row: nil.
	Delete(ctx context.Context, id string) error
}
