/**
 * The first sector of a FAT file system (Microsoft's FAT specification 1.03, section 3): where everything is.
 *
 *   | reserved sectors | FAT | FAT copy | root folder (FAT12 and FAT16 only) | clusters 2, 3, ... |
 */
import { FatError } from "./fat-error.ts";

export const BOOT_SECTOR_BYTES = 512;

const FIELDS = {
  bytesPerSector: 11,
  sectorsPerCluster: 13,
  reservedSectors: 14,
  fatCount: 16,
  rootEntries: 17,
  sectors16: 19,
  medium: 21,
  fatSectors16: 22,
  sectorsPerTrack: 24,
  heads: 26,
  hiddenSectors: 28,
  sectors32: 32,
  fatSectors32: 36,
  flags32: 40,
  version32: 42,
  rootCluster32: 44,
  infoSector32: 48,
  backupSector32: 50,
  drive32: 64,
  extended32: 66,
  volumeId32: 67,
  label32: 71,
  kind32: 82,
  signature: 510,
} as const;

const SIGNATURE = 0xaa55;
/** The medium's byte of everything that is no floppy disk. */
const FIXED_DISK = 0xf8;
const DIRECTORY_ENTRY_BYTES = 32;
/** Section 3.5: the count of clusters alone says what kind it is. */
const FEWEST_FAT16 = 4085;
export const FEWEST_FAT32 = 65_525;
/** Where the info sector keeps its words, and by what it is known. */
export const INFO = { lead: 0, structure: 484, free: 488, next: 492 } as const;
export const INFO_LEAD = 0x41615252;
export const INFO_STRUCTURE = 0x61417272;
/** FAT32 flags: bit 7 says that only the FAT of the low four bits is kept. */
const SINGLE_FAT_BIT = 0x80;

export type FatKind = 12 | 16 | 32;

/** Offsets and sizes are bytes from the beginning of the file system. */
export interface FatGeometry {
  readonly kind: FatKind;
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  /** Clusters are numbered from 2 to this plus 1. */
  readonly clusters: number;
  /** The copies to be kept alike; the first is read. */
  readonly fatOffsets: readonly number[];
  readonly fatBytes: number;
  /** The root folder of FAT12 and FAT16, which cannot grow; FAT32's begins at a cluster. */
  readonly root: { readonly offset: number; readonly bytes: number } | { readonly cluster: number };
  readonly dataOffset: number;
  /** FAT32's count of free clusters; undefined when there is none. */
  readonly infoOffset: number | undefined;
}

/** Throws FatError for anything that is not FAT, or that does not fit into `sizeBytes`. */
export function decodeBootSector(sector: Uint8Array, sizeBytes: number): FatGeometry {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  const sectorBytes = u16(FIELDS.bytesPerSector);
  const perCluster = view.getUint8(FIELDS.sectorsPerCluster);
  const reserved = u16(FIELDS.reservedSectors);
  const fatCount = view.getUint8(FIELDS.fatCount);
  if (u16(FIELDS.signature) !== SIGNATURE || ![512, 1024, 2048, 4096].includes(sectorBytes))
    throw new FatError("not-fat", "there is no FAT file system");
  if (
    perCluster === 0 ||
    (perCluster & (perCluster - 1)) !== 0 ||
    reserved === 0 ||
    fatCount === 0 ||
    fatCount > 4
  )
    throw new FatError("not-fat", "there is no FAT file system");
  const fatSectors = u16(FIELDS.fatSectors16) || u32(FIELDS.fatSectors32);
  const sectors = u16(FIELDS.sectors16) || u32(FIELDS.sectors32);
  const rootBytes = u16(FIELDS.rootEntries) * DIRECTORY_ENTRY_BYTES;
  const rootOffset = (reserved + fatCount * fatSectors) * sectorBytes;
  const dataOffset = rootOffset + Math.ceil(rootBytes / sectorBytes) * sectorBytes;
  const clusterBytes = perCluster * sectorBytes;
  const clusters = Math.floor((sectors * sectorBytes - dataOffset) / clusterBytes);
  if (fatSectors === 0 || sectors === 0 || clusters < 1 || sectors * sectorBytes > sizeBytes)
    throw new FatError("damaged", "the FAT file system does not fit into its partition");
  const kind: FatKind = clusters < FEWEST_FAT16 ? 12 : clusters < FEWEST_FAT32 ? 16 : 32;
  const fatBytes = fatSectors * sectorBytes;
  if (Math.ceil(((clusters + 2) * kind) / 8) > fatBytes)
    throw new FatError("damaged", "the FAT is too short for the clusters of the file system");
  const is32 = kind === 32;
  if (is32 !== (rootBytes === 0) || (is32 && u16(FIELDS.version32) !== 0))
    throw new FatError("damaged", `FAT${kind} without the root folder of its kind`);
  const flags = is32 ? u16(FIELDS.flags32) : 0;
  const all = Array.from({ length: fatCount }, (_, i) => reserved * sectorBytes + i * fatBytes);
  const fatOffsets = flags & SINGLE_FAT_BIT ? all.slice(flags & 0x0f, (flags & 0x0f) + 1) : all;
  if (fatOffsets.length === 0) throw new FatError("damaged", "the FAT in use does not exist");
  const info = is32 ? u16(FIELDS.infoSector32) : 0;
  return {
    kind,
    sectorBytes,
    clusterBytes,
    clusters,
    fatOffsets,
    fatBytes,
    root: is32 ? { cluster: u32(FIELDS.rootCluster32) } : { offset: rootOffset, bytes: rootBytes },
    dataOffset,
    infoOffset: info > 0 && info < reserved ? info * sectorBytes : undefined,
  };
}

/** What a new FAT32 is made of; all in sectors of 512 bytes. */
export interface NewFat32 {
  readonly sectorsPerCluster: number;
  readonly reservedSectors: number;
  readonly fatCopies: number;
  readonly fatSectors: number;
  readonly sectors: number;
  /** Those in front of it on the disk. */
  readonly hiddenSectors: number;
  readonly rootCluster: number;
  readonly backupSector: number;
  readonly volumeId: number;
  readonly label: string;
}

/** The first sector of a FAT32 (sections 3.1 to 3.3). It holds no program. */
export function encodeBootSector32(fat: NewFat32): Uint8Array {
  const sector = new Uint8Array(BOOT_SECTOR_BYTES);
  const view = new DataView(sector.buffer);
  const put16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const put32 = (at: number, value: number): void => view.setUint32(at, value, true);
  // A jump over the fields, which some readers look for.
  sector.set([0xeb, 0x58, 0x90]);
  sector.set(Buffer.from("MSWIN4.1"), 3);
  put16(FIELDS.bytesPerSector, BOOT_SECTOR_BYTES);
  sector[FIELDS.sectorsPerCluster] = fat.sectorsPerCluster;
  put16(FIELDS.reservedSectors, fat.reservedSectors);
  sector[FIELDS.fatCount] = fat.fatCopies;
  sector[FIELDS.medium] = FIXED_DISK;
  put16(FIELDS.sectorsPerTrack, 63);
  put16(FIELDS.heads, 255);
  put32(FIELDS.hiddenSectors, fat.hiddenSectors);
  put32(FIELDS.sectors32, fat.sectors);
  put32(FIELDS.fatSectors32, fat.fatSectors);
  put32(FIELDS.rootCluster32, fat.rootCluster);
  put16(FIELDS.infoSector32, 1);
  put16(FIELDS.backupSector32, fat.backupSector);
  sector[FIELDS.drive32] = 0x80;
  // 0x29: id, label and kind follow.
  sector[FIELDS.extended32] = 0x29;
  put32(FIELDS.volumeId32, fat.volumeId);
  sector.set(Buffer.from(fat.label.padEnd(11), "latin1"), FIELDS.label32);
  sector.set(Buffer.from("FAT32   "), FIELDS.kind32);
  put16(FIELDS.signature, SIGNATURE);
  return sector;
}

/** The sector that keeps count of FAT32's free clusters (section 5). */
export function encodeInfoSector({
  freeClusters,
  nextFree,
}: {
  readonly freeClusters: number;
  readonly nextFree: number;
}): Uint8Array {
  const sector = new Uint8Array(BOOT_SECTOR_BYTES);
  const view = new DataView(sector.buffer);
  view.setUint32(INFO.lead, INFO_LEAD, true);
  view.setUint32(INFO.structure, INFO_STRUCTURE, true);
  view.setUint32(INFO.free, freeClusters, true);
  view.setUint32(INFO.next, nextFree, true);
  view.setUint16(FIELDS.signature, SIGNATURE, true);
  return sector;
}
