/**
 * The header of somebody's qcow2 file, versions 2 and 3 (QEMU's docs/interop/qcow2, "Header"), judged for being copied:
 * whatever would mean that its content is not all in this one file, or not known to us, is refused with the reason.
 */
import { decodeFields, FieldError, type Decoded, type Field } from "../../../disk/qcow2/fields.ts";
import { ImageError } from "../../image-error.ts";
import { MAX_IMAGE_BYTES } from "../limits.ts";

const FIXED = [
  { name: "version", offset: 4, type: "u32" },
  { name: "backingNameOffset", offset: 8, type: "bits64" },
  { name: "backingNameBytes", offset: 16, type: "u32" },
  { name: "clusterBits", offset: 20, type: "u32" },
  { name: "sizeBytes", offset: 24, type: "u64" },
  { name: "encryption", offset: 32, type: "u32" },
  { name: "l1Entries", offset: 36, type: "u32" },
  { name: "l1Offset", offset: 40, type: "u64" },
  { name: "refcountTableOffset", offset: 48, type: "u64" },
  { name: "refcountTableClusters", offset: 56, type: "u32" },
] as const satisfies readonly Field[];
/** Version 3 only. */
const FEATURES = [
  { name: "incompatible", offset: 72, type: "bits64" },
  { name: "refcountOrder", offset: 96, type: "u32" },
  { name: "headerBytes", offset: 100, type: "u32" },
] as const satisfies readonly Field[];
const HEADER_2_BYTES = 72;
const HEADER_3_BYTES = 104;
const COMPRESSION_TYPE_OFFSET = 104;
/** All that is read of a header. */
export const HEADER_AREA_BYTES = 512;

const CLUSTER_BITS = { min: 9, max: 21 } as const;
/** An L1 table beyond it is refused by QEMU, too: 32 MiB. */
const L1_MAX_BYTES = 32 * 2 ** 20;

/** Refcounts of 64 bits, the widest of the format. */
const REFCOUNT_ORDER_MAX = 6;
/** What version 2 always has: 16 bits. */
const REFCOUNT_ORDER_2 = 4;

const DIRTY = 1n << 0n;
const CORRUPT = 1n << 1n;
const DATA_FILE = 1n << 2n;
const COMPRESSION_TYPE = 1n << 3n;
const EXTENDED_L2 = 1n << 4n;
/** The dirty bit speaks of refcounts, which a copy does not need. */
const KNOWN = DIRTY | CORRUPT | DATA_FILE | COMPRESSION_TYPE | EXTENDED_L2;

export type Compression = "deflate" | "zstd";
const COMPRESSIONS: readonly Compression[] = ["deflate", "zstd"];

export interface ImportHeader {
  readonly sizeBytes: number;
  readonly clusterBits: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  /** The refcount table: not needed for a copy, but nothing else may lie where it is. */
  readonly refcountTableOffset: number;
  readonly refcountTableBytes: number;
  readonly extendedL2: boolean;
  readonly compression: Compression;
}

/** Decodes the first `HEADER_AREA_BYTES` of a file of `fileBytes`. Throws "bad-archive" or "too-large". */
export function decodeImportHeader(area: Uint8Array, fileBytes: number): ImportHeader {
  const fixed = read(FIXED, area);
  const { version, clusterBits, sizeBytes, l1Entries, l1Offset } = fixed;
  refuseWhen(version !== 2 && version !== 3, `it has version ${version}, and 2 and 3 are known`);
  refuseWhen(fileBytes < (version === 2 ? HEADER_2_BYTES : HEADER_3_BYTES), "it is cut off");
  const features =
    version === 3
      ? read(FEATURES, area)
      : { incompatible: 0n, refcountOrder: REFCOUNT_ORDER_2, headerBytes: HEADER_2_BYTES };
  refuseFeatures(features.incompatible);
  refuseWhen(
    fixed.backingNameOffset !== 0n || fixed.backingNameBytes !== 0,
    "it is only a layer over another file (a backing file), which is not opened",
    "Make one file of both first: qemu-img convert -O qcow2 LAYER WHOLE",
  );
  refuseWhen(
    fixed.encryption !== 0,
    "it is encrypted",
    "Decrypt it first: qemu-img convert with its secret.",
  );
  refuseWhen(
    clusterBits < CLUSTER_BITS.min || clusterBits > CLUSTER_BITS.max,
    `its cluster_bits are ${clusterBits}`,
  );
  const extendedL2 = (features.incompatible & EXTENDED_L2) !== 0n;
  refuseWhen(extendedL2 && clusterBits < 14, `its cluster_bits are ${clusterBits}, too few for subclusters`);
  refuseWhen(sizeBytes === 0, "its disk has no bytes");
  if (sizeBytes > MAX_IMAGE_BYTES)
    throw new ImageError("too-large", `the disk is larger than ${MAX_IMAGE_BYTES / 2 ** 30} GiB`);
  const clusterBytes = 2 ** clusterBits;
  const l2Covers = (clusterBytes / (extendedL2 ? 16 : 8)) * clusterBytes;
  refuseWhen(
    l1Entries < Math.ceil(sizeBytes / l2Covers) || l1Entries * 8 > L1_MAX_BYTES,
    `its L1 table has ${l1Entries} entries for a disk of ${sizeBytes} bytes`,
  );
  refuseWhen(
    l1Offset === 0 || l1Offset % clusterBytes !== 0 || l1Offset + l1Entries * 8 > fileBytes,
    "its L1 table lies outside the file",
  );
  refuseWhen(
    version === 3 && (features.headerBytes < HEADER_3_BYTES || features.headerBytes > clusterBytes),
    `its header says that it has ${features.headerBytes} bytes`,
  );
  refuseWhen(
    features.refcountOrder > REFCOUNT_ORDER_MAX,
    `its refcounts have 2^${features.refcountOrder} bits, and 64 are the most`,
  );
  const { refcountTableOffset, refcountTableClusters } = fixed;
  const refcountTableBytes = refcountTableClusters * clusterBytes;
  refuseWhen(
    refcountTableOffset === 0 ||
      refcountTableOffset % clusterBytes !== 0 ||
      refcountTableClusters === 0 ||
      refcountTableOffset + refcountTableBytes > fileBytes,
    "its refcount table lies outside the file",
  );
  return {
    sizeBytes,
    clusterBits,
    l1Offset,
    l1Entries,
    refcountTableOffset,
    refcountTableBytes,
    extendedL2,
    compression: compressionOf(area, features),
  };
}

function refuseFeatures(bits: bigint): void {
  refuseWhen(
    (bits & CORRUPT) !== 0n,
    "it is marked as corrupt",
    "Have it repaired first: qemu-img check -r all FILE",
  );
  refuseWhen(
    (bits & DATA_FILE) !== 0n,
    "its data lies in another file, which is not opened",
    "Make one file of both first: qemu-img convert -O qcow2 FILE WHOLE",
  );
  const unknown = bits & ~KNOWN;
  refuseWhen(
    unknown !== 0n,
    `it has features that are not known (incompatible bits ${unknown.toString(16)})`,
  );
}

function compressionOf(
  area: Uint8Array,
  { incompatible, headerBytes }: { readonly incompatible: bigint; readonly headerBytes: number },
): Compression {
  const type = headerBytes > COMPRESSION_TYPE_OFFSET ? (area[COMPRESSION_TYPE_OFFSET] ?? 0) : 0;
  const found = COMPRESSIONS[type];
  const said = (incompatible & COMPRESSION_TYPE) !== 0n;
  if (!found || said !== (type !== 0)) throw badQcow2(`its compression type is ${type}`);
  return found;
}

function read<const Table extends readonly Field[]>(table: Table, area: Uint8Array): Decoded<Table> {
  try {
    return decodeFields(table, area);
  } catch (error) {
    if (error instanceof FieldError || error instanceof RangeError) throw badQcow2(error.message, error);
    throw error;
  }
}

function refuseWhen(when: boolean, reason: string, fix?: string): void {
  if (when) throw badQcow2(reason, undefined, fix);
}

/** The error of a qcow2 file that cannot be copied. */
export function badQcow2(reason: string, cause?: unknown, fix?: string): ImageError {
  return new ImageError(
    "bad-archive",
    `the qcow2 disk cannot be imported: ${reason}`,
    fix ?? "See what qemu-img check says of it, or fetch the file again.",
    { cause },
  );
}
