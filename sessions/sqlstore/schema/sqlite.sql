-- The tables of sqlstore for SQLite 3.37 and later. Store.Migrate makes them;
-- whoever uses a migration tool may run this file instead, and once, outside of
-- a transaction, PRAGMA journal_mode = WAL. For another table name, replace
-- passport_sessions throughout.

-- One row per session. The key is the SHA-256 of a cookie: nothing here can be
-- used as one. Times are unix milliseconds, UTC. TEXT compares byte by byte.
CREATE TABLE IF NOT EXISTS "passport_sessions" (
  "id"        BLOB    NOT NULL PRIMARY KEY CHECK (length("id") = 32),
  "realm"     TEXT    NOT NULL,
  "user_id"   TEXT    NOT NULL,
  "factors"   TEXT    NOT NULL,
  "stamp"     TEXT    NOT NULL,
  "auth_time" INTEGER NOT NULL,
  "created"   INTEGER NOT NULL,
  "last_seen" INTEGER NOT NULL,
  "idle"      INTEGER NOT NULL,
  "absolute"  INTEGER NOT NULL,
  "version"   INTEGER NOT NULL,
  "remember"  INTEGER NOT NULL,
  "address"   TEXT    NOT NULL,
  "agent"     TEXT    NOT NULL,
  "data"      BLOB    NOT NULL,
  "expires"   INTEGER GENERATED ALWAYS AS (min("idle", "absolute")) VIRTUAL
) STRICT, WITHOUT ROWID;

-- For the sweep.
CREATE INDEX IF NOT EXISTS "passport_sessions_expires" ON "passport_sessions" ("expires");

-- For a user's list of sessions, and for signing the user out everywhere.
CREATE INDEX IF NOT EXISTS "passport_sessions_user" ON "passport_sessions" ("realm", "user_id");

-- One row per spent one-time value, until it expires.
CREATE TABLE IF NOT EXISTS "passport_sessions_once" (
  "id"      BLOB    NOT NULL PRIMARY KEY,
  "expires" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS "passport_sessions_once_expires" ON "passport_sessions_once" ("expires");
