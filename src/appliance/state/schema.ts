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
  // Frozen layers, snapshots and branches; quota, suspension. A file named in "leaving" goes unless something needs it.
  `
  CREATE TABLE layers (
    file       TEXT PRIMARY KEY,
    parent     TEXT REFERENCES layers (file),
    image      TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshots (
    id         TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    live       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (session_id, name)
  ) STRICT;
  CREATE TABLE snapshot_luns (
    snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
    lun         INTEGER NOT NULL,
    layer       TEXT REFERENCES layers (file),
    PRIMARY KEY (snapshot_id, lun)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE leaving (file TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  ALTER TABLE luns ADD COLUMN layer TEXT REFERENCES layers (file);
  ALTER TABLE luns ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE sessions ADD COLUMN quota_bytes INTEGER;
  ALTER TABLE sessions ADD COLUMN ttl_ms INTEGER;
  ALTER TABLE sessions ADD COLUMN suspended_at INTEGER;
  ALTER TABLE sessions ADD COLUMN evict_after_ms INTEGER;
  ALTER TABLE sessions ADD COLUMN branch_of TEXT;
  UPDATE sessions SET ttl_ms = expires_at - created_at WHERE expires_at IS NOT NULL;
  `,
  `
  CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    used_at    INTEGER
  ) STRICT, WITHOUT ROWID;
  `,
  // Persistent reservations that are to outlive the server, per disk.
  `
  CREATE TABLE reservations (
    session_id     TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    lun            INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    held_type      INTEGER,
    held_initiator TEXT,
    held_isid      TEXT,
    PRIMARY KEY (session_id, lun)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE registrations (
    session_id TEXT NOT NULL,
    lun        INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    initiator  TEXT NOT NULL,
    isid       TEXT NOT NULL,
    key        TEXT NOT NULL,
    PRIMARY KEY (session_id, lun, place),
    FOREIGN KEY (session_id, lun) REFERENCES reservations (session_id, lun) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  `,
  // What Pis are to be like at their first start. A Pi's row outlives its key, which changes when it tells its serial.
  `
  CREATE TABLE session_customisations (
    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    settings   TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pi_customisations (pi TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE made_once (
    key        TEXT PRIMARY KEY,
    request    TEXT NOT NULL,
    session_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // What a person calls a Pi, and what it belongs to.
  `
  ALTER TABLE pis ADD COLUMN label TEXT;
  ALTER TABLE pis ADD COLUMN group_name TEXT;
  `,
  `
  ALTER TABLE pis ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
  `,
  // The bootloaders of Pis, as they said last, and the updates that are offered to them.
  `
  CREATE TABLE pi_bootloaders (
    pi         TEXT PRIMARY KEY,
    config     TEXT NOT NULL,
    written_at INTEGER,
    seen_at    INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE eeprom_offers (
    pi                TEXT PRIMARY KEY,
    state             TEXT NOT NULL,
    boot_order        TEXT,
    netconsole_source TEXT,
    keeps_settings    INTEGER NOT NULL,
    seconds           INTEGER NOT NULL,
    changed_at        INTEGER NOT NULL,
    signature         TEXT NOT NULL,
    image             BLOB NOT NULL
  ) STRICT;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;
