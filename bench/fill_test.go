package bench_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

const (
	columns   = `id, realm, user_id, factors, stamp, auth_time, created, last_seen, idle, absolute, version, remember, address, agent, data`
	batch     = 500 // rows of one INSERT
	batches   = 100 // of a transaction
	creations = 32  // at once, in Redis
)

// fill puts the rows with numbers from one up to another into the table, or
// so many batches of them as there are, and tidies up.
func (db opened) fill(t *testing.T, from, to int) {
	t.Helper()
	if db.redis != nil {
		db.create(t, from, to)
		return
	}
	conn, err := db.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(query string) {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if db.dialect == sqlstore.SQLite { // what it needs to be quick and is not measured with
		exec("PRAGMA cache_size = -2000000")
		exec("PRAGMA synchronous = OFF")
		defer exec("PRAGMA synchronous = FULL")
		defer exec("PRAGMA cache_size = -65536")
	}
	insert, err := conn.PrepareContext(t.Context(), db.insert())
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	now := time.Now()
	for tx := range slices.Chunk(db.order(from, to), batches*batch) {
		exec("BEGIN")
		for some := range slices.Chunk(tx, batch) {
			if len(some) < batch {
				break
			}
			if _, err := insert.ExecContext(t.Context(), db.values(some, now)...); err != nil {
				t.Fatal(err)
			}
		}
		exec("COMMIT")
	}
	exec(map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "PRAGMA wal_checkpoint(TRUNCATE)",
		sqlstore.MySQL:      "ANALYZE TABLE " + table,
		sqlstore.PostgreSQL: "VACUUM ANALYZE " + table,
	}[db.dialect])
}

// order is the order in which rows come. They come as sessions do, with ids
// from anywhere, but for SQLite, which would write a page for each of them.
func (db opened) order(from, to int) []int {
	rows, ids := make([]int, to-from), make([]sessions.ID, to-from)
	for i := range rows {
		rows[i], ids[i] = from+i, rowID(from+i)
	}
	if db.dialect == sqlstore.SQLite {
		slices.SortFunc(rows, func(a, b int) int { return bytes.Compare(ids[a-from][:], ids[b-from][:]) })
	}
	return rows
}

// insert is the statement that inserts a batch.
func (db opened) insert() string {
	mark := func(int) string { return "?" }
	if db.dialect == sqlstore.PostgreSQL {
		mark = func(n int) string { return "$" + strconv.Itoa(n) }
	}
	n, width := 0, strings.Count(columns, ",")+1
	rows := make([]string, batch)
	for i := range rows {
		marks := make([]string, width)
		for j := range marks {
			n++
			marks[j] = mark(n)
		}
		rows[i] = "(" + strings.Join(marks, ", ") + ")"
	}
	return "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Join(rows, ", ")
}

// values are the arguments of insert.
func (db opened) values(rows []int, now time.Time) (values []any) {
	text := func(s string) any { return []byte(s) }
	if db.dialect == sqlstore.SQLite {
		text = func(s string) any { return s }
	}
	for _, i := range rows {
		r := row(i, now)
		values = append(values, r.ID[:], text(r.Origin.Realm), text(r.User), text(r.Factors), text(r.Stamp),
			r.AuthTime, r.Created, r.LastSeen, r.Idle, r.Absolute, r.Version, r.Remember,
			text(r.Origin.Address), text(r.Origin.Agent), []byte(r.Data))
	}
	return values
}

// create fills the table by the store's own way.
func (db opened) create(t *testing.T, from, to int) {
	t.Helper()
	rows := make(chan int)
	now := time.Now()
	var wg sync.WaitGroup
	for range creations {
		wg.Go(func() {
			for i := range rows {
				if err := db.Create(t.Context(), row(i, now)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := from; i < to; i++ {
		rows <- i
	}
	close(rows)
	wg.Wait()
}

// bytes is the room that the table and its indexes take, on disk or, in Redis,
// in memory.
func (db opened) bytes(t *testing.T) (n float64) {
	t.Helper()
	if db.redis != nil {
		info := db.redis.InfoMap(t.Context(), "memory")
		n, err := strconv.ParseFloat(info.Item("Memory", "used_memory"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := db.db.QueryRowContext(t.Context(), map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
		sqlstore.MySQL:      "SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name LIKE '%/" + table + "'",
		sqlstore.PostgreSQL: "SELECT pg_total_relation_size('" + table + "')",
	}[db.dialect]).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
