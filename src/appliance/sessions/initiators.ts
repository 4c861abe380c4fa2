/**
 * Which initiators have used a session since its disks were last closed, and which of them are fenced.
 *
 *   (none) --login--> using --disks closed properly--> (none)
 *                     using --the computer lost power--> fenced --new boot of the Pi, or a person--> (none)
 *
 * An initiator that ran on while this computer lost power believes that everything acknowledged to it was written. What
 * it had not flushed is gone, so it must not go on with the disk as if nothing had happened.
 *
 * It is known by its name alone. The other half of a nexus, the ISID, tells nothing here: libiscsi (QEMU) takes a new one
 * at each reconnect, open-iscsi the same one after a restart of its machine.
 */
import type { Database } from "bun:sqlite";

export interface Fence {
  /** Unix milliseconds of the moment at which the loss of power was found. */
  readonly since: number;
  /** Names of the initiators that are kept out. */
  readonly initiators: readonly string[];
}

/** What a person does about an initiator that is kept out. */
export function fenceFix(session: string): string {
  return `Restart that machine. A Pi that boots anew is let in by itself; for any other: pinetboot session unfence ${session}`;
}

/** One person's machine has a handful; a name costs some 300 bytes and stays until the disks are closed. */
export const INITIATORS_PER_SESSION_MAX = 256;

interface Row {
  session_id: string;
  name: string;
  fenced_at: number | null;
}

export class InitiatorStore {
  readonly #sqlite: Database;
  /** By session, by name: when it was fenced, or null while it may use the disk. */
  readonly #known = new Map<string, Map<string, number | null>>();

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
    for (const row of sqlite.query<Row, []>("SELECT * FROM initiators").all())
      this.#of(row.session_id).set(row.name, row.fenced_at);
  }

  /** False for one name too many: it must not use the disk, since it could not be kept out later. */
  hasRoom(session: string, initiator: string): boolean {
    const known = this.#of(session);
    return known.size < INITIATORS_PER_SESSION_MAX || known.has(initiator.toLowerCase());
  }

  /** Notes that this initiator uses the session. True when that is new and must reach the disk before it may write. */
  note(session: string, initiator: string): boolean {
    const name = initiator.toLowerCase();
    const known = this.#of(session);
    if (known.has(name)) return false;
    known.set(name, null);
    this.#sqlite
      .query("INSERT OR IGNORE INTO initiators (session_id, name, fenced_at) VALUES (?, ?, NULL)")
      .run(session, name);
    return true;
  }

  isFenced(session: string, initiator: string): boolean {
    return (this.#known.get(session)?.get(initiator.toLowerCase()) ?? null) !== null;
  }

  fenceOf(session: string): Fence | null {
    const fenced = [...(this.#known.get(session) ?? [])].flatMap(([name, at]) =>
      at === null ? [] : [{ name, at }],
    );
    if (fenced.length === 0) return null;
    return {
      since: Math.min(...fenced.map(({ at }) => at)),
      initiators: fenced.map(({ name }) => name).toSorted(),
    };
  }

  /** Fences everyone who used the session. Returns the names that were not fenced before. Throws when it cannot be kept. */
  fence(session: string, now: number): string[] {
    this.#sqlite
      .query("UPDATE initiators SET fenced_at = ? WHERE session_id = ? AND fenced_at IS NULL")
      .run(now, session);
    const known = this.#of(session);
    const names = [...known].flatMap(([name, at]) => (at === null ? [name] : []));
    for (const name of names) known.set(name, now);
    return names;
  }

  /** Lets the fenced initiators in again; false when none was. */
  lift(session: string): boolean {
    if (this.fenceOf(session) === null) return false;
    const known = this.#of(session);
    for (const [name, at] of known) if (at !== null) known.delete(name);
    this.#sqlite.query("DELETE FROM initiators WHERE session_id = ? AND fenced_at IS NOT NULL").run(session);
    return true;
  }

  /** The disks were closed with everything on stable storage: whoever comes next finds what it wrote. */
  forgetUsers(session: string): void {
    const known = this.#of(session);
    const users = [...known].filter(([, at]) => at === null);
    if (users.length === 0) return;
    for (const [name] of users) known.delete(name);
    this.#sqlite.query("DELETE FROM initiators WHERE session_id = ? AND fenced_at IS NULL").run(session);
  }

  /** The session is gone; the database drops the rows with it. */
  forgetSession(session: string): void {
    this.#known.delete(session);
  }

  #of(session: string): Map<string, number | null> {
    const known = this.#known.get(session) ?? new Map<string, number | null>();
    this.#known.set(session, known);
    return known;
  }
}
