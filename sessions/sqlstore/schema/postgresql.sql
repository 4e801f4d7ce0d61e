-- The tables of a sqlstore.Store on PostgreSQL 13 or later. It may run again at
-- any time. For another table name, replace passport_sessions throughout.

-- One row per session. The key is the SHA-256 of a cookie: nothing here can be
-- used as one. Times are unix milliseconds, UTC. Strings are bytes, because
-- they may be no UTF-8, and so that they compare byte by byte in any locale; to
-- read one: convert_from("user_id", 'UTF8').
CREATE TABLE IF NOT EXISTS "passport_sessions" (
  "id"        BYTEA   NOT NULL PRIMARY KEY CHECK (length("id") = 32),
  "realm"     BYTEA   NOT NULL,
  "user_id"   BYTEA   NOT NULL,
  "factors"   BYTEA   NOT NULL,
  "stamp"     BYTEA   NOT NULL,
  "auth_time" BIGINT  NOT NULL,
  "created"   BIGINT  NOT NULL,
  "last_seen" BIGINT  NOT NULL,
  "idle"      BIGINT  NOT NULL,
  "absolute"  BIGINT  NOT NULL,
  "version"   BIGINT  NOT NULL,
  "remember"  BOOLEAN NOT NULL,
  "address"   BYTEA   NOT NULL,
  "agent"     BYTEA   NOT NULL,
  "data"      BYTEA   NOT NULL,
  "expires"   BIGINT GENERATED ALWAYS AS (least("idle", "absolute")) STORED
);

-- For the sweep.
CREATE INDEX IF NOT EXISTS "passport_sessions_expires" ON "passport_sessions" ("expires");

-- For a user's list of sessions, and for signing the user out everywhere.
CREATE INDEX IF NOT EXISTS "passport_sessions_user" ON "passport_sessions" ("realm", "user_id");

-- One row per spent one-time value, until it expires.
CREATE TABLE IF NOT EXISTS "passport_sessions_once" (
  "id"      BYTEA  NOT NULL PRIMARY KEY,
  "expires" BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS "passport_sessions_once_expires" ON "passport_sessions_once" ("expires");
