/**
 * A GPT on a disk that has grown: its second copy belongs at the end (UEFI 2.10, section 5.3.2), where the disk's owner
 * looks for it, and the space behind the last partition becomes usable. Partitions stay as they are.
 */
import type { Layer } from "./layer.ts";

const SECTOR_BYTES = 512;
const SIGNATURE = "EFI PART";
/** Fields of a GPT header, little-endian. */
const HEADER = {
  headerBytes: 12,
  headerCrc: 16,
  ownSector: 24,
  otherSector: 32,
  lastUsableSector: 48,
  tableSector: 72,
  entries: 80,
  entryBytes: 84,
  tableCrc: 88,
} as const;
const HEADER_BYTES = { least: 92, most: SECTOR_BYTES } as const;
/** A table has 128 entries of 128 bytes: room for far more, and no reason to take any amount of memory. */
const MAX_TABLE_BYTES = 1 << 20;
/** The protective MBR: its one entry covers the whole disk, or as much as 32 bits can say. */
const MBR = { firstEntry: 446, type: 4, sectors: 12, protective: 0xee, most: 0xffffffff } as const;

/**
 * Moves the backup GPT of a writable disk to the disk's end and says "moved"; "in-place" when it is there already,
 * "none" for a disk without a sound primary GPT (MBR, no table, or damage: nothing is changed then). The new copy is
 * durable before the primary points to it, so that an end at any moment leaves one that is whole.
 * Throws the disk's errors.
 */
export async function moveBackupGpt(disk: Layer): Promise<"moved" | "in-place" | "none"> {
  const sectors = Math.floor(disk.sizeBytes / SECTOR_BYTES);
  if (sectors < 3) return "none";
  const header = await readSector(disk, 1);
  const table = await readTable(disk, header);
  if (!table) return "none";
  const tableSectors = Math.ceil(table.byteLength / SECTOR_BYTES);
  const last = sectors - 1;
  const backupTable = last - tableSectors;
  if (sectorAt(header, HEADER.otherSector) === last) return "in-place";
  if (sectorAt(header, HEADER.lastUsableSector) >= backupTable) return "none";

  const primary = new DataView(header.buffer.slice(0));
  setSector(primary, HEADER.otherSector, last);
  setSector(primary, HEADER.lastUsableSector, backupTable - 1);
  seal(primary);
  const backup = new DataView(primary.buffer.slice(0));
  setSector(backup, HEADER.ownSector, last);
  setSector(backup, HEADER.otherSector, 1);
  setSector(backup, HEADER.tableSector, backupTable);
  seal(backup);

  const tail = new Uint8Array((tableSectors + 1) * SECTOR_BYTES);
  tail.set(table);
  tail.set(bytesOf(backup), tableSectors * SECTOR_BYTES);
  await writeAt(disk, tail, backupTable * SECTOR_BYTES);
  await disk.flush();
  await writeAt(disk, bytesOf(primary), SECTOR_BYTES);
  await growProtectiveMbr(disk, last);
  await disk.flush();
  return "moved";
}

/** The partition table that a sound primary header speaks of; undefined when the header or the table is not sound. */
async function readTable(disk: Layer, header: DataView): Promise<Uint8Array | undefined> {
  if (Buffer.from(header.buffer, 0, SIGNATURE.length).toString("latin1") !== SIGNATURE) return undefined;
  const headerBytes = header.getUint32(HEADER.headerBytes, true);
  if (headerBytes < HEADER_BYTES.least || headerBytes > HEADER_BYTES.most) return undefined;
  if (crcOfHeader(header) !== header.getUint32(HEADER.headerCrc, true)) return undefined;
  const bytes = header.getUint32(HEADER.entries, true) * header.getUint32(HEADER.entryBytes, true);
  const offset = sectorAt(header, HEADER.tableSector) * SECTOR_BYTES;
  if (bytes === 0 || bytes > MAX_TABLE_BYTES || offset + bytes > disk.sizeBytes) return undefined;
  const table = new Uint8Array(bytes);
  await disk.read(table, offset);
  return Bun.hash.crc32(table) === header.getUint32(HEADER.tableCrc, true) ? table : undefined;
}

async function growProtectiveMbr(disk: Layer, sectors: number): Promise<void> {
  const mbr = await readSector(disk, 0);
  if (mbr.getUint8(MBR.firstEntry + MBR.type) !== MBR.protective) return;
  mbr.setUint32(MBR.firstEntry + MBR.sectors, Math.min(sectors, MBR.most), true);
  await writeAt(disk, bytesOf(mbr), 0);
}

async function writeAt(disk: Layer, bytes: Uint8Array, offset: number): Promise<void> {
  await disk.prepare(offset, bytes.byteLength);
  disk.write(bytes, offset);
}

async function readSector(disk: Layer, sector: number): Promise<DataView> {
  const bytes = new Uint8Array(SECTOR_BYTES);
  await disk.read(bytes, sector * SECTOR_BYTES);
  return new DataView(bytes.buffer);
}

function seal(header: DataView): void {
  header.setUint32(HEADER.headerCrc, crcOfHeader(header), true);
}

/** The CRC of a header is that of its bytes with the CRC itself as zero. */
function crcOfHeader(header: DataView): number {
  const bytes = new Uint8Array(header.buffer.slice(0, header.getUint32(HEADER.headerBytes, true)));
  bytes.fill(0, HEADER.headerCrc, HEADER.headerCrc + 4);
  return Bun.hash.crc32(bytes);
}

/** Sectors past 2^53 are past any disk too. */
function sectorAt(header: DataView, field: number): number {
  return Number(header.getBigUint64(field, true));
}

function setSector(header: DataView, field: number, sector: number): void {
  header.setBigUint64(field, BigInt(sector), true);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
