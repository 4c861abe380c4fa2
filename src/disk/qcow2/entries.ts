/** The entries of L1 and L2 tables, and where a subcluster lives according to one. */
import { offsetsOf, type Field } from "./fields.ts";
import {
  CLUSTER_BYTES,
  hostClusterAt,
  L2_ENTRY_BYTES,
  NO_CLUSTER,
  SUBCLUSTER_BYTES,
  subclusterMask,
  type GuestCluster,
  type HostCluster,
} from "./units.ts";

/**
 * An L2 entry of 128 bits; the 64-bit words are split in two, because masks of 32 bits are what the code computes with.
 *
 *   63 COPIED | 62 compressed | 61-56 reserved | 55-9 host offset | 8-0 reserved
 *   63-32 subclusters that read as zeros       | 31-0 subclusters that are allocated
 */
const L2_ENTRY = [
  { name: "descriptorHigh", offset: 0, type: "u32" },
  { name: "descriptorLow", offset: 4, type: "u32" },
  { name: "zero", offset: 8, type: "u32" },
  { name: "allocated", offset: 12, type: "u32" },
] as const satisfies readonly Field[];

const AT = offsetsOf(L2_ENTRY);

const COPIED_HIGH = 0x80000000;
const COMPRESSED_HIGH = 0x40000000;
const OFFSET_HIGH_MASK = 0x00ffffff;
const RESERVED_HIGH = 0x3f000000;
const RESERVED_LOW = 0x1ff;

export interface L2Entry {
  /** `NO_CLUSTER` when the file holds none for this place. */
  readonly host: HostCluster;
  /** Subclusters that lie in `host`. */
  readonly allocated: number;
  /** Subclusters that read as zeros, whatever lies beneath. Never also allocated. */
  readonly zero: number;
}

/** What the entry of a guest cluster becomes. */
export type Change = readonly [GuestCluster, L2Entry];

export const UNALLOCATED: L2Entry = { host: NO_CLUSTER, allocated: 0, zero: 0 };

/** An entry that cannot be followed: damage, or a kind that overlays do not have. */
export class EntryError extends Error {
  override readonly name = "EntryError";
}

/** Decodes the entry at `at`. `endCluster` is the first cluster past the file. Throws an `EntryError`. */
export function decodeL2Entry(table: DataView, at: number, endCluster: number): L2Entry {
  const high = table.getUint32(at + AT.descriptorHigh);
  const zero = table.getUint32(at + AT.zero);
  const allocated = table.getUint32(at + AT.allocated);
  if ((high & COMPRESSED_HIGH) !== 0) throw new EntryError("a compressed cluster in an overlay");
  const host = pointer(high, table.getUint32(at + AT.descriptorLow), "cluster", endCluster);
  if ((zero & allocated) !== 0) throw new EntryError("a subcluster that is both zero and allocated");
  if (allocated !== 0 && host === NO_CLUSTER) throw new EntryError("allocated subclusters without a cluster");
  if (host === NO_CLUSTER && zero === 0) return UNALLOCATED;
  return { host, allocated, zero };
}

/** Encodes an entry into `table` at `at`. Every cluster has one owner, so COPIED is always set. */
export function encodeL2Entry(entry: L2Entry, table: DataView, at: number): void {
  table.setUint32(at + AT.descriptorHigh, pointerHigh(entry.host));
  table.setUint32(at + AT.descriptorLow, (entry.host * CLUSTER_BYTES) >>> 0);
  table.setUint32(at + AT.allocated, entry.allocated);
  table.setUint32(at + AT.zero, entry.zero);
}

/** Decodes an L1 entry: the cluster of an L2 table, or `NO_CLUSTER`. Throws an `EntryError`. */
export function decodeL1Entry(bytes: Uint8Array, at: number, endCluster: number): HostCluster {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return pointer(view.getUint32(at), view.getUint32(at + 4), "L2 table", endCluster);
}

export function encodeL1Entry(table: HostCluster): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pointerHigh(table));
  view.setUint32(4, (table * CLUSTER_BYTES) >>> 0);
  return bytes;
}

function pointer(high: number, low: number, what: string, endCluster: number): HostCluster {
  if ((high & RESERVED_HIGH) !== 0 || (low & RESERVED_LOW) !== 0)
    throw new EntryError(`reserved bits in the pointer to a ${what}`);
  const offset = (high & OFFSET_HIGH_MASK) * 2 ** 32 + low;
  if (offset % CLUSTER_BYTES !== 0)
    throw new EntryError(`a ${what} at ${offset}, which is no cluster boundary`);
  const cluster = hostClusterAt(offset);
  if (cluster >= endCluster) throw new EntryError(`a ${what} at ${offset}, past the end of the file`);
  if (cluster !== NO_CLUSTER && (high & COPIED_HIGH) === 0)
    throw new EntryError(`a shared ${what} at ${offset}`);
  return cluster;
}

/** The upper half of a pointer; the lower is that of the offset. */
function pointerHigh(cluster: HostCluster): number {
  if (cluster === NO_CLUSTER) return 0;
  return (COPIED_HIGH | Math.floor((cluster * CLUSTER_BYTES) / 2 ** 32)) >>> 0;
}

export function sameEntry(a: L2Entry, b: L2Entry): boolean {
  return a.host === b.host && a.allocated === b.allocated && a.zero === b.zero;
}

/** Where a run of subclusters of one cluster lives. Compressed clusters are refused when an entry is decoded. */
export type Place =
  | { readonly kind: "data"; readonly hostOffset: number }
  | { readonly kind: "zero" }
  | { readonly kind: "backing" };

export interface Run {
  /** First byte of the run within the cluster, and its length. */
  readonly offset: number;
  readonly length: number;
  readonly place: Place;
}

/** Splits the bytes `[offset, offset + length)` of a cluster into runs that live in one place each, in order. */
export function* runsOf(entry: L2Entry, offset: number, length: number): Generator<Run> {
  const end = offset + length;
  let at = offset;
  while (at < end) {
    const kind = kindOf(entry, at);
    let next = at;
    do next = Math.min(end, (Math.floor(next / SUBCLUSTER_BYTES) + 1) * SUBCLUSTER_BYTES);
    while (next < end && kindOf(entry, next) === kind);
    const place: Place = kind === "data" ? { kind, hostOffset: entry.host * CLUSTER_BYTES + at } : { kind };
    yield { offset: at, length: next - at, place };
    at = next;
  }
}

/** Where all of the bytes `[offset, offset + length)` of a cluster live; undefined when that is in more than one place. */
export function kindOfAll(entry: L2Entry, offset: number, length: number): Place["kind"] | undefined {
  const first = Math.floor(offset / SUBCLUSTER_BYTES);
  const mask = subclusterMask(
    first,
    Math.floor((offset + Math.max(length, 1) - 1) / SUBCLUSTER_BYTES) - first + 1,
  );
  if ((entry.allocated & mask) >>> 0 === mask) return "data";
  if (((entry.allocated | entry.zero) & mask) === 0) return "backing";
  return (entry.zero & mask) >>> 0 === mask ? "zero" : undefined;
}

function kindOf(entry: L2Entry, offset: number): Place["kind"] {
  const bit = 1 << Math.floor(offset / SUBCLUSTER_BYTES);
  if ((entry.allocated & bit) !== 0) return "data";
  return (entry.zero & bit) === 0 ? "backing" : "zero";
}

/** Byte position of a guest cluster's entry within its slice. */
export function entryOffsetInSlice(cluster: number, entriesPerSlice: number): number {
  return (cluster % entriesPerSlice) * L2_ENTRY_BYTES;
}
