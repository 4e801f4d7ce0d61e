-- The tables of a sqlstore.Store on MySQL 8.0 and MariaDB 10.6, or later. It
-- may run again at any time. For another table name, replace passport_sessions
-- throughout.

-- One row per session. The key is the SHA-256 of a cookie: nothing here can be
-- used as one. Times are unix milliseconds, UTC. Binary strings compare byte by
-- byte, whatever the collation of the database.
CREATE TABLE IF NOT EXISTS `passport_sessions` (
  `id`        BINARY(32)      NOT NULL PRIMARY KEY,
  `realm`     VARBINARY(64)   NOT NULL,
  `user_id`   VARBINARY(512)  NOT NULL,
  `factors`   VARBINARY(512)  NOT NULL,
  `stamp`     VARBINARY(512)  NOT NULL,
  `auth_time` BIGINT          NOT NULL,
  `created`   BIGINT          NOT NULL,
  `last_seen` BIGINT          NOT NULL,
  `idle`      BIGINT          NOT NULL,
  `absolute`  BIGINT          NOT NULL,
  `version`   BIGINT          NOT NULL,
  `remember`  TINYINT(1)      NOT NULL,
  `address`   VARBINARY(512)  NOT NULL,
  `agent`     VARBINARY(1024) NOT NULL,
  `data`      MEDIUMBLOB      NOT NULL,
  `expires`   BIGINT GENERATED ALWAYS AS (LEAST(`idle`, `absolute`)) STORED,
  KEY `expires` (`expires`),        -- for the sweep
  KEY `user` (`realm`, `user_id`)   -- for a user's list of sessions, and for signing the user out everywhere
) ENGINE=InnoDB;

-- One row per spent one-time value, until it expires.
CREATE TABLE IF NOT EXISTS `passport_sessions_once` (
  `id`      BINARY(32) NOT NULL PRIMARY KEY,
  `expires` BIGINT     NOT NULL,
  KEY `expires` (`expires`)
) ENGINE=InnoDB;
