/**
 * The L1 and L2 tables as they stand in the file. L1 (at most 128 KiB) is in memory; of L2, pages are cached.
 * What was written since the last commit is not here but in the overlay's pending entries.
 */
import { DiskError } from "../disk-error.ts";
import type { HostFile } from "../host/file.ts";
import {
  decodeL1Entry,
  decodeL2Entry,
  encodeL1Entry,
  encodeL2Entry,
  EntryError,
  entryOffsetInSlice,
  UNALLOCATED,
  type Change,
  type L2Entry,
} from "./entries.ts";
import { SliceCache, type Slice } from "./slice-cache.ts";
import {
  ENTRIES_PER_L2,
  ENTRIES_PER_SLICE,
  hostOffset,
  L1_ENTRY_BYTES,
  NO_CLUSTER,
  SLICE_BYTES,
  SLICES_PER_L2,
  sliceOf,
  type GuestCluster,
  type HostCluster,
  type SliceIndex,
} from "./units.ts";

export class Mapping {
  readonly #cache = new SliceCache();
  /** Changes whenever a slice is written, so that a slice read meanwhile is known to be old. */
  #version = 0;

  /**
   * @param tables clusters of the L2 tables by L1 index
   * @param endCluster tells the first cluster past what the file uses: no entry may point there
   */
  constructor(
    private readonly file: HostFile,
    private readonly l1Offset: number,
    private readonly tables: HostCluster[],
    private readonly endCluster: () => number,
  ) {}

  /** Reads the entry on the calling thread. Throws a `DiskError` when the table is damaged. */
  lookup(cluster: GuestCluster): L2Entry {
    const slice = sliceOf(cluster);
    if (this.#tableOf(slice) === NO_CLUSTER) return UNALLOCATED;
    return this.#decode(this.#load(slice), cluster);
  }

  /** The entry, or undefined when the page of the table that holds it is not in memory. */
  tryLookup(cluster: GuestCluster): L2Entry | undefined {
    const index = sliceOf(cluster);
    if (this.#tableOf(index) === NO_CLUSTER) return UNALLOCATED;
    let slice = this.#cache.get(index);
    if (!slice) {
      const bytes = new Uint8Array(SLICE_BYTES);
      if (!this.file.tryRead(bytes, this.#sliceOffset(index))) return undefined;
      slice = this.#cache.set(index, bytes);
    }
    return this.#decode(slice, cluster);
  }

  /** Makes `tryLookup` of the cluster succeed, reading on the thread pool. */
  async prefetch(cluster: GuestCluster): Promise<void> {
    const index = sliceOf(cluster);
    if (this.#tableOf(index) === NO_CLUSTER || this.#cache.get(index)) return;
    const bytes = new Uint8Array(SLICE_BYTES);
    const version = this.#version;
    await this.file.read(bytes, this.#sliceOffset(index));
    if (version === this.#version) this.#cache.set(index, bytes);
  }

  /** First cluster from this one on that a table maps, or a number past the disk. */
  nextMapped(cluster: GuestCluster): number {
    let index = Math.floor(cluster / ENTRIES_PER_L2);
    if (this.tables[index] !== NO_CLUSTER) return cluster;
    while (index < this.tables.length && this.tables[index] === NO_CLUSTER) index += 1;
    return index * ENTRIES_PER_L2;
  }

  /** Gives back the memory: the file is closed. */
  forget(): void {
    this.#cache.clear();
  }

  /** L1 indices without a table among those that map the clusters. */
  missingTables(clusters: Iterable<GuestCluster>): Set<number> {
    const missing = new Set<number>();
    for (const cluster of clusters) {
      const index = Math.floor(sliceOf(cluster) / SLICES_PER_L2);
      if (this.tables[index] === NO_CLUSTER) missing.add(index);
    }
    return missing;
  }

  /** Points an L1 entry to a table, which must read as zeros on stable storage already. */
  addTable(index: number, table: HostCluster): void {
    this.file.write(encodeL1Entry(table), this.l1Offset + index * L1_ENTRY_BYTES);
    this.tables[index] = table;
  }

  /** Groups changed entries by the slice that `writeEntries` is to write. */
  static bySlice(entries: Iterable<Change>): Map<SliceIndex, Change[]> {
    const slices = new Map<SliceIndex, Change[]>();
    for (const change of entries) {
      const slice = sliceOf(change[0]);
      const changes = slices.get(slice);
      if (changes) changes.push(change);
      else slices.set(slice, [change]);
    }
    return slices;
  }

  /** Writes entries of one slice into the file; their table must be there. */
  writeEntries(index: SliceIndex, entries: readonly Change[]): void {
    const slice = this.#load(index);
    const bytes = slice.bytes.slice();
    const view = new DataView(bytes.buffer);
    for (const [cluster, entry] of entries) {
      encodeL2Entry(entry, view, entryOffsetInSlice(cluster, ENTRIES_PER_SLICE));
    }
    this.#version += 1;
    this.file.write(bytes, this.#sliceOffset(index));
    this.#cache.set(index, bytes);
  }

  #tableOf(slice: SliceIndex): HostCluster {
    return this.tables[Math.floor(slice / SLICES_PER_L2)] ?? NO_CLUSTER;
  }

  #sliceOffset(slice: SliceIndex): number {
    return hostOffset(this.#tableOf(slice)) + (slice % SLICES_PER_L2) * SLICE_BYTES;
  }

  #load(index: SliceIndex): Slice {
    const cached = this.#cache.get(index);
    if (cached) return cached;
    const bytes = new Uint8Array(SLICE_BYTES);
    this.file.readNow(bytes, this.#sliceOffset(index));
    return this.#cache.set(index, bytes);
  }

  #decode(slice: Slice, cluster: GuestCluster): L2Entry {
    try {
      return decodeL2Entry(slice.view, entryOffsetInSlice(cluster, ENTRIES_PER_SLICE), this.endCluster());
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      throw new DiskError("EIO", `${this.file.path}: damaged L2 table: ${error.message}`, { cause: error });
    }
  }
}

/** Reads and checks an L1 table, on the thread pool. Throws an `EntryError` when an entry cannot be followed. */
export async function readL1Table(
  file: HostFile,
  l1Offset: number,
  entries: number,
  endCluster: number,
): Promise<HostCluster[]> {
  const bytes = new Uint8Array(entries * L1_ENTRY_BYTES);
  await file.read(bytes, l1Offset);
  const tables = Array.from({ length: entries }, (_, index) =>
    decodeL1Entry(bytes, index * L1_ENTRY_BYTES, endCluster),
  );
  const used = tables.filter((table) => table !== NO_CLUSTER);
  if (new Set(used).size !== used.length) throw new EntryError("two L1 entries share one L2 table");
  return tables;
}
