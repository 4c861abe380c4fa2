/** Session records in SQLite, with a copy in memory: a login asks for them and must not wait. */
import type { Database } from "bun:sqlite";
import { ApplianceError } from "../errors.ts";
import { EVICT_AFTER_MS, type SessionLun, type SessionRecord } from "./record.ts";

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
  quota_bytes: number | null;
  ttl_ms: number | null;
  suspended_at: number | null;
  evict_after_ms: number | null;
  branch_of: string | null;
}

interface LunRow {
  session_id: string;
  lun: number;
  image: string;
  size_bytes: number;
  overlay: string;
  layer: string | null;
  made: number;
}

/** What may change in a record; its identity and its disks do not, or by `changeDisks` alone. */
export type SessionChange = Partial<
  Pick<
    SessionRecord,
    | "persistent"
    | "bootId"
    | "loggedOutAt"
    | "expiresAt"
    | "ttlMs"
    | "suspendedAt"
    | "evictAfterMs"
    | "quotaBytes"
    | "pi"
  >
>;

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
          `INSERT INTO sessions (id, iqn, chap_user, chap_secret, naa, serial_number, persistent, pi, boot_id, logged_out_at,
             created_at, expires_at, quota_bytes, ttl_ms, suspended_at, evict_after_ms, branch_of)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
          record.quotaBytes,
          record.ttlMs,
          record.suspendedAt,
          record.evictAfterMs,
          record.branchOf,
        );
      const insertLun = this.#sqlite.query(
        "INSERT INTO luns (session_id, lun, image, size_bytes, overlay, layer, made) VALUES (?, ?, ?, ?, ?, ?, ?)",
      );
      for (const { lun, image, sizeBytes, overlay, layer, made } of record.luns)
        insertLun.run(record.id, lun, image, sizeBytes, overlay, layer, Number(made));
    })();
    this.#remember(record);
  }

  /** Changes what may change in a record: never its identity. It counts also when the database cannot be written. */
  update(id: string, change: SessionChange): SessionRecord | undefined {
    const old = this.#byId.get(id);
    if (!old) return undefined;
    const record = { ...old, ...change };
    this.#remember(record);
    this.#sqlite
      .query(
        `UPDATE sessions SET persistent = ?, boot_id = ?, logged_out_at = ?, expires_at = ?, pi = ?,
           quota_bytes = ?, ttl_ms = ?, suspended_at = ?, evict_after_ms = ? WHERE id = ?`,
      )
      .run(
        Number(record.persistent),
        record.bootId,
        record.loggedOutAt,
        record.expiresAt,
        record.pi,
        record.quotaBytes,
        record.ttlMs,
        record.suspendedAt,
        record.evictAfterMs,
        id,
      );
    return record;
  }

  /**
   * Puts a session on other files, together with what `before` and `after` write to the database around it: all of it
   * or nothing, also in memory. What comes to refer to a layer must come after the layer, what drops one last.
   */
  changeDisks(
    id: string,
    luns: readonly SessionLun[],
    { before, after }: { readonly before?: () => void; readonly after?: () => void } = {},
  ): SessionRecord {
    const old = this.#byId.get(id);
    if (!old) throw new ApplianceError("not-found", `There is no session ${id}`, "pinetboot session list");
    this.#sqlite.transaction(() => {
      const update = this.#sqlite.query(
        "UPDATE luns SET overlay = ?, layer = ?, made = ? WHERE session_id = ? AND lun = ?",
      );
      before?.();
      for (const { lun, overlay, layer, made } of luns) update.run(overlay, layer, Number(made), id, lun);
      after?.();
    })();
    const record = { ...old, luns };
    this.#remember(record);
    return record;
  }

  /** Notes that the overlay of a disk is there from now on. It counts also when the database cannot be written. */
  markMade(id: string, lun: number): void {
    const old = this.#byId.get(id);
    if (!old) return;
    const luns = old.luns.map((disk) => (disk.lun === lun ? madeLun(disk) : disk));
    this.#remember({ ...old, luns });
    this.#sqlite.query("UPDATE luns SET made = 1 WHERE session_id = ? AND lun = ?").run(id, lun);
  }

  /** Removes a record, together with what `also` writes to the database after it. */
  remove(id: string, also: () => void): void {
    const record = this.#byId.get(id);
    if (!record) return;
    this.#sqlite.transaction(() => {
      this.#sqlite.query("DELETE FROM sessions WHERE id = ?").run(id);
      also();
    })();
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
      layer: lun.layer,
      made: lun.made !== 0,
    })),
    persistent: row.persistent !== 0,
    pi: row.pi,
    bootId: row.boot_id,
    loggedOutAt: row.logged_out_at,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    quotaBytes: row.quota_bytes,
    ttlMs: row.ttl_ms,
    suspendedAt: row.suspended_at,
    evictAfterMs: row.evict_after_ms ?? EVICT_AFTER_MS,
    branchOf: row.branch_of,
  };
}

function madeLun(lun: SessionLun): SessionLun {
  return { ...lun, made: true };
}
