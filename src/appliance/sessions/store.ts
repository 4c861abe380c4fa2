/** Session records in SQLite, with a copy in memory: a login asks for them and must not wait. */
import type { Database } from "bun:sqlite";
import type { SessionLun, SessionRecord } from "./record.ts";

interface SessionRow {
  id: string;
  iqn: string;
  chap_user: string;
  chap_secret: string;
  naa: string;
  serial_number: string;
  persistent: number;
  pi: string | null;
  boot_id: string | null;
  logged_out_at: number | null;
  created_at: number;
  expires_at: number | null;
}

interface LunRow {
  session_id: string;
  lun: number;
  image: string;
  size_bytes: number;
  overlay: string;
}

export class SessionStore {
  readonly #sqlite: Database;
  readonly #byIqn = new Map<string, SessionRecord>();
  readonly #byId = new Map<string, SessionRecord>();
  readonly #byUser = new Map<string, SessionRecord>();

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
    const luns = sqlite.query<LunRow, []>("SELECT * FROM luns ORDER BY session_id, lun").all();
    for (const row of sqlite.query<SessionRow, []>("SELECT * FROM sessions ORDER BY created_at, id").all())
      this.#remember(
        recordOf(
          row,
          luns.filter((lun) => lun.session_id === row.id),
        ),
      );
  }

  byId(id: string): SessionRecord | undefined {
    return this.#byId.get(id);
  }

  byIqn(iqn: string): SessionRecord | undefined {
    return this.#byIqn.get(iqn);
  }

  byChapUser(user: string): SessionRecord | undefined {
    return this.#byUser.get(user);
  }

  /** Every record, oldest first. */
  all(): readonly SessionRecord[] {
    return [...this.#byId.values()];
  }

  /** Writes a new record, all of it or nothing. */
  add(record: SessionRecord): void {
    this.#sqlite.transaction(() => {
      this.#sqlite
        .query(
          `INSERT INTO sessions (id, iqn, chap_user, chap_secret, naa, serial_number, persistent, pi, boot_id, logged_out_at, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          record.id,
          record.iqn,
          record.chapUser,
          record.chapSecret,
          record.naa,
          record.serialNumber,
          Number(record.persistent),
          record.pi,
          record.bootId,
          record.loggedOutAt,
          record.createdAt,
          record.expiresAt,
        );
      const insertLun = this.#sqlite.query(
        "INSERT INTO luns (session_id, lun, image, size_bytes, overlay) VALUES (?, ?, ?, ?, ?)",
      );
      for (const { lun, image, sizeBytes, overlay } of record.luns)
        insertLun.run(record.id, lun, image, sizeBytes, overlay);
    })();
    this.#remember(record);
  }

  /** Changes what may change in a record: never its identity. It counts also when the database cannot be written. */
  update(
    id: string,
    change: Partial<Pick<SessionRecord, "persistent" | "bootId" | "loggedOutAt" | "expiresAt" | "pi">>,
  ): SessionRecord | undefined {
    const old = this.#byId.get(id);
    if (!old) return undefined;
    const record = { ...old, ...change };
    this.#remember(record);
    this.#sqlite
      .query(
        "UPDATE sessions SET persistent = ?, boot_id = ?, logged_out_at = ?, expires_at = ?, pi = ? WHERE id = ?",
      )
      .run(Number(record.persistent), record.bootId, record.loggedOutAt, record.expiresAt, record.pi, id);
    return record;
  }

  remove(id: string): void {
    const record = this.#byId.get(id);
    if (!record) return;
    this.#sqlite.query("DELETE FROM sessions WHERE id = ?").run(id);
    this.#byId.delete(id);
    this.#byIqn.delete(record.iqn);
    this.#byUser.delete(record.chapUser);
  }

  #remember(record: SessionRecord): void {
    this.#byId.set(record.id, record);
    this.#byIqn.set(record.iqn, record);
    this.#byUser.set(record.chapUser, record);
  }
}

function recordOf(row: SessionRow, luns: readonly LunRow[]): SessionRecord {
  return {
    id: row.id,
    iqn: row.iqn,
    chapUser: row.chap_user,
    chapSecret: row.chap_secret,
    naa: row.naa,
    serialNumber: row.serial_number,
    luns: luns.map((lun): SessionLun => ({
      lun: lun.lun,
      image: lun.image,
      sizeBytes: lun.size_bytes,
      overlay: lun.overlay,
    })),
    persistent: row.persistent !== 0,
    pi: row.pi,
    bootId: row.boot_id,
    loggedOutAt: row.logged_out_at,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
