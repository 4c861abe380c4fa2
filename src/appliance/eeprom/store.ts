/** Bootloaders and offers in SQLite. */
import type { Database } from "bun:sqlite";
import { type BootloaderRecord, type EepromOffer, OFFER_STATES, type OfferState } from "./record.ts";

interface OfferRow {
  pi: string;
  state: string;
  boot_order: string | null;
  netconsole_source: string | null;
  keeps_settings: number;
  seconds: number;
  changed_at: number;
}

interface BootloaderRow {
  config: string;
  written_at: number | null;
  seen_at: number;
}

const OFFER_COLUMNS = "pi, state, boot_order, netconsole_source, keeps_settings, seconds, changed_at";

export interface UpdateFiles {
  readonly image: Uint8Array;
  readonly signature: string;
}

export class EepromStore {
  readonly #sqlite: Database;

  constructor(sqlite: Database) {
    this.#sqlite = sqlite;
  }

  bootloader(pi: string): BootloaderRecord | undefined {
    const row = this.#sqlite
      .query<BootloaderRow, [string]>("SELECT config, written_at, seen_at FROM pi_bootloaders WHERE pi = ?")
      .get(pi);
    return row ? { config: row.config, writtenAt: row.written_at, seenAt: row.seen_at } : undefined;
  }

  putBootloader(pi: string, { config, writtenAt, seenAt }: BootloaderRecord): void {
    this.#sqlite
      .query("INSERT OR REPLACE INTO pi_bootloaders (pi, config, written_at, seen_at) VALUES (?, ?, ?, ?)")
      .run(pi, config, writtenAt, seenAt);
  }

  offer(pi: string): EepromOffer | undefined {
    const row = this.#sqlite
      .query<OfferRow, [string]>(`SELECT ${OFFER_COLUMNS} FROM eeprom_offers WHERE pi = ?`)
      .get(pi);
    return row ? offerOf(row) : undefined;
  }

  /** The files of an offer, whatever its state. */
  files(pi: string): UpdateFiles | undefined {
    return (
      this.#sqlite
        .query<UpdateFiles, [string]>("SELECT image, signature FROM eeprom_offers WHERE pi = ?")
        .get(pi) ?? undefined
    );
  }

  putOffer(pi: string, offer: EepromOffer, { image, signature }: UpdateFiles): void {
    this.#sqlite
      .query(
        `INSERT OR REPLACE INTO eeprom_offers (${OFFER_COLUMNS}, image, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        pi,
        offer.state,
        offer.bootOrder,
        offer.netconsoleSource,
        Number(offer.keepsSettings),
        offer.seconds,
        offer.changedAt,
        image,
        signature,
      );
  }

  setState(pi: string, state: OfferState, changedAt: number): void {
    this.#sqlite
      .query("UPDATE eeprom_offers SET state = ?, changed_at = ? WHERE pi = ?")
      .run(state, changedAt, pi);
  }

  removeOffer(pi: string): void {
    this.#sqlite.query("DELETE FROM eeprom_offers WHERE pi = ?").run(pi);
  }

  /** Everything of a Pi that is forgotten. */
  remove(pi: string): void {
    this.removeOffer(pi);
    this.#sqlite.query("DELETE FROM pi_bootloaders WHERE pi = ?").run(pi);
  }

  /** A Pi is known by another key from now on. */
  movePi(from: string, to: string): void {
    for (const table of ["eeprom_offers", "pi_bootloaders"])
      this.#sqlite.query(`UPDATE OR REPLACE ${table} SET pi = ? WHERE pi = ?`).run(to, from);
  }

  /** Addresses that firmwares were told to send their log from -> the Pi. */
  netconsoleSources(): Map<string, string> {
    const rows = this.#sqlite
      .query<{ pi: string; netconsole_source: string }, []>(
        "SELECT pi, netconsole_source FROM eeprom_offers WHERE netconsole_source IS NOT NULL",
      )
      .all();
    return new Map(rows.map(({ pi, netconsole_source }) => [netconsole_source, pi]));
  }
}

function offerOf(row: OfferRow): EepromOffer {
  return {
    state: OFFER_STATES.find((state) => state === row.state) ?? "offered",
    bootOrder: row.boot_order,
    netconsoleSource: row.netconsole_source,
    keepsSettings: row.keeps_settings !== 0,
    seconds: row.seconds,
    changedAt: row.changed_at,
  };
}
