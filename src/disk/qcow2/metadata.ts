/**
 * What an overlay knows of its clusters, and the commit that makes it durable.
 *
 * An entry is looked up in three places, newest first: `#pending` (changed since the last commit began), `#settling`
 * (part of the commit that runs) and the tables in the file. Pending and settling entries are in the journal as well.
 *
 * The order of a commit, when any page that was not synced may or may not survive a loss of power:
 *   1. New L2 tables are allocated, and the refcounts of all new clusters raised.
 *   2. Sync: guest data, refcounts, new tables (all zeros) and the size of the file are durable.
 *   3. The settling entries go into the L2 tables, new tables into L1. Whatever part of this survives, each entry
 *      is whole (16 bytes never lie across a sector) and points to durable data; a table without its entries says
 *      "unallocated", which was the state before.
 *   4. Sync: now the flushes that asked for this commit are done.
 *   5. Clusters that nothing points to any more get refcount 0 and may be used again.
 * So at any moment the file holds, for each place, the content of the last flush or a newer one, and refcounts that are
 * right or too high. The dirty bit, durable before the first write, tells the next opening to look for such leaks.
 */
import { setImmediate } from "node:timers/promises";
import { DiskError, errnoOf } from "../disk-error.ts";
import type { HostFile } from "../host/file.ts";
import type { ClusterAllocator } from "./allocator.ts";
import type { Change, L2Entry } from "./entries.ts";
import type { Journal } from "./journal.ts";
import { Mapping } from "./mapping.ts";
import type { GuestCluster, HostCluster } from "./units.ts";

/** Slices of L2 written at one go within a commit; then other work has its turn (about a millisecond). */
const SLICES_PER_TURN = 128;

export class OverlayMetadata {
  #pending = new Map<GuestCluster, L2Entry>();
  #settling: ReadonlyMap<GuestCluster, L2Entry> = new Map();
  /** Clusters that lost their last pointer since the last commit began. */
  #freed: HostCluster[] = [];
  /** New L2 tables by L1 index, allocated by a commit that then failed. */
  readonly #reserved = new Map<number, HostCluster>();
  #unsynced = false;
  #broken: DiskError | undefined;

  /** @param quiet resolves when no read is under way that began before the call: it may use a freed cluster */
  constructor(
    private readonly file: HostFile,
    private readonly mapping: Mapping,
    private readonly allocator: ClusterAllocator,
    private readonly journal: Journal,
    private readonly quiet: () => Promise<void>,
  ) {}

  /** Entries that wait for a commit. */
  get pendingEntries(): number {
    return this.#pending.size;
  }

  lookup(cluster: GuestCluster): L2Entry {
    return this.#recent(cluster) ?? this.mapping.lookup(cluster);
  }

  /** Undefined when the table must be read first: `prefetch`. */
  tryLookup(cluster: GuestCluster): L2Entry | undefined {
    return this.#recent(cluster) ?? this.mapping.tryLookup(cluster);
  }

  async prefetch(cluster: GuestCluster): Promise<void> {
    if (!this.#recent(cluster)) await this.mapping.prefetch(cluster);
  }

  /** Gives back memory: the file is closed. */
  forget(): void {
    this.mapping.forget();
  }

  nextMapped(cluster: GuestCluster): number {
    // Entries that wait for a commit may belong to tables that are not there yet.
    return this.#pending.size + this.#settling.size === 0 ? this.mapping.nextMapped(cluster) : cluster;
  }

  /** Notes that guest data is about to be written in place: the next commit must sync. */
  touch(): void {
    // Once a sync has failed, the kernel counts lost pages as clean: no later sync could be believed.
    if (this.#broken) throw this.#broken;
    this.#unsynced = true;
  }

  /** A cluster for guest data. */
  allocate(): HostCluster {
    this.touch();
    return this.allocator.allocateData();
  }

  /** Gives back a cluster from `allocate` that nothing came to point to. */
  giveBack(cluster: HostCluster): void {
    this.allocator.release(cluster);
  }

  /** Changes entries, safe from a kill on return; `freed` are clusters that lose their pointer by it. */
  change(changes: readonly Change[], freed: readonly HostCluster[] = []): void {
    this.touch();
    this.journal.append(changes);
    for (const [cluster, entry] of changes) this.#pending.set(cluster, entry);
    this.#freed.push(...freed);
  }

  /** Makes durable all that was written and changed before the call. Not to be called again before it is through. */
  async commit(): Promise<void> {
    if (this.#broken) throw this.#broken;
    if (!this.#unsynced) return;
    const settling = this.#pending;
    const freed = this.#freed;
    this.#pending = new Map();
    this.#settling = settling;
    this.#freed = [];
    this.#unsynced = false;
    this.journal.switchBank();
    try {
      for (const index of this.mapping.missingTables(settling.keys())) {
        if (!this.#reserved.has(index)) this.#reserved.set(index, this.allocator.allocateZeroed());
      }
      this.allocator.writeRefcounts();
      await this.#sync();
      if (settling.size > 0) {
        for (const [index, table] of this.#reserved) {
          this.mapping.addTable(index, table);
          this.#reserved.delete(index);
        }
        await this.#writeEntries(settling);
        await this.#sync();
      }
    } catch (error) {
      this.#takeBack(settling, freed);
      throw error;
    }
    this.#settling = new Map();
    this.journal.freeOtherBank();
    if (freed.length > 0) {
      await this.quiet();
      for (const cluster of freed) this.allocator.release(cluster);
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.file.sync();
    } catch (error) {
      this.#broken = new DiskError(
        errnoOf(error),
        `${this.file.path}: a sync failed, open the overlay again`,
        {
          cause: error,
        },
      );
      throw this.#broken;
    }
  }

  #recent(cluster: GuestCluster): L2Entry | undefined {
    return this.#pending.get(cluster) ?? this.#settling.get(cluster);
  }

  async #writeEntries(entries: ReadonlyMap<GuestCluster, L2Entry>): Promise<void> {
    let written = 0;
    for (const [slice, changes] of Mapping.bySlice(entries)) {
      this.mapping.writeEntries(slice, changes);
      written += 1;
      if (written % SLICES_PER_TURN === 0) await setImmediate();
    }
  }

  /** After a failed commit everything waits for the next, under what came since. */
  #takeBack(settling: ReadonlyMap<GuestCluster, L2Entry>, freed: readonly HostCluster[]): void {
    this.#pending = new Map([...settling, ...this.#pending]);
    this.#settling = new Map();
    this.#freed = [...freed, ...this.#freed];
    this.#unsynced = true;
  }
}
