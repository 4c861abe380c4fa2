/**
 * The partition table of an image on a disk that is larger than the image. A GPT's second copy moves to the disk's end;
 * the last partition, when it is one of Linux's, takes the new room, so that the guest has only its file system to grow
 * (`resize2fs`, `growfs`: distributions do it by themselves). Everything before stays where it is.
 */
import { moveBackupGpt } from "./grow-gpt.ts";
import type { Layer } from "./layer.ts";
import { type Partition, readPartitionTable } from "./partitions.ts";

const SECTOR_BYTES = 512;
/** Partitions end where flash erases and RAID stripes do: at whole MiB, as every partitioner has it. */
const ALIGN_SECTORS = 2048;
/** As `readPartitionTable` names them. */
const GROWS = new Set(["Linux", "Linux root (arm64)"]);

const MBR = {
  table: 446,
  entryBytes: 16,
  lastChs: 5,
  sectors: 12,
  primaries: 4,
  mostSectors: 0xffffffff,
} as const;
/** "Beyond what cylinders can say": everyone reads the sector number then. */
const CHS_BEYOND = Uint8Array.of(0xfe, 0xff, 0xff);

const HEADER = {
  headerBytes: 12,
  headerCrc: 16,
  otherSector: 32,
  lastUsableSector: 48,
  tableSector: 72,
  entries: 80,
  entryBytes: 84,
  tableCrc: 88,
} as const;
const ENTRY_LAST_SECTOR = 40;

export interface Grown {
  /** What became of a GPT's second copy. */
  readonly backupGpt: "moved" | "in-place" | "none";
  /** The partition that took the new room, as Linux numbers it; null when the last one is not for us to grow. */
  readonly partition: number | null;
}

/**
 * Fits the partition table of a writable disk to the disk's size and flushes. The disk is not yet anyone's: an end in
 * the middle leaves a table that is not whole. Throws the disk's errors.
 */
export async function growPartitions(disk: Layer): Promise<Grown> {
  const backupGpt = await moveBackupGpt(disk);
  const { scheme, entries } = await readPartitionTable(disk);
  const last = entries.reduce<Partition | undefined>(
    (found, entry) => (found === undefined || endOf(entry) > endOf(found) ? entry : found),
    undefined,
  );
  if (!last || !GROWS.has(last.type)) return { backupGpt, partition: null };
  const grew =
    scheme === "gpt"
      ? backupGpt === "moved" && (await growInGpt(disk, last))
      : scheme === "mbr" && last.number <= MBR.primaries && (await growInMbr(disk, last));
  await disk.flush();
  return { backupGpt, partition: grew ? last.number : null };
}

function endOf({ offsetBytes, sizeBytes }: Partition): number {
  return offsetBytes + sizeBytes;
}

/** One past the last sector that a partition may have, at a whole MiB; undefined when it reaches that already. */
function newEnd(partition: Partition, limitSector: number): number | undefined {
  const end = Math.floor(limitSector / ALIGN_SECTORS) * ALIGN_SECTORS;
  return end * SECTOR_BYTES > endOf(partition) ? end : undefined;
}

async function growInMbr(disk: Layer, partition: Partition): Promise<boolean> {
  const first = partition.offsetBytes / SECTOR_BYTES;
  const end = newEnd(partition, Math.min(disk.sizeBytes / SECTOR_BYTES, MBR.mostSectors));
  if (end === undefined) return false;
  const sector = await readAt(disk, 0, SECTOR_BYTES);
  const at = MBR.table + (partition.number - 1) * MBR.entryBytes;
  sector.set(CHS_BEYOND, at + MBR.lastChs);
  viewOf(sector).setUint32(at + MBR.sectors, end - first, true);
  await writeAt(disk, sector, 0);
  return true;
}

/** The entry is changed in both tables, which both headers are the checksum of. */
async function growInGpt(disk: Layer, partition: Partition): Promise<boolean> {
  const primary = await readAt(disk, SECTOR_BYTES, SECTOR_BYTES);
  const header = viewOf(primary);
  const end = newEnd(partition, sectorAt(header, HEADER.lastUsableSector) + 1);
  if (end === undefined) return false;
  const tableBytes = header.getUint32(HEADER.entries, true) * header.getUint32(HEADER.entryBytes, true);
  const table = await readAt(disk, sectorAt(header, HEADER.tableSector) * SECTOR_BYTES, tableBytes);
  const entry = (partition.number - 1) * header.getUint32(HEADER.entryBytes, true);
  viewOf(table).setBigUint64(entry + ENTRY_LAST_SECTOR, BigInt(end - 1), true);
  const backupSector = sectorAt(header, HEADER.otherSector);
  const backup = await readAt(disk, backupSector * SECTOR_BYTES, SECTOR_BYTES);
  for (const [bytes, sector] of [
    [backup, backupSector],
    [primary, 1],
  ] as const) {
    const view = viewOf(bytes);
    view.setUint32(HEADER.tableCrc, Bun.hash.crc32(table), true);
    view.setUint32(HEADER.headerCrc, 0, true);
    const headerBytes = bytes.subarray(0, view.getUint32(HEADER.headerBytes, true));
    view.setUint32(HEADER.headerCrc, Bun.hash.crc32(headerBytes), true);
    await writeAt(disk, table, sectorAt(view, HEADER.tableSector) * SECTOR_BYTES);
    await writeAt(disk, bytes, sector * SECTOR_BYTES);
  }
  return true;
}

async function readAt(disk: Layer, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await disk.read(bytes, offset);
  return bytes;
}

async function writeAt(disk: Layer, bytes: Uint8Array, offset: number): Promise<void> {
  await disk.prepare?.(offset, bytes.byteLength);
  disk.write(bytes, offset);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Sectors past 2^53 are past any disk too. */
function sectorAt(header: DataView, field: number): number {
  return Number(header.getBigUint64(field, true));
}
