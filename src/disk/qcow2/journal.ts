/**
 * The journal beside an open overlay: the L2 entries that changed since the last commit.
 *
 * It exists because of two promises that pull against each other. A killed server must lose no acknowledged write,
 * so an entry has to be with the kernel before the write is acknowledged. And after a loss of power, when any part
 * of the page cache may or may not have reached the disk, an entry must not point to data that did not; so it must
 * not enter the L2 table before the data has been synced. Hence an entry goes here at once and into the table at
 * the next commit. After a kill the page cache still holds all of it and the journal is replayed; after a loss of
 * power (the boot id tells) it is ignored. It is therefore never synced itself.
 *
 * The records fall into two banks. A commit switches banks when it begins and, when it is through, the other bank
 * is free again. The banks lie in alternating chunks of one file. Records are numbered; each says which number is
 * the first that still counts.
 */
import { decodeFields, offsetsOf, type Field } from "./fields.ts";
import { rmSync } from "node:fs";
import type { HostFile } from "../host/file.ts";
import type { Change, L2Entry } from "./entries.ts";
import { guestCluster, hostCluster, type GuestCluster } from "./units.ts";

const MAGIC = 0x504e424a; // "PNBJ"
const RECORD = [
  { name: "magic", offset: 0, type: "u32" },
  /** CRC-32 of all that follows it. */
  { name: "crc", offset: 4, type: "u32" },
  { name: "number", offset: 8, type: "u64" },
  { name: "firstLive", offset: 16, type: "u64" },
  { name: "journalId", offset: 24, type: "u32" },
  { name: "guestCluster", offset: 28, type: "u32" },
  { name: "hostCluster", offset: 32, type: "u32" },
  { name: "allocated", offset: 36, type: "u32" },
  { name: "zero", offset: 40, type: "u32" },
] as const satisfies readonly Field[];
const AT = offsetsOf(RECORD);
/** A power of two, so that no record lies across two pages of the host. */
const RECORD_BYTES = 64;
const CRC_COVERS_FROM = 8;

/** Records of one chunk, and so of the alternation between the banks: 64 KiB. */
const CHUNK_RECORDS = 1024;
const CHUNK_BYTES = CHUNK_RECORDS * RECORD_BYTES;

interface Bank {
  /** Records written since it was last free. */
  records: number;
  /** Number of its first record. */
  firstNumber: number;
}

/** Size up to which an empty journal keeps its file as it is. */
const KEPT_BYTES = 4 * 2 ** 20;

export class Journal {
  readonly #banks: [Bank, Bank] = [
    { records: 0, firstNumber: 1 },
    { records: 0, firstNumber: 1 },
  ];
  #active: 0 | 1 = 0;
  #nextNumber = 1;
  /** Where records are put together; calls of `append` never overlap. */
  #buffer = new RecordBuffer(1);

  /** @param id number in the header's owner; records of another journal are not replayed */
  constructor(
    private readonly file: HostFile,
    private readonly id: number,
  ) {}

  /** Hands the changes to the kernel, in order. Throws a `DiskError`; none of them counts then. */
  append(changes: readonly Change[]): void {
    try {
      this.#append(changes);
    } catch (error) {
      this.#erase(changes.length);
      throw error;
    }
  }

  #append(changes: readonly Change[]): void {
    const bank = this.#banks[this.#active];
    const firstLive = this.#firstLive();
    let done = 0;
    while (done < changes.length) {
      const room = CHUNK_RECORDS - ((bank.records + done) % CHUNK_RECORDS);
      const count = Math.min(room, changes.length - done);
      if (count > this.#buffer.records) this.#buffer = new RecordBuffer(count);
      for (let i = 0; i < count; i += 1) {
        const change = changes[done + i];
        if (change) this.#buffer.encode(i, change, this.#nextNumber + done + i, firstLive, this.id);
      }
      this.file.write(this.#buffer.first(count), recordOffset(this.#active, bank.records + done));
      done += count;
    }
    if (bank.records === 0) bank.firstNumber = this.#nextNumber;
    bank.records += done;
    this.#nextNumber += done;
  }

  /** Undoes the part of a failed append that did reach the file: replayed, it would bring back what was refused. */
  #erase(count: number): void {
    const first = this.#banks[this.#active].records;
    const sizeBytes = this.file.sizeBytes();
    for (let record = first; record < first + count; record += 1) {
      const offset = recordOffset(this.#active, record);
      if (offset < sizeBytes)
        this.file.write(new Uint8Array(Math.min(RECORD_BYTES, sizeBytes - offset)), offset);
    }
  }

  /** A commit begins: what comes from now on is not part of it. */
  switchBank(): void {
    // After a failed commit the other bank still counts. Staying here is right too: replaying more than is needed,
    // in order, ends in the same state.
    if (this.#banks[this.#active === 0 ? 1 : 0].records > 0) return;
    this.#active = this.#active === 0 ? 1 : 0;
  }

  /** The commit is through: what was there before it is not needed any more. */
  freeOtherBank(): void {
    const other = this.#banks[this.#active === 0 ? 1 : 0];
    other.records = 0;
    // Old records do no harm (the next one says that they do not count), and pages that are there are quick to write.
    const isEmpty = this.#banks[this.#active].records === 0;
    if (isEmpty && this.file.sizeBytes() > KEPT_BYTES) this.file.truncate(0);
  }

  close(): void {
    this.file.close();
  }

  remove(): void {
    this.file.close();
    rmSync(this.file.path, { force: true });
  }

  #firstLive(): number {
    const [a, b] = this.#banks;
    const first = a.records > 0 ? a.firstNumber : this.#nextNumber;
    return b.records > 0 ? Math.min(first, b.firstNumber) : first;
  }
}

/** Room for some records. */
class RecordBuffer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(readonly records: number) {
    this.#bytes = new Uint8Array(records * RECORD_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  first(records: number): Uint8Array {
    return records === this.records ? this.#bytes : this.#bytes.subarray(0, records * RECORD_BYTES);
  }

  encode(index: number, [cluster, entry]: Change, number: number, firstLive: number, id: number): void {
    const base = index * RECORD_BYTES;
    const view = this.#view;
    view.setUint32(base + AT.magic, MAGIC);
    setU64(view, base + AT.number, number);
    setU64(view, base + AT.firstLive, firstLive);
    view.setUint32(base + AT.journalId, id);
    view.setUint32(base + AT.guestCluster, cluster);
    view.setUint32(base + AT.hostCluster, entry.host);
    view.setUint32(base + AT.allocated, entry.allocated);
    view.setUint32(base + AT.zero, entry.zero);
    const crc = Bun.hash.crc32(this.#bytes.subarray(base + CRC_COVERS_FROM, base + RECORD_BYTES));
    view.setUint32(base + AT.crc, crc);
  }
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

/** The journal of an overlay lies beside it. */
export function journalPath(overlayPath: string): string {
  return `${overlayPath}.journal`;
}

/** Removes the journal of an overlay that is closed; absent is fine. */
export function removeJournal(overlayPath: string): void {
  rmSync(journalPath(overlayPath), { force: true });
}

function recordOffset(bank: 0 | 1, record: number): number {
  const chunk = Math.floor(record / CHUNK_RECORDS) * 2 + bank;
  return chunk * CHUNK_BYTES + (record % CHUNK_RECORDS) * RECORD_BYTES;
}

/**
 * Reads what a journal holds: the last entry of each guest cluster among the records that still count.
 * Records that are torn, or belong to another journal, are passed over: they were never acknowledged.
 */
export async function readJournal(file: HostFile, id: number): Promise<Map<GuestCluster, L2Entry>> {
  interface Read {
    readonly number: number;
    readonly change: Change;
  }
  const records: Read[] = [];
  let newest = { number: 0, firstLive: 1 };
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let offset = 0; offset < file.sizeBytes(); offset += CHUNK_BYTES) {
    await file.read(chunk, offset);
    for (let at = 0; at < CHUNK_BYTES; at += RECORD_BYTES) {
      const bytes = chunk.subarray(at, at + RECORD_BYTES);
      const crc = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
      if (crc === 0 || crc !== Bun.hash.crc32(bytes.subarray(CRC_COVERS_FROM))) continue;
      const record = decodeFields(RECORD, bytes);
      if (record.magic !== MAGIC || record.journalId !== id) continue;
      if (record.number > newest.number) newest = record;
      const entry = { host: hostCluster(record.hostCluster), allocated: record.allocated, zero: record.zero };
      records.push({ number: record.number, change: [guestCluster(record.guestCluster), entry] });
    }
  }
  const live = records.filter((record) => record.number >= newest.firstLive);
  live.sort((a, b) => a.number - b.number);
  return new Map(live.map((record) => record.change));
}
