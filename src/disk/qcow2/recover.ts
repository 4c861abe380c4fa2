/**
 * What opening a file with the dirty bit does: the journal is replayed or dropped, and the refcounts are made to say
 * exactly what the tables say. Every table is walked; two pointers to one cluster are damage and refuse the file.
 */
import type { HostFile } from "../host/file.ts";
import { refcountBlockAt, readRefcountTable } from "./allocator.ts";
import { decodeL2Entry, EntryError } from "./entries.ts";
import {
  CLUSTER_BYTES,
  hostCluster,
  hostClusterAt,
  hostOffset,
  L1_ENTRY_BYTES,
  L2_ENTRY_BYTES,
  NO_CLUSTER,
  REFCOUNT_BYTES,
  REFCOUNTS_PER_BLOCK,
  type HostCluster,
} from "./units.ts";
import type { Qcow2Header } from "./header.ts";

/** How the last opening of an overlay had ended, and what was mended. */
export type Recovery =
  /** Closed properly, or never written. */
  | { readonly kind: "clean" }
  /** The process ended, the machine ran on: nothing was lost. */
  | { readonly kind: "killed"; readonly replayed: number; readonly leaksFreed: number }
  /** The machine went down: what was flushed is there, writes acknowledged after the last flush may be lost. */
  | { readonly kind: "power-loss"; readonly leaksFreed: number };

/** A set of clusters of the file, one bit each: 16 MiB for a file of 16 TiB. */
export class ClusterSet {
  readonly #bits: Uint8Array;

  constructor(private readonly clusters: number) {
    this.#bits = new Uint8Array(Math.ceil(clusters / 8));
  }

  has(cluster: number): boolean {
    return ((this.#bits[cluster >> 3] ?? 0) & (1 << (cluster & 7))) !== 0;
  }

  /** Throws an `EntryError` when the cluster is taken or no part of the file. */
  take(cluster: number, what: string): void {
    if (cluster >= this.clusters) throw new EntryError(`${what} past the end of the file`);
    if (this.has(cluster)) throw new EntryError(`${what} lies over another part, at cluster ${cluster}`);
    this.#bits[cluster >> 3] = (this.#bits[cluster >> 3] ?? 0) | (1 << (cluster & 7));
  }

  /** True when any of `count` clusters from `first` on is a member; both are multiples of 8. */
  hasAny(first: number, count: number): boolean {
    return this.#bits.subarray(first >> 3, (first + count) >> 3).some((bits) => bits !== 0);
  }

  /** One past the last member. */
  end(): number {
    let byte = this.#bits.length;
    while (byte > 0 && this.#bits[byte - 1] === 0) byte -= 1;
    return byte === 0 ? 0 : byte * 8 - (Math.clz32(this.#bits[byte - 1] ?? 0) - 24);
  }
}

/** The clusters that the header and the tables it names take. Throws an `EntryError` when they overlap. */
export function fixedClusters(file: HostFile, header: Qcow2Header): ClusterSet {
  const used = new ClusterSet(Math.ceil(file.sizeBytes() / CLUSTER_BYTES));
  used.take(0, "the header");
  used.take(hostClusterAt(header.refcountTableOffset), "the refcount table");
  const l1Clusters = Math.ceil((header.l1Entries * L1_ENTRY_BYTES) / CLUSTER_BYTES);
  for (let i = 0; i < l1Clusters; i += 1) used.take(hostClusterAt(header.l1Offset) + i, "the L1 table");
  return used;
}

/**
 * Rebuilds the refcounts from the tables and cuts off what nothing uses at the end of the file. Nothing is synced.
 * Returns how many clusters were counted and not used. Throws an `EntryError` on damage that no crash leaves.
 */
export async function rebuildRefcounts(
  file: HostFile,
  header: Qcow2Header,
  tables: readonly HostCluster[],
): Promise<number> {
  const fileClusters = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
  const used = fixedClusters(file, header);
  await takeTablesAndData(file, tables, used);

  // A block that lost the race with a loss of power is no block: its place is then taken anew below.
  const places = await readRefcountTable(file, header.refcountTableOffset);
  const blocks = new Map<number, HostCluster>();
  for (const [index, offset] of places) {
    const block = refcountBlockAt(offset, fileClusters);
    if (block === undefined || used.has(block)) continue;
    used.take(block, "a refcount block");
    blocks.set(index, block);
  }
  return writeRefcounts(file, header.refcountTableOffset, blocks, used);
}

async function takeTablesAndData(
  file: HostFile,
  tables: readonly HostCluster[],
  used: ClusterSet,
): Promise<void> {
  const bytes = new Uint8Array(CLUSTER_BYTES);
  const view = new DataView(bytes.buffer);
  const fileClusters = Math.ceil(file.sizeBytes() / CLUSTER_BYTES);
  for (const table of tables) {
    if (table === NO_CLUSTER) continue;
    used.take(table, "an L2 table");
    await file.read(bytes, hostOffset(table));
    for (let at = 0; at < CLUSTER_BYTES; at += L2_ENTRY_BYTES) {
      const { host } = decodeL2Entry(view, at, fileClusters);
      if (host !== NO_CLUSTER) used.take(host, "a data cluster");
    }
  }
}

async function writeRefcounts(
  file: HostFile,
  tableOffset: number,
  blocks: Map<number, HostCluster>,
  used: ClusterSet,
): Promise<number> {
  const added = new Set<number>();
  const end = addMissingBlocks(blocks, used, added);
  file.truncate(end * CLUSTER_BYTES);
  let leaks = 0;
  const table = new Uint8Array(CLUSTER_BYTES);
  const tableView = new DataView(table.buffer);
  const old = new Uint8Array(CLUSTER_BYTES);
  for (const [index, block] of blocks) {
    const first = index * REFCOUNTS_PER_BLOCK;
    tableView.setBigUint64(index * 8, BigInt(hostOffset(block)));
    await file.read(old, hostOffset(block));
    const counts = new Uint8Array(CLUSTER_BYTES);
    for (let i = 0; i < REFCOUNTS_PER_BLOCK; i += 1) {
      const low = i * REFCOUNT_BYTES + 1;
      if (used.has(first + i) || added.has(first + i)) counts[low] = 1;
      else if (old[low] !== 0) leaks += 1;
    }
    if (!Buffer.from(counts.buffer).equals(old)) file.write(counts, hostOffset(block));
  }
  file.write(table, tableOffset);
  return leaks;
}

/** Where a range has members and no block, one goes behind everything else. Returns the new end of the file. */
function addMissingBlocks(blocks: Map<number, HostCluster>, used: ClusterSet, added: Set<number>): number {
  let end = used.end();
  const isCounted = (index: number): boolean => {
    const first = index * REFCOUNTS_PER_BLOCK;
    return (
      used.hasAny(first, REFCOUNTS_PER_BLOCK) ||
      [...added].some((block) => block >= first && block < first + REFCOUNTS_PER_BLOCK)
    );
  };
  // A block added may open a further range, which then needs one itself.
  for (let index = 0; index * REFCOUNTS_PER_BLOCK < end; index += 1) {
    if (blocks.has(index) || !isCounted(index)) continue;
    blocks.set(index, hostCluster(end));
    added.add(end);
    end += 1;
  }
  return end;
}
