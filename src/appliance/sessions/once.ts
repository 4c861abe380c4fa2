/**
 * Makes a session once for one key, however often the request comes: a program whose answer was lost asks again and gets
 * the session that it has (the Idempotency-Key header, draft-ietf-httpapi-idempotency-key-header).
 */
import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { ApplianceError } from "../errors.ts";
import type { SessionRecord } from "./record.ts";

/** Whoever asks again does so soon. */
const KEPT_MS = 24 * 3600_000;
/** A rig makes some hundreds a day; the oldest go first. */
const KEYS_MAX = 10_000;

interface Row {
  key: string;
  request: string;
  session_id: string;
}

export class OncePerKey {
  readonly #sqlite: Database;
  readonly #find: (id: string) => SessionRecord | undefined;
  readonly #now: () => number;
  /** What is being made: the second of two requests at once waits for the first. */
  readonly #making = new Map<string, { request: string; session: Promise<SessionRecord> }>();

  constructor(
    sqlite: Database,
    find: (id: string) => SessionRecord | undefined,
    now: () => number = Date.now,
  ) {
    this.#sqlite = sqlite;
    this.#find = find;
    this.#now = now;
  }

  /**
   * The session of `key`, made by `make` when there is none yet. One that was removed since is made anew.
   * Throws "already-exists" when the key came with another request before.
   */
  async session(key: string, request: unknown, make: () => Promise<SessionRecord>): Promise<SessionRecord> {
    const digest = createHash("sha256").update(JSON.stringify(request)).digest("hex");
    const making = this.#making.get(key);
    if (making) return this.#same(making.request, digest, await making.session);
    const row = this.#sqlite
      .query<Row, [string, number]>("SELECT * FROM made_once WHERE key = ? AND created_at > ?")
      .get(key, this.#now() - KEPT_MS);
    const found = row && this.#find(row.session_id);
    if (row && found) return this.#same(row.request, digest, found);
    const session = make();
    this.#making.set(key, { request: digest, session });
    try {
      const made = await session;
      this.#keep(key, digest, made.id);
      return made;
    } finally {
      this.#making.delete(key);
    }
  }

  #same(before: string, now: string, session: SessionRecord): SessionRecord {
    if (before === now) return session;
    throw new ApplianceError(
      "already-exists",
      "This Idempotency-Key came with another request before",
      "Take a new key for a new request.",
    );
  }

  #keep(key: string, request: string, session: string): void {
    const now = this.#now();
    this.#sqlite.query("DELETE FROM made_once WHERE created_at <= ?").run(now - KEPT_MS);
    this.#sqlite
      .query(
        "DELETE FROM made_once WHERE key IN (SELECT key FROM made_once ORDER BY created_at DESC LIMIT -1 OFFSET ?)",
      )
      .run(KEYS_MAX - 1);
    this.#sqlite
      .query("INSERT OR REPLACE INTO made_once (key, request, session_id, created_at) VALUES (?, ?, ?, ?)")
      .run(key, request, session, now);
  }
}
