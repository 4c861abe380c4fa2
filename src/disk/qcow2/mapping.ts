/**
 * The L1 and L2 tables as they stand in the file. L1 (at most 128 KiB) is in memory; of L2, slices of 4 KiB are cached.
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

/** Cached slices of one overlay: 1 MiB of memory, which maps 8 GiB of its disk. A miss costs one read of a page. */
const MAX_CACHED_SLICES = 256;

interface Slice {
  readonly bytes: Uint8Array;
  /** Entries decoded so far, by their place in the slice. */
  readonly decoded: (L2Entry | undefined)[];
}

export class Mapping {
  readonly #cache = new Map<SliceIndex, Slice>();
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
    let slice = this.#cached(index);
    if (!slice) {
      slice = newSlice();
      if (!this.file.tryRead(slice.bytes, this.#sliceOffset(index))) return undefined;
      this.#remember(index, slice);
    }
    return this.#decode(slice, cluster);
  }

  /** Makes `tryLookup` of the cluster succeed, reading on the thread pool. */
  async prefetch(cluster: GuestCluster): Promise<void> {
    const index = sliceOf(cluster);
    if (this.#tableOf(index) === NO_CLUSTER || this.#cached(index)) return;
    const slice = newSlice();
    const version = this.#version;
    await this.file.read(slice.bytes, this.#sliceOffset(index));
    if (version === this.#version) this.#remember(index, slice);
  }

  /** First cluster from this one on that a table maps, or a number past the disk. */
  nextMapped(cluster: GuestCluster): number {
    let index = Math.floor(cluster / ENTRIES_PER_L2);
    if (this.tables[index] !== NO_CLUSTER) return cluster;
    while (index < this.tables.length && this.tables[index] === NO_CLUSTER) index += 1;
    return index * ENTRIES_PER_L2;
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
    for (const [cluster, entry] of entries) {
      encodeL2Entry(entry, bytes, entryOffsetInSlice(cluster, ENTRIES_PER_SLICE));
    }
    this.#version += 1;
    this.file.write(bytes, this.#sliceOffset(index));
    this.#remember(index, { bytes, decoded: [] });
  }

  #tableOf(slice: SliceIndex): HostCluster {
    return this.tables[Math.floor(slice / SLICES_PER_L2)] ?? NO_CLUSTER;
  }

  #sliceOffset(slice: SliceIndex): number {
    return hostOffset(this.#tableOf(slice)) + (slice % SLICES_PER_L2) * SLICE_BYTES;
  }

  #load(index: SliceIndex): Slice {
    const cached = this.#cached(index);
    if (cached) return cached;
    const slice = newSlice();
    this.file.readNow(slice.bytes, this.#sliceOffset(index));
    this.#remember(index, slice);
    return slice;
  }

  #decode(slice: Slice, cluster: GuestCluster): L2Entry {
    const place = cluster % ENTRIES_PER_SLICE;
    const known = slice.decoded[place];
    if (known) return known;
    try {
      const entry = decodeL2Entry(
        slice.bytes,
        entryOffsetInSlice(cluster, ENTRIES_PER_SLICE),
        this.endCluster(),
      );
      slice.decoded[place] = entry;
      return entry;
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      throw new DiskError("EIO", `${this.file.path}: damaged L2 table: ${error.message}`, { cause: error });
    }
  }

  #cached(index: SliceIndex): Slice | undefined {
    return this.#cache.get(index);
  }

  #remember(index: SliceIndex, slice: Slice): void {
    this.#cache.delete(index);
    this.#cache.set(index, slice);
    if (this.#cache.size <= MAX_CACHED_SLICES) return;
    const oldest = this.#cache.keys().next();
    if (!oldest.done) this.#cache.delete(oldest.value);
  }
}

function newSlice(): Slice {
  return { bytes: new Uint8Array(SLICE_BYTES), decoded: [] };
}

/** Reads and checks an L1 table. Throws an `EntryError` when an entry cannot be followed. */
export function readL1Table(
  file: HostFile,
  l1Offset: number,
  entries: number,
  endCluster: number,
): HostCluster[] {
  const bytes = new Uint8Array(entries * L1_ENTRY_BYTES);
  file.readNow(bytes, l1Offset);
  const tables = Array.from({ length: entries }, (_, index) =>
    decodeL1Entry(bytes, index * L1_ENTRY_BYTES, endCluster),
  );
  const used = tables.filter((table) => table !== NO_CLUSTER);
  if (new Set(used).size !== used.length) throw new EntryError("two L1 entries share one L2 table");
  return tables;
}
