package scs_test

import (
	"database/sql"
	"log/slog"
	"strings"
	"testing"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/go-sql-driver/mysql"

	"github.com/gopassport/passport/internal/dbtest"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/scs"
	"github.com/gopassport/passport/sessions/storetest"
)

var servers dbtest.Servers

var quiet = &scs.Options{Logger: slog.New(slog.DiscardHandler)}

// lacks: the sweep is the backend's. All other cases hold within one process.
var lacks = &storetest.Options{Lacks: []storetest.Ability{storetest.ExpiredDeleter}}

// B06, B09, B10, B43, B44: each case names its rule.
func TestStoreKit(t *testing.T) {
	t.Parallel()
	storetest.RunOptions(t, func(*testing.T) sessions.Store {
		return scs.New(memstore.NewWithCleanupInterval(0), quiet)
	}, lacks)
}

// The same over a database, whose table is as the store's own page has it, but
// for room for 64 KiB of values.
func TestStoreKitMariaDB(t *testing.T) {
	t.Parallel()
	u := servers.URL(t, dbtest.MariaDB)
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.MultiStatements = u.User.Username(), "tcp", u.Host, true
	config.Passwd, _ = u.User.Password()
	open := func() *sql.DB {
		db, err := sql.Open("mysql", config.FormatDSN())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	const name = "passport_scs_kit" // mysqlstore's table has one name
	if _, err := open().ExecContext(t.Context(), strings.ReplaceAll(`DROP DATABASE IF EXISTS name; CREATE DATABASE name; CREATE TABLE name.sessions (
		token CHAR(43) PRIMARY KEY, data MEDIUMBLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL, INDEX (expiry))`, "name", name)); err != nil {
		t.Fatal(err)
	}
	config.DBName = name
	db := open()
	storetest.RunOptions(t, func(t *testing.T) sessions.Store {
		if _, err := db.ExecContext(t.Context(), "DELETE FROM sessions"); err != nil {
			t.Fatal(err)
		}
		return scs.New(mysqlstore.NewWithCleanupInterval(db, 0), quiet)
	}, lacks)
}
