/**
 * Persistent reservations of a session's disks in SQLite, one store a disk: with the record they outlive the server,
 * and (once `save` has resolved) a loss of power. Removing the session removes them.
 */
import type { InitiatorPort, Registration, ReservationState, ReservationStore } from "iscsi-target-ts";
import type { StateDatabase } from "../state/database.ts";

interface StateRow {
  generation: number;
  held_type: number | null;
  held_initiator: string | null;
  held_isid: string | null;
}

interface RegistrationRow {
  initiator: string;
  isid: string;
  key: string;
}

export class SqliteReservations implements ReservationStore {
  readonly #database: StateDatabase;
  readonly #session: string;
  readonly #lun: number;

  constructor(database: StateDatabase, session: string, lun: number) {
    this.#database = database;
    this.#session = session;
    this.#lun = lun;
  }

  load(): ReservationState | undefined {
    const { sqlite } = this.#database;
    const row = sqlite
      .query<StateRow, [string, number]>(
        "SELECT generation, held_type, held_initiator, held_isid FROM reservations WHERE session_id = ? AND lun = ?",
      )
      .get(this.#session, this.#lun);
    if (!row) return undefined;
    const registrations = sqlite
      .query<RegistrationRow, [string, number]>(
        "SELECT initiator, isid, key FROM registrations WHERE session_id = ? AND lun = ? ORDER BY place",
      )
      .all(this.#session, this.#lun)
      .map(({ initiator, isid, key }): Registration => ({ port: { initiatorName: initiator, isid }, key }));
    const held = heldOf(row);
    return { generation: row.generation, registrations, persists: true, ...(held && { held }) };
  }

  /**
   * State that is not to persist is forgotten. Throws when the database cannot take it, and nothing is changed then;
   * resolves once it is on stable storage.
   */
  save({ generation, registrations, held, persists }: ReservationState): Promise<void> {
    const { sqlite } = this.#database;
    const disk = [this.#session, this.#lun] as const;
    sqlite.transaction(() => {
      sqlite.query("DELETE FROM registrations WHERE session_id = ? AND lun = ?").run(...disk);
      sqlite.query("DELETE FROM reservations WHERE session_id = ? AND lun = ?").run(...disk);
      if (!persists) return;
      sqlite
        .query(
          `INSERT INTO reservations (session_id, lun, generation, held_type, held_initiator, held_isid)
           VALUES (?, ?, ?, ?, ?, ?)`,
        )
        .run(
          ...disk,
          generation,
          held?.type ?? null,
          held?.port.initiatorName ?? null,
          held?.port.isid ?? null,
        );
      const insert = sqlite.query(
        "INSERT INTO registrations (session_id, lun, place, initiator, isid, key) VALUES (?, ?, ?, ?, ?, ?)",
      );
      for (const [place, { port, key }] of registrations.entries())
        insert.run(...disk, place, port.initiatorName, port.isid, key);
    })();
    return this.#database.syncToDisk();
  }
}

function heldOf({ held_type, held_initiator, held_isid }: StateRow) {
  if (held_type === null || held_initiator === null || held_isid === null) return undefined;
  const port: InitiatorPort = { initiatorName: held_initiator, isid: held_isid };
  return { type: held_type, port };
}
