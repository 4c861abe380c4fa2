/**
 * Keys for the API, for programs (a header) and for browsers (a cookie, after a link that works once). They are wanted
 * only where the API is open to the network. What is kept of a key is its hash: nobody can read it later.
 */
import type { Database } from "bun:sqlite";
import { createHash, randomBytes } from "node:crypto";
import { ApplianceError } from "../errors.ts";
import { cleanText } from "../events.ts";

export interface KeyRecord {
  readonly id: string;
  /** What a person called it. */
  readonly name: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds, to the minute; null when it was never used. */
  readonly usedAt: number | null;
}

/** 192 bits: nobody finds one by trying. */
const KEY_BYTES = 24;
/** A lab has a few dozen; a program that makes one at each run should be noticed. */
export const KEYS_MAX = 1000;
/** A link lies in a terminal's scrollback and in the browser's history: it must not be good for long. */
const LINK_VALID_MS = 15 * 60_000;
/** Links that were printed and never opened. */
const LINKS_MAX = 16;
/** When a key was used is kept to the minute: not a write for each request. */
const USED_EVERY_MS = 60_000;

interface KeyRow {
  id: string;
  name: string;
  created_at: number;
  used_at: number | null;
}

export class Keys {
  readonly #sqlite: Database;
  readonly #now: () => number;
  /** Hash of a link's token -> until when it works. In memory: after a restart a new one is printed. */
  readonly #links = new Map<string, number>();

  constructor(sqlite: Database, now: () => number = Date.now) {
    this.#sqlite = sqlite;
    this.#now = now;
  }

  /** Makes a key. Its text is in this answer and nowhere else. Throws "bad-request" when there are too many. */
  create(name: string): { readonly record: KeyRecord; readonly key: string } {
    if (this.list().length >= KEYS_MAX)
      throw new ApplianceError(
        "bad-request",
        `There are ${KEYS_MAX} keys already`,
        "Remove some: pinetboot key list",
      );
    const key = randomBytes(KEY_BYTES).toString("base64url");
    const record = {
      id: randomBytes(4).toString("hex"),
      name: cleanText(name),
      createdAt: this.#now(),
      usedAt: null,
    };
    this.#sqlite
      .query("INSERT INTO api_keys (id, name, hash, created_at) VALUES (?, ?, ?, ?)")
      .run(record.id, record.name, hashOf(key), record.createdAt);
    return { record, key };
  }

  list(): readonly KeyRecord[] {
    return this.#sqlite
      .query<KeyRow, []>("SELECT id, name, created_at, used_at FROM api_keys ORDER BY created_at, id")
      .all()
      .map(({ id, name, created_at, used_at }) => ({ id, name, createdAt: created_at, usedAt: used_at }));
  }

  /** Takes a key back: the next request with it is refused. Throws "not-found". */
  remove(id: string): void {
    const { changes } = this.#sqlite.query("DELETE FROM api_keys WHERE id = ?").run(id);
    if (changes === 0)
      throw new ApplianceError(
        "not-found",
        `There is no key ${id}`,
        "pinetboot key list shows what there is.",
      );
  }

  /** True for a key that was made and not taken back. It is looked up by its hash: time tells nothing about it. */
  isGood(key: string): boolean {
    const row = this.#sqlite
      .query<KeyRow, [string]>("SELECT id, name, created_at, used_at FROM api_keys WHERE hash = ?")
      .get(hashOf(key));
    if (!row) return false;
    const now = this.#now();
    if (now - (row.used_at ?? 0) >= USED_EVERY_MS)
      this.#sqlite.query("UPDATE api_keys SET used_at = ? WHERE id = ?").run(now, row.id);
    return true;
  }

  /** A token for a link that lets one browser in, once, soon. */
  createLink(): string {
    const now = this.#now();
    for (const [hash, until] of this.#links) if (until <= now) this.#links.delete(hash);
    for (const hash of this.#links.keys()) if (this.#links.size >= LINKS_MAX) this.#links.delete(hash);
    const token = randomBytes(KEY_BYTES).toString("base64url");
    this.#links.set(hashOf(token), now + LINK_VALID_MS);
    return token;
  }

  /** Uses a link up: true when it was good. */
  useLink(token: string): boolean {
    const hash = hashOf(token);
    const until = this.#links.get(hash);
    this.#links.delete(hash);
    return until !== undefined && this.#now() < until;
  }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
