/** The Pis that were seen, in SQLite with a copy in memory. Seeing one again under a better name joins the records. */
import type { Database } from "bun:sqlite";
import { SHIM_VARIANTS } from "../../shim/index.ts";
import { wordsOf } from "../errors.ts";
import { type Assignment, BOOT_MODES, piCode, type PiRecord, piKeyOf, type PiSighting } from "./record.ts";

interface PiRow {
  key: string;
  serial: string | null;
  mac: string | null;
  model: string | null;
  address: string | null;
  label: string | null;
  group_name: string | null;
  image: string | null;
  mode: string;
  variant: string;
  persistent: number;
  read_only: number;
  first_seen: number;
  last_seen: number;
}

/** A hostile host can invent serial numbers: beyond this many Pis without a choice, new ones are not recorded. */
export const UNAPPROVED_PIS_MAX = 256;
const OLD_MAC_PREFIX = "b8:27:eb:";
/** `last_seen` is for people: writing it at most this often keeps a chatty Pi from filling the log. */
const SEEN_RESOLUTION_MS = 10_000;

export class PiRegistry {
  readonly #sqlite: Database;
  readonly #now: () => number;
  readonly #byKey = new Map<string, PiRecord>();
  /** Called with words when a sighting could not be written. */
  onTrouble: (words: string) => void = () => undefined;
  /** Called when what was recorded under one key belongs to another from now on. */
  onJoin: (from: string, to: string) => void = () => undefined;

  constructor(sqlite: Database, now: () => number = Date.now) {
    this.#sqlite = sqlite;
    this.#now = now;
    for (const row of sqlite.query<PiRow, []>("SELECT * FROM pis ORDER BY first_seen, key").all())
      this.#byKey.set(row.key, recordOf(row));
  }

  /** Every Pi, in the order of their first appearance. */
  all(): readonly PiRecord[] {
    return [...this.#byKey.values()];
  }

  byKey(key: string): PiRecord | undefined {
    return this.#byKey.get(key);
  }

  byMac(mac: string): PiRecord | undefined {
    const wanted = mac.toLowerCase();
    return this.all().find((pi) => pi.mac === wanted);
  }

  /** The Pis whose screens show this code: nearly always one, or none. */
  withCode(code: string): PiRecord[] {
    return this.all().filter(({ key }) => piCode(key) === code.toUpperCase());
  }

  /** The Pi that was last seen with this address. */
  byAddress(address: string): PiRecord | undefined {
    return this.all()
      .filter((pi) => pi.address === address)
      .toSorted((a, b) => b.lastSeen - a.lastSeen)[0];
  }

  /** The record that a sighting is about, without changing anything. */
  find(sighting: PiSighting): PiRecord | undefined {
    const key = piKeyOf(sighting);
    const known = key === undefined ? undefined : this.#byKey.get(key);
    if (known || sighting.mac === undefined) return known;
    return this.byMac(sighting.mac) ?? this.#byOldMac(sighting.mac);
  }

  /** How many Pis nobody has chosen anything for. */
  get unapproved(): number {
    return this.all().filter((pi) => pi.assignment === null).length;
  }

  /**
   * Records a sighting and returns the Pi, or undefined when it names none or when there are already
   * `UNAPPROVED_PIS_MAX` that nobody has chosen anything for.
   */
  see(sighting: PiSighting): PiRecord | undefined {
    const key = piKeyOf(sighting);
    if (key === undefined) return undefined;
    const known = this.find(sighting);
    if (!known && this.unapproved >= UNAPPROVED_PIS_MAX) return undefined;
    const mac = sighting.mac?.toLowerCase();
    const now = this.#now();
    const record: PiRecord = {
      key: known && key.includes(":") ? known.key : key,
      serial: longest(known?.serial, sighting.serial?.toLowerCase()),
      mac: mac ?? known?.mac ?? null,
      model: fuller(known?.model, sighting.model),
      address: sighting.address ?? known?.address ?? null,
      label: known?.label ?? null,
      group: known?.group ?? null,
      assignment: known?.assignment ?? null,
      firstSeen: known?.firstSeen ?? now,
      lastSeen: now,
    };
    if (known && isSame(known, record) && now - known.lastSeen < SEEN_RESOLUTION_MS) return known;
    // What was known under the MAC alone, or under another key of the same Pi, is this Pi's now.
    const byMac = mac === undefined ? undefined : this.#byKey.get(mac);
    const joined = {
      ...record,
      assignment: record.assignment ?? byMac?.assignment ?? null,
      label: record.label ?? byMac?.label ?? null,
      group: record.group ?? byMac?.group ?? null,
    };
    this.#writeIfPossible(joined);
    for (const former of [known, byMac])
      if (former && former.key !== joined.key) this.#join(former.key, joined.key);
    return joined;
  }

  /** Records a person's choice; a Pi that was never seen is recorded with it, so that it can be chosen for in advance. */
  assign(key: string, assignment: Assignment): PiRecord {
    return this.#change(key, { assignment });
  }

  /** Records what a person calls a Pi, and what it belongs to; what is not given stays. */
  name(key: string, names: Partial<Pick<PiRecord, "label" | "group">>): PiRecord {
    return this.#change(key, names);
  }

  #change(key: string, change: Partial<Pick<PiRecord, "assignment" | "label" | "group">>): PiRecord {
    const known = this.#byKey.get(key);
    const now = this.#now();
    const record: PiRecord = known
      ? { ...known, ...change }
      : {
          key,
          serial: key.includes(":") ? null : key,
          mac: key.includes(":") ? key : null,
          model: null,
          address: null,
          label: null,
          group: null,
          assignment: null,
          firstSeen: now,
          lastSeen: now,
          ...change,
        };
    this.#write(record);
    return record;
  }

  /**
   * The boards up to the Pi 3 have the low three bytes of their serial number in their MAC: one that was chosen for
   * by its serial is known by that before it has told the whole of it.
   */
  #byOldMac(mac: string): PiRecord | undefined {
    if (!mac.toLowerCase().startsWith(OLD_MAC_PREFIX)) return undefined;
    const low = mac.toLowerCase().slice(OLD_MAC_PREFIX.length).replaceAll(":", "");
    return this.all().find((pi) => pi.mac === null && pi.key.endsWith(low));
  }

  #join(from: string, to: string): void {
    this.forget(from);
    this.onJoin(from, to);
  }

  forget(key: string): void {
    this.#sqlite.query("DELETE FROM pis WHERE key = ?").run(key);
    this.#byKey.delete(key);
  }

  /** A full disk keeps no Pi from booting: it is known until the server ends, and the trouble is told. */
  #writeIfPossible(record: PiRecord): void {
    try {
      this.#write(record);
    } catch (error) {
      this.#byKey.set(record.key, record);
      this.onTrouble(`Pi ${record.key} could not be recorded: ${wordsOf(error)}`);
    }
  }

  #write(record: PiRecord): void {
    const { assignment } = record;
    this.#sqlite
      .query(
        `INSERT OR REPLACE INTO pis (key, serial, mac, model, address, label, group_name, image, mode, variant, persistent,
           read_only, first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        record.key,
        record.serial,
        record.mac,
        record.model,
        record.address,
        record.label,
        record.group,
        assignment?.image ?? null,
        assignment?.mode ?? "pivot",
        assignment?.variant ?? "ethernet",
        Number(assignment?.persistent ?? true),
        Number(assignment?.readOnly ?? false),
        record.firstSeen,
        record.lastSeen,
      );
    this.#byKey.set(record.key, record);
  }
}

function recordOf(row: PiRow): PiRecord {
  const assignment: Assignment | null =
    row.image === null
      ? null
      : {
          image: row.image,
          mode: BOOT_MODES.find((mode) => mode === row.mode) ?? "pivot",
          variant: SHIM_VARIANTS.find((variant) => variant === row.variant) ?? "ethernet",
          persistent: row.persistent !== 0,
          readOnly: row.read_only !== 0,
        };
  return {
    key: row.key,
    serial: row.serial,
    mac: row.mac,
    model: row.model,
    address: row.address,
    label: row.label,
    group: row.group_name,
    assignment,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
  };
}

/** The device tree says "Raspberry Pi 4 Model B Rev 1.5" where DHCP said "Raspberry Pi 4": the fuller one stays. */
function fuller(known: string | null | undefined, seen: string | undefined): string | null {
  if (seen === undefined || known?.startsWith(seen)) return known ?? null;
  return seen;
}

/** The shim says 16 digits where the firmware said 8: the fuller one stays. */
function longest(known: string | null | undefined, seen: string | undefined): string | null {
  if (seen === undefined || seen === "") return known ?? null;
  return (known?.length ?? 0) > seen.length ? (known ?? null) : seen;
}

function isSame(a: PiRecord, b: PiRecord): boolean {
  return (
    a.key === b.key &&
    a.serial === b.serial &&
    a.mac === b.mac &&
    a.model === b.model &&
    a.address === b.address
  );
}
