/** Reading partition tables: GPT (UEFI 2.10, section 5.3) and MBR with its logical partitions. Nothing is written. */
import type { Layer } from "./layer.ts";

const SECTOR_BYTES = 512;

const MBR = { table: 446, entryBytes: 16, entries: 4, signature: 510, magic: 0xaa55 } as const;
const MBR_TYPES: Record<number, string> = {
  0x05: "extended",
  0x06: "FAT16",
  0x07: "NTFS or exFAT",
  0x0b: "FAT32",
  0x0c: "FAT32",
  0x0e: "FAT16",
  0x0f: "extended",
  0x82: "Linux swap",
  0x83: "Linux",
  0x8e: "Linux LVM",
  0xee: "GPT",
  0xef: "EFI system",
};
const PROTECTIVE = 0xee;
const EXTENDED = new Set([0x05, 0x0f, 0x85]);
/** Logical partitions form a chain, which a hostile table could close to a ring. */
const MAX_LOGICAL = 60;

const GPT_SIGNATURE = "EFI PART";
/** A table has 128 entries of 128 bytes; a few times that is still no reason to allocate more than a megabyte. */
const MAX_GPT_ENTRIES = 1024;
const GPT_ENTRY_BYTES = { least: 128, most: 1024 } as const;
const GPT_TYPES: Record<string, string> = {
  "c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "EFI system",
  "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "Microsoft basic data",
  "0fc63daf-8483-4772-8e79-3d69d8477de4": "Linux",
  "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f": "Linux swap",
  "e6d6d379-f507-44c2-a23c-238f2a3df928": "Linux LVM",
  "b921b045-1df0-41c3-af44-4c6f280d3fae": "Linux root (arm64)",
  "21686148-6449-6e6f-744e-656564454649": "BIOS boot",
};

export interface Partition {
  /** As Linux numbers it. */
  readonly number: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** In words where the type is known, else its number. */
  readonly type: string;
  /** GPT only. */
  readonly name?: string;
}

export interface PartitionTable {
  readonly scheme: "gpt" | "mbr" | "none";
  readonly entries: readonly Partition[];
}

/** Reads the disk's partition table; "none" for a disk without one, or with one that makes no sense. Throws the disk's errors. */
export async function readPartitionTable(disk: Layer): Promise<PartitionTable> {
  if (disk.sizeBytes < 2 * SECTOR_BYTES) return { scheme: "none", entries: [] };
  const mbr = await readBytes(disk, 0, SECTOR_BYTES);
  if (!mbr || mbr.getUint16(MBR.signature, true) !== MBR.magic) return { scheme: "none", entries: [] };
  const primary = mbrEntries(mbr);
  if (primary.some(({ type }) => type === PROTECTIVE)) {
    const gpt = await readGpt(disk);
    if (gpt) return { scheme: "gpt", entries: gpt };
  }
  // A FAT file system without a table ends its first sector in the same way; its "entries" are then nonsense.
  const plausible = primary.filter((entry) => fits(entry, disk.sizeBytes));
  if (plausible.length === 0 || plausible.length < primary.length) return { scheme: "none", entries: [] };
  const logical = await readLogical(
    disk,
    plausible.find(({ type }) => EXTENDED.has(type)),
  );
  return { scheme: "mbr", entries: [...plausible, ...logical].map(describeMbr) };
}

interface MbrEntry {
  readonly number: number;
  readonly active: number;
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
}

function mbrEntries(sector: DataView): MbrEntry[] {
  return Array.from({ length: MBR.entries }, (_, index) => {
    const at = MBR.table + index * MBR.entryBytes;
    return {
      number: index + 1,
      active: sector.getUint8(at),
      type: sector.getUint8(at + 4),
      firstSector: sector.getUint32(at + 8, true),
      sectors: sector.getUint32(at + 12, true),
    };
  }).filter(({ type }) => type !== 0);
}

function fits({ active, firstSector, sectors }: MbrEntry, sizeBytes: number): boolean {
  const inside = firstSector > 0 && sectors > 0 && (firstSector + sectors) * SECTOR_BYTES <= sizeBytes;
  return inside && (active & 0x7f) === 0;
}

/** Each record of the chain holds one logical partition, placed from itself, and the next record, placed from the first. */
async function readLogical(disk: Layer, extended: MbrEntry | undefined): Promise<MbrEntry[]> {
  const found: MbrEntry[] = [];
  if (!extended) return found;
  let record: number | undefined = extended.firstSector;
  while (record !== undefined && found.length < MAX_LOGICAL) {
    const sector = await readBytes(disk, record * SECTOR_BYTES, SECTOR_BYTES);
    if (!sector || sector.getUint16(MBR.signature, true) !== MBR.magic) break;
    const [partition, next] = mbrEntries(sector);
    if (partition && !EXTENDED.has(partition.type)) {
      found.push({ ...partition, number: 5 + found.length, firstSector: record + partition.firstSector });
    }
    record = next && EXTENDED.has(next.type) ? extended.firstSector + next.firstSector : undefined;
  }
  return found.filter((entry) => fits(entry, disk.sizeBytes));
}

function describeMbr({ number, type, firstSector, sectors }: MbrEntry): Partition {
  return {
    number,
    offsetBytes: firstSector * SECTOR_BYTES,
    sizeBytes: sectors * SECTOR_BYTES,
    type: MBR_TYPES[type] ?? `0x${type.toString(16).padStart(2, "0")}`,
  };
}

async function readGpt(disk: Layer): Promise<Partition[] | undefined> {
  const header = await readBytes(disk, SECTOR_BYTES, SECTOR_BYTES);
  if (!header || text(header, 0, GPT_SIGNATURE.length) !== GPT_SIGNATURE) return undefined;
  const tableSector = Number(header.getBigUint64(72, true));
  const entries = header.getUint32(80, true);
  const entryBytes = header.getUint32(84, true);
  if (entries > MAX_GPT_ENTRIES || entryBytes < GPT_ENTRY_BYTES.least || entryBytes > GPT_ENTRY_BYTES.most) {
    return undefined;
  }
  const table = await readBytes(disk, tableSector * SECTOR_BYTES, entries * entryBytes);
  if (!table) return undefined;
  const found: Partition[] = [];
  for (let index = 0; index < entries; index += 1) {
    const at = index * entryBytes;
    const first = Number(table.getBigUint64(at + 32, true));
    const last = Number(table.getBigUint64(at + 40, true));
    const type = guid(table, at);
    if (/^[0-]+$/.test(type) || last < first || (last + 1) * SECTOR_BYTES > disk.sizeBytes) continue;
    const name = utf16(table, at + 56, 36);
    found.push({
      number: index + 1,
      offsetBytes: first * SECTOR_BYTES,
      sizeBytes: (last - first + 1) * SECTOR_BYTES,
      type: GPT_TYPES[type] ?? type,
      ...(name !== "" && { name }),
    });
  }
  return found;
}

/** Undefined when the range is not on the disk. */
async function readBytes(disk: Layer, offset: number, length: number): Promise<DataView | undefined> {
  if (!Number.isSafeInteger(offset) || offset + length > disk.sizeBytes) return undefined;
  const bytes = new Uint8Array(length);
  await disk.read(bytes, offset);
  return new DataView(bytes.buffer);
}

function text(view: DataView, at: number, length: number): string {
  return Buffer.from(view.buffer, at, length).toString("latin1");
}

function utf16(view: DataView, at: number, length: number): string {
  const units = Array.from({ length }, (_, i) => view.getUint16(at + i * 2, true));
  const end = units.indexOf(0);
  // The name is a guest's text and goes to terminals: control characters have no place in it.
  return String.fromCharCode(...units.slice(0, end === -1 ? length : end)).replaceAll(/\p{Cc}/gu, "?");
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** The first three groups are little-endian. */
function guid(view: DataView, at: number): string {
  const tail = Buffer.from(view.buffer, at + 8, 8).toString("hex");
  return [
    hex(view.getUint32(at, true), 8),
    hex(view.getUint16(at + 4, true), 4),
    hex(view.getUint16(at + 6, true), 4),
    tail.slice(0, 4),
    tail.slice(4),
  ].join("-");
}
