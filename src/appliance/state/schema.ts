/** The tables of `pinetboot.db`, one migration per schema version: never edit one that was released, add the next. */

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    iqn           TEXT NOT NULL UNIQUE,
    chap_user     TEXT NOT NULL UNIQUE,
    chap_secret   TEXT NOT NULL,
    naa           TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    persistent    INTEGER NOT NULL,
    pi            TEXT,
    boot_id       TEXT,
    logged_out_at INTEGER,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER
  ) STRICT;
  CREATE TABLE luns (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    lun        INTEGER NOT NULL,
    image      TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    overlay    TEXT NOT NULL,
    PRIMARY KEY (session_id, lun)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pis (
    key        TEXT PRIMARY KEY,
    serial     TEXT,
    mac        TEXT,
    model      TEXT,
    address    TEXT,
    image      TEXT,
    mode       TEXT NOT NULL,
    variant    TEXT NOT NULL,
    persistent INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX pis_by_mac ON pis (mac);
  CREATE TABLE leases (
    address    TEXT PRIMARY KEY,
    mac        TEXT NOT NULL,
    client_id  TEXT,
    hostname   TEXT,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE initiators (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    fenced_at  INTEGER,
    PRIMARY KEY (session_id, name)
  ) STRICT, WITHOUT ROWID;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;
