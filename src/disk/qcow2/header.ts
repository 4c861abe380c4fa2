/**
 * The header cluster of a qcow2 v3 file, as this program writes and accepts it (QEMU's docs/interop/qcow2, "Header").
 *
 *   0 +-------------------------------+
 *     | fixed fields (HEADER)         |
 * 112 +-------------------------------+
 *     | extensions: type, length,     |
 *     | data padded to 8              |
 *     +-------------------------------+
 *     | name of the backing file      |
 *     +-------------------------------+
 */
import { decodeFields, encodeFields, FieldError, type Decoded, type Field } from "./fields.ts";
import {
  CLUSTER_BITS,
  CLUSTER_BYTES,
  L1_ENTRY_BYTES,
  L2_COVERS_BYTES,
  MAX_DISK_BYTES,
  MAX_L1_ENTRIES,
  REFCOUNT_ORDER,
} from "./units.ts";

export const MAGIC = 0x514649fb;
export const VERSION = 3;
/** What every v3 file has; the rest up to `HEADER_BYTES` came later and is optional. */
const SHORTEST_HEADER_BYTES = 104;
export const HEADER_BYTES = 112;
/** All that is read of a header cluster: the fields, the extensions and a backing name fit into one page of the host. */
export const HEADER_AREA_BYTES = 4096;
/** The format's own limit. */
const MAX_BACKING_NAME_BYTES = 1023;

export const SECTOR_BYTES = 512;

export const HEADER = [
  { name: "magic", offset: 0, type: "u32" },
  { name: "version", offset: 4, type: "u32" },
  { name: "backingNameOffset", offset: 8, type: "u64" },
  { name: "backingNameBytes", offset: 16, type: "u32" },
  { name: "clusterBits", offset: 20, type: "u32" },
  { name: "sizeBytes", offset: 24, type: "u64" },
  { name: "encryption", offset: 32, type: "u32" },
  { name: "l1Entries", offset: 36, type: "u32" },
  { name: "l1Offset", offset: 40, type: "u64" },
  { name: "refcountTableOffset", offset: 48, type: "u64" },
  { name: "refcountTableClusters", offset: 56, type: "u32" },
  { name: "snapshots", offset: 60, type: "u32" },
  { name: "snapshotsOffset", offset: 64, type: "u64" },
  { name: "incompatible", offset: 72, type: "bits64" },
  { name: "compatible", offset: 80, type: "bits64" },
  { name: "autoclear", offset: 88, type: "bits64" },
  { name: "refcountOrder", offset: 96, type: "u32" },
  { name: "headerBytes", offset: 100, type: "u32" },
] as const satisfies readonly Field[];

/** Incompatible features: whoever does not know one must not open the file. */
const DIRTY = 1n << 0n;
const EXTENDED_L2 = 1n << 4n;
const REFUSED_FEATURES: readonly { readonly bit: bigint; readonly reason: string }[] = [
  { bit: 1n << 1n, reason: "it is marked as corrupt" },
  { bit: 1n << 2n, reason: "its data lies in another file, which is not opened" },
  { bit: 1n << 3n, reason: "it uses a compression other than zlib" },
];

/** Header extensions that are read or written; others are dropped, as the format allows. */
const EXTENSION = {
  end: 0,
  backingFormat: 0xe2792aca,
  /** Ours ("PNBT"): the boot of the machine and the journal that the dirty bit speaks of. Others carry it along unread. */
  owner: 0x504e4254,
} as const;
const OWNER = [
  { name: "bootId0", offset: 0, type: "bits64" },
  { name: "bootId1", offset: 8, type: "bits64" },
  { name: "journalId", offset: 16, type: "u32" },
] as const satisfies readonly Field[];
const OWNER_BYTES = 24;

/** Who has, or had, the file open. */
export interface Owner {
  /** `bootId()` of the machine, 32 hex digits; zeros when the system has none. */
  readonly bootId: string;
  /** Names the journal that belongs to this opening: a random number of 32 bits. */
  readonly journalId: number;
}

export interface Qcow2Header {
  readonly sizeBytes: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly backing: { readonly name: string; readonly format: string } | undefined;
  /** Set while open: the refcounts may count too much, and the journal beside the file may hold more. */
  readonly dirty: boolean;
  readonly owner: Owner | undefined;
}

/** Why a header is refused; `openOverlay` adds the path. */
export class HeaderError extends Error {
  override readonly name = "HeaderError";
}

/** Encodes the first `HEADER_AREA_BYTES` of the file. Throws a `HeaderError` when the backing name is too long. */
export function encodeHeader(header: Qcow2Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_AREA_BYTES);
  const name = new TextEncoder().encode(header.backing?.name ?? "");
  if (name.byteLength > MAX_BACKING_NAME_BYTES) throw new HeaderError("the backing name is too long");
  let at = HEADER_BYTES;
  const extension = (type: number, data: Uint8Array): void => {
    const view = new DataView(bytes.buffer, at);
    view.setUint32(0, type);
    view.setUint32(4, data.byteLength);
    bytes.set(data, at + 8);
    at += 8 + Math.ceil(data.byteLength / 8) * 8;
  };
  if (header.backing) extension(EXTENSION.backingFormat, new TextEncoder().encode(header.backing.format));
  if (header.owner) extension(EXTENSION.owner, encodeOwner(header.owner));
  extension(EXTENSION.end, new Uint8Array());
  bytes.set(name, at);
  encodeFields(
    HEADER,
    {
      magic: MAGIC,
      version: VERSION,
      backingNameOffset: header.backing ? at : 0,
      backingNameBytes: name.byteLength,
      clusterBits: CLUSTER_BITS,
      sizeBytes: header.sizeBytes,
      encryption: 0,
      l1Entries: header.l1Entries,
      l1Offset: header.l1Offset,
      refcountTableOffset: header.refcountTableOffset,
      refcountTableClusters: header.refcountTableClusters,
      snapshots: 0,
      snapshotsOffset: 0,
      incompatible: EXTENDED_L2 | (header.dirty ? DIRTY : 0n),
      compatible: 0n,
      autoclear: 0n,
      refcountOrder: REFCOUNT_ORDER,
      headerBytes: HEADER_BYTES,
    },
    bytes,
  );
  return bytes;
}

/**
 * Decodes and judges the header of a file of `fileBytes` from its first `HEADER_AREA_BYTES`.
 * Throws a `HeaderError` with the reason for everything that this program does not write itself.
 */
export function decodeHeader(area: Uint8Array, fileBytes: number): Qcow2Header {
  if (fileBytes < HEADER_BYTES || area.byteLength < HEADER_AREA_BYTES)
    throw new HeaderError("it is too short");
  const fields = readFixed(area);
  judgeFixed(fields, fileBytes);
  const extensions = readExtensions(area, fields.headerBytes);
  const text = new TextDecoder("utf-8", { fatal: true });
  const backingFormat = extensions.get(EXTENSION.backingFormat);
  const owner = extensions.get(EXTENSION.owner);
  return {
    sizeBytes: fields.sizeBytes,
    l1Offset: fields.l1Offset,
    l1Entries: fields.l1Entries,
    refcountTableOffset: fields.refcountTableOffset,
    refcountTableClusters: fields.refcountTableClusters,
    backing:
      fields.backingNameOffset === 0
        ? undefined
        : {
            name: decodeText(text, backingName(area, fields)),
            format: backingFormat ? decodeText(text, backingFormat) : "",
          },
    dirty: (fields.incompatible & DIRTY) !== 0n,
    owner: owner?.byteLength === OWNER_BYTES ? decodeOwner(owner) : undefined,
  };
}

type Fixed = Decoded<typeof HEADER>;

function readFixed(area: Uint8Array): Fixed {
  try {
    return decodeFields(HEADER, area);
  } catch (error) {
    if (error instanceof FieldError) throw new HeaderError(error.message);
    throw error;
  }
}

function judgeFixed(fields: Fixed, fileBytes: number): void {
  refuseWhen(fields.magic !== MAGIC, "it is not a qcow2 file");
  refuseWhen(fields.version !== VERSION, `it has version ${fields.version}, and only 3 is an overlay`);
  refuseWhen(fields.encryption !== 0, "it is encrypted");
  for (const { bit, reason } of REFUSED_FEATURES) refuseWhen((fields.incompatible & bit) !== 0n, reason);
  refuseWhen(
    (fields.incompatible & EXTENDED_L2) === 0n,
    "it has no subclusters, so it is not an overlay of this program",
  );
  const unknown = fields.incompatible & ~(DIRTY | EXTENDED_L2);
  refuseWhen(unknown !== 0n, `it has features that are not known (bits ${unknown.toString(16)})`);
  refuseWhen(fields.autoclear !== 0n, "it holds bitmaps or other parts that a write would spoil");
  refuseWhen(fields.snapshots !== 0, "it holds internal snapshots");
  refuseWhen(
    fields.clusterBits !== CLUSTER_BITS,
    `its cluster_bits are ${fields.clusterBits}, not ${CLUSTER_BITS}`,
  );
  refuseWhen(
    fields.refcountOrder !== REFCOUNT_ORDER,
    `its refcount_order is ${fields.refcountOrder}, not ${REFCOUNT_ORDER}`,
  );
  refuseWhen(
    fields.headerBytes < SHORTEST_HEADER_BYTES ||
      fields.headerBytes > HEADER_AREA_BYTES ||
      fields.headerBytes % 8 !== 0,
    `its header_length is ${fields.headerBytes}`,
  );
  refuseWhen(
    fields.sizeBytes === 0 || fields.sizeBytes > MAX_DISK_BYTES || fields.sizeBytes % SECTOR_BYTES !== 0,
    `its disk has ${fields.sizeBytes} bytes`,
  );
  refuseWhen(
    fields.l1Entries < Math.ceil(fields.sizeBytes / L2_COVERS_BYTES) || fields.l1Entries > MAX_L1_ENTRIES,
    `its L1 table has ${fields.l1Entries} entries for a disk of ${fields.sizeBytes} bytes`,
  );
  judgeTable("L1 table", fields.l1Offset, fields.l1Entries * L1_ENTRY_BYTES, fileBytes);
  refuseWhen(
    fields.refcountTableClusters !== 1,
    `its refcount table has ${fields.refcountTableClusters} clusters, and 1 is enough for any overlay`,
  );
  judgeTable("refcount table", fields.refcountTableOffset, CLUSTER_BYTES, fileBytes);
  refuseWhen(fields.l1Offset === fields.refcountTableOffset, "its L1 table lies over its refcount table");
}

function refuseWhen(when: boolean, reason: string): void {
  if (when) throw new HeaderError(reason);
}

function judgeTable(what: string, offset: number, bytes: number, fileBytes: number): void {
  if (offset === 0 || offset % CLUSTER_BYTES !== 0) throw new HeaderError(`its ${what} is at ${offset}`);
  if (offset + bytes > fileBytes) throw new HeaderError(`its ${what} lies past the end of the file`);
}

function readExtensions(area: Uint8Array, start: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(area.buffer, area.byteOffset, area.byteLength);
  let at = start;
  while (at + 8 <= area.byteLength) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === EXTENSION.end) return found;
    if (at + 8 + length > area.byteLength) break;
    found.set(type, area.subarray(at + 8, at + 8 + length));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  throw new HeaderError("its header extensions do not end");
}

function backingName(area: Uint8Array, fields: Fixed): Uint8Array {
  const end = fields.backingNameOffset + fields.backingNameBytes;
  if (fields.backingNameBytes > MAX_BACKING_NAME_BYTES || end > area.byteLength) {
    throw new HeaderError("its backing name lies outside the header");
  }
  return area.subarray(fields.backingNameOffset, end);
}

function decodeText(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new HeaderError("its backing name is not UTF-8", { cause });
  }
}

function encodeOwner(owner: Owner): Uint8Array {
  const bytes = new Uint8Array(OWNER_BYTES);
  const bootId0 = BigInt(`0x${owner.bootId.slice(0, 16)}`);
  const bootId1 = BigInt(`0x${owner.bootId.slice(16)}`);
  encodeFields(OWNER, { bootId0, bootId1, journalId: owner.journalId }, bytes);
  return bytes;
}

function decodeOwner(bytes: Uint8Array): Owner {
  const { bootId0, bootId1, journalId } = decodeFields(OWNER, bytes);
  return { bootId: hex64(bootId0) + hex64(bootId1), journalId };
}

function hex64(word: bigint): string {
  return word.toString(16).padStart(16, "0");
}
