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
  fatSectors16: 22,
  sectors32: 32,
  fatSectors32: 36,
  flags32: 40,
  version32: 42,
  rootCluster32: 44,
  infoSector32: 48,
  signature: 510,
} as const;

const SIGNATURE = 0xaa55;
const DIRECTORY_ENTRY_BYTES = 32;
/** Section 3.5: the count of clusters alone says what kind it is. */
const FEWEST_FAT16 = 4085;
const FEWEST_FAT32 = 65_525;
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
