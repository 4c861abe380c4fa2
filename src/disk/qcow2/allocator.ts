/**
 * Which clusters of the file are in use: the refcount table, its blocks, and what is free.
 *
 * Every cluster has one owner, so a refcount is 0 or 1. It is raised before a table points to the cluster and lowered
 * after none does any more (see `metadata.ts` for the order on stable storage), so that a loss of power at any moment
 * leaves refcounts that are too high (leaks), never too low. In between they are kept here and written together by
 * `writeRefcounts`, once for each commit: what a kill then leaves in the file is counted anew at the next opening.
 */
import { DiskError, errnoOf } from "../disk-error.ts";
import type { HostFile } from "../host/file.ts";
import {
  CLUSTER_BYTES,
  hostCluster,
  hostClusterAt,
  hostOffset,
  NO_CLUSTER,
  REFCOUNT_BYTES,
  REFCOUNTS_PER_BLOCK,
  type HostCluster,
} from "./units.ts";

/** The file grows in steps of this many clusters (8 MiB, all hole), so that its size rarely changes and a sync has less to do. */
const GROWTH_CLUSTERS = 64;
/** Free clusters that are remembered (512 KiB of memory); more are found again at the next opening. */
const MAX_REMEMBERED_FREE = 65_536;

const TABLE_ENTRY_BYTES = 8;
/** What the one cluster of the refcount table has room for: 128 TiB of file. */
const MAX_REFCOUNT_BLOCKS = CLUSTER_BYTES / TABLE_ENTRY_BYTES;
const ONE = Uint8Array.of(0, 1);
/** Refcounts in one page of the host. */
const REFCOUNTS_PER_PAGE = 4096 / REFCOUNT_BYTES;

export class ClusterAllocator {
  readonly #free: HostCluster[] = [];
  /** Refcounts that differ from the file's: one for each cluster taken or freed since the last commit. */
  readonly #changed = new Map<HostCluster, 0 | 1>();
  #fileClusters: number;

  /**
   * @param blocks clusters of the refcount blocks that there are, by block index
   * @param end first cluster that was never used
   */
  constructor(
    private readonly file: HostFile,
    private readonly tableOffset: number,
    private readonly blocks: Map<number, HostCluster>,
    private end: number,
  ) {
    this.#fileClusters = Math.floor(file.sizeBytes() / CLUSTER_BYTES);
  }

  /** First cluster that was never used: everything from here on is hole. */
  get endCluster(): number {
    return this.end;
  }

  /** A cluster for guest data, with any content. Throws the `DiskError` of a full disk, and has then changed nothing. */
  allocateData(): HostCluster {
    const free = this.#free.pop();
    if (free === undefined) return this.allocateZeroed();
    this.#changed.set(free, 1);
    return free;
  }

  /** A cluster that reads as zeros, on stable storage too: never one that was used before. */
  allocateZeroed(): HostCluster {
    this.#ensureBlock(this.end);
    const cluster = hostCluster(this.end);
    this.#grow(this.end + 1);
    // A page of refcounts takes its place on the disk with its first one, so that a full disk is met here.
    if (cluster % REFCOUNTS_PER_PAGE === 0) this.file.write(ONE, this.#refcountOffset(cluster));
    else this.#changed.set(cluster, 1);
    this.end += 1;
    return cluster;
  }

  /** Gives a cluster back that nothing points to, on stable storage either. */
  release(cluster: HostCluster): void {
    this.#changed.set(cluster, 0);
    this.remember(cluster);
  }

  /** Writes the refcounts that changed. On a full disk it throws, and the next call makes up for it. */
  writeRefcounts(): void {
    if (this.#changed.size === 0) return;
    const clusters = [...this.#changed.keys()].sort((a, b) => a - b);
    let first = 0;
    for (let i = 1; i <= clusters.length; i += 1) {
      const [before = 0, next = 0] = [clusters[i - 1], clusters[i]];
      if (i < clusters.length && next === before + 1 && next % REFCOUNTS_PER_BLOCK !== 0) continue;
      this.#writeRun(clusters.slice(first, i));
      first = i;
    }
    this.#changed.clear();
  }

  /** Neighbours, counted by one block. */
  #writeRun(clusters: readonly HostCluster[]): void {
    const [first = NO_CLUSTER] = clusters;
    const counts = new Uint8Array(clusters.length * REFCOUNT_BYTES);
    for (const [i, cluster] of clusters.entries())
      counts[i * REFCOUNT_BYTES + 1] = this.#changed.get(cluster) ?? 0;
    this.file.write(counts, this.#refcountOffset(first));
  }

  /** Notes a cluster whose refcount is 0 already. */
  remember(cluster: HostCluster): void {
    if (this.#free.length < MAX_REMEMBERED_FREE) this.#free.push(cluster);
  }

  get remembersEnough(): boolean {
    return this.#free.length >= MAX_REMEMBERED_FREE;
  }

  /** Cuts the room for growth off the end of the file. */
  trim(): void {
    this.file.truncate(this.end * CLUSTER_BYTES);
    this.#fileClusters = this.end;
  }

  #ensureBlock(cluster: number): void {
    const index = Math.floor(cluster / REFCOUNTS_PER_BLOCK);
    if (this.blocks.has(index)) return;
    if (index >= MAX_REFCOUNT_BLOCKS) return this.#full();
    // The new block takes the next cluster and, being of the range that it counts, counts itself.
    const block = hostCluster(this.end);
    this.#grow(this.end + 1);
    this.file.write(ONE, hostOffset(block) + (block % REFCOUNTS_PER_BLOCK) * REFCOUNT_BYTES);
    const entry = new Uint8Array(TABLE_ENTRY_BYTES);
    new DataView(entry.buffer).setBigUint64(0, BigInt(hostOffset(block)));
    this.file.write(entry, this.tableOffset + index * TABLE_ENTRY_BYTES);
    this.blocks.set(index, block);
    this.end += 1;
  }

  #grow(toCluster: number): void {
    if (toCluster <= this.#fileClusters) return;
    this.#fileClusters = this.#resize(toCluster + GROWTH_CLUSTERS) ?? this.#resize(toCluster) ?? this.#full();
  }

  /** Undefined when the host's file system has no files as large as that (16 TiB on ext4). */
  #resize(clusters: number): number | undefined {
    try {
      this.file.truncate(clusters * CLUSTER_BYTES);
      return clusters;
    } catch (error) {
      if (errnoOf(error) === "EFBIG") return undefined;
      throw error;
    }
  }

  #full(): never {
    throw new DiskError("ENOSPC", `${this.file.path}: the overlay cannot grow any more`);
  }

  #refcountOffset(cluster: HostCluster): number {
    const block = this.blocks.get(Math.floor(cluster / REFCOUNTS_PER_BLOCK));
    if (block === undefined)
      throw new DiskError("EIO", `${this.file.path}: cluster ${cluster} has no refcount`);
    return hostOffset(block) + (cluster % REFCOUNTS_PER_BLOCK) * REFCOUNT_BYTES;
  }
}

/** Reads the refcount table on the thread pool: the places of the blocks by their index, as they stand in the file, unchecked. */
export async function readRefcountTable(file: HostFile, tableOffset: number): Promise<Map<number, number>> {
  const bytes = new Uint8Array(CLUSTER_BYTES);
  await file.read(bytes, tableOffset);
  const view = new DataView(bytes.buffer);
  const places = new Map<number, number>();
  for (let index = 0; index < MAX_REFCOUNT_BLOCKS; index += 1) {
    const at = index * TABLE_ENTRY_BYTES;
    const [high, low] = [view.getUint32(at), view.getUint32(at + 4)];
    if (high !== 0 || low !== 0) places.set(index, high * 2 ** 32 + low);
  }
  return places;
}

/** The block of an entry of the refcount table, or undefined when the entry cannot be one of this file. */
export function refcountBlockAt(offset: number, endCluster: number): HostCluster | undefined {
  const cluster = hostClusterAt(offset);
  return Number.isInteger(cluster) && cluster < endCluster ? cluster : undefined;
}
