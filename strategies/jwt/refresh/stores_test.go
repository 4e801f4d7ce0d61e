package refresh_test

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/internal/familytest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

var servers dbtest.Servers

// TestStores: the promises hold over every store. Redis has its test beside
// its store, sessions/redisstore.
func TestStores(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		store := sessions.NewMemoryStore(nil)
		familytest.Run(t, func(testing.TB) sessions.Store { return store })
	})
	file := filepath.Join(t.TempDir(), "sessions.db")
	for _, d := range []struct {
		name, driver string
		dialect      sqlstore.Dialect
		dsn          func(testing.TB) string
	}{
		{"SQLite", "sqlite", sqlstore.SQLite, func(testing.TB) string {
			return "file:" + file + "?_pragma=synchronous(NORMAL)&_pragma=busy_timeout(2000)"
		}},
		{"MariaDB", "mysql", sqlstore.MySQL, func(t testing.TB) string {
			u := servers.URL(t, dbtest.MariaDB)
			return u.User.String() + "@tcp(" + u.Host + ")" + u.Path
		}},
		{"PostgreSQL", "pgx", sqlstore.PostgreSQL, func(t testing.TB) string { return servers.URL(t, dbtest.PostgreSQL).String() }},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			dsn, table := d.dsn(t), "families_"+rand.Text()[:8]
			familytest.Run(t, func(t testing.TB) sessions.Store {
				t.Helper()
				db, err := sql.Open(d.driver, dsn)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				store, err := sqlstore.New(db, d.dialect, &sqlstore.Options{Table: table})
				if err == nil {
					err = store.Migrate(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
				return store
			})
		})
	}
}
